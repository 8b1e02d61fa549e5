import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidNone, zxidOf } from '../../server/protocol/zxid.ts';
import { entry, recovered, versionDir } from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: a server never comes back with less than it promised, and every state that a crash can
// leave starts; the history of mixed directories does not count.
// Method: the cases of the reference's behaviour probes and those in between, on a memory disk.

const options = { isStandalone: false };

/** A history that ends at zxid (epoch, 1), with epoch files as given. */
function diskWith(epoch: number, files: Readonly<Record<string, string>>): MemoryDisk {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  if (epoch > 0) bench.storage.append(entry(epoch, 1));
  bench.storage.flush();
  disk.run();
  for (const [name, text] of Object.entries(files)) {
    disk.put(`${versionDir}/${name}`, Buffer.from(text));
  }
  return disk;
}

const started: readonly [string, number, Record<string, string>, number, number][] = [
  ['both missing: the epoch of the history', 1, {}, 1, 1],
  ['both missing in an empty database', 0, {}, 0, 0],
  ['acceptedEpoch missing: never below currentEpoch', 1, { currentEpoch: '3' }, 3, 3],
  ['currentEpoch missing', 1, { acceptedEpoch: '2' }, 2, 1],
  ['a newline and more behind the number', 1, { currentEpoch: '1\nx', acceptedEpoch: '1\n' }, 1, 1],
  [
    'currentEpoch.tmp left by a crash',
    1,
    { currentEpoch: '0', 'currentEpoch.tmp': '1', acceptedEpoch: '1' },
    1,
    1,
  ],
  [
    'currentEpoch.tmp half written',
    1,
    { currentEpoch: '0', 'currentEpoch.tmp': '', acceptedEpoch: '1' },
    1,
    1,
  ],
  [
    'synchronized transactions durable, currentEpoch not yet',
    2,
    { currentEpoch: '1', acceptedEpoch: '3' },
    3,
    2,
  ],
  ['accepted ahead of current', 1, { currentEpoch: '1', acceptedEpoch: '7' }, 7, 1],
];

for (const [name, epoch, files, accepted, current] of started) {
  test(`ZOOKEEPER-1653, ZOOKEEPER-2307, ZOOKEEPER-4269, ZOOKEEPER-1387: epoch files that a crash may leave – ${name}: starts with ${accepted} and ${current}`, () => {
    const disk = diskWith(epoch, files);
    for (let start = 0; start < 2; start += 1) {
      const { result } = recovered(disk, options);
      assert.deepEqual([result.acceptedEpoch, result.currentEpoch], [accepted, current]);
      disk.crash();
    }
    assert.equal(
      disk.readAll(`${versionDir}/currentEpoch`).toString().split('\n')[0],
      String(current),
    );
  });
}

const damaged: readonly [string, number, Record<string, string>][] = [
  ['a history beyond what was ever accepted', 2, { currentEpoch: '1', acceptedEpoch: '1' }],
  ['acceptedEpoch below currentEpoch', 1, { currentEpoch: '1', acceptedEpoch: '0' }],
  ['an epoch that is no number', 1, { currentEpoch: 'one', acceptedEpoch: '1' }],
  ['an empty epoch file', 1, { currentEpoch: '1', acceptedEpoch: '' }],
  ['an epoch beyond what zxids can hold', 1, { currentEpoch: '1', acceptedEpoch: '2097152' }],
];

for (const [name, epoch, files] of damaged) {
  test(`${name}: the history does not count`, () => {
    const disk = diskWith(epoch, files);
    for (let start = 0; start < 2; start += 1) {
      const { result } = recovered(disk, options);
      assert.equal(result.lack?.code, 'EPOCH');
      assert.deepEqual([result.lastZxid, result.currentEpoch], [zxidNone, 0]);
      disk.crash();
    }
  });
}

test('a standalone server neither reads nor writes the files', () => {
  const disk = diskWith(2, { currentEpoch: '1', acceptedEpoch: 'x' });
  const { result } = recovered(disk);
  assert.deepEqual([result.acceptedEpoch, result.currentEpoch], [null, null]);
  assert.equal(disk.readAll(`${versionDir}/currentEpoch`).toString(), '1');
});

test('a stored epoch is durable when it is confirmed, in a later turn, without a newline', () => {
  const disk = diskWith(1, {});
  const { bench } = recovered(disk, options);
  let isStored = false;
  bench.storage.storeEpoch('accepted', 5, () => {
    isStored = true;
  });
  assert.equal(isStored, false);
  bench.runDeferred();
  assert.equal(isStored, true);
  disk.crash();
  assert.equal(disk.readAll(`${versionDir}/acceptedEpoch`).toString(), '5');
  assert.equal(recovered(disk, options).result.lastZxid, zxidOf(1, 1));
});

test('an epoch that cannot be stored ends the server', () => {
  const disk = diskWith(1, {});
  const { bench } = recovered(disk, options);
  disk.failNext = { act: 'replaceAtomically', error: new Error('EIO: i/o error') };
  bench.storage.storeEpoch('current', 2, () => assert.fail('confirmed'));
  bench.runDeferred();
  assert.match(bench.failures[0]?.message ?? '', /current epoch.*EIO/);
});
