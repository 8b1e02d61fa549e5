import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidOf, zxidZero } from '../../server/protocol/zxid.ts';
import type { DiskReader } from '../../server/storage/disk.ts';
import { judgeTail } from '../../server/storage/log-damage.ts';
import { scanLog } from '../../server/storage/log-scan.ts';
import {
  logHeaderBytes,
  sealBytes,
  writeEntry,
  writeLogHeader,
  writeSeal,
} from '../../server/storage/txn-log-format.ts';
import { payload } from './fixtures.ts';

// Goal: whatever sectors of the last write a crash keeps, the log starts with every entry that was
// confirmed before it, and no such log is taken for a damaged one.
// Method: thousands of seeded logs: batches of odd sizes, the last one kept sector by sector or cut
// at a byte; scan and judgement alone.

const sectorBytes = 512;

function chances(seed: number): (limit: number) => number {
  let state = (seed * 0x9e3779b9) >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

interface Batch {
  /** Offset of the first entry, and of the first byte that is written. */
  readonly start: number;
  /** Behind the seal. */
  readonly end: number;
  readonly count: number;
}

/** Writes a batch at the position into the image. */
function writeBatch(
  image: Buffer,
  start: number,
  first: number,
  below: (limit: number) => number,
): Batch {
  const count = 1 + below(5);
  let at = start;
  for (let index = 0; index < count; index += 1) {
    const bytes = payload(zxidOf(1, first + index), 32 + below(below(4) === 0 ? 1500 : 80));
    // Zeros inside, as data has them.
    if (below(3) === 0) bytes.fill(0, 32);
    at = writeEntry(image, at, bytes);
  }
  return { start, end: writeSeal(image, at, start), count };
}

function tear(
  before: Buffer,
  after: Buffer,
  batch: Batch,
  below: (limit: number) => number,
): Buffer {
  const torn = Buffer.from(before);
  if (below(3) === 0) {
    const end = batch.start + below(batch.end - batch.start + 1);
    // A file that grew may end anywhere; inside of what it was, sectors are whole.
    if (end < lastByte(before) || below(2) === 0) return wholeSectors(before, after, batch, end);
    after.copy(torn, batch.start, batch.start, end);
    return torn.subarray(0, end);
  }
  for (let sector = 0; sector * sectorBytes < batch.end; sector += 1) {
    if (below(2) === 0)
      after.copy(torn, sector * sectorBytes, sector * sectorBytes, (sector + 1) * sectorBytes);
  }
  return torn;
}

function wholeSectors(before: Buffer, after: Buffer, batch: Batch, end: number): Buffer {
  const torn = Buffer.from(before);
  const cut = end - (end % sectorBytes);
  if (cut > batch.start) after.copy(torn, batch.start, batch.start, cut);
  return torn;
}

function lastByte(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

function readerOf(bytes: Buffer): DiskReader {
  return {
    bytes: bytes.length,
    read: (into, position) => bytes.copy(into, 0, position, position + into.length),
    close: () => {},
  };
}

function check(seed: number): void {
  const below = chances(seed);
  const before = Buffer.alloc(16 * 1024);
  let at = writeLogHeader(before, 0);
  let confirmed = 0;
  for (let batches = below(4); batches > 0; batches -= 1) {
    const batch = writeBatch(before, at, confirmed + 1, below);
    confirmed += batch.count;
    at = batch.end - sealBytes;
  }
  const after = Buffer.from(before);
  const last = writeBatch(after, at, confirmed + 1, below);
  const torn = tear(before, after, last, below);

  const reader = readerOf(torn);
  let found = 0;
  const scan = scanLog(reader, logHeaderBytes, torn.length, (zxid) => {
    found += 1;
    assert.equal(zxid, zxidOf(1, found), `seed ${seed}`);
    return true;
  });
  const lastZxid = found === 0 ? zxidZero : zxidOf(1, found);
  const tail = judgeTail(reader, scan, lastZxid);
  assert(found >= confirmed && found <= confirmed + last.count, `seed ${seed}: ${found}`);
  assert.notEqual(
    tail,
    'corrupt',
    `seed ${seed}: ${found} of ${confirmed} + ${last.count} at ${scan.at}`,
  );
}

test('no torn batch is taken for damage, none costs a confirmed entry (10000 seeds)', () => {
  for (let seed = 1; seed <= 10_000; seed += 1) check(seed);
});
