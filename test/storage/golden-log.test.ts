import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiskReader } from '../../server/storage/disk.ts';
import { judgeTail } from '../../server/storage/log-damage.ts';
import { scanLog } from '../../server/storage/log-scan.ts';
import {
  isLogHeader,
  logHeaderBytes,
  logName,
  readSeal,
  sealBytes,
  writeEntry,
  writeLogHeader,
  writeSeal,
  zxidOfLogName,
} from '../../server/storage/txn-log-format.ts';
import { zxidOf, zxidZero, type Zxid } from '../../server/protocol/zxid.ts';
import { golden } from './fixtures.ts';

// Goal: the reference's logs are read as it reads them, and what we write is byte for byte its own.
// Method: its files and its own dump of them; every log is scanned and encoded again.

const names = [
  'log.100000001.before-trunc',
  'log.100000001.after-trunc',
  'log.200000001',
  'standalone-default-log.1',
  'standalone-nodigest-log.1',
  'standalone-noclosetxn-log.1',
  'handmade-v0-log.1',
  'fuzzy-log.1',
  'fuzzy-log.a',
];

interface Dump {
  readonly strippedZeroBytes?: number;
  readonly decoded: {
    readonly entries: readonly {
      readonly hdr: { readonly zxid: number };
      readonly offset: number;
      readonly len: number;
    }[];
  };
}

function readerOf(bytes: Buffer): DiskReader {
  return {
    bytes: bytes.length,
    read: (into, position) => bytes.copy(into, 0, position, position + into.length),
    close: () => {},
  };
}

interface Found {
  readonly zxid: Zxid;
  readonly at: number;
  readonly bytes: Buffer;
}

function scan(bytes: Buffer): { found: Found[]; end: ReturnType<typeof scanLog> } {
  const found: Found[] = [];
  const end = scanLog(
    readerOf(bytes),
    logHeaderBytes,
    bytes.length,
    (zxid, window, start, to, at) => {
      found.push({ zxid, at, bytes: window.subarray(start, to) });
      return true;
    },
  );
  return { found, end };
}

for (const name of names) {
  test(`${name}: every entry is found and the file ends cleanly, with and without its padding`, () => {
    const bytes = golden(name);
    assert(isLogHeader(bytes));
    for (const file of [bytes, Buffer.concat([bytes, Buffer.alloc(70_000)])]) {
      const { found, end } = scan(file);
      assert(found.length > 0);
      assert.equal(end.at, bytes.length);
      assert.equal(judgeTail(readerOf(file), end, found.at(-1)?.zxid ?? zxidZero), 'clean');
    }
  });

  test(`${name}: written again it is the same file`, () => {
    const bytes = golden(name);
    const copy = Buffer.alloc(bytes.length);
    let at = writeLogHeader(copy, 0);
    for (const entry of scan(bytes).found) at = writeEntry(copy, at, entry.bytes);
    assert.equal(at, bytes.length);
    assert.deepEqual(copy, bytes);
  });
}

for (const name of names.filter((name) => !/^(fuzzy|handmade)/.test(name))) {
  test(`${name}: zxids, offsets and lengths are those of the reference's dump`, () => {
    const dump = JSON.parse(golden(`${name}.json`).toString()) as Dump;
    assert.deepEqual(
      scan(golden(name)).found.map(({ zxid, at, bytes }) => [zxid, at, bytes.length]),
      dump.decoded.entries.map(({ hdr, offset, len }) => [hdr.zxid, offset, len]),
    );
  });
}

test('ZOOKEEPER-4843: an entry larger than the window is read whole', () => {
  const payload = Buffer.alloc(3 * 1024 * 1024, 5);
  payload.fill(0, 0, 32);
  payload.writeUInt32BE(9, 16);
  const file = Buffer.alloc(logHeaderBytes + payload.length + 13);
  assert.equal(writeEntry(file, writeLogHeader(file, 0), payload), file.length);
  const { found, end } = scan(file);
  assert.equal(found.length, 1);
  assert.deepEqual(found[0]?.bytes, payload);
  assert.equal(end.reason, 'end');
});

test('views of earlier entries stay as they were while the scan goes on', () => {
  const payloads = Array.from({ length: 100 }, (_, index) => {
    const payload = Buffer.alloc(50_000, index);
    payload.writeInt32BE(0, 12);
    return payload;
  });
  const file = Buffer.alloc(logHeaderBytes + 100 * 50_013);
  let at = writeLogHeader(file, 0);
  for (const payload of payloads) at = writeEntry(file, at, payload);
  assert.deepEqual(
    scan(file).found.map((entry) => entry.bytes[49_999]),
    payloads.map((_, index) => index),
  );
});

test('a seal reads back, reads as padding to others, and is refused when a bit differs', () => {
  const bytes = Buffer.alloc(sealBytes + 10);
  assert.equal(writeSeal(bytes, 10, 123_456), bytes.length);
  assert.equal(readSeal(bytes, 10), 123_456);
  assert.deepEqual(bytes.subarray(10, 22), Buffer.alloc(12));
  for (let bit = 0; bit < 8 * sealBytes; bit += 1) {
    const at = 10 + (bit >>> 3);
    // The two bytes between number and checksum are not used.
    if (at === 10 + 18 || at === 10 + 19) continue;
    bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
    assert.equal(readSeal(bytes, 10), -1, `bit ${bit}`);
    bytes[at] = bytes[at] ^ (1 << (bit & 7));
  }
});

test('names carry the zxid in lower-case hex, and other names are no logs', () => {
  assert.equal(logName(zxidOf(2, 26)), 'log.20000001a');
  assert.equal(zxidOfLogName('log.20000001a'), zxidOf(2, 26));
  for (const name of ['log', 'log.', 'log.zz', 'log.1.tmp', 'snapshot.1', 'log.ffffffffffffffff']) {
    assert.equal(zxidOfLogName(name), null, name);
  }
});
