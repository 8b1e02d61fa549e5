import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidOf, type Zxid } from '../../server/protocol/zxid.ts';
import { snapshotBytes } from '../../server/storage/snapshot-bytes.ts';
import type { StorageOptions } from '../../server/storage/storage-options.ts';
import {
  entry,
  golden,
  ListTree,
  recovered,
  sourceOf,
  versionDir,
  type Bench,
} from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: after a truncation, or a snapshot from the leader, the disk holds that history and no trace
// of another; readers of the log get it whole or not at all.
// Method: several files, every place to cut, restarts after power loss.

const zxids = (epoch: number, from: number, to: number): Zxid[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => zxidOf(epoch, from + index));

function settle(disk: MemoryDisk, bench: Bench): void {
  while (disk.pending.length > 0 || bench.deferred.length > 0) {
    disk.run();
    bench.runDeferred();
  }
}

function logged(disk: MemoryDisk, bench: Bench, epoch: number, from: number, to: number): void {
  for (let counter = from; counter <= to; counter += 1) bench.storage.append(entry(epoch, counter));
  bench.storage.flush();
  settle(disk, bench);
}

/** Twelve transactions in files of four, with a snapshot before each but the first. */
function threeFiles(): { disk: MemoryDisk; bench: Bench } {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  for (const first of [1, 5, 9]) {
    if (first > 1) snapshot(disk, bench, zxids(1, 1, first - 1));
    logged(disk, bench, 1, first, first + 3);
  }
  return { disk, bench };
}

function snapshot(disk: MemoryDisk, bench: Bench, applied: Zxid[], replaceHistory = false): void {
  let isDone = false;
  bench.storage.writeSnapshot(sourceOf(applied), { replaceHistory }, () => {
    isDone = true;
  });
  settle(disk, bench);
  assert(isDone);
}

function truncated(disk: MemoryDisk, bench: Bench, zxid: Zxid): void {
  let isDone = false;
  bench.storage.truncate(zxid, () => {
    isDone = true;
  });
  assert.equal(isDone, false, 'in a later turn');
  settle(disk, bench);
  assert(isDone);
}

for (let keep = 1; keep <= 12; keep += 1) {
  test(`ZOOKEEPER-1154, ZOOKEEPER-1156: cut behind ${keep} of 12 in three files: exactly those are left, and the next fits`, () => {
    const { disk, bench } = threeFiles();
    truncated(disk, bench, zxidOf(1, keep));
    disk.crash();
    const { tree, bench: next } = recovered(disk);
    assert.deepEqual(tree.applied, zxids(1, 1, keep));
    logged(disk, next, 1, keep + 1, keep + 1);
    disk.crash();
    assert.deepEqual(recovered(disk).tree.applied, zxids(1, 1, keep + 1));
  });
}

test('ZOOKEEPER-1489: the same storage goes on after a truncation, without a restart', () => {
  const { disk, bench } = threeFiles();
  truncated(disk, bench, zxidOf(1, 6));
  const tree = new ListTree();
  assert.equal(bench.storage.recover(tree, 10).lastZxid, zxidOf(1, 6));
  logged(disk, bench, 2, 1, 2);
  disk.crash();
  assert.deepEqual(recovered(disk).tree.applied, [...zxids(1, 1, 6), ...zxids(2, 1, 2)]);
});

test('the cut of the reference is ours, to the byte', () => {
  const disk = new MemoryDisk();
  disk.put(`${versionDir}/snapshot.0`, snapshotBytes(sourceOf([])));
  disk.put(`${versionDir}/log.100000001`, golden('log.100000001.before-trunc'));
  const { bench, result } = recovered(disk);
  truncated(disk, bench, (result.lastZxid - 1) as Zxid);
  assert.deepEqual(
    disk.readAll(`${versionDir}/log.100000001`),
    golden('log.100000001.after-trunc'),
  );
});

test('ZOOKEEPER-4837: a snapshot of what is cut off is not loaded again', () => {
  const { disk, bench } = threeFiles();
  snapshot(disk, bench, zxids(1, 1, 12));
  truncated(disk, bench, zxidOf(1, 11));
  assert.deepEqual(recovered(disk).tree.applied, zxids(1, 1, 11));
});

test('if the files do not lead exactly there nothing is changed, and that is said', () => {
  const holes: readonly [Zxid, string][] = [
    [zxidOf(1, 3), 'no snapshot is that old'],
    [zxidOf(1, 9), 'not in the log'],
    [zxidOf(2, 1), 'of another epoch'],
  ];
  for (const [zxid, why] of holes) {
    const disk = new MemoryDisk();
    disk.put(`${versionDir}/snapshot.100000005`, snapshotBytes(sourceOf(zxids(1, 1, 5))));
    const { bench } = recovered(disk);
    logged(disk, bench, 1, 6, 8);
    const answers: boolean[] = [];
    bench.storage.truncate(zxid, (isCut) => answers.push(isCut));
    settle(disk, bench);
    assert.deepEqual([answers, bench.failures], [[false], []], why);
    assert.deepEqual(recovered(disk).tree.applied, zxids(1, 1, 8), why);
  }
});

test('a truncation to the zxid that a snapshot is named after needs no log', () => {
  const { disk, bench } = threeFiles();
  for (const name of ['log.100000001', 'log.100000005']) disk.remove(`${versionDir}/${name}`);
  truncated(disk, bench, zxidOf(1, 8));
  assert.deepEqual(recovered(disk).tree.applied, zxids(1, 1, 8));
});

test('the tree may be recovered from within the confirmation, before later entries are written', () => {
  const { disk, bench } = threeFiles();
  const tree = new ListTree();
  bench.storage.truncate(zxidOf(1, 6), () => bench.storage.recover(tree, 0));
  bench.storage.append(entry(2, 1));
  settle(disk, bench);
  assert.deepEqual(tree.applied, zxids(1, 1, 6));
  assert.equal(bench.durable.at(-1), zxidOf(2, 1));
});

test('closing after a failure does not wait for what never comes', () => {
  const { disk, bench } = threeFiles();
  disk.failNext = { act: 'sync', error: new Error('EIO: i/o error') };
  bench.storage.append(entry(1, 13));
  bench.storage.flush();
  settle(disk, bench);
  assert.equal(bench.failures.length, 1);
  let isClosed = false;
  bench.storage.close(() => {
    isClosed = true;
  });
  settle(disk, bench);
  assert(isClosed);
});

test('Keeper-102629: what was appended before is cut too, what is appended after stays', () => {
  const { disk, bench } = threeFiles();
  bench.storage.append(entry(1, 13));
  bench.storage.flush();
  bench.storage.append(entry(1, 14));
  let isDone = false;
  bench.storage.truncate(zxidOf(1, 12), () => {
    isDone = true;
  });
  bench.storage.append(entry(2, 1));
  bench.storage.flush();
  settle(disk, bench);
  assert(isDone);
  assert.equal(bench.durable.at(-1), zxidOf(2, 1));
  disk.crash();
  assert.deepEqual(recovered(disk).tree.applied, [...zxids(1, 1, 12), zxidOf(2, 1)]);
});

test('ZOOKEEPER-3701: a truncation that fails ends the server', () => {
  const { disk, bench } = threeFiles();
  disk.failNext = { act: 'truncate', error: new Error('EIO: i/o error') };
  bench.storage.truncate(zxidOf(1, 10), () => assert.fail('confirmed'));
  settle(disk, bench);
  assert.equal(bench.failures[0]?.exitCode, 13);
});

test("a leader's snapshot replaces the whole history: nothing older or newer is mixed in", () => {
  const { disk, bench } = threeFiles();
  snapshot(disk, bench, zxids(1, 1, 10), true);
  assert.deepEqual(
    disk.list(versionDir).filter((name) => /^(log|snapshot)\./.test(name)),
    ['snapshot.10000000a'],
  );
  logged(disk, bench, 2, 1, 1);
  disk.crash();
  assert.deepEqual(recovered(disk).tree.applied, [...zxids(1, 1, 10), zxidOf(2, 1)]);
});

test('two snapshots from leaders one after the other: the second counts', () => {
  const { disk, bench } = threeFiles();
  const done: number[] = [];
  bench.storage.writeSnapshot(sourceOf(zxids(1, 1, 10)), { replaceHistory: true }, () =>
    done.push(1),
  );
  bench.storage.append(entry(1, 11));
  bench.storage.writeSnapshot(sourceOf(zxids(2, 1, 2)), { replaceHistory: true }, () =>
    done.push(2),
  );
  settle(disk, bench);
  assert.deepEqual(done, [1, 2]);
  disk.crash();
  assert.deepEqual(recovered(disk).tree.applied, zxids(2, 1, 2));
});

test('a routine snapshot under way gives way to one from the leader', () => {
  const { disk, bench } = threeFiles();
  const done: string[] = [];
  bench.storage.writeSnapshot(sourceOf(zxids(1, 1, 12)), { replaceHistory: false }, () =>
    done.push('routine'),
  );
  disk.runOne();
  bench.storage.writeSnapshot(sourceOf(zxids(2, 1, 1)), { replaceHistory: true }, () =>
    done.push('leader'),
  );
  settle(disk, bench);
  assert.deepEqual(done.sort(), ['leader', 'routine']);
  disk.crash();
  assert.deepEqual(recovered(disk).tree.applied, zxids(2, 1, 1));
  assert.deepEqual(
    disk.list(versionDir).filter((name) => name.startsWith('unfinished')),
    [],
  );
});

test('reading the log gives the entry at or before, then all to the end', () => {
  const { disk, bench } = threeFiles();
  for (let from = 1; from <= 12; from += 1) {
    const found = bench.storage.readLog(zxidOf(1, from))?.map((read) => read.zxid);
    assert.deepEqual(found, zxids(1, from, 12), `from ${from}`);
  }
  assert.deepEqual(
    bench.storage.readLog(zxidOf(2, 0))?.map((read) => read.zxid),
    [zxidOf(1, 12)],
  );
  bench.storage.append(entry(1, 13));
  bench.storage.flush();
  disk.runOne();
  assert.equal(bench.storage.readLog(zxidOf(1, 12))?.length, 1, 'not what is not confirmed');
});

test('reading the log gives null when it begins later, is too large, or is switched off', () => {
  const { disk, bench } = threeFiles();
  assert.equal(bench.storage.readLog(zxidOf(0, 9)), null);
  disk.remove(`${versionDir}/log.100000005`);
  assert.equal(bench.storage.readLog(zxidOf(1, 3)), null, 'a hole');
  const options: readonly [Partial<StorageOptions>, boolean][] = [
    [{ snapshotSizeFactor: -1 }, false],
    [{ snapshotSizeFactor: 0.1 }, false],
    [{ snapshotSizeFactor: 10 }, true],
    [{ snapshotSizeFactor: 0 }, true],
  ];
  for (const [option, isRead] of options) {
    const own = recovered(threeFiles().disk, option).bench;
    assert.equal(own.storage.readLog(zxidOf(1, 1)) !== null, isRead);
    const isInOneFile = option.snapshotSizeFactor !== -1;
    assert.equal(own.storage.readLog(zxidOf(1, 9)) !== null, isInOneFile, 'in the last file');
  }
});

test('purge keeps the newest snapshots and every log that one of them needs', () => {
  for (const retained of [1, 3, 4]) {
    const { disk, bench } = threeFiles();
    for (let first = 13; first <= 29; first += 4) {
      snapshot(disk, bench, zxids(1, 1, first - 1));
      logged(disk, bench, 1, first, first + 3);
    }
    const removed = bench.storage.purge(retained);
    const snapshots = disk.list(versionDir).filter((name) => name.startsWith('snapshot.'));
    assert.equal(snapshots.length, Math.max(3, retained));
    assert(removed.length > 0);
    // Each of the kept ones still leads to the end, also if all newer ones turn out damaged.
    for (const name of snapshots.sort().reverse()) {
      assert.deepEqual(recovered(disk).tree.applied, zxids(1, 1, 32));
      disk.put(`${versionDir}/${name}`, Buffer.alloc(3));
    }
  }
});

test('ZOOKEEPER-3231: purge removes nothing while no snapshot is known to load', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  for (const name of ['snapshot.5', 'snapshot.6', 'snapshot.7', 'snapshot.8']) {
    disk.put(`${versionDir}/${name}`, Buffer.from(`${'x'.repeat(30)}\0\0\0\0\0\0\0\0\0\0\0\x01/`));
  }
  assert.deepEqual(bench.storage.purge(3), []);
});
