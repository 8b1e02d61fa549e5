import { JuteError } from '../protocol/jute.ts';
import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { counterOf, epochMax, epochOf, zxidNone, zxidOf } from '../protocol/zxid.ts';
import { Deque } from '../util/deque.ts';
import type { Ensemble } from '../config/ensemble.ts';
import { serverOf } from '../config/ensemble-values.ts';
import { isSameQuorumPlace } from '../config/server-addresses.ts';
import type { Core } from './core.ts';
import { Dial } from './dial.ts';
import type { Phase, Role } from './effects.ts';
import type { LinkId, ZabEvent } from './events.ts';
import type { LearnerProgress } from './learner-progress.ts';
import { LearnerLog } from './learner-log.ts';
import { LearnerService } from './learner-service.ts';
import type { LearnerStage } from './learner-stage.ts';
import { phaseOfStage, silenceOfStage } from './learner-stage.ts';
import { ackEpoch, learnerHello, membersOf, packet } from './packets.ts';

/**
 * A server that follows, from the end of its election to the loss of its leader; with or without
 * a vote.
 *
 * Everything it promises is on its disk first: the epoch before ACKEPOCH; the synchronized
 * history, then currentEpoch, before the ACK of NEWLEADER; a proposal before its ACK. Nothing is
 * delivered before UPTODATE, so the tree never has what a quorum may lack. While the leader
 * synchronizes, PING and SYNC are ignored as the reference ignores them.
 *
 * Source: quorum protocol, sections 5, 8, 10 and 11.
 */
export class Learner {
  readonly #core: Core;
  readonly #leader: number;
  readonly #role: 'follower' | 'observer';
  readonly #roleName: Role;
  readonly #log: LearnerLog;
  readonly #dial: Dial;
  #stage: LearnerStage = 'dial';
  #link: LinkId | null = null;
  #links: readonly LinkId[] = [];
  #heardMs: number;
  #epoch = 0;
  #promisedBefore = false;
  #wantsTree = false;
  /** What arrives while the disk works on the history before it. */
  readonly #held = new Deque<QuorumPacket>();
  #isStoringEpoch = false;
  /** Members as of NEWLEADER: active once a quorum has them. */
  #members: Ensemble | null = null;
  /** Those give this server another role, or the leader another address: it is joined anew. */
  #isElsewhere = false;
  /** From UPTODATE on. */
  #service: LearnerService | null = null;
  #left: string | null = null;

  constructor(core: Core, leader: number, nowMs: number) {
    this.#core = core;
    this.#leader = leader;
    this.#role = core.isObserver ? 'observer' : 'follower';
    this.#heardMs = nowMs;
    this.#roleName = core.isObserver ? 'observing' : 'following';
    this.#log = new LearnerLog(core, leader);
    this.#dial = new Dial(core, leader);
    core.roleChanged(this.#roleName, 'discovery', leader, core.currentEpoch);
    this.#dial.start(nowMs);
  }

  /** Who leads instead, by a change of members; `null`: an election decides. */
  get designated(): number | null {
    return this.#isElsewhere ? this.#leader : this.#log.designated;
  }

  /** Following or observing, for as long as this leader lasts. */
  get role(): Role {
    return this.#roleName;
  }

  /** Why this server follows no longer; `null` while it does. */
  get left(): string | null {
    return this.#left ?? this.#log.left;
  }

  get leader(): number {
    return this.#leader;
  }

  /** The server that it is connected to: the leader, or a follower that serves observers. */
  get master(): number {
    return this.#dial.target;
  }

  /** Observers that this follower serves. */
  get observers(): Iterable<LearnerProgress> {
    return this.#service?.observers ?? [];
  }

  get takesObservers(): boolean {
    return this.#service?.takesObservers === true;
  }

  get phase(): Phase {
    return phaseOfStage[this.#stage];
  }

  /** The epoch whose history was taken over with a quorum; `null` before. */
  get openedEpoch(): number | null {
    return this.#stage === 'serve' ? this.#epoch : null;
  }

  nextDeadlineMs(): number {
    const beatMs = this.#service?.nextDeadlineMs() ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#dial.retryMs, this.#heardMs + this.#silenceMsMax(), beatMs);
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#heardMs + this.#silenceMsMax()) {
      this.#left ??= `the leader is silent (${this.#stage})`;
    } else {
      this.#dial.tick(nowMs);
      this.#service?.tick(nowMs);
    }
  }

  leave(reason: string): void {
    this.#service?.close(reason);
    if (this.#link !== null) {
      this.#core.effects.push({ type: 'closeLink', link: this.#link, reason });
    }
    this.#core.history.forgetReceived();
    this.#core.members.forgetBehind(this.#core.history.lastLogged);
  }

  step(event: ZabEvent): void {
    if (this.#service?.step(event) === true) return;
    switch (event.type) {
      case 'leaderConnected':
        return this.#stepConnected(event.link, event.nowMs);
      case 'leaderPacket':
        this.#heardMs = event.nowMs;
        return this.#stepPacket(event.packet);
      case 'leaderClosed':
        return this.#stepClosed(event.reason, event.nowMs);
      case 'linkProgress':
        if (event.link === this.#link) this.#heardMs = event.nowMs;
        return;
      case 'snapshotReceived':
        this.#heardMs = event.nowMs;
        return this.#stepSnapshotReceived(event.zxid);
      case 'snapshotInstalled':
        this.#heardMs = event.nowMs;
        if (this.#stage === 'install') this.#collect();
        return;
      case 'truncated':
        this.#heardMs = event.nowMs;
        return this.#stepTruncated();
      case 'truncationRefused':
        return this.#stepTruncationRefused(event.nowMs);
      case 'durable':
        return this.#stepDurable(event.nowMs);
      case 'epochStored':
        this.#heardMs = event.nowMs;
        return this.#stepEpochStored();
      case 'tick':
      case 'notification':
      case 'voterUnreachable':
      case 'learnerConnected':
      case 'learnerPacket':
      case 'learnerClosed':
      case 'logRead':
      case 'propose':
      case 'sync':
      case 'resign':
        return;
    }
  }

  // Discovery.

  #stepConnected(link: LinkId, nowMs: number): void {
    if (this.#stage !== 'dial' && this.#stage !== 'hello') {
      this.#core.effects.push({ type: 'closeLink', link, reason: 'there is a link already' });
      return;
    }
    this.#heardMs = nowMs;
    this.#dial.stepConnected();
    this.#link = link;
    this.#links = [link];
    this.#stage = 'hello';
    const { sid, acceptedEpoch, members } = this.#core;
    const hello = learnerHello(this.#role, sid, acceptedEpoch, members.active.version);
    this.#core.send(this.#links, hello);
  }

  #stepClosed(reason: string, nowMs: number): void {
    if (this.#stage === 'dial' && this.#dial.stepFailed(nowMs)) return;
    this.#link = null;
    this.#left ??= reason;
  }

  #stepLeaderInfo(told: QuorumPacket): void {
    const epoch = epochOf(told.zxid);
    const { acceptedEpoch } = this.#core;
    if (told.type !== PacketType.LEADERINFO || epoch > epochMax) {
      return this.#leave(`packet ${told.type} instead of LEADERINFO`);
    }
    if (epoch < acceptedEpoch) {
      return this.#leave(`epoch ${epoch} is below the promised ${acceptedEpoch}`);
    }
    this.#epoch = epoch;
    this.#stage = 'promise';
    this.#promisedBefore = epoch === acceptedEpoch;
    if (this.#promisedBefore) this.#acceptEpoch();
    else this.#core.storeEpoch('accepted', epoch);
  }

  #acceptEpoch(): void {
    this.#stage = 'choice';
    // -1: this promise was given before, and must not be counted again.
    const epoch = this.#promisedBefore ? -1 : this.#core.currentEpoch;
    const last = this.#wantsTree ? zxidNone : this.#core.lastClaimed;
    this.#core.send(this.#links, ackEpoch(last, epoch));
  }

  #stepEpochStored(): void {
    if (this.#stage === 'promise' && this.#core.acceptedEpoch >= this.#epoch) {
      this.#acceptEpoch();
    } else if (this.#stage === 'settle' && this.#core.currentEpoch >= this.#epoch) {
      this.#ackNewLeader();
    }
  }

  // Synchronization.

  #stepPacket(told: QuorumPacket): void {
    try {
      this.#stepPacketIn(told);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#leave(error.message);
    }
  }

  #stepPacketIn(told: QuorumPacket): void {
    switch (this.#stage) {
      case 'hello':
        return this.#stepLeaderInfo(told);
      case 'choice':
        return this.#stepChoice(told);
      case 'cut':
      case 'stream':
      case 'install':
        this.#held.push(told);
        return;
      case 'collect':
      case 'settle':
      case 'acked':
        return this.#stepSync(told);
      case 'serve':
        return this.#stepBroadcast(told, this.#links[0] ?? -1);
      case 'dial':
        return;
      case 'promise':
        return this.#leave(`packet ${told.type} while the leader should wait`);
    }
  }

  #stepChoice(told: QuorumPacket): void {
    const core = this.#core;
    const type: number = told.type;
    if (core.lacksHistory && (type === PacketType.DIFF || type === PacketType.TRUNC)) {
      return this.#leave('the leader counts on a history that is not there');
    }
    switch (type) {
      case PacketType.DIFF:
        this.#stage = 'collect';
        this.#synchronizing();
        // The leader has all that was logged here: the tail is part of its history.
        return core.history.commitLogged();
      case PacketType.TRUNC:
        if (told.zxid >= core.history.lastLogged) return this.#leave('TRUNC beyond the log');
        if (this.#isOwnTail(told.zxid)) {
          this.#stage = 'collect';
          this.#synchronizing();
          return this.#log.expectRepeats(told.zxid);
        }
        this.#stage = 'cut';
        this.#synchronizing();
        return core.truncate(told.zxid);
      case PacketType.SNAP:
        this.#stage = 'stream';
        this.#synchronizing();
        return core.effects.push({ type: 'receiveSnapshot', zxid: told.zxid });
      case PacketType.PING:
      case PacketType.SYNC:
        return;
      default:
        return this.#leave(`packet ${told.type} instead of DIFF, TRUNC or SNAP`);
    }
  }

  /**
   * This very leadership has proposed all that lies behind the cut, on an earlier link: there is
   * one leader to an epoch. It only wants to begin with what it has committed.
   */
  #isOwnTail(zxid: Zxid): boolean {
    const { history } = this.#core;
    const isOwnEpoch = epochOf(history.lastLogged) === this.#epoch;
    return isOwnEpoch && this.#role === 'follower' && zxid >= history.lastDelivered;
  }

  #synchronizing(): void {
    this.#core.roleChanged(this.#roleName, 'synchronization', this.#leader, this.#epoch);
  }

  #stepTruncated(): void {
    if (this.#stage !== 'cut') return;
    this.#core.history.commitLogged();
    this.#collect();
  }

  /**
   * A snapshot from a leader that never came to lead has what this one lacks, and nothing older
   * is left. The same leader is dialled anew and told of no history at all: it sends its tree.
   * Only this link says so; a vote and any other leader hear of the log as it is.
   */
  #stepTruncationRefused(nowMs: number): void {
    if (this.#stage !== 'cut' || this.#link === null) return;
    const reason = 'the log cannot be cut; the whole tree is needed';
    this.#core.effects.push({ type: 'closeLink', link: this.#link, reason });
    this.#core.note('the whole tree is needed', { leader: this.#leader });
    this.#link = null;
    this.#held.clear();
    this.#wantsTree = true;
    this.#stage = 'dial';
    this.#heardMs = nowMs;
    this.#core.roleChanged(this.#roleName, 'discovery', this.#leader, this.#epoch);
    this.#dial.start(nowMs);
  }

  #stepSnapshotReceived(zxid: Zxid): void {
    if (this.#stage !== 'stream') return;
    this.#stage = 'install';
    this.#core.installSnapshot(zxid);
  }

  /** The disk has what came before: now what was held back. */
  #collect(): void {
    this.#stage = 'collect';
    for (;;) {
      const told = this.#held.shift();
      if (told === undefined || this.left !== null) return;
      this.#stepPacket(told);
    }
  }

  #stepSync(told: QuorumPacket): void {
    if (this.#log.step(told)) return;
    if (told.type === PacketType.NEWLEADER) this.#stepNewLeader(told);
    else if (told.type === PacketType.UPTODATE) this.#stepUpToDate();
    // PING, SYNC and the like: never answered here, the leader awaits the ACK.
  }

  #stepNewLeader(told: QuorumPacket): void {
    if (this.#stage !== 'collect' || told.zxid !== zxidOf(this.#epoch, 0)) {
      return this.#leave('NEWLEADER out of phase');
    }
    this.#stage = 'settle';
    this.#members = this.#core.members.isChangeable ? membersOf(told) : null;
    if (this.#members !== null) {
      this.#core.members.obey(this.#members, this.#core.history.lastReceived);
    }
    this.#log.hold();
    if (this.left === null) this.#settle();
  }

  /** History on disk, then currentEpoch, then the ACK: never another order. */
  #settle(): void {
    if (this.#isStoringEpoch || !this.#core.history.isDurable) return;
    if (this.#core.currentEpoch >= this.#epoch) return this.#ackNewLeader();
    this.#isStoringEpoch = true;
    this.#core.storeEpoch('current', this.#epoch);
  }

  #ackNewLeader(): void {
    this.#stage = 'acked';
    this.#core.send(this.#links, packet(PacketType.ACK, zxidOf(this.#epoch, 0)));
    this.#log.open();
  }

  #stepUpToDate(): void {
    if (this.#stage !== 'acked') return this.#leave('UPTODATE out of phase');
    this.#stage = 'serve';
    this.#core.send(this.#links, packet(PacketType.ACK, zxidOf(this.#epoch, 0)));
    this.#log.serve(this.#links);
    if (this.#members !== null && this.#isMovedBy(this.#members)) {
      this.#isElsewhere = true;
      return this.#leave('the members have changed');
    }
    this.#core.roleChanged(this.#roleName, 'broadcast', this.#leader, this.#epoch);
    this.#service = new LearnerService(this.#core, this.#log, this.#epoch, this.#heardMs);
  }

  #isMovedBy(ensemble: Ensemble): boolean {
    const { members, history } = this.#core;
    const before = serverOf(members.active, this.#leader);
    // A leader of another kind tells of members that are only proposed; those await their commit.
    const isCommitted = counterOf(ensemble.version as Zxid) === 0;
    if (!isCommitted && ensemble.version > history.lastCommitted) return false;
    if (!members.activate(ensemble, null)) return false;
    const after = serverOf(ensemble, this.#leader);
    const isLeaderMoved = after !== null && !isSameQuorumPlace(after, before);
    return isLeaderMoved || members.isObserver !== (this.#role === 'observer');
  }

  // Broadcast.

  #stepDurable(nowMs: number): void {
    if (this.#stage === 'settle') {
      this.#heardMs = nowMs;
      this.#settle();
    } else if (this.#stage === 'serve') {
      this.#log.sendAcks(this.#links);
    }
  }

  #stepBroadcast(told: QuorumPacket, link: LinkId): void {
    const reason = this.#service?.stepPacket(told, link) ?? null;
    if (reason !== null) this.#leave(reason);
  }

  #silenceMsMax(): number {
    const limit = silenceOfStage[this.#stage];
    if (limit === 'none') return Number.POSITIVE_INFINITY;
    if (limit === 'connect') return this.#core.connectMs;
    return limit === 'init' ? this.#core.initMs : this.#core.syncMs;
  }

  #leave(reason: string): void {
    this.#left ??= reason;
  }
}
