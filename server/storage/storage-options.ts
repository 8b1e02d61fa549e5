import type { Compression, SnapshotSections } from './snapshot-format.ts';

/** Time, chance and a voice; part of the shell's host. */
export interface StorageHost {
  /** Monotonic, ms. */
  nowMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Runs once, in a later turn. */
  defer(run: () => void): void;
  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    values: Readonly<Record<string, unknown>>,
  ): void;
}

/** A server's configuration has most of these under the same names. */
export interface StorageOptions {
  readonly dataDir: string;
  readonly dataLogDir: string;
  /** Standalone servers have no epoch files. */
  readonly isStandalone: boolean;
  /** Transactions between snapshots; at least 2. */
  readonly snapCount: number;
  /** Log bytes between snapshots; 0 or less: not looked at. */
  readonly snapBytesMax: number;
  /** A log grows by this many zero bytes at a time; 0 or less: as needed. */
  readonly preallocateBytes: number;
  /** False: log writes are confirmed before they are on disk. */
  readonly forceSync: boolean;
  /** A log without any snapshot is replayed over an empty tree. */
  readonly snapshotTrustEmpty: boolean;
  /** The log is read for a learner up to this share of the newest snapshot's bytes; negative: never. */
  readonly snapshotSizeFactor: number;
  /** A file reaching it is closed and the next begun; absent: no limit. */
  readonly logBytesMax?: number;
  /** Missing directories are made; default true. */
  readonly dataDirAutocreate?: boolean;
  /** An empty directory is a new database; default true. False: only beside a file `initialize`. */
  readonly databaseAutocreate?: boolean;
  /** A longer write and fsync is logged, ms; default 1000. */
  readonly fsyncWarningMs?: number;
  /** Sections behind a snapshot's body, for servers that read by their own switches; default both. */
  readonly snapshotSections?: SnapshotSections;
  /** How snapshots are written; each is read as it was. Default none. */
  readonly snapshotCompression?: Compression;
  readonly host: StorageHost;
}
