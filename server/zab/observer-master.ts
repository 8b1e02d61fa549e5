import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import { JuteError } from '../protocol/jute.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { counterOf, epochOf, zxidOf } from '../protocol/zxid.ts';
import type { Core } from './core.ts';
import type { LinkId, Proposal, ZabEvent } from './events.ts';
import { readHello } from './learner-hello.ts';
import type { LearnerProgress } from './learner-progress.ts';
import { Learners } from './learners.ts';
import { synchronize } from './leader-sync.ts';
import { activation, activationOf, leaderInfo, packet, upToDate } from './packets.ts';

/**
 * A follower's service to observers, while it is level with its leader: it brings them level and
 * tells them of what is committed, so that the leader need not. What they bring goes to the leader
 * by way of this follower.
 *
 * It agrees on nothing: the epoch is the follower's own, nobody is waited for, and what an
 * observer is sent is committed already. An observer that has more than this follower, from the
 * leader or from a faster one, waits until this follower has it too: what it holds is committed
 * and must not be cut.
 *
 * Source: quorum protocol, section 11.
 */
export class ObserverMaster {
  readonly #core: Core;
  readonly #epoch: number;
  readonly #learners: Learners;
  /** Copied on change: an effect that was handed over keeps its list. */
  #links: readonly LinkId[] = [];
  #nextBeatMs: number;

  constructor(core: Core, epoch: number, nowMs: number) {
    this.#core = core;
    this.#epoch = epoch;
    this.#learners = new Learners(core, this);
    this.#nextBeatMs = nowMs + core.options.tickMs / 2;
    core.effects.push({ type: 'listenForObservers' });
  }

  get learners(): Iterable<LearnerProgress> {
    return this.#learners;
  }

  /** The last one that observers were told of. */
  get lastProposed(): Zxid {
    return this.#core.history.lastDelivered;
  }

  nextDeadlineMs(): number {
    return this.#nextBeatMs;
  }

  leave(learner: LearnerProgress): void {
    this.#links = this.#links.filter((link) => link !== learner.link);
  }

  /** The leader is lost: observers look for another way. */
  close(reason: string): void {
    this.#core.effects.push({ type: 'stopListening', reason });
  }

  tick(nowMs: number): void {
    if (nowMs < this.#nextBeatMs) return;
    this.#nextBeatMs = nowMs + this.#core.options.tickMs / 2;
    this.#learners.closeLate(nowMs);
    const links: LinkId[] = [];
    for (const learner of this.#learners) if (learner.state === 'active') links.push(learner.link);
    this.#core.send(links, packet(PacketType.PING, this.lastProposed));
  }

  /** `told`: the leader's word by which the transaction was committed. */
  inform(proposal: Proposal, told: QuorumPacket): void {
    const { zxid, bytes } = proposal;
    if (told.type === PacketType.COMMITANDACTIVATE) {
      const data = activation(activationOf(told).leader, bytes);
      this.#core.send(this.#links, packet(PacketType.INFORMANDACTIVATE, zxid, data));
    } else {
      this.#core.send(this.#links, packet(PacketType.INFORM, zxid, bytes));
    }
    for (const learner of this.#learners) {
      if (learner.state === 'ready' && !this.#isAhead(learner)) this.#synchronize(learner);
    }
  }

  /** False: the event is not about an observer. */
  step(event: ZabEvent): boolean {
    switch (event.type) {
      case 'learnerConnected':
        this.#learners.add(event.link, event.nowMs);
        return true;
      case 'learnerPacket':
        this.#stepPacket(event.link, event.packet, event.nowMs);
        return true;
      case 'learnerClosed':
        this.#learners.forget(event.link);
        return true;
      case 'logRead':
        this.#stepLogRead(event);
        return true;
      case 'linkProgress':
        this.#learners.hear(event.link, event.nowMs);
        return false;
      case 'tick':
      case 'notification':
      case 'voterUnreachable':
      case 'leaderConnected':
      case 'leaderPacket':
      case 'leaderClosed':
      case 'snapshotReceived':
      case 'snapshotInstalled':
      case 'durable':
      case 'epochStored':
      case 'truncated':
      case 'truncationRefused':
      case 'propose':
      case 'sync':
      case 'resign':
        return false;
    }
  }

  #stepPacket(link: LinkId, told: QuorumPacket, nowMs: number): void {
    const learner = this.#learners.get(link);
    if (learner === undefined) return;
    learner.heardMs = nowMs;
    try {
      this.#stepPacketOf(learner, told);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#learners.close(learner, error.message);
    }
  }

  #stepPacketOf(learner: LearnerProgress, told: QuorumPacket): void {
    switch (learner.state) {
      case 'hello':
        return this.#stepHello(learner, told);
      case 'epochAck':
        return this.#stepEpochAck(learner, told);
      case 'syncing':
        return this.#stepNewLeaderAck(learner, told);
      case 'active':
        return this.#stepActive(learner, told);
      case 'waiting':
      case 'ready':
      case 'reading':
      case 'acked':
        return this.#learners.close(learner, `packet ${told.type} while it should wait`);
    }
  }

  #stepHello(learner: LearnerProgress, told: QuorumPacket): void {
    const hello = readHello(this.#core, told, this.#epoch);
    if (typeof hello === 'string') return this.#learners.close(learner, hello);
    if (hello.role !== 'observer') return this.#learners.close(learner, 'it is no observer');
    if (!this.#learners.admit(learner, hello.sid)) return;
    learner.sid = hello.sid;
    learner.role = 'observer';
    learner.acceptedEpoch = hello.acceptedEpoch;
    learner.state = 'epochAck';
    this.#core.send(learner.links, leaderInfo(this.#epoch));
  }

  #stepEpochAck(learner: LearnerProgress, told: QuorumPacket): void {
    if (told.type !== PacketType.ACKEPOCH) {
      return this.#learners.close(learner, `packet ${told.type} instead of ACKEPOCH`);
    }
    learner.peerZxid = told.zxid;
    learner.state = 'ready';
    if (!this.#isAhead(learner)) this.#synchronize(learner);
  }

  /** It has transactions of this epoch that are committed, and not told to this follower yet. */
  #isAhead(learner: LearnerProgress): boolean {
    const { peerZxid } = learner;
    // An epoch's own start is no transaction: this follower has all that lies before it.
    if (epochOf(peerZxid) !== this.#epoch || counterOf(peerZxid) === 0) return false;
    return peerZxid > this.lastProposed;
  }

  #synchronize(learner: LearnerProgress, disk?: readonly Proposal[] | null): void {
    const at = { epoch: this.#epoch, isOpen: true };
    const state = synchronize(this.#core, this.#learners, learner, at, disk);
    if (state === 'refused') {
      return this.#learners.close(learner, 'too many observers are being synchronized');
    }
    learner.state = state;
    if (state === 'syncing') this.#links = [...this.#links, learner.link];
  }

  #stepLogRead(event: Extract<ZabEvent, { readonly type: 'logRead' }>): void {
    const learner = this.#learners.get(event.link);
    if (learner?.state !== 'reading') return;
    learner.heardMs = event.nowMs;
    this.#synchronize(learner, event.proposals);
  }

  #stepNewLeaderAck(learner: LearnerProgress, told: QuorumPacket): void {
    if (told.type !== PacketType.ACK || told.zxid !== zxidOf(this.#epoch, 0)) {
      return this.#learners.close(learner, `packet ${told.type} instead of the ACK of NEWLEADER`);
    }
    learner.state = 'active';
    learner.lastAcked = learner.syncedTo;
    this.#core.send(learner.links, upToDate);
  }

  #stepActive(learner: LearnerProgress, told: QuorumPacket): void {
    const { link, sid } = learner;
    const { effects } = this.#core;
    const type: number = told.type;
    switch (type) {
      case PacketType.ACK:
        // The second ACK of NEWLEADER, in answer to UPTODATE.
        if (counterOf(told.zxid) === 0) return;
        return this.#learners.close(learner, 'an observer acknowledges no transactions');
      case PacketType.REQUEST:
        return effects.push({ type: 'learnerRequest', link, sid, packet: told });
      case PacketType.REVALIDATE:
        return effects.push({ type: 'learnerRevalidate', link, sid, packet: told });
      case PacketType.PING:
        // It had all up to there when it answered.
        if (told.zxid > learner.lastAcked && told.zxid <= this.lastProposed) {
          learner.lastAcked = told.zxid;
        }
        if (told.data !== null && told.data.length > 0) {
          effects.push({ type: 'learnerTouched', sid, data: told.data });
        }
        return;
      default:
        return this.#learners.close(learner, `packet ${told.type} is not for an observer master`);
    }
  }
}
