import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidOf } from '../../server/protocol/zxid.ts';
import { batchBytesMax } from '../../server/storage/txn-log.ts';
import { entry, recovered, versionDir } from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: transactions are confirmed in order, after their fdatasync, many with one of them.
// Method: a disk whose writes and syncs happen when the test says so.

test('Keeper-111339: nothing is confirmed before its sync, and its name is durable by then', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  bench.storage.append(entry(1, 1));
  bench.storage.flush();
  assert.deepEqual(bench.durable, []);
  disk.runOne();
  assert.deepEqual(bench.durable, [], 'written, not synced');
  disk.runOne();
  assert.deepEqual(bench.durable, [zxidOf(1, 1)]);
  disk.crash();
  assert.deepEqual(recovered(disk).tree.applied, [zxidOf(1, 1)]);
});

test('what is appended while a write is in flight shares the next write and sync', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const writesBefore = disk.writeCount;
  for (let counter = 1; counter <= 1000; counter += 1) {
    bench.storage.append(entry(1, counter));
    bench.storage.flush();
    if (counter % 100 === 0) disk.runOne();
  }
  disk.run();
  assert.equal(bench.durable.at(-1), zxidOf(1, 1000));
  assert.deepEqual(
    bench.durable,
    bench.durable.toSorted((a, b) => a - b),
  );
  assert(disk.syncCount <= 11, `${disk.syncCount} syncs`);
  assert.equal(disk.writeCount - writesBefore, disk.syncCount);
  assert.equal(bench.storage.stats.fsyncCount, disk.syncCount);
  assert.equal(bench.storage.stats.appendedCount, 1000);
});

test('a turn without a flush writes nothing', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  bench.storage.append(entry(1, 1));
  assert.equal(disk.pending.length, 0);
});

test('a batch is bounded; an entry above the bound goes alone and comes back', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const half = batchBytesMax / 2 + 1;
  for (const [counter, bytes] of [half, half, 3 * batchBytesMax, 40].entries()) {
    bench.storage.append(entry(1, counter + 1, bytes));
  }
  bench.storage.flush();
  disk.run();
  assert.deepEqual(
    bench.durable,
    [1, 2, 3, 4].map((counter) => zxidOf(1, counter)),
  );
  const { result } = recovered(disk, {}, 4);
  assert.deepEqual(
    result.recentLog.map(({ bytes }) => bytes.length),
    [half, half, 3 * batchBytesMax, 40],
  );
});

test('the file is prepared ahead with zeros, in the steps that are configured', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk, { preallocateBytes: 65_536 });
  const path = `${versionDir}/log.100000001`;
  const sizes = new Set<number>();
  for (let counter = 1; counter <= 2000; counter += 1) {
    bench.storage.append(entry(1, counter, 100));
    bench.storage.flush();
    disk.run();
    sizes.add(disk.size(path));
  }
  assert.deepEqual(
    [...sizes],
    [1, 2, 3, 4].map((steps) => 16 + steps * 65_536),
  );
});

test('without preallocation the file grows by what is written', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk, { preallocateBytes: 0 });
  bench.storage.append(entry(1, 1, 100));
  bench.storage.flush();
  disk.run();
  assert.equal(disk.size(`${versionDir}/log.100000001`), 16 + 113 + 28);
  assert.deepEqual(recovered(disk).tree.applied, [zxidOf(1, 1)]);
});

test('with forceSync off a write alone confirms, and a lost sector anywhere is a torn tail', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk, { forceSync: false });
  for (let counter = 1; counter <= 9; counter += 1) {
    bench.storage.append(entry(1, counter, 700));
    bench.storage.flush();
    disk.run();
  }
  assert.equal(disk.syncCount, 0);
  assert.equal(bench.durable.length, 9);
  disk.crash((_path, sector) => sector !== 5);
  assert.deepEqual(
    recovered(disk).tree.applied,
    [1, 2, 3].map((counter) => zxidOf(1, counter)),
  );
});

for (const act of ['write', 'sync'] as const) {
  test(`a failed ${act} ends everything: it is reported once and nothing is confirmed any more`, () => {
    const disk = new MemoryDisk();
    const { bench } = recovered(disk);
    const error = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    disk.failNext = { act, error };
    bench.storage.append(entry(1, 1));
    bench.storage.flush();
    bench.storage.append(entry(1, 2));
    disk.run();
    bench.storage.append(entry(1, 3));
    bench.storage.flush();
    disk.run();
    bench.runDeferred();
    assert.deepEqual(bench.durable, []);
    assert.equal(bench.failures.length, 1);
    assert.equal(bench.failures[0]?.exitCode, 1);
    assert.match(
      bench.failures[0]?.message ?? '',
      /log\.100000001.*no space left.*enlarge the volume/,
    );
  });
}

test('a log that cannot be created is a failure, reported in a later turn', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  disk.failNext = { act: 'create', error: new Error('EROFS: read-only') };
  bench.storage.append(entry(1, 1));
  bench.storage.flush();
  assert.equal(bench.failures.length, 0);
  bench.runDeferred();
  assert.equal(bench.failures.length, 1);
});

test('a start opens a new file; an older one is never appended to', () => {
  const disk = new MemoryDisk();
  for (const counter of [1, 2, 3]) {
    const { bench } = recovered(disk);
    bench.storage.append(entry(1, counter));
    bench.storage.flush();
    disk.run();
  }
  assert.deepEqual(
    disk
      .list(versionDir)
      .filter((name) => name.startsWith('log.'))
      .sort(),
    ['log.100000001', 'log.100000002', 'log.100000003'],
  );
  assert.equal(recovered(disk).tree.applied.length, 3);
});

test('a file that reaches its limit is followed by the next', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk, { logBytesMax: 300 });
  for (let counter = 1; counter <= 6; counter += 1) {
    bench.storage.append(entry(1, counter, 100));
    bench.storage.flush();
    disk.run();
  }
  assert.equal(disk.list(versionDir).filter((name) => name.startsWith('log.')).length, 2);
  assert.equal(recovered(disk).tree.applied.length, 6);
});

for (const [fsyncWarningMs, ms, count] of [
  [undefined, 1001, 1],
  [undefined, 1000, 0],
  [20, 21, 1],
  [20, 20, 0],
] as const) {
  const limit = fsyncWarningMs === undefined ? {} : { fsyncWarningMs };
  test(`a write of ${ms} ms is logged ${count} times where ${fsyncWarningMs ?? 1000} ms are usual`, () => {
    const disk = new MemoryDisk();
    const { bench } = recovered(disk, limit);
    bench.storage.append(entry(1, 1));
    bench.storage.flush();
    disk.runOne();
    bench.nowMs = ms;
    disk.run();
    assert.equal(bench.storage.stats.fsyncMsMax, ms);
    assert.equal(bench.logged.filter((line) => line.includes('slow')).length, count);
  });
}

test('closing finishes what is in flight first', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  let isClosed = false;
  bench.storage.append(entry(1, 1));
  bench.storage.close(() => {
    isClosed = true;
  });
  assert.equal(isClosed, false);
  disk.run();
  bench.runDeferred();
  assert.equal(isClosed, true);
  assert.deepEqual(bench.durable, [zxidOf(1, 1)]);
});
