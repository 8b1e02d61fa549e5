import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { join } from 'node:path';
import { JuteError } from '../../server/protocol/jute.ts';
import { decodeTxn, encodeTxn } from '../../server/protocol/txn-codec.ts';
import { zxidZero } from '../../server/protocol/zxid.ts';
import type { Disk, DiskReader } from '../../server/storage/disk.ts';
import { judgeTail } from '../../server/storage/log-damage.ts';
import { scanLog } from '../../server/storage/log-scan.ts';
import { decodeSnappyStream } from '../../server/storage/snappy.ts';
import {
  snapshotHeaderBytes,
  snapshotSeal,
  snapshotSealBytes,
} from '../../server/storage/snapshot-format.ts';
import { loadSnapshot } from '../../server/storage/snapshot-store.ts';
import { currentEpochOf } from '../../server/storage/epoch-files.ts';
import {
  entryOverheadBytes,
  entryPrefixBytes,
  isLogHeader,
  logHeaderBytes,
  readSeal,
  zxidOfLogName,
} from '../../server/storage/txn-log-format.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import { SnapshotDamage, SnapshotRecords } from '../../server/tools/snapshot-records.ts';
import { rawEntries } from '../../server/tools/log-reader.ts';
import { adler32 } from '../../server/util/adler32.ts';
import type { Subject } from './fuzz.ts';

const goldenDir = join(import.meta.dirname, '../golden/disk');
const windowBytes = 1024 * 1024;

function golden(name: string): Buffer {
  return readFileSync(join(goldenDir, name));
}

function withoutPadding(log: Buffer): Buffer {
  let end = log.length;
  while (end > 0 && log[end - 1] === 0) end -= 1;
  return log.subarray(0, end);
}

function readerOf(bytes: Buffer): DiskReader {
  return {
    bytes: bytes.length,
    read(target, position) {
      const end = Math.min(bytes.length, position + target.length);
      return position >= end ? 0 : bytes.copy(target, 0, position, end);
    },
    close: () => undefined,
  };
}

/** A disk of one file. */
function diskOf(bytes: Buffer): Disk {
  return {
    openRead: () => readerOf(bytes),
    readAll: () => Buffer.from(bytes),
    exists: () => true,
    size: () => bytes.length,
  } as unknown as Disk;
}

/** A log as a start reads it: every intact entry, its transaction, and what its end looks like. */
function decodeLog(bytes: Buffer): string {
  if (!isLogHeader(bytes.subarray(0, logHeaderBytes))) return 'no log';
  const reader = readerOf(bytes);
  let count = 0;
  let lastZxid = zxidZero;
  let isReadable = true;
  const scan = scanLog(reader, logHeaderBytes, bytes.length, (zxid, window, start, end, at) => {
    if (at + (end - start) > bytes.length) throw new Error('an entry beyond the file');
    try {
      const txn = decodeTxn(window, start, end);
      const written = encodeTxn(txn);
      if (!encodeTxn(decodeTxn(written)).equals(written)) throw new Error('written another way');
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      isReadable = false;
    }
    lastZxid = zxid;
    count += 1;
    return true;
  });
  if (scan.at > bytes.length) throw new Error(`the scan ends at ${scan.at} of ${bytes.length}`);
  const tail = judgeTail(reader, scan, lastZxid);
  readSeal(bytes, Math.max(0, bytes.length - 28));
  return `${scan.reason} ${tail} ${isReadable} ${Math.min(count, 4)}`;
}

/** As `zk-log` reads it, also entries whose checksum is wrong. */
function decodeLogOfTool(bytes: Buffer): string {
  const entries = rawEntries(readerOf(bytes));
  for (let next = entries.next(); ; next = entries.next()) {
    if (next.done === true) return next.value.reason;
    if (next.value.payload.length > bytes.length) throw new Error('an entry beyond the file');
  }
}

/** Checksums of all entries that can be found are right again. */
function repairLog(bytes: Buffer): Buffer {
  let at = logHeaderBytes;
  while (at + entryPrefixBytes <= bytes.length) {
    const length = bytes.readInt32BE(at + 8);
    if (length <= 0 || at + entryOverheadBytes + length > bytes.length) break;
    const start = at + entryPrefixBytes;
    bytes.writeBigInt64BE(BigInt(adler32(bytes, start, start + length)), at);
    at += entryOverheadBytes + length;
  }
  return bytes;
}

const tree = createTree({});

/** A snapshot's body, as a leader streams it, into the tree; in two pieces. */
function decodeTree(bytes: Buffer): string {
  const sink = tree.beginSnapshot();
  const cut = bytes.length >> 1;
  let taken = 0;
  for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
    if (!sink.complete) taken += sink.push(piece);
  }
  if (taken > bytes.length) throw new Error('more is taken than was given');
  if (!sink.complete) return 'open';
  tree.endSnapshot(zxidZero);
  return `${Math.min(tree.nodeCount, 9)} nodes`;
}

/** A whole file, through its seal. */
function loadFile(compression: 'none' | 'gz' | 'snappy'): (bytes: Buffer) => string | null {
  return (bytes) => {
    const target = {
      beginSnapshot: () => tree.beginSnapshot(),
      endSnapshot: () => tree.endSnapshot(zxidZero),
      reset: () => tree.reset(),
      replay: () => undefined,
      snapshotSource: () => {
        throw new Error('nobody asks for it');
      },
    };
    const file = { name: 'snapshot.1', path: '/snapshot.1', zxid: zxidZero, compression };
    const problem = loadSnapshot(diskOf(bytes), file, target);
    return problem === null ? 'whole' : null;
  };
}

/** The seal at the end covers what stands before it. */
function repairSnapshot(bytes: Buffer): Buffer {
  const sealAt = bytes.length - snapshotSealBytes;
  if (sealAt < snapshotHeaderBytes) return bytes;
  snapshotSeal(adler32(bytes, 0, sealAt)).copy(bytes, sealAt);
  return bytes;
}

function decodeRecords(bytes: Buffer): string {
  const records = new SnapshotRecords();
  const kinds = new Set<string>();
  const cut = bytes.length >> 1;
  for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
    for (const record of records.push(piece)) kinds.add(record.type);
  }
  records.end();
  return [...kinds].join(' ');
}

function decodeEpoch(bytes: Buffer): string {
  const epoch = currentEpochOf(diskOf(bytes), '/');
  if (epoch !== null && !(epoch >= 0)) throw new Error(`epoch ${epoch}`);
  return epoch === null ? 'none' : 'epoch';
}

function decodeName(bytes: Buffer): string | null {
  return zxidOfLogName(bytes.toString('utf8')) === null ? null : 'log';
}

const logs = [
  'handmade-v0-log.1',
  'log.100000001.after-trunc',
  'log.200000001',
  'standalone-nodigest-log.1',
  'standalone-noclosetxn-log.1',
].map((name) => withoutPadding(golden(name)).subarray(0, 4096));
const snapshots = ['snapshot.0', 'snapshot.100000011', 'standalone-nolastzxid-snapshot.11'].map(
  golden,
);
const bodies = snapshots.map((bytes) => bytes.subarray(snapshotHeaderBytes));
const packed = golden('standalone-gz-snapshot.11.gz');
const snappy = golden('standalone-snappy-snapshot.11.snappy');

/** What comes from a disk. */
export const diskSubjects: readonly Subject[] = [
  {
    name: 'log files',
    corpus: logs,
    repair: repairLog,
    decode: decodeLog,
    refusals: [],
    reservedBytes: 4 * windowBytes,
    share: 1,
  },
  {
    name: 'log files (tool)',
    corpus: logs,
    decode: decodeLogOfTool,
    refusals: [],
    reservedBytes: 4 * windowBytes,
    share: 0.5,
  },
  {
    name: 'trees in a stream',
    corpus: bodies,
    decode: decodeTree,
    refusals: [JuteError],
    reservedBytes: windowBytes,
    share: 0.3,
  },
  {
    name: 'snapshot files',
    corpus: [...snapshots, gunzipSync(packed)],
    repair: repairSnapshot,
    decode: loadFile('none'),
    refusals: [],
    reservedBytes: windowBytes,
    share: 0.2,
  },
  {
    name: 'gzip snapshot files',
    corpus: [packed],
    decode: loadFile('gz'),
    refusals: [],
    reservedBytes: windowBytes,
    share: 0.02,
  },
  {
    name: 'snappy snapshot files',
    corpus: [snappy],
    decode: loadFile('snappy'),
    refusals: [],
    reservedBytes: windowBytes,
    share: 0.2,
  },
  {
    name: 'snappy streams',
    corpus: [snappy],
    decode: (bytes) => `${decodeSnappyStream(bytes).length > 0}`,
    refusals: [Error],
    share: 0.5,
  },
  {
    name: 'snapshot files (tool)',
    corpus: snapshots,
    repair: repairSnapshot,
    decode: decodeRecords,
    refusals: [SnapshotDamage],
    share: 0.5,
  },
  {
    name: 'epoch files',
    corpus: [Buffer.from('12\n')],
    decode: decodeEpoch,
    refusals: [Error],
    share: 0.2,
  },
  {
    name: 'file names',
    corpus: [Buffer.from('log.100000001')],
    decode: decodeName,
    refusals: [],
    share: 0.2,
  },
];
