import type { Zxid } from '../protocol/zxid.ts';
import type { Core } from './core.ts';
import type { LinkId } from './events.ts';
import { LearnerProgress } from './learner-progress.ts';

/** What live learners are told of. */
export interface LiveFeed {
  readonly lastProposed: Zxid;
  /** That learner gets nothing more. */
  leave(learner: LearnerProgress): void;
}

/** The learners of one leadership, or the observers of one follower, by link. */
export class Learners {
  readonly #core: Core;
  readonly #feed: LiveFeed;
  readonly #byLink = new Map<LinkId, LearnerProgress>();
  /** One mark for each voter, used during one count only. */
  readonly #marks: number[] = [];

  constructor(core: Core, feed: LiveFeed) {
    this.#core = core;
    this.#feed = feed;
  }

  [Symbol.iterator](): Iterator<LearnerProgress> {
    return this.#byLink.values();
  }

  get(link: LinkId): LearnerProgress | undefined {
    return this.#byLink.get(link);
  }

  add(link: LinkId, nowMs: number): void {
    this.#byLink.set(link, new LearnerProgress(link, nowMs));
  }

  hear(link: LinkId, nowMs: number): void {
    const learner = this.#byLink.get(link);
    if (learner !== undefined) learner.heardMs = nowMs;
  }

  /** The time that learners spent waiting for this leader does not count as their silence. */
  hearAll(nowMs: number): void {
    for (const learner of this) learner.heardMs = nowMs;
  }

  close(learner: LearnerProgress, reason: string): void {
    this.#core.effects.push({ type: 'closeLink', link: learner.link, reason });
    this.#core.note('learner closed', { sid: learner.sid, reason });
    this.forget(learner.link);
  }

  /**
   * A server that connects anew has lost its older link, even if that did not show yet. But one that
   * answered within a tick, as pings ask for twice a tick, is alive: then the newcomer is somebody
   * else, or has to come again. False: it was closed.
   */
  admit(newcomer: LearnerProgress, sid: number): boolean {
    for (const learner of this) {
      if (sid < 0 || learner.sid !== sid) continue;
      const silentMs = newcomer.heardMs - learner.heardMs;
      if (learner.state === 'active' && silentMs < this.#core.options.tickMs) {
        this.close(newcomer, `server ${sid} is here already, and answers`);
        return false;
      }
      this.close(learner, 'the same server connects anew');
    }
    return true;
  }

  forget(link: LinkId): void {
    const learner = this.#byLink.get(link);
    if (learner === undefined) return;
    this.#byLink.delete(link);
    if (learner.isLive) this.#feed.leave(learner);
  }

  /** How many are being synchronized that way. */
  syncingCount(how: 'diff' | 'snap'): number {
    let count = 0;
    for (const learner of this) {
      if (learner.state === 'syncing' && learner.syncedBy === how) count += 1;
    }
    return count;
  }

  /** Closes those that are silent or late with an ack. True: there was one. */
  closeLate(nowMs: number): boolean {
    const { initMs, syncMs } = this.#core;
    let lostSome = false;
    for (const learner of this) {
      const silentMs = nowMs - learner.heardMs;
      const isTracked = learner.state === 'active' && learner.role === 'follower';
      if (silentMs > learner.silenceMsMax(initMs, syncMs)) {
        this.close(learner, `silent for ${Math.round(silentMs)} ms while ${learner.state}`);
        lostSome = true;
      } else if (isTracked && !learner.isAckingInTime(this.#feed.lastProposed, nowMs, syncMs)) {
        this.close(learner, 'a proposal is unacknowledged for longer than syncLimit');
        lostSome = true;
      }
    }
    return lostSome;
  }

  /** Whether the leader and the voters that have its history are a quorum. */
  isSyncedQuorum(): boolean {
    return this.#isQuorum(true);
  }

  /** Whether the leader and the voters that are here are one, however far they have come. */
  isConnectedQuorum(): boolean {
    return this.#isQuorum(false);
  }

  #isQuorum(mustBeSynced: boolean): boolean {
    const { quorum, sid } = this.#core;
    this.#marks.length = quorum.voters.length;
    this.#marks.fill(0);
    const own = quorum.indexOf(sid);
    if (own >= 0) this.#marks[own] = 1;
    for (const learner of this) {
      const counts = learner.voterIndex >= 0 && (learner.isSynced || !mustBeSynced);
      if (counts) this.#marks[learner.voterIndex] = 1;
    }
    return quorum.reaches(this.#marks, 1);
  }
}
