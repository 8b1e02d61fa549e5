import { counterMax, counterOf, epochOf } from '../../../server/protocol/zxid.ts';
import type { Zxid } from '../../../server/protocol/zxid.ts';
import type { ZabEffect } from '../../../server/zab/effects.ts';
import type { Proposal, ZabEvent } from '../../../server/zab/events.ts';
import { hashOfBytes } from '../prng.ts';
import type { World } from '../world.ts';
import { brokenPromise, countUpTo, findEntry, hex, MemberGhost } from './member-ghost.ts';
import type { HistoryEntry, RecoveredHistory } from './member-ghost.ts';
import {
  checkEpochOrder,
  checkPacket,
  checkService,
  checkStream,
  checkVote,
  follows,
  noteReceived,
} from './packet-rules.ts';

/**
 * Holds what every member does against the invariants Z1 to Z20 of the agreement. It sees the
 * events and effects of each peer and what recovery finds, and keeps the one committed history
 * that all must share.
 */
export class ZabChecker {
  readonly world: World;
  readonly members: ReadonlyMap<number, MemberGhost>;
  /** The one history: what a serving member has applied. */
  readonly committed: HistoryEntry[] = [];
  /** Ids of invariants that are not looked at: how well do the others see without them? */
  ignored: ReadonlySet<string> = new Set();
  /** Last counter of an epoch. */
  counterMax: number = counterMax;
  /** Called with each newly committed transaction, once, in order. */
  onCommitted: (proposal: Proposal) => void = () => {};
  /** Called with each proposal of a leader. */
  onProposed: (proposal: Proposal) => void = () => {};
  readonly #isQuorum: (sids: readonly number[]) => boolean;
  readonly #proposed = new Map<number, { readonly hash: number; readonly proposal: Proposal }>();
  readonly #leaders = new Map<number, string>();

  constructor(
    world: World,
    sids: { readonly voters: readonly number[]; readonly observers?: readonly number[] },
    isQuorum: (sids: readonly number[]) => boolean,
  ) {
    this.world = world;
    this.#isQuorum = isQuorum;
    const members = new Map<number, MemberGhost>();
    for (const sid of sids.voters) members.set(sid, new MemberGhost(sid, true));
    for (const sid of sids.observers ?? []) members.set(sid, new MemberGhost(sid, false));
    this.members = members;
  }

  wasProposed(zxid: number): boolean {
    return this.#proposed.has(zxid);
  }

  get lastCommitted(): number {
    return this.committed.at(-1)?.zxid ?? 0;
  }

  isCommitted(zxid: number): boolean {
    return findEntry(this.committed, zxid) !== undefined;
  }

  /** A process has read its disk. */
  recovered(sid: number, found: RecoveredHistory): void {
    const member = this.#member(sid);
    if ((found.lack ?? null) !== null) return this.#recoveredNothing(member, found);
    const problems = member.promises.map((promise) => brokenPromise(promise, found));
    // The newest that holds: an older one is what a crash may have left.
    const kept = problems.lastIndexOf(null);
    this.expect(kept >= 0, 'Z8 durable stays durable', sid, () => problems.join(' / '));
    this.expect(found.acceptedEpoch >= member.acceptedEpoch, 'Z11 epochs grow', sid, () => {
      return `accepted ${found.acceptedEpoch} after ${member.acceptedEpoch}`;
    });
    this.expect(found.currentEpoch >= member.currentEpoch, 'Z11 epochs grow', sid, () => {
      return `current ${found.currentEpoch} after ${member.currentEpoch}`;
    });
    this.expect(found.currentEpoch <= found.acceptedEpoch, 'Z11 epochs grow', sid, () => {
      return `current ${found.currentEpoch} beyond accepted ${found.acceptedEpoch}`;
    });
    const promise = member.promises[kept] ?? member.promise;
    const base = promise.log.slice(0, countUpTo(promise.log, found.snapshotZxid));
    const log = [...base, ...found.entries];
    this.#begin(member, log, found);
  }

  /**
   * It says that what it has does not count. That is a lie where the plan has not touched the disk;
   * and until a leader's history is there what it held before still counts as it was counted.
   */
  #recoveredNothing(member: MemberGhost, found: RecoveredHistory): void {
    const { sid } = member;
    const hadNothing = member.promise.log.length === 0 && member.currentEpoch === 0;
    const isKnown = member.isSuspect || member.lost !== null || hadNothing;
    this.expect(isKnown, 'Z8 durable stays durable', sid, () => 'gives up an intact disk');
    this.expect(
      found.lastZxid === -1 && found.entries.length === 0,
      'Z15 memory = disk',
      sid,
      () => {
        return `claims ${hex(found.lastZxid)} of a disk that does not count`;
      },
    );
    const keepsPromise = found.acceptedEpoch >= member.acceptedEpoch;
    this.expect(
      keepsPromise || found.lack?.isPromiseKnown === false,
      'Z11 epochs grow',
      sid,
      () => {
        return `accepted ${found.acceptedEpoch} after ${member.acceptedEpoch}`;
      },
    );
    member.lost ??= member.promise;
    this.#begin(member, [], found);
  }

  #begin(member: MemberGhost, log: HistoryEntry[], found: RecoveredHistory): void {
    member.promises = [{ log, durableZxid: log.at(-1)?.zxid ?? 0 }];
    member.acceptedEpoch = found.acceptedEpoch;
    member.currentEpoch = found.currentEpoch;
    member.applied = [...log];
    member.verifiedCount = 0;
    member.incoming = null;
    member.before = null;
    member.incarnation += 1;
    member.isRunning = true;
    this.#setRole(member, 'looking', 'election', null, 0);
  }

  /** Durable bytes of that disk changed or vanished, by the plan's own doing. */
  damaged(sid: number): void {
    this.#member(sid).isSuspect = true;
  }

  /** The disk is a new one, by the plan's own doing: it holds nothing and has promised nothing. */
  wiped(sid: number): void {
    const member = this.#member(sid);
    member.promises = [{ log: [], durableZxid: 0 }];
    member.acceptedEpoch = 0;
    member.currentEpoch = 0;
  }

  ended(sid: number): void {
    const member = this.#member(sid);
    member.isRunning = false;
    member.phase = 'election';
    member.role = 'looking';
  }

  event(sid: number, event: ZabEvent): void {
    const member = this.#member(sid);
    if (event.type === 'propose') this.#propose(member, event.proposal);
    else if (event.type === 'durable') this.#durable(member, event.zxid);
    else if (event.type === 'truncated') this.#truncated(member, event.zxid);
    else if (event.type === 'epochStored') this.#epochStored(member, event.which, event.epoch);
    else if (event.type === 'leaderPacket') noteReceived(member, event.packet);
    else if (event.type === 'snapshotInstalled') member.promises = [member.promise];
    else if (event.type === 'snapshotReceived') {
      member.before ??= member.applied;
      member.applied = [...(member.incoming ?? [])];
      member.verifiedCount = 0;
    }
  }

  effect(sid: number, effect: ZabEffect): void {
    const member = this.#member(sid);
    if (effect.type === 'append') this.#append(member, effect.proposal);
    else if (effect.type === 'deliver') this.#deliver(member, effect.proposal);
    else if (effect.type === 'truncate') this.#truncate(member, effect.zxid);
    else if (effect.type === 'receiveSnapshot') this.#receiveSnapshot(member, effect.zxid);
    else if (effect.type === 'installSnapshot') this.#installSnapshot(member, effect.zxid);
    else if (effect.type === 'storeEpoch') checkEpochOrder(this, member, effect);
    else if (effect.type === 'send') {
      checkPacket(this, member, effect.packet);
      checkStream(this, member, effect);
    } else if (effect.type === 'sendNotification') {
      checkVote(this, member, effect.to, effect.notification);
    } else if (effect.type === 'openEpoch') this.#openEpoch(member, effect.zxid);
    else if (effect.type === 'roleChanged') {
      this.#setRole(member, effect.role, effect.phase, effect.leader, effect.epoch);
    } else if (effect.type === 'fatal') {
      this.world.say(`s${sid}`, `fatal ${effect.exitCode}: ${effect.reason}`);
    }
  }

  #propose(member: MemberGhost, proposal: Proposal): void {
    const { sid } = member;
    const { zxid } = proposal;
    this.expect(counterOf(zxid) <= this.counterMax, 'Z20 counter', sid, () => hex(zxid));
    this.expect(epochOf(zxid) === member.epoch, 'Z5 local primary order', sid, () => {
      return `${hex(zxid)} proposed in epoch ${member.epoch}`;
    });
    const known = this.#proposed.get(zxid);
    this.expect(known === undefined, 'Z2 one proposal for a zxid', sid, () => hex(zxid));
    this.#proposed.set(zxid, { hash: hashOfBytes(proposal.bytes), proposal });
    this.onProposed(proposal);
  }

  #append(member: MemberGhost, proposal: Proposal): void {
    const entry = this.#integrity(member, proposal, 'logs');
    const last = member.lastLogged;
    this.expect(follows(last, entry.zxid), 'Z16 no gap', member.sid, () => {
      return `logs ${hex(entry.zxid)} behind ${hex(last)}`;
    });
    member.promise.log.push(entry);
  }

  #durable(member: MemberGhost, zxid: number): void {
    const { promise } = member;
    this.expect(zxid <= member.lastLogged, 'Z12 durable was logged', member.sid, () => hex(zxid));
    promise.durableZxid = Math.max(promise.durableZxid, zxid);
  }

  #deliver(member: MemberGhost, proposal: Proposal): void {
    const entry = this.#integrity(member, proposal, 'delivers');
    const last = member.applied.at(-1)?.zxid ?? 0;
    this.expect(entry.zxid > last, 'Z6 global primary order', member.sid, () => {
      return `delivers ${hex(entry.zxid)} after ${hex(last)}`;
    });
    member.applied.push(entry);
    if (member.phase === 'broadcast') this.#verify(member);
  }

  /** Everything a serving member has applied is the committed history, or makes it longer. */
  #verify(member: MemberGhost): void {
    const { applied, sid } = member;
    for (let index = member.verifiedCount; index < applied.length; index += 1) {
      const entry = applied[index] as HistoryEntry;
      const expected = this.committed[index];
      if (expected === undefined) this.#commit(member, entry);
      else if (expected.zxid !== entry.zxid || expected.hash !== entry.hash) {
        this.world.fail(
          'Z4 total order',
          `s${sid} applied ${hex(entry.zxid)} where ${hex(expected.zxid)} is committed (place ${index})`,
        );
      }
    }
    member.verifiedCount = applied.length;
  }

  #commit(member: MemberGhost, entry: HistoryEntry): void {
    const sids = this.#holders(entry);
    this.expect(this.#isQuorum(sids), 'Z8 committed is durable', member.sid, () => {
      return `commits ${hex(entry.zxid)}, durable only on [${sids.join(' ')}]`;
    });
    this.committed.push(entry);
    const known = this.#proposed.get(entry.zxid);
    this.expect(known !== undefined, 'Z2 integrity', member.sid, () => {
      return `${hex(entry.zxid)} was never proposed`;
    });
    if (known !== undefined) this.onCommitted(known.proposal);
  }

  /** A leader that is still committing may make a member log once more what others hold already. */
  #mayDrop(member: MemberGhost, entry: HistoryEntry, what: string): void {
    const sids = this.#holders(entry).filter((sid) => sid !== member.sid);
    this.expect(this.#isQuorum(sids), 'Z14 truncation is safe', member.sid, () => {
      return `${what}, which is committed and durable only on [${sids.join(' ')}]`;
    });
  }

  #holders(entry: HistoryEntry): number[] {
    const holders = [...this.members.values()].filter((member) => {
      return member.isVoter && (member.holdsDurably(entry) || member.hadDurably(entry));
    });
    return holders.map((member) => member.sid);
  }

  #truncate(member: MemberGhost, zxid: number): void {
    const { promise } = member;
    for (const entry of promise.log.slice(countUpTo(promise.log, zxid))) {
      if (this.isCommitted(entry.zxid)) this.#mayDrop(member, entry, `cuts ${hex(entry.zxid)}`);
    }
    promise.durableZxid = Math.min(promise.durableZxid, zxid);
  }

  #truncated(member: MemberGhost, zxid: number): void {
    const { promise } = member;
    promise.log = promise.log.slice(0, countUpTo(promise.log, zxid));
    promise.durableZxid = promise.log.at(-1)?.zxid ?? 0;
    member.applied = member.applied.slice(0, countUpTo(member.applied, zxid));
    member.verifiedCount = Math.min(member.verifiedCount, member.applied.length);
  }

  /** The tree on its way is the leader's, or a part of the committed history. */
  #receiveSnapshot(member: MemberGhost, zxid: number): void {
    const leader = member.leader === null ? undefined : this.members.get(member.leader);
    const source =
      leader !== undefined && leader.applied.length > this.committed.length
        ? leader.applied
        : this.committed;
    member.incoming = source.slice(0, countUpTo(source, zxid));
  }

  #installSnapshot(member: MemberGhost, zxid: number): void {
    const log = [...(member.incoming ?? [])];
    member.incoming = null;
    member.before = null;
    for (const entry of member.promise.log) {
      if (findEntry(log, entry.zxid) !== undefined || !this.isCommitted(entry.zxid)) continue;
      this.#mayDrop(member, entry, `drops ${hex(entry.zxid)} for a snapshot at ${hex(zxid)}`);
    }
    member.promises = [member.promise, { log, durableZxid: log.at(-1)?.zxid ?? 0 }];
  }

  #epochStored(member: MemberGhost, which: 'accepted' | 'current', epoch: number): void {
    const key = which === 'accepted' ? 'acceptedEpoch' : 'currentEpoch';
    this.expect(epoch >= member[key], 'Z11 epochs grow', member.sid, () => {
      return `${which} ${epoch} after ${member[key]}`;
    });
    member[key] = epoch;
    this.expect(member.currentEpoch <= member.acceptedEpoch, 'Z11 epochs grow', member.sid, () => {
      return `current ${member.currentEpoch} beyond accepted ${member.acceptedEpoch}`;
    });
    if (which === 'current') this.#countAgain(member);
  }

  /** From here on its disk counts: whatever it lost and is committed must be there again. */
  #countAgain(member: MemberGhost): void {
    const { lost, sid } = member;
    if (lost === null) return;
    for (const entry of lost.log) {
      const isMissing = this.isCommitted(entry.zxid) && !member.holdsDurably(entry);
      this.expect(!isMissing, 'Z8 durable stays durable', sid, () => {
        return `counts again without ${hex(entry.zxid)}, which it once held and which is committed`;
      });
    }
    member.lost = null;
    member.isSuspect = false;
  }

  #openEpoch(member: MemberGhost, zxid: Zxid): void {
    const { sid, applied } = member;
    this.expect(applied.length >= this.committed.length, 'Z10 election restriction', sid, () => {
      return `opens epoch ${epochOf(zxid)} without ${hex(this.committed[applied.length]?.zxid ?? 0)}`;
    });
    this.#verify(member);
  }

  #setRole(
    member: MemberGhost,
    role: MemberGhost['role'],
    phase: MemberGhost['phase'],
    leader: number | null,
    epoch: number,
  ): void {
    member.role = role;
    member.phase = phase;
    member.leader = leader;
    member.epoch = epoch;
    this.world.say(`s${member.sid}`, `${role}/${phase} leader ${leader ?? '-'} epoch ${epoch}`);
    if (role === 'leading' && (phase === 'synchronization' || phase === 'broadcast')) {
      const mine = `s${member.sid} (life ${member.incarnation})`;
      const known = this.#leaders.get(epoch) ?? mine;
      this.expect(known === mine, 'Z1 leader unique', member.sid, () => {
        return `epoch ${epoch} has two leaders: ${known} and ${mine}`;
      });
      this.#leaders.set(epoch, mine);
    }
    if (role === 'looking') member.streams.clear();
    if (phase === 'broadcast') {
      checkService(this, member);
      this.#verify(member);
    }
    if (role !== 'looking' || member.before === null) return;
    member.applied = member.before;
    member.before = null;
    member.verifiedCount = 0;
  }

  #integrity(member: MemberGhost, proposal: Proposal, verb: string): HistoryEntry {
    const hash = hashOfBytes(proposal.bytes);
    const known = this.#proposed.get(proposal.zxid);
    this.expect(known?.hash === hash, 'Z2 integrity', member.sid, () => {
      const why = known === undefined ? 'never proposed' : 'with other bytes than proposed';
      return `${verb} ${hex(proposal.zxid)}, ${why}`;
    });
    return { zxid: proposal.zxid, hash };
  }

  #member(sid: number): MemberGhost {
    const member = this.members.get(sid);
    if (member === undefined) throw new Error(`no member s${sid}`);
    return member;
  }

  /** @throws InvariantViolation unless it holds, or is ignored. */
  expect(condition: boolean, invariant: string, sid: number, message: () => string): void {
    if (condition || this.ignored.has(invariant.split(' ')[0] ?? '')) return;
    this.world.fail(invariant, `s${sid} ${message()}`);
  }
}
