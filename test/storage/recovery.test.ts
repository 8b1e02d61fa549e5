import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidNone, zxidOf, zxidZero, type Zxid } from '../../server/protocol/zxid.ts';
import { snapshotBytes } from '../../server/storage/snapshot-bytes.ts';
import type { StorageOptions } from '../../server/storage/storage-options.ts';
import {
  Bench,
  entry,
  golden,
  ListTree,
  payload,
  recovered,
  sourceOf,
  versionDir,
} from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: a start finds exactly what the disk can vouch for, or refuses with the remedy.
// Method: directories made by hand and by the reference, and what it does with the same.

const zxids = (epoch: number, from: number, to: number): Zxid[] =>
  Array.from({ length: to - from + 1 }, (_, index) => zxidOf(epoch, from + index));

/** Eight transactions in three files with three snapshots, as in the reference's damage probes. */
function probeDisk(): MemoryDisk {
  const disk = new MemoryDisk();
  let { bench } = recovered(disk);
  for (let counter = 1; counter <= 10; counter += 1) {
    bench.storage.append(entry(0, counter));
    bench.storage.flush();
    disk.run();
    if (counter !== 7) continue;
    bench.storage.writeSnapshot(sourceOf(zxids(0, 1, 7)), { replaceHistory: false }, () => {});
    disk.run();
    bench.runDeferred();
    ({ bench } = recovered(disk));
  }
  // The reference keeps no such note: its directories are judged without.
  disk.remove(`${versionDir}/reached`);
  disk.syncDir(versionDir);
  assert.deepEqual(disk.list(versionDir).sort(), ['log.1', 'log.8', 'snapshot.0', 'snapshot.7']);
  return disk;
}

const log1 = `${versionDir}/log.1`;
const log8 = `${versionDir}/log.8`;

function changed(disk: MemoryDisk, path: string, change: (bytes: Buffer) => Buffer | void): void {
  const bytes = disk.readAll(path);
  disk.put(path, change(bytes) ?? bytes);
}

const cases: readonly [string, (disk: MemoryDisk) => void, number | string, boolean?][] = [
  ['untouched', () => {}, 10],
  ['last log: padding removed', (disk) => changed(disk, log8, (log) => log.subarray(0, 175)), 10],
  [
    'last log: cut 5 bytes before the end',
    (disk) => changed(disk, log8, (log) => log.subarray(0, 170)),
    9,
  ],
  ['last log: length 0', (disk) => changed(disk, log8, () => Buffer.alloc(0)), 7],
  [
    'last log: 8 bytes of the header',
    (disk) => changed(disk, log8, (log) => log.subarray(0, 8)),
    7,
  ],
  ['last log: header only', (disk) => changed(disk, log8, (log) => log.subarray(0, 16)), 7],
  [
    'last log: wrong magic',
    (disk) => changed(disk, log8, (log) => void (log[0] = 0x41)),
    'LOG_CORRUPT',
  ],
  [
    'first log, and only the first snapshot left: an inner end byte zeroed',
    (disk) => {
      disk.remove(`${versionDir}/snapshot.7`);
      changed(disk, log1, (log) => void (log[16 + 2 * 53 - 1] = 0));
    },
    'LOG_CORRUPT',
  ],
  [
    'newest snapshot: one byte flipped',
    (disk) => changed(disk, `${versionDir}/snapshot.7`, (file) => void (file[20] = 99)),
    10,
  ],
  [
    'newest snapshot: cut in half',
    (disk) => changed(disk, `${versionDir}/snapshot.7`, (file) => file.subarray(0, 50)),
    10,
  ],
  [
    'newest snapshot: length 0',
    (disk) => changed(disk, `${versionDir}/snapshot.7`, () => Buffer.alloc(0)),
    10,
  ],
  ['newest snapshot deleted', (disk) => disk.remove(`${versionDir}/snapshot.7`), 10],
  [
    'all snapshots cut in half',
    (disk) => {
      for (const name of ['snapshot.0', 'snapshot.7']) {
        changed(disk, `${versionDir}/${name}`, (file) => file.subarray(0, 30));
      }
    },
    'SNAPSHOT_CORRUPT',
  ],
  [
    'all snapshots deleted',
    (disk) => {
      for (const name of ['snapshot.0', 'snapshot.7']) disk.remove(`${versionDir}/${name}`);
    },
    'SNAPSHOT_MISSING',
  ],
  [
    'all snapshots deleted, snapshot.trust.empty=true',
    (disk) => {
      for (const name of ['snapshot.0', 'snapshot.7']) disk.remove(`${versionDir}/${name}`);
    },
    10,
    true,
  ],
  [
    'snapshots and the first log deleted, snapshot.trust.empty=true: there is a hole',
    (disk) => {
      for (const name of ['snapshot.0', 'snapshot.7', 'log.1'])
        disk.remove(`${versionDir}/${name}`);
    },
    'LOG_GAP',
    true,
  ],
  [
    'the log behind the newest snapshot deleted: the older chain has a hole',
    (disk) => {
      disk.remove(log1);
      disk.remove(`${versionDir}/snapshot.7`);
    },
    'LOG_GAP',
  ],
  [
    'junk and temporary files present',
    (disk) => {
      for (const name of ['snapshot.5.tmp', 'snapshot.zz', 'log.zz', 'log.5.bak', 'x']) {
        disk.put(`${versionDir}/${name}`, Buffer.from('junk'));
      }
    },
    10,
  ],
];

for (const [name, damage, expected, snapshotTrustEmpty = false] of cases) {
  const outcome = typeof expected === 'number' ? `starts with ${expected}` : expected;
  test(`ZOOKEEPER-2325, ZOOKEEPER-3644, ZOOKEEPER-3056, ZOOKEEPER-3781: what a start makes of a directory – ${name}: ${outcome}`, () => {
    const disk = probeDisk();
    damage(disk);
    const options: Partial<StorageOptions> = { snapshotTrustEmpty };
    if (typeof expected === 'string') {
      assert.throws(() => recovered(disk, options), { code: expected });
      return;
    }
    const { tree, result } = recovered(disk, options);
    assert.deepEqual(tree.applied, zxids(0, 1, expected));
    assert.equal(result.lastZxid, zxidOf(0, expected));
    // The next transaction fits behind it, whatever the damage left.
    const { bench } = recovered(disk, options);
    bench.storage.append(entry(0, expected + 1));
    bench.storage.flush();
    disk.run();
    disk.crash();
    assert.deepEqual(recovered(disk, options).tree.applied, zxids(0, 1, expected + 1));
  });
}

test('the newest entries come back for learners, across files and no more than asked for', () => {
  for (const count of [0, 1, 2, 3, 7]) {
    const { result } = recovered(probeDisk(), {}, count);
    const expected = zxids(0, 8, 10).slice(-count || 3);
    assert.deepEqual(
      result.recentLog.map(({ zxid, bytes }) => [zxid, Buffer.from(bytes).equals(payload(zxid))]),
      count === 0 ? [] : expected.map((zxid) => [zxid, true]),
    );
  }
  const disk = probeDisk();
  disk.remove(`${versionDir}/snapshot.7`);
  const { result } = recovered(disk, {}, 5);
  assert.deepEqual(
    result.recentLog.map(({ zxid }) => zxid),
    zxids(0, 6, 10),
  );
});

test('what recovery replayed is durable afterwards, though it was never synced before', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  bench.storage.append(entry(0, 1));
  bench.storage.flush();
  disk.runOne();
  assert.deepEqual(bench.durable, []);
  // The process dies here, not the machine.
  disk.pending.length = 0;
  assert.deepEqual(recovered(disk).tree.applied, [zxidOf(0, 1)]);
  disk.crash();
  assert.deepEqual(recovered(disk).tree.applied, [zxidOf(0, 1)]);
});

test('a transaction that cannot be decoded is named with its file and place', () => {
  class Strict extends ListTree {
    override replay(): void {
      throw new Error('no such type');
    }
  }
  const disk = probeDisk();
  disk.remove(`${versionDir}/snapshot.7`);
  assert.throws(() => new Bench(disk).storage.recover(new Strict(), 0), {
    code: 'LOG_CORRUPT',
    path: log1,
    message: /byte 16.*no such type/,
  });
});

test('a hole between the epochs of a log is refused', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  for (const logged of [entry(1, 1), entry(2, 2)]) bench.storage.append(logged);
  bench.storage.flush();
  disk.run();
  assert.throws(() => recovered(disk), { code: 'LOG_GAP' });
});

test('a snapshot named after an epoch that began is followed by its first transaction', () => {
  const disk = new MemoryDisk();
  disk.put(`${versionDir}/snapshot.200000000`, snapshotBytes(sourceOf([], zxidOf(2, 0))));
  const { bench } = recovered(disk);
  bench.storage.append(entry(2, 1));
  bench.storage.flush();
  disk.run();
  assert.deepEqual(recovered(disk).tree.applied, [zxidOf(2, 0), zxidOf(2, 1)]);
});

test('a digest older than the snapshot says nothing, a newer one is handed on', () => {
  const old = { ...sourceOf([], zxidOf(1, 5)), digest: () => ({ zxid: zxidZero, digest: 0n }) };
  const newer = {
    ...sourceOf([], zxidOf(1, 5)),
    digest: () => ({ zxid: zxidOf(1, 9), digest: -3n }),
  };
  for (const [source, expected] of [
    [old, null],
    [newer, { zxid: zxidOf(1, 9), digest: -3n }],
  ] as const) {
    const disk = new MemoryDisk();
    disk.put(`${versionDir}/snapshot.100000005`, snapshotBytes(source));
    assert.deepEqual(recovered(disk).tree.digestSeen, expected);
  }
});

test('an empty directory is a database only if that is allowed', () => {
  const options: Partial<StorageOptions> = { databaseAutocreate: false, isStandalone: false };
  const disk = new MemoryDisk();
  const first = recovered(disk, options);
  assert.equal(first.result.lastZxid, zxidNone);
  assert.equal(first.result.currentEpoch, 0);
  assert.equal(disk.exists(`${versionDir}/snapshot.0`), false);
  disk.put('/data/initialize', Buffer.alloc(0));
  assert.equal(recovered(disk, options).result.lastZxid, zxidZero);
  assert.equal(disk.exists('/data/initialize'), false);
  assert.equal(disk.exists(`${versionDir}/snapshot.0`), true);
});

test('a first start that lost power before its snapshot was whole starts again', () => {
  const disk = new MemoryDisk();
  disk.put(`${versionDir}/snapshot.0`, Buffer.alloc(0));
  assert.equal(recovered(disk).result.wasEmpty, true);
  assert.equal(recovered(disk).result.wasEmpty, false);
});

test('a member of the reference is taken over: snapshot, two epochs of log, epoch files', () => {
  const disk = new MemoryDisk();
  disk.put(`${versionDir}/snapshot.0`, snapshotBytes(sourceOf([])));
  disk.put(`${versionDir}/log.100000001`, golden('log.100000001.after-trunc'));
  disk.put(`${versionDir}/log.200000001`, golden('log.200000001'));
  disk.put(`${versionDir}/acceptedEpoch`, Buffer.from('2'));
  disk.put(`${versionDir}/currentEpoch`, Buffer.from('2\n'));
  const { tree, result } = recovered(disk, { isStandalone: false });
  assert.deepEqual(
    tree.applied.filter((zxid) => zxid < zxidOf(2, 0)),
    zxids(1, 1, 17),
  );
  assert.deepEqual(
    tree.applied.filter((zxid) => zxid > zxidOf(2, 0)),
    zxids(2, 1, tree.applied.length - 17),
  );
  assert.deepEqual([result.acceptedEpoch, result.currentEpoch], [2, 2]);
});

test('two log directories: files in the wrong one are refused with the remedy', () => {
  const options: Partial<StorageOptions> = { dataLogDir: '/log' };
  const withLog = new MemoryDisk();
  withLog.put(`${versionDir}/log.1`, golden('standalone-default-log.1'));
  withLog.makeDir(versionDir);
  assert.throws(() => recovered(withLog, options), {
    code: 'DATA_DIR',
    exitCode: 3,
    message: /dataLogDir/,
  });
  const withSnapshot = new MemoryDisk();
  withSnapshot.put('/log/version-2/snapshot.0', golden('snapshot.0'));
  withSnapshot.makeDir('/log/version-2');
  assert.throws(() => recovered(withSnapshot, options), { code: 'DATA_DIR', message: /dataDir/ });
});

test('a missing directory is made, or refused where that is switched off', () => {
  assert.throws(() => recovered(new MemoryDisk(), { dataDirAutocreate: false }), {
    code: 'DATA_DIR',
    message: /autocreate/,
  });
  const readOnly = new MemoryDisk();
  readOnly.failNext = { act: 'makeDir', error: new Error('EROFS: read-only file system') };
  assert.throws(() => recovered(readOnly), { code: 'DATA_DIR', message: /EROFS.*read-write/ });
});
