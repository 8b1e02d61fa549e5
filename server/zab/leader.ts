import { JuteError } from '../protocol/jute.ts';
import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { counterMax, counterOf, zxidOf } from '../protocol/zxid.ts';
import { assert } from '../util/assert.ts';
import { Broadcast } from './broadcast.ts';
import type { Core } from './core.ts';
import { designatedLeader } from './designated.ts';
import { Discovery } from './discovery.ts';
import type { Phase } from './effects.ts';
import type { LinkId, Proposal, ZabEvent } from './events.ts';
import { readHello } from './learner-hello.ts';
import type { LearnerProgress } from './learner-progress.ts';
import { Learners } from './learners.ts';
import { synchronize } from './leader-sync.ts';
import { upToDate } from './packets.ts';

/** Followers have at least this long to come, even if others look for a leader again. */
const gatherMsMin = 500;

/**
 * A server that leads, from the end of its election to the loss of its quorum.
 *
 * Source: quorum protocol, sections 5, 9 and 17.
 */
export class Leader {
  readonly #core: Core;
  readonly #broadcast: Broadcast;
  readonly #learners: Learners;
  readonly #ownIndex: number;
  readonly #counterMax: number;
  readonly #discovery: Discovery;
  /** Voters that have this leader's history on disk; one mark each. */
  readonly #level: number[];
  #isServing = false;
  readonly #startedMs: number;
  #stageDeadlineMs: number;
  #nextBeatMs: number;
  /** When followers have had time to come, while a voter is known to be in a later round. */
  #outrunAtMs = Number.POSITIVE_INFINITY;
  #beatCount = 0;
  #left: string | null = null;
  /** Takes no more proposals; waits for those under way, but not for ever. */
  #leaving: { readonly reason: string; readonly atMs: number } | null = null;
  #isPolite = false;
  /** A change of members names another leader: nothing is committed here any more. */
  #designated: number | null = null;

  constructor(core: Core, nowMs: number) {
    this.#core = core;
    this.#broadcast = new Broadcast(core, {
      designate: (zxid) => designatedLeader(core, this.#learners, zxid),
      changed: (leader) => this.#stepChanged(leader),
      settled: () => {
        core.members.settle();
        this.#broadcast.reindex(this.#learners);
      },
    });
    this.#learners = new Learners(core, this.#broadcast);
    this.#ownIndex = core.quorum.indexOf(core.sid);
    this.#discovery = new Discovery(core);
    this.#level = core.quorum.voters.map(() => 0);
    this.#counterMax = core.options.counterMax ?? counterMax;
    this.#startedMs = nowMs;
    this.#stageDeadlineMs = nowMs + core.initMs;
    this.#nextBeatMs = nowMs + core.options.tickMs / 2;
    core.effects.push({ type: 'listenForLearners' });
    core.roleChanged('leading', 'discovery', core.sid, core.currentEpoch);
    this.#discovery.start();
  }

  /** Why this server leads no longer; `null` while it does. */
  get left(): string | null {
    return this.#left ?? this.#discovery.left;
  }

  /** It left because it was asked to: another server should lead next. */
  get isPolite(): boolean {
    return this.#isPolite;
  }

  /** Who leads instead, by a change of members; `null`: an election decides. */
  get designated(): number | null {
    return this.#designated;
  }

  get phase(): Phase {
    if (this.#isServing) return 'broadcast';
    return this.#discovery.stage === 'done' ? 'synchronization' : 'discovery';
  }

  get leader(): number {
    return this.#core.sid;
  }

  get learners(): Iterable<LearnerProgress> {
    return this.#learners;
  }

  /** The epoch has begun; `null` before. */
  get openedEpoch(): number | null {
    return this.#isServing ? this.#discovery.epoch : null;
  }

  get canPropose(): boolean {
    return this.#isServing && this.left === null && this.#leaving === null;
  }

  get nextZxid(): Zxid {
    assert(this.canPropose, 'only a leader in broadcast proposes');
    return (this.#broadcast.lastProposed + 1) as Zxid;
  }

  nextDeadlineMs(): number {
    if (this.#isServing) return this.#nextBeatMs;
    return Math.min(this.#nextBeatMs, this.#stageDeadlineMs, this.#outrunAtMs);
  }

  step(event: ZabEvent): void {
    switch (event.type) {
      case 'learnerConnected':
        return this.#learners.add(event.link, event.nowMs);
      case 'learnerPacket':
        return this.#stepPacket(event.link, event.packet, event.nowMs);
      case 'learnerClosed':
        this.#learners.forget(event.link);
        return this.#checkLeaving();
      case 'linkProgress':
        return this.#learners.hear(event.link, event.nowMs);
      case 'logRead':
        return this.#stepLogRead(event);
      case 'durable':
        this.#broadcast.stepDurable(event.zxid);
        return this.#checkLeaving();
      case 'epochStored':
        return this.#stepEpochStored(event.nowMs);
      case 'propose':
        // The clock may have ended this leadership between the number and the proposal.
        if (!this.canPropose) return;
        // A change of members needs both quorums from its own proposal on.
        this.#core.members.learnOf(event.proposal.bytes);
        this.#broadcast.reindex(this.#learners);
        this.#broadcast.stepPropose(event.proposal);
        // Nothing is numbered behind the last counter: the next epoch takes over.
        if (counterOf(event.proposal.zxid) >= this.#counterMax) {
          this.#finish('the zxid counter is used up', event.nowMs);
        }
        return;
      case 'sync':
        if (!this.#isServing) return;
        return this.#broadcast.stepSync(event.link, event.tag, this.#learners);
      case 'resign':
        this.#isPolite = true;
        return this.#finish(event.reason, event.nowMs);
      case 'tick':
      case 'notification':
      case 'voterUnreachable':
      case 'leaderConnected':
      case 'leaderPacket':
      case 'leaderClosed':
      case 'snapshotReceived':
      case 'snapshotInstalled':
      case 'truncated':
      case 'truncationRefused':
        return;
    }
  }

  /** Called whenever the deadline has passed, before anything else is looked at. */
  tick(nowMs: number): void {
    if (!this.#isServing && nowMs >= this.#stageDeadlineMs) {
      const { stage } = this.#discovery;
      this.#left ??= `no quorum within initLimit (${stage === 'done' ? 'sync' : stage})`;
      return;
    }
    if (nowMs >= this.#outrunAtMs) {
      this.#outrunAtMs = Number.POSITIVE_INFINITY;
      this.stepLaterRound(nowMs);
    }
    if (nowMs < this.#nextBeatMs) return;
    this.#nextBeatMs = nowMs + this.#core.options.tickMs / 2;
    this.#beatCount += 1;
    const lostSome = this.#learners.closeLate(nowMs);
    if (this.#leaving !== null && nowMs >= this.#leaving.atMs) this.#left ??= this.#leaving.reason;
    if (!this.#isServing) return;
    if ((lostSome || this.#beatCount % 2 === 0) && !this.#learners.isSyncedQuorum()) {
      this.#left ??= 'no quorum of followers is synchronized';
    }
    if (this.left === null) this.#broadcast.ping(this.#learners);
  }

  /**
   * A voter looks for a leader in a later round than the one this server won. Without a quorum
   * there is nothing to wait for: it could not come back to a leader of an older round. It says
   * so once, and may do so together with the very votes that made this server a leader.
   */
  stepLaterRound(nowMs: number): void {
    if (this.#isServing) return;
    if (nowMs < this.#startedMs + gatherMsMin) {
      this.#outrunAtMs = this.#startedMs + gatherMsMin;
      return;
    }
    if (!this.#learners.isConnectedQuorum()) this.#left ??= 'the election has moved on';
  }

  leave(reason: string): void {
    this.#core.members.settle();
    this.#core.effects.push({ type: 'stopListening', reason });
  }

  // Discovery.

  #stepHello(learner: LearnerProgress, packet: QuorumPacket): void {
    const hello = readHello(this.#core, packet, this.#discovery.epoch);
    if (typeof hello === 'string') return this.#learners.close(learner, hello);
    if (!this.#learners.admit(learner, hello.sid)) return;
    this.#discovery.stepHello(learner, hello);
  }

  #stepEpochAck(learner: LearnerProgress, ack: QuorumPacket): void {
    if (ack.type !== PacketType.ACKEPOCH) {
      return this.#learners.close(learner, `packet ${ack.type} instead of ACKEPOCH`);
    }
    const refusal = this.#discovery.stepEpochAck(learner, ack);
    if (refusal !== null) return this.#learners.close(learner, refusal);
    this.#broadcast.forget(learner);
    if (this.#discovery.stage === 'done') this.#synchronize(learner);
  }

  #stepEpochStored(nowMs: number): void {
    this.#learners.hearAll(nowMs);
    if (!this.#discovery.stepEpochStored(this.#learners)) return;
    this.#stageDeadlineMs = nowMs + this.#core.initMs;
    if (this.#discovery.stage !== 'done') return;
    assert(this.#core.history.isDurable, 'the history is on disk before its epoch is');
    this.#nameFirstMembers();
    this.#core.roleChanged('leading', 'synchronization', this.#core.sid, this.#discovery.epoch);
    this.#level[this.#ownIndex] = 1;
    for (const learner of this.#learners) {
      if (learner.state === 'ready') this.#synchronize(learner);
    }
    this.#checkLevel(nowMs);
  }

  // Synchronization.

  #synchronize(learner: LearnerProgress, disk?: readonly Proposal[] | null): void {
    const at = { epoch: this.#discovery.epoch, isOpen: this.#isServing };
    const state = synchronize(this.#core, this.#learners, learner, at, disk);
    if (state === 'refused') {
      return this.#learners.close(learner, 'too many observers are being synchronized');
    }
    learner.state = state;
    if (state === 'syncing') this.#broadcast.join(learner);
  }

  #stepLogRead(event: Extract<ZabEvent, { readonly type: 'logRead' }>): void {
    const learner = this.#learners.get(event.link);
    if (learner?.state !== 'reading') return;
    learner.heardMs = event.nowMs;
    this.#synchronize(learner, event.proposals);
  }

  #stepNewLeaderAck(learner: LearnerProgress, ack: QuorumPacket, nowMs: number): void {
    if (ack.type !== PacketType.ACK) {
      return this.#learners.close(learner, `packet ${ack.type} instead of the ACK of NEWLEADER`);
    }
    if (ack.zxid !== zxidOf(this.#discovery.epoch, 0)) {
      // An ack of a proposal that overtook it: counted once the history is confirmed.
      if (ack.zxid > learner.lastAcked && ack.zxid <= this.#broadcast.lastProposed) {
        learner.lastAcked = ack.zxid;
      }
      return;
    }
    learner.state = 'acked';
    if (learner.lastAcked < learner.syncedTo) learner.lastAcked = learner.syncedTo;
    if (learner.voterIndex >= 0) this.#level[learner.voterIndex] = 1;
    if (!this.#isServing) return this.#checkLevel(nowMs);
    this.#activate(learner);
    this.#broadcast.stepSynced(learner);
    this.#checkLeaving();
  }

  #checkLevel(nowMs: number): void {
    if (this.#isServing || !this.#core.quorum.reaches(this.#level, 1)) return;
    this.#isServing = true;
    this.#nextBeatMs = nowMs + this.#core.options.tickMs / 2;
    this.#beatCount = 0;
    this.#broadcast.open(this.#discovery.epoch);
    this.#core.roleChanged('leading', 'broadcast', this.#core.sid, this.#discovery.epoch);
    this.#learners.hearAll(nowMs);
    for (const learner of this.#learners) {
      if (learner.state === 'acked') this.#activate(learner);
    }
    this.#activateNext();
  }

  /** Members that were configured and never changed get the version of their first epoch. */
  #nameFirstMembers(): void {
    const { members } = this.#core;
    if (!members.isChangeable || members.active.version !== 0 || members.next !== null) return;
    members.see({ ...members.active, version: zxidOf(this.#discovery.epoch, 0) });
  }

  /** What was proposed as members in this history is committed with it. */
  #activateNext(): void {
    const { members, history, sid } = this.#core;
    const { next } = members;
    if (next === null) return;
    const leader = designatedLeader(this.#core, this.#learners, history.lastDelivered);
    members.activate(next, leader);
    this.#broadcast.reindex(this.#learners);
    if (leader === sid) return;
    // Everybody learns of the members by UPTODATE, and then elects one of them.
    this.#leaving ??= { reason: `server ${leader} should lead`, atMs: this.#nextBeatMs };
    this.#broadcast.close();
  }

  #activate(learner: LearnerProgress): void {
    learner.state = 'active';
    this.#core.send(learner.links, upToDate);
  }

  // Broadcast.

  #stepPacket(link: LinkId, packet: QuorumPacket, nowMs: number): void {
    const learner = this.#learners.get(link);
    if (learner === undefined) return;
    learner.heardMs = nowMs;
    try {
      this.#stepPacketOf(learner, packet, nowMs);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#learners.close(learner, error.message);
    }
  }

  #stepPacketOf(learner: LearnerProgress, packet: QuorumPacket, nowMs: number): void {
    switch (learner.state) {
      case 'hello':
        return this.#stepHello(learner, packet);
      case 'epochAck':
        return this.#stepEpochAck(learner, packet);
      case 'syncing':
        return this.#stepNewLeaderAck(learner, packet, nowMs);
      case 'active':
        return this.#stepActive(learner, packet);
      case 'waiting':
      case 'ready':
      case 'reading':
      case 'acked':
        return this.#learners.close(learner, `packet ${packet.type} while it should wait`);
    }
  }

  #stepActive(learner: LearnerProgress, packet: QuorumPacket): void {
    const { link, sid } = learner;
    const type: number = packet.type;
    switch (type) {
      case PacketType.ACK:
        // The second ACK of NEWLEADER, in answer to UPTODATE, says nothing new.
        if (counterOf(packet.zxid) === 0) return;
        this.#broadcast.stepAck(learner, packet.zxid);
        return this.#checkLeaving();
      case PacketType.REQUEST:
        return this.#core.effects.push({ type: 'learnerRequest', link, sid, packet });
      case PacketType.REVALIDATE:
        return this.#core.effects.push({ type: 'learnerRevalidate', link, sid, packet });
      case PacketType.PING:
        if (packet.data !== null && packet.data.length > 0) {
          this.#core.effects.push({ type: 'learnerTouched', sid, data: packet.data });
        }
        return this.#broadcast.stepPingAnswer(learner, this.#learners);
      default:
        return this.#learners.close(learner, `packet ${packet.type} is not for a leader`);
    }
  }

  /** Members have changed. Those who hear of another leader close their links: they have heard. */
  #stepChanged(leader: number): void {
    this.#broadcast.reindex(this.#learners);
    if (leader === this.#core.sid) return;
    this.#designated = leader;
    const reason = `server ${leader} is to lead`;
    this.#leaving = { reason, atMs: this.#nextBeatMs + this.#core.syncMs };
    this.#broadcast.close();
    this.#checkLeaving();
  }

  /** Takes no more proposals, and leaves once those under way are committed or syncLimit is over. */
  #finish(reason: string, nowMs: number): void {
    this.#leaving ??= { reason, atMs: nowMs + this.#core.syncMs };
    this.#checkLeaving();
  }

  #checkLeaving(): void {
    if (this.#leaving === null) return;
    if (this.#isServing && !this.#broadcast.isOpen) {
      for (const learner of this.#learners) if (learner.isSynced) return;
      this.#left ??= this.#leaving.reason;
      return;
    }
    if (this.#isServing && this.#core.history.undeliveredCount > 0) return;
    this.#left ??= this.#leaving.reason;
  }
}
