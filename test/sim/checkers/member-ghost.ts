import type { Phase, Role } from '../../../server/zab/effects.ts';

/** One transaction as the checkers know it. */
export interface HistoryEntry {
  readonly zxid: number;
  readonly hash: number;
}

/** What a disk must show after a crash: at least `log` up to `durableZxid`, at most all of it. */
export interface DiskPromise {
  log: HistoryEntry[];
  durableZxid: number;
}

/** What recovery found. */
export interface RecoveredHistory {
  /** Zxid of the snapshot that was loaded; 0: none, or an empty one. */
  readonly snapshotZxid: number;
  /** Entries replayed on top of it, in order. */
  readonly entries: readonly HistoryEntry[];
  readonly lastZxid: number;
  readonly acceptedEpoch: number;
  readonly currentEpoch: number;
  /** The server says that what its disk has does not count. */
  readonly lack?: { readonly isPromiseKnown: boolean } | null;
}

/**
 * What is known of one member from outside: what its disk has promised, what its tree has applied,
 * and where its role stands. Kept by the simulator, never by the code under test.
 */
export class MemberGhost {
  readonly sid: number;
  readonly isVoter: boolean;
  /** Counts processes: a restarted server is another one. */
  incarnation = 0;
  isRunning = false;
  /** The last one is what is wanted; those before it are what a crash may still leave. */
  promises: DiskPromise[] = [{ log: [], durableZxid: 0 }];
  acceptedEpoch = 0;
  currentEpoch = 0;
  /** The plan has damaged its disk: it may find less than it promised, and must notice. */
  isSuspect = false;
  /** Out of the count: what its disk held before it was damaged, until it holds a leader's history. */
  lost: DiskPromise | null = null;
  /** What the tree holds, from the first transaction of all on. */
  applied: HistoryEntry[] = [];
  /** So many of `applied` were held against the committed history. */
  verifiedCount = 0;
  /** Snapshot on its way into the tree, or in the tree and not on its way to the disk. */
  incoming: HistoryEntry[] | null = null;
  /** What the tree held before that; comes back when the leader is lost too early. */
  before: HistoryEntry[] | null = null;
  /** Epoch of the newest LEADERINFO. */
  askedEpoch = 0;
  /** Newest commit of the leader's present stream; and the newest one in front of NEWLEADER. */
  receivedZxid = 0;
  syncTargetZxid = 0;
  /** The leader's present stream: NEWLEADER was acknowledged; UPTODATE has come. */
  isEpochAcked = false;
  isUpToDate = false;
  /** Leader: newest transaction that each link was sent. */
  readonly streams: Map<number, number> = new Map();
  role: Role = 'looking';
  phase: Phase = 'election';
  epoch = 0;
  leader: number | null = null;

  constructor(sid: number, isVoter: boolean) {
    this.sid = sid;
    this.isVoter = isVoter;
  }

  get promise(): DiskPromise {
    return this.promises.at(-1) as DiskPromise;
  }

  get lastLogged(): number {
    return this.promise.log.at(-1)?.zxid ?? 0;
  }

  get isServing(): boolean {
    return this.isRunning && this.phase === 'broadcast';
  }

  /** It was durable here once, and what damaged it is the plan's doing. */
  hadDurably(entry: HistoryEntry): boolean {
    return this.lost !== null && holds(this.lost, entry);
  }

  /** Whatever a crash leaves, this entry is among it. */
  holdsDurably(entry: HistoryEntry): boolean {
    return this.promises.every((promise) => holds(promise, entry));
  }
}

function holds({ log, durableZxid }: DiskPromise, entry: HistoryEntry): boolean {
  return durableZxid >= entry.zxid && findEntry(log, entry.zxid)?.hash === entry.hash;
}

/** By binary search; histories are sorted by zxid. */
export function findEntry(
  history: readonly HistoryEntry[],
  zxid: number,
): HistoryEntry | undefined {
  const entry = history[countUpTo(history, zxid) - 1];
  return entry?.zxid === zxid ? entry : undefined;
}

/** How many entries have at most that zxid. */
export function countUpTo(history: readonly HistoryEntry[], zxid: number): number {
  let low = 0;
  let high = history.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((history[middle] as HistoryEntry).zxid <= zxid) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Why a recovered history is not what the disk promised; `null` when it is. */
export function brokenPromise(promise: DiskPromise, found: RecoveredHistory): string | null {
  const { log, durableZxid } = promise;
  const last = log.at(-1)?.zxid ?? 0;
  // The start of an epoch is no transaction: it stands for the history before it.
  if (found.snapshotZxid > last && found.snapshotZxid % 2 ** 32 !== 0) {
    return `a snapshot at ${hex(found.snapshotZxid)}, the log ended at ${hex(last)}`;
  }
  let index = countUpTo(log, found.snapshotZxid);
  for (const entry of found.entries) {
    const expected = log[index];
    if (expected === undefined) return `${hex(entry.zxid)} was never logged here`;
    if (expected.zxid !== entry.zxid || expected.hash !== entry.hash) {
      return `${hex(entry.zxid)} stands where ${hex(expected.zxid)} was logged`;
    }
    index += 1;
  }
  const missing = log[index];
  if (missing !== undefined && missing.zxid <= durableZxid) {
    return `${hex(missing.zxid)} was durable and is gone`;
  }
  return null;
}

export function hex(zxid: number): string {
  return `0x${zxid.toString(16)}`;
}
