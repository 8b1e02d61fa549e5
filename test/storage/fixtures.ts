import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zxidOf, zxidZero, type Zxid } from '../../server/protocol/zxid.ts';
import type { Disk } from '../../server/storage/disk.ts';
import type {
  LogEntry,
  Recovered,
  RecoveryTarget,
  SnapshotSource,
  Storage,
  StorageFailure,
} from '../../server/storage/door.ts';
import { openStorage } from '../../server/storage/storage.ts';
import type { StorageHost, StorageOptions } from '../../server/storage/storage-options.ts';

export const dataDir = '/data';
export const versionDir = '/data/version-2';

const goldenDir: string = join(import.meta.dirname, '../golden/disk');

/** A file of the reference; its preallocated zeros are cut. */
export function golden(name: string): Buffer {
  return readFileSync(join(goldenDir, name));
}

/** A transaction's bytes: enough for its number to be read, then a pattern. */
export function payload(zxid: Zxid, bytes: number = 40): Buffer {
  const result = Buffer.alloc(Math.max(bytes, 32), (zxid % 251) + 1);
  result.writeInt32BE(Math.floor(zxid / 2 ** 32), 12);
  result.writeUInt32BE(zxid % 2 ** 32, 16);
  return result;
}

export function entry(epoch: number, counter: number, bytes?: number): LogEntry {
  const zxid = zxidOf(epoch, counter);
  return { zxid, bytes: payload(zxid, bytes) };
}

/** The "tree" of these tests: the list of zxids that were applied. Its snapshot is that list. */
export class ListTree implements RecoveryTarget {
  applied: Zxid[] = [];
  digestSeen: { readonly zxid: Zxid; readonly digest: bigint } | null = null;
  /** Sizes of the chunks that a snapshot came in. */
  pushes: number[] = [];

  get last(): Zxid {
    return this.applied.at(-1) ?? zxidZero;
  }

  beginSnapshot(): { push(chunk: Uint8Array): number; readonly complete: boolean } {
    this.applied = [];
    let count = -1;
    let rest = Buffer.alloc(0);
    const { applied, pushes } = this;
    const sink = {
      complete: false,
      push(chunk: Uint8Array): number {
        pushes.push(chunk.length);
        const before = rest.length;
        const bytes = Buffer.concat([rest, chunk]);
        let at = 0;
        if (count < 0 && bytes.length >= 4) {
          count = bytes.readInt32BE(0);
          at = 4;
        }
        while (count > applied.length && at + 8 <= bytes.length) {
          applied.push(bytes.readDoubleBE(at) as Zxid);
          at += 8;
        }
        sink.complete = count === applied.length;
        rest = bytes.subarray(at);
        return sink.complete ? at - before : chunk.length;
      },
    };
    return sink;
  }

  endSnapshot(zxid: Zxid, digest: { readonly zxid: Zxid; readonly digest: bigint } | null): void {
    this.digestSeen = digest;
    if (this.last < zxid) this.applied.push(zxid);
  }

  reset(): void {
    this.applied = [];
  }

  replay(logged: LogEntry): void {
    this.applied.push(logged.zxid);
  }

  snapshotSource(): SnapshotSource {
    return sourceOf(this.applied);
  }
}

export function sourceOf(applied: readonly Zxid[], name?: Zxid): SnapshotSource {
  const zxid = name ?? applied.at(-1) ?? zxidZero;
  const body = Buffer.alloc(4 + 8 * applied.length);
  body.writeInt32BE(applied.length, 0);
  applied.forEach((value, index) => body.writeDoubleBE(value, 4 + 8 * index));
  let at = 0;
  return {
    zxid,
    next(bytesHint) {
      if (at >= body.length) return null;
      const slice = body.subarray(at, at + bytesHint);
      at += slice.length;
      return slice;
    },
    digest: () => ({ zxid, digest: 7n }),
  };
}

/** One server's storage on a disk, with a clock and turns that the test moves. */
export class Bench {
  readonly storage: Storage;
  readonly durable: Zxid[] = [];
  readonly failures: StorageFailure[] = [];
  readonly logged: string[] = [];
  readonly deferred: (() => void)[] = [];
  nowMs = 0;

  constructor(disk: Disk, overrides: Partial<StorageOptions> = {}) {
    const host: StorageHost = {
      nowMs: () => this.nowMs,
      random: () => 0,
      defer: (run) => this.deferred.push(run),
      log: (_level, message, values) => this.logged.push(`${message} ${JSON.stringify(values)}`),
    };
    this.storage = openStorage({ ...defaults, host, ...overrides }, disk);
    this.storage.onDurable = (zxid) => this.durable.push(zxid);
    this.storage.onFailure = (failure) => this.failures.push(failure);
  }

  runDeferred(): void {
    while (this.deferred.length > 0) this.deferred.shift()?.();
  }
}

const defaults: Omit<StorageOptions, 'host'> = {
  dataDir,
  dataLogDir: dataDir,
  isStandalone: true,
  snapCount: 100_000,
  snapBytesMax: 0,
  preallocateBytes: 4096,
  forceSync: true,
  snapshotTrustEmpty: false,
  snapshotSizeFactor: 1e9,
};

/** Recovers into a fresh tree. */
export function recovered(
  disk: Disk,
  overrides: Partial<StorageOptions> = {},
  recentLogCount: number = 500,
): { readonly tree: ListTree; readonly result: Recovered; readonly bench: Bench } {
  const bench = new Bench(disk, overrides);
  const tree = new ListTree();
  const result = bench.storage.recover(tree, recentLogCount);
  return { tree, result, bench };
}
