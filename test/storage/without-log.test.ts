import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidOf, type Zxid } from '../../server/protocol/zxid.ts';
import { withoutLog } from '../../server/storage/without-log.ts';
import { entry, ListTree, recovered, sourceOf, versionDir } from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: an observer that does not log writes a leader's tree and nothing else, and after a restart
// has exactly that.
// Method: its storage on a disk in memory.

test('what is appended is confirmed in a later turn and never on disk', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const storage = withoutLog(bench.storage, (run) => bench.deferred.push(run));
  const durable: Zxid[] = [];
  storage.onDurable = (zxid) => durable.push(zxid);
  for (let counter = 1; counter <= 3; counter += 1) storage.append(entry(1, counter));
  storage.flush();
  storage.flush();
  assert.deepEqual(durable, [], 'within the turn');
  bench.runDeferred();
  assert.deepEqual(durable, [zxidOf(1, 3)]);
  assert.deepEqual(
    [disk.writeCount, storage.readLog(zxidOf(1, 1)), storage.wantsSnapshot()],
    [0, null, false],
  );
  assert.deepEqual(recovered(disk).tree.applied, []);
});

test("a leader's tree is kept, and what follows it comes from the leader again", () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const storage = withoutLog(bench.storage, (run) => bench.deferred.push(run));
  const applied = [zxidOf(1, 1), zxidOf(1, 2)];
  storage.writeSnapshot(sourceOf(applied), { replaceHistory: true }, () => {});
  bench.runDeferred();
  disk.run();
  bench.runDeferred();
  storage.append(entry(1, 3));
  storage.flush();
  bench.runDeferred();
  const left = disk.list(versionDir).filter((name) => /^(log|snapshot)\./.test(name));
  assert.deepEqual(left, ['snapshot.100000002']);
  assert.deepEqual(recovered(disk).tree.applied, applied);
});

test('a cut that the disk cannot make is refused, so that the leader sends its tree', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const storage = withoutLog(bench.storage, (run) => bench.deferred.push(run));
  for (let counter = 1; counter <= 3; counter += 1) storage.append(entry(1, counter));
  storage.flush();
  const answers: boolean[] = [];
  storage.truncate(zxidOf(1, 2), (isCut) => answers.push(isCut));
  bench.runDeferred();
  assert.deepEqual(answers, [false]);
});

test('failures of the disk are reported as ever', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const storage = withoutLog(bench.storage, (run) => bench.deferred.push(run));
  const codes: number[] = [];
  storage.onFailure = ({ exitCode }) => codes.push(exitCode);
  disk.failNext = { act: 'sync', error: new Error('EIO: input/output error') };
  const source = new ListTree().snapshotSource();
  storage.writeSnapshot(source, { replaceHistory: true }, () => {});
  bench.runDeferred();
  disk.run();
  bench.runDeferred();
  assert.equal(codes.length, 1);
});
