import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import { epochMax } from '../protocol/zxid.ts';
import type { Core } from './core.ts';
import type { LearnerHello } from './learner-hello.ts';
import type { LearnerProgress } from './learner-progress.ts';
import { epochOfAck, leaderInfo } from './packets.ts';

/**
 * ```
 * gather   who follows? the new epoch is above all that they have promised
 * promise  the own promise of it goes to the disk
 * acks     LEADERINFO is out; a quorum is to accept, and nobody in it may know more
 * store    the own currentEpoch goes to the disk
 * done     the epoch is this leader's
 * ```
 */
export type DiscoveryStage = 'gather' | 'promise' | 'acks' | 'store' | 'done';

/**
 * First phase of a leader: agrees with a quorum on an epoch that nobody in it has promised
 * before, and makes sure that nobody in it has a newer history.
 *
 * Source: quorum protocol, section 5.
 */
export class Discovery {
  readonly #core: Core;
  readonly #ownIndex: number;
  /** Voters that are here, and voters that accept the epoch; one mark each. */
  readonly #present: number[];
  readonly #accepting: number[];
  #stage: DiscoveryStage = 'gather';
  /** The epoch to come while it is gathered, the own one from then on. */
  #epoch: number;
  #left: string | null = null;

  constructor(core: Core) {
    this.#core = core;
    this.#ownIndex = core.quorum.indexOf(core.sid);
    this.#present = core.quorum.voters.map(() => 0);
    this.#accepting = core.quorum.voters.map(() => 0);
    this.#epoch = Math.max(core.acceptedEpoch, core.epochFloor) + 1;
  }

  get stage(): DiscoveryStage {
    return this.#stage;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Why no epoch can be agreed on; `null` while it can. */
  get left(): string | null {
    return this.#left;
  }

  /** The leader itself is here: alone it may be a quorum. */
  start(): void {
    this.#present[this.#ownIndex] = 1;
    this.#gather();
  }

  /** A learner has said who it is. */
  stepHello(learner: LearnerProgress, hello: LearnerHello): void {
    learner.sid = hello.sid;
    learner.role = hello.role;
    // While members change, an observer may have a vote in the next ensemble.
    const counts = hello.role === 'follower' || this.#core.members.next !== null;
    learner.voterIndex = counts ? this.#core.quorum.indexOf(hello.sid) : -1;
    learner.acceptedEpoch = hello.acceptedEpoch;
    learner.state = 'waiting';
    if (this.#stage === 'promise') return;
    if (this.#stage !== 'gather') return this.#sendEpoch(learner);
    this.#epoch = Math.max(this.#epoch, hello.acceptedEpoch + 1);
    if (learner.voterIndex >= 0) this.#present[learner.voterIndex] = 1;
    this.#gather();
  }

  /**
   * A learner has accepted the epoch; a string says why it must go. Once a quorum has accepted
   * the election was right, and a learner that is ahead is cut back like any other.
   *
   * @throws JuteError when the data are short.
   */
  stepEpochAck(learner: LearnerProgress, ack: QuorumPacket): string | null {
    const epoch = epochOfAck(ack.data);
    const { currentEpoch, history } = this.#core;
    if (this.#stage === 'acks' && epoch !== -1) {
      const isAhead =
        epoch > currentEpoch || (epoch === currentEpoch && ack.zxid > history.lastLogged);
      if (isAhead) return 'it is ahead of this leader';
      if (learner.voterIndex >= 0 && ack.zxid !== -1) this.#accepting[learner.voterIndex] = 1;
    }
    learner.state = 'ready';
    learner.peerZxid = ack.zxid;
    if (this.#stage === 'acks') this.#checkAccepted();
    return null;
  }

  /** True: that was the step to the next stage. */
  stepEpochStored(learners: Iterable<LearnerProgress>): boolean {
    if (this.#stage === 'promise' && this.#core.acceptedEpoch >= this.#epoch) {
      this.#stage = 'acks';
      this.#accepting[this.#ownIndex] = 1;
      for (const learner of learners) {
        if (learner.state === 'waiting') this.#sendEpoch(learner);
      }
      if (this.#left === null) this.#checkAccepted();
      return true;
    }
    if (this.#stage !== 'store' || this.#core.currentEpoch < this.#epoch) return false;
    this.#stage = 'done';
    return true;
  }

  #gather(): void {
    if (!this.#core.quorum.reaches(this.#present, 1)) return;
    if (this.#epoch > epochMax) {
      this.#core.effects.push({ type: 'fatal', exitCode: 1, reason: 'the last epoch is used up' });
      return;
    }
    this.#stage = 'promise';
    this.#core.storeEpoch('accepted', this.#epoch);
  }

  #sendEpoch(learner: LearnerProgress): void {
    if (learner.acceptedEpoch > this.#epoch && learner.voterIndex >= 0) {
      // It can never follow this epoch; the next one will be above its promise.
      this.#core.epochFloor = Math.max(this.#core.epochFloor, learner.acceptedEpoch);
      this.#left ??= `server ${learner.sid} has promised epoch ${learner.acceptedEpoch}`;
      return;
    }
    learner.state = 'epochAck';
    this.#core.send(learner.links, leaderInfo(this.#epoch));
  }

  #checkAccepted(): void {
    if (!this.#core.quorum.reaches(this.#accepting, 1)) return;
    this.#stage = 'store';
    this.#core.storeEpoch('current', this.#epoch);
  }
}
