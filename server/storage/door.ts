import type { Zxid } from '../protocol/zxid.ts';
import type { Lack } from './damage.ts';

export type { Lack } from './damage.ts';

/** A log entry's payload with its number. */
export interface LogEntry {
  readonly zxid: Zxid;
  readonly bytes: Uint8Array;
}

/** Produces a snapshot's body in slices while writes go on; see tree/snapshot. */
export interface SnapshotSource {
  /** Zxid for the file's name: what was applied before the first slice. */
  readonly zxid: Zxid;
  /** The next bytes, about `bytesHint` of them; `null` after the last. Valid until the next call. */
  next(bytesHint: number): Uint8Array | null;
  /** After the last slice: (zxid, tree digest) of the tree at that moment. */
  digest(): { readonly zxid: Zxid; readonly digest: bigint };
  /** Storage gives up before the end; nothing more is asked for. */
  cancel?(): void;
}

/** Takes a snapshot's body in, chunk by chunk, into an empty tree. */
export interface SnapshotSink {
  /** Consumes from the chunk; returns how many bytes, fewer than given only once the body is complete. */
  push(chunk: Uint8Array): number;
  readonly complete: boolean;
}

/** What recovery needs from the tree. */
export interface RecoveryTarget {
  /** Empties the tree to its birth state; a snapshot's body follows. */
  beginSnapshot(): SnapshotSink;
  /** The body is complete; the file's name said this zxid. */
  endSnapshot(zxid: Zxid, digest: { readonly zxid: Zxid; readonly digest: bigint } | null): void;
  /** Empty tree, zxid 0. */
  reset(): void;
  replay(entry: LogEntry): void;
  /** For the empty database's `snapshot.0`. */
  snapshotSource(): SnapshotSource;
}

export interface Recovered {
  readonly lastZxid: Zxid;
  /** `null` files are absent: a standalone server has none. */
  readonly acceptedEpoch: number | null;
  readonly currentEpoch: number | null;
  /** Newest entries, oldest first, at most as many as asked for. */
  readonly recentLog: readonly LogEntry[];
  /** True when there was neither snapshot nor log. */
  readonly wasEmpty: boolean;
  /** Why the history does not count; then `lastZxid` is -1 and the tree is empty. `null`: it does. */
  readonly lack: Lack | null;
}

/** How a disk failure ends: exit code and a sentence with the path and the remedy. */
export interface StorageFailure {
  readonly exitCode: number;
  readonly message: string;
  /**
   * The disk takes nothing now, and may take it later: what was confirmed is there, and a recovery
   * cuts what was not. Otherwise nobody knows what is on it, and the process is to end.
   */
  readonly canComeBack: boolean;
}

/**
 * The server's durable history. Nothing here returns a promise: completions are callbacks, called
 * in a later turn. One log write and fdatasync is in flight at a time; whatever is appended
 * meanwhile is the next batch. After a failure nothing completes any more.
 */
export interface Storage {
  /** Synchronous; before anything else. @throws StorageError with the file, the place and the remedy. */
  recover(target: RecoveryTarget, recentLogCount: number): Recovered;
  /** Queues an entry for the log. The bytes must not change afterwards. */
  append(entry: LogEntry): void;
  /** End of a turn: starts writing what was appended, unless a write is in flight. */
  flush(): void;
  /** Called with the last zxid of each batch once it is on disk. */
  onDurable: (zxid: Zxid) => void;
  /** Called once; the process is to end. */
  onFailure: (failure: StorageFailure) => void;
  /**
   * Cuts the log behind zxid and sets newer snapshots aside; a tree ahead of it must be recovered,
   * at earliest within `done`. Where the files do not lead exactly to zxid nothing is changed, and
   * `isCut` is false.
   */
  truncate(zxid: Zxid, done: (isCut: boolean) => void): void;
  /**
   * Atomically, durable when `done` is called. A current epoch is stored when the whole history that
   * its leader began with is durable: from then on the history counts, whatever it lacked before.
   */
  storeEpoch(which: 'accepted' | 'current', epoch: number, done: () => void): void;
  /** Writes in slices, fsyncs, renames. `replaceHistory` sets log entries above its zxid aside. */
  writeSnapshot(
    source: SnapshotSource,
    options: { readonly replaceHistory: boolean },
    done: () => void,
  ): void;
  /** True when enough was logged since the last snapshot (snapCount, snapSize; randomized). */
  wantsSnapshot(): boolean;
  /** Entries from `from` (the one at or before it first) to the end; `null` when the bound is exceeded or there is a hole. */
  readLog(from: Zxid): readonly LogEntry[] | null;
  /** Removes snapshots and logs beyond the newest `retainCount` snapshots. Returns removed names. */
  purge(retainCount: number): readonly string[];
  /** When the log write under way began, by the host's clock; `null`: none is. */
  readonly writingSinceMs: number | null;
  /** Why the history on disk does not count now; `null`: it does. */
  readonly lack: Lack | null;
  /** For metrics. */
  readonly stats: StorageStats;
  /** Finishes what is in flight, then calls `done`. */
  close(done: () => void): void;
}

export interface StorageStats {
  readonly fsyncCount: number;
  readonly fsyncMsTotal: number;
  readonly fsyncMsMax: number;
  readonly appendedCount: number;
  readonly appendedBytes: number;
  readonly snapshotCount: number;
  readonly snapshotMsLast: number;
  readonly snapshotMsTotal: number;
  readonly logBytesOnDisk: number;
  readonly snapshotBytesOnDisk: number;
}
