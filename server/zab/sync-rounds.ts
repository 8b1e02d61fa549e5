import type { Zxid } from '../protocol/zxid.ts';
import { Deque } from '../util/deque.ts';
import type { LinkId } from './events.ts';
import type { LearnerProgress } from './learner-progress.ts';
import type { Quorum } from './quorum.ts';

/** A client's sync, waiting at the leader. */
export interface WaitingSync {
  /** Learner it came through; `null`: the leader's own client. */
  readonly link: LinkId | null;
  readonly tag: number;
  /** It must not overtake this commit. */
  readonly behind: Zxid;
  /** The last proposal before it: the commit of a later one must not overtake it. */
  readonly after: Zxid;
  /** Round that proves this leader was not deposed when the sync arrived. */
  readonly round: number;
}

/**
 * Makes `sync` honest: a leader answers it only after a quorum has answered a PING that was sent
 * later than the sync came in. A voter that follows somebody else by then has closed its link
 * and answers nothing, so a deposed leader that does not know it yet releases nothing.
 *
 * One round is under way at a time; syncs that come in meanwhile share the next one.
 */
export class SyncRounds {
  #quorum: Quorum;
  readonly #sid: number;
  readonly #waiting = new Deque<WaitingSync>();
  /** For each voter the last round it has confirmed. */
  #marks: number[];
  #ownIndex: number;
  #round = 0;
  #confirmedRound = 0;

  constructor(quorum: Quorum, sid: number) {
    this.#quorum = quorum;
    this.#sid = sid;
    this.#marks = quorum.voters.map(() => 0);
    this.#ownIndex = quorum.indexOf(sid);
  }

  /** Takes a sync in. True: a new round begins, and every voter is to be sent a PING now. */
  add(link: LinkId | null, tag: number, behind: Zxid, after: Zxid): boolean {
    const isIdle = this.#confirmedRound === this.#round;
    this.#waiting.push({ link, tag, behind, after, round: this.#round + 1 });
    return isIdle && this.#begin();
  }

  /**
   * Other voters count from now on. True: the round under way begins anew, as nobody knows what
   * a new voter's next answer answers.
   */
  reindex(quorum: Quorum): boolean {
    this.#quorum = quorum;
    this.#marks = quorum.voters.map(() => 0);
    this.#ownIndex = quorum.indexOf(this.#sid);
    return this.#confirmedRound !== this.#round && this.#begin();
  }

  /** A learner has answered a PING. True: the next round begins, with a PING to every voter. */
  stepAnswer(learner: LearnerProgress): boolean {
    if (this.#confirmedRound === this.#round || learner.voterIndex < 0) return false;
    if (learner.pingsAnswered < learner.roundPing) return false;
    this.#marks[learner.voterIndex] = this.#round;
    return this.#confirm();
  }

  /** The oldest sync that may be answered now; `null`: none. */
  next(lastCommitted: Zxid): WaitingSync | null {
    const first = this.#waiting.first();
    if (first === undefined || first.round > this.#confirmedRound) return null;
    if (first.behind > lastCommitted) return null;
    this.#waiting.shift();
    return first;
  }

  /**
   * The oldest sync that came in before that proposal, which a quorum has acknowledged: later than
   * the sync, so it proves as much as a round. `null`: none.
   */
  nextBefore(acknowledged: Zxid): WaitingSync | null {
    const first = this.#waiting.first();
    if (first === undefined || first.after >= acknowledged) return null;
    this.#waiting.shift();
    return first;
  }

  #begin(): boolean {
    this.#round += 1;
    if (this.#ownIndex >= 0) this.#marks[this.#ownIndex] = this.#round;
    if (!this.#quorum.reaches(this.#marks, this.#round)) return true;
    this.#confirmedRound = this.#round;
    return false;
  }

  #confirm(): boolean {
    if (!this.#quorum.reaches(this.#marks, this.#round)) return false;
    this.#confirmedRound = this.#round;
    return (this.#waiting.last()?.round ?? 0) > this.#round && this.#begin();
  }
}
