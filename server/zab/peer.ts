import type { Notification } from '../protocol/notification.ts';
import { ServerState } from '../protocol/notification.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidZero } from '../protocol/zxid.ts';
import { assert } from '../util/assert.ts';
import { Core } from './core.ts';
import type { LearnerView, PeerOptions, ZabPeer, ZabView } from './door.ts';
import type { Role, ZabEffect } from './effects.ts';
import { Election } from './election.ts';
import type { ZabEvent } from './events.ts';
import { Leader } from './leader.ts';
import { Learner } from './learner.ts';

/** An observer waits a random time below this before it looks for a leader again. */
export const observerPauseMsMax = 200;

/** Shortest time for which a leader that resigned leaves the election to the others. */
export const standBackMsMin = 500;

/** The election has begun when this returns: take the effects. */
export function createPeer(options: PeerOptions): ZabPeer {
  return new Peer(options);
}

/**
 * One server's part in the agreement: looks for a leader, then leads or learns, then looks
 * again. The only place where roles change.
 *
 * Between two roles the disk is waited for: whatever was given to it is confirmed before this
 * server votes, so that no vote and no ACKEPOCH tells of a history that a crash may take back.
 * Votes that arrive meanwhile are kept, the newest of each server.
 *
 * What a role logged and did not deliver stays as the tail of the history. As a leader this
 * server delivers it once a quorum has it too; as a learner it is told to keep it (DIFF), cut it
 * (TRUNC) or replace it (SNAP).
 */
class Peer implements ZabPeer {
  readonly #core: Core;
  readonly #election: Election;
  #leader: Leader | null = null;
  #learner: Learner | null = null;
  /** When the next election may begin; Infinity: it is under way or over. */
  #electAtMs: number;
  /**
   * A voter that has forgotten its promises joins nobody before: whoever counts on one of them leads
   * within initLimit, or has given up.
   */
  #joinAtMs = Number.NEGATIVE_INFINITY;
  #isBearing = false;
  #lookingSinceMs: number;
  #electionMs = 0;
  #adoptedEpoch = -1;
  /** A change of members named who leads: no election is held. */
  #designated: number | null = null;
  readonly #early = new Map<number, Notification>();

  constructor(options: PeerOptions) {
    this.#core = new Core(options);
    this.#election = new Election(this.#core);
    this.#lookingSinceMs = options.nowMs;
    this.#electAtMs = options.nowMs;
    if (options.isPromiseKnown === false) this.#joinAtMs = options.nowMs + this.#core.initMs;
    this.#core.roleChanged('looking', 'election', null, this.#core.currentEpoch);
    this.#settle(options.nowMs);
  }

  step(event: ZabEvent): void {
    const { nowMs } = event;
    // A leader that was asleep learns what it has missed before it does anything else.
    if (nowMs >= this.nextDeadlineMs()) this.#tick(nowMs);
    this.#stepDisk(event);
    if (event.type === 'notification') this.#stepNotification(event);
    else if (event.type === 'voterUnreachable') this.#election.stepUnreachable(event);
    else if (this.#leader !== null) this.#leader.step(event);
    else if (this.#learner !== null) this.#learner.step(event);
    if (event.type === 'leaderConnected' && this.#learner === null) {
      this.#core.effects.push({ type: 'closeLink', link: event.link, reason: 'not awaited' });
    }
    const takesLearners = this.#leader !== null || this.#learner?.takesObservers === true;
    if (event.type === 'learnerConnected' && !takesLearners) {
      this.#core.effects.push({ type: 'closeLink', link: event.link, reason: 'not leading' });
    }
    this.#settle(nowMs);
  }

  takeEffects(): ZabEffect[] {
    return this.#core.effects.take();
  }

  nextDeadlineMs(): number {
    if (this.#leader !== null) return this.#leader.nextDeadlineMs();
    if (this.#learner !== null) return this.#learner.nextDeadlineMs();
    if (!this.#isResting) return this.#election.nextDeadlineMs();
    // A busy disk wakes this server by itself.
    return this.#core.isDiskIdle ? this.#electAtMs : Number.POSITIVE_INFINITY;
  }

  canPropose(): boolean {
    return this.#leader !== null && this.#leader.canPropose;
  }

  nextZxid(): Zxid {
    assert(this.#leader !== null, 'only a leader in broadcast proposes');
    return this.#leader.nextZxid;
  }

  view(): ZabView {
    const { history, acceptedEpoch, currentEpoch } = this.#core;
    const role = this.#leader ?? this.#learner;
    return {
      role: this.#role,
      phase: role?.phase ?? 'election',
      leader: role?.leader ?? null,
      acceptedEpoch,
      currentEpoch,
      lastLogged: history.lastLogged,
      lastCommitted: history.lastDelivered,
      outstandingCount: history.undeliveredCount,
      learners: this.#learnerViews(),
      electionMs: this.#electionMs,
      master: this.#learner?.role === 'observing' ? this.#learner.master : null,
    };
  }

  get #role(): Role {
    if (this.#leader !== null) return 'leading';
    if (this.#learner === null) return 'looking';
    return this.#learner.role;
  }

  #learnerViews(): LearnerView[] {
    const views: LearnerView[] = [];
    for (const learner of this.#leader?.learners ?? this.#learner?.observers ?? []) {
      const { sid, role, isSynced, lastAcked } = learner;
      if (sid >= 0) views.push({ sid, role, synced: isSynced, lastAcked });
    }
    return views;
  }

  #tick(nowMs: number): void {
    if (this.#leader !== null) this.#leader.tick(nowMs);
    else if (this.#learner !== null) this.#learner.tick(nowMs);
    else this.#election.tick(nowMs);
    this.#settle(nowMs);
  }

  /** Completions concern the history first, whatever the role is by now. */
  #stepDisk(event: ZabEvent): void {
    if (event.type === 'durable') this.#core.history.stepDurable(event.zxid);
    else if (event.type === 'epochStored') this.#core.stepEpochStored(event.which, event.epoch);
    else if (event.type === 'truncated') this.#core.stepTruncated(event.zxid);
    else if (event.type === 'truncationRefused') this.#core.stepTruncationRefused();
    else if (event.type === 'snapshotInstalled') this.#core.stepSnapshotInstalled();
  }

  #stepNotification(event: Extract<ZabEvent, { readonly type: 'notification' }>): void {
    const { from, notification, nowMs } = event;
    if (this.#isResting) this.#early.set(from, notification);
    else this.#election.stepNotification(from, notification, this.#state, nowMs);
    if (this.#leader === null || notification.state !== ServerState.LOOKING) return;
    const isLater = notification.electionEpoch > this.#election.round;
    if (isLater && this.#core.quorum.indexOf(from) >= 0) this.#leader.stepLaterRound(nowMs);
  }

  get #state(): ServerState {
    if (this.#leader !== null) return ServerState.LEADING;
    if (this.#learner === null) return ServerState.LOOKING;
    return this.#learner.role === 'observing' ? ServerState.OBSERVING : ServerState.FOLLOWING;
  }

  /** Between two roles, and not in an election yet. */
  get #isResting(): boolean {
    return this.#electAtMs !== Number.POSITIVE_INFINITY;
  }

  /** Follows up on what the last step has led to, until nothing changes any more. */
  #settle(nowMs: number): void {
    for (;;) {
      const role = this.#leader ?? this.#learner;
      if (role === null) {
        if (this.#isResting) this.#rest(nowMs);
        if (this.#isResting) return;
        if (this.#core.wantsBirth && this.#election.isEverybodyBlank) this.#bear(nowMs);
        if (this.#isResting) continue;
        if (this.#designated === null && this.#election.outcome === null) return;
        if (nowMs < this.#joinAtMs && this.#core.isVoter) return this.#waitToJoin();
        this.#begin(nowMs);
      } else if (role.left !== null) {
        this.#leave(role, role.left, nowMs);
      } else {
        if (role.openedEpoch !== null && role.openedEpoch !== this.#adoptedEpoch) {
          this.#adoptedEpoch = role.openedEpoch;
          this.#election.adopted(role.openedEpoch);
        }
        return;
      }
    }
  }

  /** The election begins once the disk is done, and names the epoch that the log reaches into. */
  #rest(nowMs: number): void {
    const core = this.#core;
    if (nowMs < this.#electAtMs || !core.isDiskIdle) return;
    if (this.#isBearing) return this.#finishBirth();
    if (core.isEpochBehind && !core.lacksHistory) return core.storeEpochOfLog();
    this.#electAtMs = Number.POSITIVE_INFINITY;
    // Votes of an election that is not held here; whoever looks asks again.
    if (this.#designated !== null) return this.#early.clear();
    this.#election.start(nowMs);
    for (const [from, notification] of this.#early) {
      this.#election.stepNotification(from, notification, this.#state, nowMs);
    }
    this.#early.clear();
  }

  /** The first database of an ensemble: its snapshot, then epoch 0, then an election with it. */
  #bear(nowMs: number): void {
    const core = this.#core;
    core.wantsBirth = false;
    this.#isBearing = true;
    this.#electAtMs = nowMs;
    core.note('every voter is empty: a new database begins', {});
    core.installSnapshot(zxidZero);
  }

  #finishBirth(): void {
    this.#isBearing = false;
    // Nothing was ever promised: there is nothing to wait for.
    this.#joinAtMs = Number.NEGATIVE_INFINITY;
    this.#core.storeEpoch('current', 0);
  }

  /** The leader of now may be another one by then: it is looked for anew. */
  #waitToJoin(): void {
    this.#designated = null;
    if (this.#election.outcome !== null) this.#election.takeOutcome();
    this.#electAtMs = this.#joinAtMs;
  }

  #begin(nowMs: number): void {
    const leader = this.#designated ?? this.#election.takeOutcome().leader;
    this.#designated = null;
    this.#electionMs = Math.round(nowMs - this.#lookingSinceMs);
    this.#adoptedEpoch = -1;
    this.#core.note('elected', { leader, electionMs: this.#electionMs });
    if (leader === this.#core.sid) this.#leader = new Leader(this.#core, nowMs);
    else this.#learner = new Learner(this.#core, leader, nowMs);
  }

  /** A leader that was asked to leave stands back for a tick, so that the others elect one of them. */
  #pauseMs(role: Leader | Learner): number {
    const { isObserver, options } = this.#core;
    if (isObserver)
      return options.random() * (options.observerElectionDelayMs ?? observerPauseMsMax);
    return role instanceof Leader && role.isPolite ? Math.max(options.tickMs, standBackMsMin) : 0;
  }

  #leave(role: Leader | Learner, reason: string, nowMs: number): void {
    role.leave(reason);
    this.#core.note('left', { role: this.#role, reason });
    this.#leader = null;
    this.#learner = null;
    this.#lookingSinceMs = nowMs;
    this.#designated = this.#core.members.isChangeable ? role.designated : null;
    if (this.#designated !== null) this.#election.designate(this.#designated);
    this.#electAtMs = this.#designated === null ? nowMs + this.#pauseMs(role) : nowMs;
    this.#core.roleChanged('looking', 'election', null, this.#core.currentEpoch);
  }
}
