import type { Ensemble } from '../config/ensemble.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { Phase, Role, ZabEffect } from './effects.ts';
import type { Proposal, ZabEvent } from './events.ts';

/** What a server brings into the agreement. */
export interface PeerOptions {
  readonly sid: number;
  /** The active members. */
  readonly ensemble: Ensemble;
  /** Members of a later version that were proposed, as disk and log have them; `null`: none. */
  readonly next?: Ensemble | null;
  /** Members may change while the ensemble runs; default false. */
  readonly reconfigEnabled?: boolean;
  /** The members that a transaction proposes; `null`: it is about something else. */
  readonly ensembleOf?: (bytes: Uint8Array) => Ensemble | null;
  readonly tickMs: number;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  readonly notificationMsMin: number;
  readonly notificationMsMax: number;
  /** Committed proposals kept in memory to bring learners level. */
  readonly commitLogCount: number;
  /** Followers serve observers, and observers prefer followers to the leader; default false. */
  readonly observerMaster?: boolean;
  /** Ticks to reach the leader; 0: as many as to synchronize. Default 0. */
  readonly connectLimitTicks?: number;
  /** Longest pause between two attempts to reach the leader; default 100. */
  readonly connectPauseMsMax?: number;
  /** An observer waits a random time below these before it looks for a leader, and connects. */
  readonly observerElectionDelayMs?: number;
  readonly observerReconnectDelayMs?: number;
  /** Observers that are synchronized at a time by the whole tree, by transactions; default: no limit. */
  readonly concurrentSnapSyncsMax?: number;
  readonly concurrentDiffSyncsMax?: number;
  /** A leader sends every learner the whole tree; default false. */
  readonly forceSnapshotSync?: boolean;
  /** Last counter of an epoch; 0xfffffffe unless a test wants to see the end of one. */
  readonly counterMax?: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** From recovery: the tree and the log end here. */
  readonly lastZxid: Zxid;
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  /**
   * The disk lacks what it once had, or may have had: `lastZxid` is -1, and until a leader's whole
   * history is on disk this server neither votes nor says that it has anything. Default false.
   */
  readonly lacksHistory?: boolean;
  /** It is not empty but damaged: whoever lacks a history for this reason says so. Default false. */
  readonly isDamaged?: boolean;
  /** An empty server makes a new database once every voter has said that it is empty, too. Default false. */
  readonly isBornWithAll?: boolean;
  /** So does the promise of its highest epoch: it joins nobody who may count on it. Default true. */
  readonly isPromiseKnown?: boolean;
  /** Newest transactions of the log, oldest first, ending at `lastZxid` when not empty. */
  readonly recentLog: readonly Proposal[];
  readonly nowMs: number;
}

/** One server's part in the agreement: pure, deterministic, driven by events. */
export interface ZabPeer {
  step(event: ZabEvent): void;
  /** Every effect since the last call, in the order they arose. */
  takeEffects(): ZabEffect[];
  /** When a `tick` is wanted at latest; Infinity: not at all. */
  nextDeadlineMs(): number;
  /** Whether `propose` is possible now: a leader in broadcast that has not resigned. */
  canPropose(): boolean;
  /** Leader in broadcast: the number for the next `propose`. Throws otherwise. */
  nextZxid(): Zxid;
  view(): ZabView;
}

/** What the outside may know about the agreement; for metrics and tests. */
export interface ZabView {
  readonly role: Role;
  readonly phase: Phase;
  readonly leader: number | null;
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  readonly lastLogged: Zxid;
  readonly lastCommitted: Zxid;
  /** Proposals without a quorum yet. */
  readonly outstandingCount: number;
  /** Observer: the server it is connected to, which may be a follower. */
  readonly master?: number | null;
  /** A leader's learners; a follower's observers. */
  readonly learners: readonly LearnerView[];
  readonly electionMs: number;
}

export interface LearnerView {
  readonly sid: number;
  readonly role: 'follower' | 'observer';
  readonly synced: boolean;
  readonly lastAcked: Zxid;
}
