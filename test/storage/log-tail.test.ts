import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidOf, type Zxid } from '../../server/protocol/zxid.ts';
import { StorageError } from '../../server/storage/storage-error.ts';
import { snapshotBytes } from '../../server/storage/snapshot-bytes.ts';
import { entryOverheadBytes, writeEntry } from '../../server/storage/txn-log-format.ts';
import { Bench, dataDir, entry, golden, recovered, sourceOf, versionDir } from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: a write that a crash cut short is cut off, to the byte; anything else that differs from
// what was written is refused, and no confirmed transaction is ever dropped in silence.
// Method: every cut and every changed byte of real logs, of the reference's and of our own.

const logPath = `${versionDir}/log.1`;

/** A disk with an empty snapshot and one log. */
function diskWith(log: Buffer): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDir(versionDir);
  disk.put(`${versionDir}/snapshot.0`, snapshotBytes(sourceOf([])));
  disk.put(logPath, log);
  return disk;
}

/** Zxids that recovery finds, or the code of its refusal. */
function outcome(log: Buffer): number[] | string {
  try {
    return recovered(diskWith(log)).tree.applied;
  } catch (error) {
    assert(error instanceof StorageError);
    assert.equal(error.path, logPath);
    return error.code;
  }
}

/** A log of ours: batches of three entries, sealed and preallocated. */
function ownLog(batches: number, entryBytes: number): Buffer {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  for (let counter = 1; counter <= 3 * batches; counter += 1) {
    bench.storage.append(entry(0, counter, entryBytes));
    if (counter % 3 === 0) {
      bench.storage.flush();
      disk.run();
    }
  }
  return disk.readAll(logPath);
}

function upTo(count: number): Zxid[] {
  return Array.from({ length: count }, (_, index) => zxidOf(0, index + 1));
}

const reference = golden('standalone-default-log.1');
const referenceCount = 17;

/** Offsets behind each entry of the reference's log. */
const referenceEnds = (
  JSON.parse(golden('standalone-default-log.1.json').toString()) as {
    decoded: { entries: { offset: number; len: number }[] };
  }
).decoded.entries.map(({ offset, len }) => offset + 13 + len);

test('cut anywhere, a log of the reference keeps exactly its whole entries', () => {
  for (const padding of [0, 5000]) {
    for (let cut = 16; cut <= reference.length; cut += 1) {
      const log = Buffer.concat([reference.subarray(0, cut), Buffer.alloc(padding)]);
      const whole = referenceEnds.filter((end) => end <= cut).length;
      assert.deepEqual(outcome(log), upTo(whole), `cut at ${cut}, padding ${padding}`);
    }
  }
});

test('ZOOKEEPER-2332: a header that was cut leaves an empty log, and the next start sees a clean directory', () => {
  for (const padding of [0, 100]) {
    for (let cut = 0; cut < 16; cut += 1) {
      const disk = diskWith(Buffer.concat([reference.subarray(0, cut), Buffer.alloc(padding)]));
      assert.deepEqual(recovered(disk).tree.applied, []);
      // With the magic and room for the rest it is a header; version and dbid are not looked at.
      assert.equal(
        disk.exists(logPath),
        cut >= 4 && padding > 0,
        `cut at ${cut}, padding ${padding}`,
      );
      assert.deepEqual(recovered(disk).bench.logged, []);
    }
  }
});

test('a changed byte of the reference is refused, or costs no more than the last entry', () => {
  const lastEntryAt = referenceEnds.at(-2) as number;
  for (const padding of [0, 5000]) {
    for (let at = 0; at < reference.length; at += 1) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const log = Buffer.concat([reference, Buffer.alloc(padding)]);
        log[at] = (log[at] as number) ^ flip;
        const found = outcome(log);
        const where = `byte ${at} ^ ${flip}, padding ${padding}`;
        // Version and dbid are not looked at.
        if (at >= 4 && at < 16) assert.deepEqual(found, upTo(referenceCount), where);
        else if (at < lastEntryAt) assert.equal(found, 'LOG_CORRUPT', where);
        else if (found !== 'LOG_CORRUPT') assert.deepEqual(found, upTo(referenceCount - 1), where);
      }
    }
  }
});

test('an end byte that is not written is a torn entry, a wrong checksum is not', () => {
  const endByte = Buffer.concat([reference, Buffer.alloc(100)]);
  endByte[reference.length - 1] = 0;
  assert.deepEqual(outcome(endByte), upTo(referenceCount - 1));
  const payloadByte = Buffer.concat([reference, Buffer.alloc(100)]);
  payloadByte[reference.length - 20] = (payloadByte[reference.length - 20] as number) ^ 1;
  assert.equal(outcome(payloadByte), 'LOG_CORRUPT');
});

test('a changed byte anywhere in our own confirmed log is refused', () => {
  const log = ownLog(4, 60);
  const dataEnd = 16 + 12 * 73;
  for (let at = 16; at < dataEnd; at += 1) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const changed = Buffer.from(log);
      changed[at] = (changed[at] as number) ^ flip;
      assert.equal(outcome(changed), 'LOG_CORRUPT', `byte ${at} ^ ${flip}`);
    }
  }
});

test('a sector lost in the last batch is torn, in any earlier batch it is refused', () => {
  const log = ownLog(4, 700);
  const entryBytes = 713;
  const lastBatchAt = 16 + 9 * entryBytes;
  const dataEnd = 16 + 12 * entryBytes;
  for (let sector = 0; sector * 512 < dataEnd; sector += 1) {
    const from = Math.max(16, sector * 512);
    const to = sector * 512 + 512;
    const changed = Buffer.from(log);
    if (from >= lastBatchAt) {
      changed.fill(0, from, to);
      const whole = Math.floor((from - 16) / entryBytes);
      assert.deepEqual(outcome(changed), upTo(whole), `sector ${sector}`);
    } else if (to <= lastBatchAt) {
      changed.fill(0, from, to);
      assert.equal(outcome(changed), 'LOG_CORRUPT', `sector ${sector}`);
    }
  }
});

test('a torn tail is cut off for good: a second start sees a clean log', () => {
  const disk = diskWith(
    Buffer.concat([reference.subarray(0, reference.length - 5), Buffer.alloc(64)]),
  );
  const first = recovered(disk);
  assert.equal(first.bench.logged.filter((line) => line.includes('cut short')).length, 1);
  assert.equal(disk.size(logPath), referenceEnds.at(-2));
  const { bench } = recovered(disk);
  assert.deepEqual(bench.logged, []);
});

test('a torn end of an older file is accepted only if nothing is missing behind it', () => {
  const torn = reference.subarray(0, reference.length - 5);
  const next = (counter: number): Buffer => {
    const disk = new MemoryDisk();
    disk.makeDir(versionDir);
    disk.put(`${versionDir}/snapshot.0`, snapshotBytes(sourceOf([])));
    const bench = new Bench(disk);
    bench.storage.append(entry(0, counter));
    bench.storage.flush();
    disk.run();
    return disk.readAll(`${versionDir}/log.${counter.toString(16)}`);
  };
  const whole = diskWith(torn);
  whole.put(`${versionDir}/log.11`, next(17));
  assert.deepEqual(recovered(whole).tree.applied, upTo(17));
  const holed = diskWith(torn);
  holed.put(`${versionDir}/log.12`, next(18));
  assert.throws(() => recovered(holed), { code: 'LOG_GAP', path: `${versionDir}/log.12` });
});

test('a refusal names the file, the byte, the last zxid and what to do', () => {
  const log = Buffer.from(reference);
  log[referenceEnds[0] as number] = 1;
  assert.throws(
    () => recovered(diskWith(log)),
    (error: Error) =>
      error.message.includes(`${dataDir}/version-2/log.1`) &&
      error.message.includes(`byte ${referenceEnds[0]}`) &&
      error.message.includes('zxid 0x1') &&
      error.message.includes('quorum'),
  );
});

test('an entry whose bytes changed is refused wherever it stands to the sectors of the disk', () => {
  // No seal vouches for it; each entry begins one byte later in its sector than the one before.
  const entryBytes = 513;
  const entries = Array.from({ length: 520 }, (_, index) =>
    entry(0, index + 1, entryBytes - entryOverheadBytes),
  );
  const log = Buffer.alloc(16 + entries.length * entryBytes);
  reference.copy(log, 0, 0, 16);
  for (const [index, one] of entries.entries()) writeEntry(log, 16 + index * entryBytes, one.bytes);
  for (let index = 450; index < 512; index += 1) {
    const at = 16 + index * entryBytes;
    const spoiled = Buffer.from(log);
    spoiled.writeUInt8(spoiled.readUInt8(at + 7) ^ 0x10, at + 7);
    assert.equal(outcome(spoiled), 'LOG_CORRUPT', `byte ${at % 512} of a sector`);
  }
});
