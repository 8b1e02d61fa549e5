import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidNone, zxidOf, zxidZero, type Zxid } from '../../server/protocol/zxid.ts';
import { evidenceSetsMax } from '../../server/storage/damage.ts';
import type { DiskReader } from '../../server/storage/disk.ts';
import type { Recovered } from '../../server/storage/door.ts';
import { logsNotedMax, readReached } from '../../server/storage/reached.ts';
import { entry, recovered, sourceOf, versionDir } from './fixtures.ts';
import type { Bench } from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: a member's history counts or it does not, and that verdict outlives every restart until a
// leader's history and its epoch are durable; what was damaged is kept, and not without end.
// Method: directories of our own on a memory disk, changed by hand.

const member = { isStandalone: false } as const;

function settle(disk: MemoryDisk, bench: Bench): void {
  while (disk.pending.length > 0 || bench.deferred.length > 0) {
    disk.run();
    bench.runDeferred();
  }
}

function append(disk: MemoryDisk, bench: Bench, from: number, to: number): void {
  for (let counter = from; counter <= to; counter += 1) {
    bench.storage.append(entry(1, counter));
    bench.storage.flush();
    settle(disk, bench);
  }
}

/** A member in epoch 1 with three logs: up to 4 with a snapshot, up to 6, and up to 8. */
function memberDisk(): MemoryDisk {
  const disk = new MemoryDisk();
  let { bench } = recovered(disk, member);
  bench.storage.storeEpoch('accepted', 1, () => {});
  bench.storage.storeEpoch('current', 1, () => {});
  settle(disk, bench);
  append(disk, bench, 1, 4);
  const applied = [1, 2, 3, 4].map((counter) => zxidOf(1, counter));
  bench.storage.writeSnapshot(sourceOf(applied), { replaceHistory: false }, () => {});
  settle(disk, bench);
  append(disk, bench, 5, 6);
  ({ bench } = recovered(disk, member));
  append(disk, bench, 7, 8);
  return disk;
}

function change(disk: MemoryDisk, name: string, how: (bytes: Buffer) => void): void {
  const bytes = disk.readAll(`${versionDir}/${name}`);
  how(bytes);
  disk.put(`${versionDir}/${name}`, bytes);
}

function remove(disk: MemoryDisk, ...names: string[]): void {
  for (const name of names) disk.remove(`${versionDir}/${name}`);
  disk.syncDir(versionDir);
}

function assertLacking(result: Recovered, code: string): void {
  assert.equal(result.lack?.code, code);
  assert.deepEqual([result.lastZxid, result.currentEpoch], [zxidNone, 0]);
}

/** As a learner: the leader's tree, what follows it, then its epoch. */
function repair(disk: MemoryDisk, bench: Bench, last: Zxid, epoch: number): void {
  const applied = [zxidOf(1, 1), last];
  bench.storage.storeEpoch('accepted', epoch, () => {});
  settle(disk, bench);
  bench.storage.writeSnapshot(sourceOf(applied), { replaceHistory: true }, () => {});
  settle(disk, bench);
  bench.storage.storeEpoch('current', epoch, () => {});
  settle(disk, bench);
}

const damages: readonly (readonly [string, string, (disk: MemoryDisk) => void])[] = [
  [
    'a flipped bit',
    'LOG_CORRUPT',
    (disk) => change(disk, 'log.100000007', (log) => (log[40]! ^= 1)),
  ],
  ['the newest log is gone', 'LOG_MISSING', (disk) => remove(disk, 'log.100000007')],
  [
    'the newest log is empty',
    'LOG_MISSING',
    (disk) => disk.put(`${versionDir}/log.100000007`, Buffer.alloc(0)),
  ],
  ['a log in the middle is gone', 'LOG_GAP', (disk) => remove(disk, 'log.100000005')],
  [
    'all snapshots are gone',
    'SNAPSHOT_MISSING',
    (disk) => remove(disk, 'snapshot.0', 'snapshot.100000004'),
  ],
  [
    'snapshots and logs are gone',
    'SNAPSHOT_MISSING',
    (disk) =>
      remove(disk, ...disk.list(versionDir).filter((name) => /^(snapshot|log)\./.test(name))),
  ],
  ['acceptedEpoch is gone', 'EPOCH', (disk) => remove(disk, 'acceptedEpoch')],
  ['both epochs are gone', 'EPOCH', (disk) => remove(disk, 'acceptedEpoch', 'currentEpoch')],
  [
    'currentEpoch went back',
    'EPOCH',
    (disk) => change(disk, 'currentEpoch', (text) => text.write('0')),
  ],
];

for (const [name, code, damage] of damages) {
  test(`${name}: ${code}, until a leader's history is there`, () => {
    const disk = memberDisk();
    damage(disk);
    assertLacking(recovered(disk, member).result, code);
    // Also where the files look well by then.
    disk.crash();
    const { result, bench } = recovered(disk, member);
    assertLacking(result, code);
    assert((result.acceptedEpoch ?? 0) >= 1, 'what is left of a promise is kept');
    repair(disk, bench, zxidOf(1, 9), 2);
    assert.equal(bench.storage.lack, null);
    append(disk, bench, 10, 11);
    disk.crash();
    const after = recovered(disk, member);
    assert.equal(after.result.lack, null);
    assert.deepEqual([after.result.lastZxid, after.result.currentEpoch], [zxidOf(1, 11), 2]);
  });
}

test('ZOOKEEPER-2872: a repair that stops before its epoch leaves the member lacking', () => {
  const disk = memberDisk();
  change(disk, 'log.100000007', (log) => (log[40]! ^= 1));
  const { bench } = recovered(disk, member);
  bench.storage.writeSnapshot(sourceOf([zxidOf(1, 9)]), { replaceHistory: true }, () => {});
  settle(disk, bench);
  assert(disk.exists(`${versionDir}/snapshot.100000009`), 'a whole tree is there');
  disk.crash();
  assertLacking(recovered(disk, member).result, 'LOG_CORRUPT');
});

test('damaged files are moved aside when the new ones are there, and only some sets are kept', () => {
  const disk = memberDisk();
  for (let round = 1; round <= evidenceSetsMax + 2; round += 1) {
    const [log = ''] = disk.list(versionDir).filter((name) => name.startsWith('log.'));
    change(disk, log, (bytes) => (bytes[40]! ^= 1));
    const { bench } = recovered(disk, member);
    assert(disk.exists(`${versionDir}/${log}`), 'in place as long as there is nothing better');
    repair(disk, bench, zxidOf(1, 10 * round), round + 1);
    const kept = disk.list(`${versionDir}/damaged`);
    assert(kept.includes(`${round}.${log}`), `${round}: ${kept.join(' ')}`);
    const sets = new Set(kept.map((name) => Number.parseInt(name, 10)));
    assert(sets.size <= evidenceSetsMax, `${sets.size} sets`);
    append(disk, bench, 10 * round + 1, 10 * round + 3);
  }
});

test('a damaged newest snapshot goes aside, and a fresh one is due', () => {
  const disk = memberDisk();
  change(disk, 'snapshot.100000004', (bytes) => (bytes[20]! ^= 1));
  const { result, bench } = recovered(disk, member);
  assert.deepEqual([result.lack, result.lastZxid], [null, zxidOf(1, 8)]);
  assert.equal(bench.storage.wantsSnapshot(), true);
  assert.deepEqual(disk.list(`${versionDir}/damaged`), ['1.snapshot.100000004']);
});

test('a log that cannot be read is damaged for a member; alone the disk is to blame', () => {
  class BadSector extends MemoryDisk {
    override openRead(path: string): DiskReader {
      const reader = super.openRead(path);
      if (!path.endsWith('log.100000007')) return reader;
      const fail = (): never => {
        throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', syscall: 'read' });
      };
      return { bytes: reader.bytes, read: fail, close: () => {} };
    }
  }
  const healthy = memberDisk();
  for (const isStandalone of [false, true]) {
    const disk = new BadSector();
    for (const name of healthy.list(versionDir)) {
      disk.put(`${versionDir}/${name}`, healthy.readAll(`${versionDir}/${name}`));
    }
    if (isStandalone) assert.throws(() => recovered(disk), { code: 'DISK', message: /EIO/ });
    else assertLacking(recovered(disk, member).result, 'DISK');
  }
});

test('a server that is alone refuses, with the remedy, and also a directory under repair', () => {
  const disk = memberDisk();
  change(disk, 'log.100000007', (log) => (log[40]! ^= 1));
  assert.throws(() => recovered(disk), { code: 'LOG_CORRUPT', message: /backup/ });
  assert.equal(disk.exists(`${versionDir}/unsynced`), false);
  recovered(disk, member);
  change(disk, 'log.100000007', (log) => (log[40]! ^= 1));
  assert.throws(() => recovered(disk), { code: 'LOG_CORRUPT', message: /member.*backup/ });
});

test('a mark that cannot be read is a mark', () => {
  for (const text of ['', '{', '{"code":"EPOCH"}', 'null']) {
    const disk = memberDisk();
    disk.put(`${versionDir}/unsynced`, Buffer.from(text));
    const { result } = recovered(disk, member);
    assertLacking(result, 'LOG_CORRUPT');
    assert.equal(result.lack?.isPromiseKnown, false);
  }
});

test('an empty directory lacks a history until it is told that this is right', () => {
  const disk = new MemoryDisk();
  const options = { ...member, databaseAutocreate: false };
  for (let start = 0; start < 2; start += 1) {
    const { result } = recovered(disk, options);
    assertLacking(result, 'EMPTY');
    assert.equal(result.lack?.isPromiseKnown, false, 'nobody knows what the old disk promised');
  }
  disk.put('/data/initialize', Buffer.alloc(0));
  const { result } = recovered(disk, options);
  assert.deepEqual([result.lack, result.lastZxid], [null, zxidZero]);
});

test('the note follows the logs, is lowered before a cut, and is bounded', () => {
  const disk = memberDisk();
  const before = readReached(disk, versionDir);
  assert.deepEqual(
    before?.logs,
    [1, 5, 7].map((counter) => zxidOf(1, counter)),
  );
  const { bench } = recovered(disk, member);
  bench.storage.truncate(zxidOf(1, 5), (isCut) => assert(isCut));
  settle(disk, bench);
  const after = readReached(disk, versionDir);
  assert.deepEqual([after?.zxid, after?.logs.length], [zxidOf(1, 5), 2]);
  assert.equal(recovered(disk, member).result.lastZxid, zxidOf(1, 5));
  let counter = 6;
  for (let start = 0; start < logsNotedMax + 10; start += 1, counter += 1) {
    append(disk, recovered(disk, member).bench, counter, counter);
  }
  assert.equal(readReached(disk, versionDir)?.logs.length, logsNotedMax);
});

test('a note that was changed says nothing, and one of an epoch that is over neither', () => {
  const changed = memberDisk();
  change(changed, 'reached', (text) => (text[2]! ^= 1));
  assert.equal(readReached(changed, versionDir), null);
  assert.equal(recovered(changed, member).result.lack, null);
  // The reference led since, cut the log, and knows of no note.
  const overtaken = memberDisk();
  remove(overtaken, 'log.100000007');
  for (const name of ['acceptedEpoch', 'currentEpoch']) {
    overtaken.put(`${versionDir}/${name}`, Buffer.from('3'));
  }
  const { result } = recovered(overtaken, member);
  assert.deepEqual([result.lack, result.lastZxid], [null, zxidOf(1, 6)]);
});
