import type { Notification } from '../protocol/notification.ts';
import { notificationVersion, ServerState } from '../protocol/notification.ts';
import { epochMax } from '../protocol/zxid.ts';
import { assert } from '../util/assert.ts';
import { Ballots } from './ballots.ts';
import type { Core } from './core.ts';
import type { ZabEvent } from './events.ts';
import { initialVote, isBetterVote, ownVoteAgainst } from './own-vote.ts';
import type { Vote } from './vote.ts';
import { voteNone } from './vote.ts';

/** What an answer was given to. */
interface Heard {
  readonly atMs: number;
  readonly state: ServerState;
  readonly leader: number;
  readonly electionEpoch: number;
  readonly zxid: number;
}

/** How long a quorum of equal votes waits for a better one. Source: election, section 12. */
export const finalizeWaitMs = 200;

/** After the end of a connection: time for the other side to open the next one. */
const retellAfterMs = 10;

/**
 * Fast leader election. Servers that look for a leader tell each other the best vote they know
 * of; a quorum of equal votes in one round decides, after a short wait for a better one. Servers
 * of a running ensemble answer with whom they follow, and a newcomer believes a quorum of them
 * if that leader itself says that it leads.
 *
 * It lives as long as the process: the round only grows, and servers that look are answered in
 * every state. When every voter has voted alike, or cannot be reached, the wait is cut short:
 * nobody is left who could know better. The wait is for speed alone: what a leader needs to be
 * safe it asks of a quorum afterwards.
 *
 * Source: election, sections 5 to 8.
 */
export class Election {
  readonly #core: Core;
  /** Number of this server's round; grows only. */
  #round = 0;
  #isLooking = false;
  #proposal: Vote;
  /** Votes of this round and, apart, those of servers that do not look any more. */
  readonly #votes: Ballots;
  readonly #outside: Ballots;
  /** The last vote of each server that was answered, and when. */
  readonly #heard = new Map<number, Heard>();
  /** Voters that cannot be dialled in this round; until they are heard. */
  readonly #unreachable = new Set<number>();
  /** Voters that have never had a history, by what they said last. */
  readonly #blank = new Set<number>();
  #resendMs = Number.POSITIVE_INFINITY;
  #resendAfterMs = 0;
  #finalizeMs = Number.POSITIVE_INFINITY;
  #retellMs = Number.POSITIVE_INFINITY;
  #outcome: Vote | null = null;
  /** What others are told while this server does not look. */
  #current: Vote;

  constructor(core: Core) {
    this.#core = core;
    this.#votes = new Ballots(core);
    this.#outside = new Ballots(core);
    this.#proposal = initialVote(core, this.#round);
    this.#current = {
      leader: core.sid,
      zxid: core.lastClaimed,
      electionEpoch: -1,
      peerEpoch: core.epochClaimed,
      state: ServerState.LOOKING,
      version: 0,
    };
  }

  /** The vote that won, once it has; the round is over then. */
  get outcome(): Vote | null {
    return this.#outcome;
  }

  /** The round under way, or the one that was decided. */
  get round(): number {
    return this.#round;
  }

  takeOutcome(): Vote {
    const outcome = this.#outcome;
    assert(outcome !== null, 'the election is decided');
    this.#outcome = null;
    return outcome;
  }

  nextDeadlineMs(): number {
    if (!this.#isLooking) return Number.POSITIVE_INFINITY;
    return Math.min(this.#resendMs, this.#finalizeMs, this.#retellMs);
  }

  /** A new round. Everything this server logged must be on its disk. */
  start(nowMs: number): void {
    this.#round += 1;
    this.#isLooking = true;
    this.#outcome = null;
    this.#votes.clear();
    this.#outside.clear();
    this.#unreachable.clear();
    this.#retellMs = Number.POSITIVE_INFINITY;
    this.#finalizeMs = Number.POSITIVE_INFINITY;
    this.#proposal = initialVote(this.#core, this.#round);
    this.#resendAfterMs = this.#core.options.notificationMsMin;
    this.#resendMs = nowMs + this.#resendAfterMs;
    this.#broadcast(nowMs);
  }

  /** A change of members named the leader: there is no election, and this is the vote told to others. */
  designate(leader: number): void {
    const { lastClaimed, epochClaimed } = this.#core;
    this.#current = {
      ...this.#current,
      leader,
      zxid: lastClaimed,
      peerEpoch: epochClaimed,
    };
  }

  /** Leader and learner alike: the new epoch's history is taken over. */
  adopted(epoch: number): void {
    this.#current = { ...this.#current, peerEpoch: epoch };
  }

  tick(nowMs: number): void {
    if (!this.#isLooking) return;
    if (nowMs >= this.#finalizeMs) {
      this.#finalizeMs = Number.POSITIVE_INFINITY;
      // A voter that restarted meanwhile may have taken its vote back.
      if (this.#votes.areFor(this.#proposal)) return this.#decide(this.#proposal);
    }
    if (nowMs >= this.#retellMs) {
      this.#retellMs = Number.POSITIVE_INFINITY;
      this.#tellOthers();
    }
    if (nowMs < this.#resendMs) return;
    const afterMs = Math.min(this.#resendAfterMs * 2, this.#core.options.notificationMsMax);
    this.#resendAfterMs = afterMs;
    this.#resendMs = nowMs + afterMs;
    this.#tellOthers();
  }

  /**
   * No vote is to be expected of a server that refuses: the wait for a better one may be over. A
   * connection that ended may have taken a vote with it, so all are told again soon.
   */
  stepUnreachable(event: Extract<ZabEvent, { readonly type: 'voterUnreachable' }>): void {
    const { sid, isRefused, nowMs } = event;
    if (!this.#isLooking) return;
    if (isRefused) {
      this.#unreachable.add(sid);
      this.#conclude(nowMs);
    } else {
      this.#retellMs = Math.min(this.#retellMs, nowMs + retellAfterMs);
    }
  }

  /** `own` is what this server does now. */
  stepNotification(from: number, told: Notification, own: ServerState, nowMs: number): void {
    this.#unreachable.delete(from);
    if (this.#isLooking && this.#adopt(told.config)) return this.start(nowMs);
    const isVoter = this.#core.quorum.indexOf(from) >= 0;
    const isEcho = this.#isEcho(from, told, nowMs);
    if (!isVoter) {
      if (isEcho) return;
      this.#send(from, { ...this.#current, electionEpoch: this.#round, state: own });
      return;
    }
    this.#noteBlank(from, told);
    if (told.state < ServerState.LOOKING || told.state > ServerState.OBSERVING) return;
    if (!this.#isLooking) {
      if (told.state === ServerState.LOOKING) this.#send(from, { ...this.#current, state: own });
      return;
    }
    const isOldRound = told.electionEpoch < this.#round;
    if (told.state === ServerState.LOOKING && isOldRound && !isEcho) {
      this.#send(from, this.#proposal);
    }
    if (told.peerEpoch > epochMax) return;
    if (this.#core.quorum.indexOf(told.leader) < 0) return this.#catchUp(told, nowMs);
    this.#count(from, told, isEcho, nowMs);
  }

  /** Nobody has ever had a history: every voter has said so, in this server's own life. */
  get isEverybodyBlank(): boolean {
    const { quorum, sid } = this.#core;
    return quorum.voters.every((voter) => voter === sid || this.#blank.has(voter));
  }

  /** The best that it knows of, its own included, is nothing. */
  #noteBlank(from: number, told: Notification): void {
    const hasNothing = told.peerEpoch === 0 && (told.zxid === -1 || told.zxid === 0);
    if (told.state === ServerState.LOOKING && hasNothing) this.#blank.add(from);
    else this.#blank.delete(from);
  }

  /** Others know later members. True: they differ from the active ones, so the round begins anew. */
  #adopt(config: string | null): boolean {
    const { members } = this.#core;
    const later = members.laterOf(config);
    if (later === null) return false;
    const isOther = members.isOther(later);
    members.activate(later, null);
    return isOther;
  }

  /**
   * It wants nobody, as who has a vote in the next members alone. Once it wants somebody its vote
   * counts in its own round only, and it never goes back to an older one.
   */
  #catchUp(told: Notification, nowMs: number): void {
    if (this.#core.members.next === null || told.leader !== voteNone) return;
    if (told.state !== ServerState.LOOKING || told.electionEpoch <= this.#round) return;
    this.#round = told.electionEpoch;
    this.#votes.clear();
    this.#propose(initialVote(this.#core, this.#round), nowMs);
  }

  /**
   * The same vote from the same server within the shortest pause between two: an answer to an
   * answer, when each takes the other for a stranger. It gets none.
   */
  #isEcho(from: number, told: Notification, nowMs: number): boolean {
    const last = this.#heard.get(from);
    const pauseMs = this.#core.options.notificationMsMin;
    if (
      last !== undefined &&
      nowMs < last.atMs + pauseMs &&
      last.state === told.state &&
      last.leader === told.leader &&
      last.electionEpoch === told.electionEpoch &&
      last.zxid === told.zxid
    ) {
      return true;
    }
    const { state, leader, electionEpoch, zxid } = told;
    this.#heard.set(from, { atMs: nowMs, state, leader, electionEpoch, zxid });
    return false;
  }

  #count(from: number, told: Notification, isEcho: boolean, nowMs: number): void {
    switch (told.state) {
      case ServerState.LOOKING:
        return this.#countLooking(from, told, isEcho, nowMs);
      case ServerState.FOLLOWING:
      case ServerState.LEADING:
        return this.#countSettled(from, told);
      case ServerState.OBSERVING:
        return;
    }
  }

  #countLooking(from: number, told: Notification, isEcho: boolean, nowMs: number): void {
    // Without a history of any kind nobody may vote, this server or the other.
    if (this.#core.lastClaimed === -1 || told.zxid === -1) return;
    if (told.electionEpoch < this.#round) return;
    const vote = voteOf(told, 0);
    const own = ownVoteAgainst(this.#core, this.#round, vote);
    this.#votes.put(from, vote);
    if (told.electionEpoch > this.#round) {
      this.#round = told.electionEpoch;
      this.#votes.clear();
      this.#votes.put(from, vote);
      const standing = ownVoteAgainst(this.#core, this.#round, vote);
      this.#propose(isBetterVote(this.#core, vote, standing) ? vote : standing, nowMs);
    } else if (isBetterVote(this.#core, vote, this.#proposal)) {
      this.#propose(vote, nowMs);
    } else if (this.#proposal.leader === voteNone && own.leader !== voteNone) {
      this.#propose(own, nowMs);
    } else {
      // It may have missed this server's vote: while it still followed, votes of others pass by.
      const isMissed = !isEcho && isBetterVote(this.#core, this.#proposal, vote);
      if (isMissed) this.#send(from, this.#proposal);
      this.#conclude(nowMs);
    }
  }

  /** Votes of members of a running ensemble. */
  #countSettled(from: number, told: Notification): void {
    const vote = voteOf(told, told.version);
    if (told.electionEpoch === this.#round) {
      this.#votes.put(from, { ...vote, version: 0 });
      if (this.#votes.areFor(vote) && this.#isLeaderSure(this.#votes, vote)) {
        return this.#decide(vote);
      }
    }
    this.#outside.put(from, vote);
    if (this.#outside.areFor(vote) && this.#isLeaderSure(this.#outside, vote)) {
      this.#round = told.electionEpoch;
      this.#decide(vote);
    }
  }

  #propose(vote: Vote, nowMs: number): void {
    this.#finalizeMs = Number.POSITIVE_INFINITY;
    this.#proposal = { ...vote, electionEpoch: this.#round, state: ServerState.LOOKING };
    this.#broadcast(nowMs);
  }

  #broadcast(nowMs: number): void {
    this.#tellOthers();
    if (!this.#core.isVoter || this.#core.lastClaimed === -1) return;
    this.#votes.put(this.#core.sid, this.#proposal);
    this.#conclude(nowMs);
  }

  /** A quorum of equal votes decides: at once if it is everybody, else after a wait. */
  #conclude(nowMs: number): void {
    if (!this.#votes.areFor(this.#proposal)) return;
    if (this.#votes.areAllFor(this.#proposal, this.#unreachable)) {
      return this.#decide(this.#proposal);
    }
    this.#finalizeMs = Math.min(this.#finalizeMs, nowMs + finalizeWaitMs);
  }

  #decide(vote: Vote): void {
    this.#isLooking = false;
    this.#finalizeMs = Number.POSITIVE_INFINITY;
    this.#resendMs = Number.POSITIVE_INFINITY;
    this.#votes.clear();
    this.#outside.clear();
    this.#current = { ...vote, state: ServerState.LOOKING };
    this.#outcome = vote;
  }

  /** A leader counts only if it says itself that it leads; this server, if it is its own round. */
  #isLeaderSure(votes: Ballots, vote: Vote): boolean {
    if (vote.leader === this.#core.sid) {
      return vote.electionEpoch === this.#round && this.#core.lastClaimed !== -1;
    }
    return votes.of(vote.leader)?.state === ServerState.LEADING;
  }

  #tellOthers(): void {
    for (const sid of this.#core.quorum.voters) {
      if (sid !== this.#core.sid) this.#send(sid, this.#proposal);
    }
  }

  #send(to: number, vote: Vote): void {
    const notification: Notification = {
      state: vote.state,
      leader: vote.leader,
      zxid: vote.zxid,
      electionEpoch: vote.electionEpoch,
      peerEpoch: vote.peerEpoch,
      version: notificationVersion,
      config: this.#core.members.text,
    };
    this.#core.effects.push({ type: 'sendNotification', to, notification });
  }
}

function voteOf(told: Notification, version: number): Vote {
  const { leader, zxid, electionEpoch, peerEpoch, state } = told;
  return { leader, zxid, electionEpoch, peerEpoch, state, version };
}
