import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTree } from '../../server/tree/data-tree.ts';
import { adler32 } from '../../server/util/adler32.ts';
import { assert as assertOurs } from '../../server/util/assert.ts';
import { zxidOf, zxidZero, type Zxid } from '../../server/protocol/zxid.ts';
import type { RecoveryTarget, SnapshotSink, SnapshotSource } from '../../server/storage/door.ts';
import { snapshotBytes, snapshotEnd } from '../../server/storage/snapshot-bytes.ts';
import { parseSnapshotName, snapshotName } from '../../server/storage/snapshot-format.ts';
import {
  endsLikeSnapshot,
  listSnapshots,
  loadSnapshot,
  type SnapshotFile,
} from '../../server/storage/snapshot-store.ts';
import { Bench, entry, golden, ListTree, recovered, sourceOf, versionDir } from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: snapshots of the reference load whatever switches it was run with, ours have its bytes, and
// a damaged one is never taken for a state.
// Method: its files; a target that takes a body of known length; every byte changed once.

/** Takes a body of so many bytes and keeps it. */
class BodyTarget implements RecoveryTarget {
  readonly #bytes: number;
  body: Buffer = Buffer.alloc(0);
  ended: { readonly zxid: Zxid; readonly digest: unknown } | null = null;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  beginSnapshot(): SnapshotSink {
    const wanted = this.#bytes;
    const take = (chunk: Uint8Array): number => {
      const taken = Math.min(chunk.length, wanted - this.body.length);
      this.body = Buffer.concat([this.body, chunk.subarray(0, taken)]);
      return taken;
    };
    const body = (): Buffer => this.body;
    return {
      push: take,
      get complete() {
        return body().length === wanted;
      },
    };
  }

  endSnapshot(zxid: Zxid, digest: unknown): void {
    this.ended = { zxid, digest };
  }

  reset(): void {}
  replay(): void {}
  snapshotSource(): never {
    throw new Error('not asked for');
  }
}

const both = 67;

/** Name, file name in a directory, bytes behind the body, whether a digest counts. */
const files = [
  ['snapshot.0', 'snapshot.0', both, false],
  ['snapshot.100000011', 'snapshot.100000011', both, true],
  ['standalone-default-snapshot.11', 'snapshot.11', both, true],
  ['standalone-nodigest-snapshot.11', 'snapshot.11', 34, false],
  ['standalone-nolastzxid-snapshot.11', 'snapshot.11', 46, true],
  ['standalone-noclosetxn-snapshot.11', 'snapshot.11', both, true],
  ['fuzzy-ahead-snapshot.9', 'snapshot.9', both, true],
  ['fuzzy-final-snapshot.16', 'snapshot.16', both, true],
] as const;

/** The file under its name in an otherwise empty directory. */
function diskWith(name: string, bytes: Buffer): MemoryDisk {
  const disk = new MemoryDisk();
  disk.put(`${versionDir}/${name}`, bytes);
  return disk;
}

function load(disk: MemoryDisk, target: RecoveryTarget): string | null {
  const file = listSnapshots(disk, versionDir)[0];
  assert(file !== undefined);
  assert(endsLikeSnapshot(disk, file));
  return loadSnapshot(disk, file, target);
}

for (const [source, name, endBytes, hasDigest] of files) {
  test(`${source} loads: its body, its digest, the zxid of its name`, () => {
    const bytes = golden(source);
    const target = new BodyTarget(bytes.length - 16 - endBytes);
    assert.equal(load(diskWith(name, bytes), target), null);
    assert.deepEqual(target.body, bytes.subarray(16, bytes.length - endBytes));
    assert.equal(target.ended?.zxid, parseSnapshotName(name)?.zxid);
    assert.equal(target.ended?.digest !== null, hasDigest);
  });
}

for (const [source, , endBytes] of files.filter(([, , bytes]) => bytes === both)) {
  test(`${source}: the end that we would write behind its body is its own`, () => {
    const bytes = golden(source);
    const bodyEnd = bytes.length - endBytes;
    const digest = {
      zxid: Number(bytes.readBigInt64BE(bodyEnd + 13)) as Zxid,
      digest: bytes.readBigInt64BE(bodyEnd + 25),
    };
    const last = Number(bytes.readBigInt64BE(bytes.length - 21)) as Zxid;
    const end = snapshotEnd(adler32(bytes, 0, bodyEnd), digest, last);
    assert.deepEqual(end, bytes.subarray(bodyEnd));
  });
}

for (const [source, name] of [
  ['standalone-gz-snapshot.11.gz', 'snapshot.11.gz'],
  ['standalone-snappy-snapshot.11.snappy', 'snapshot.11.snappy'],
] as const) {
  test(`${source} loads: what was compressed has the same seals`, () => {
    const target = new BodyTarget(1096 - 16 - both);
    assert.equal(load(diskWith(name, golden(source)), target), null);
    assert.equal(target.ended?.zxid, 17);
  });

  test(`${source}: cut anywhere it does not load, and nothing worse happens`, () => {
    const bytes = golden(source);
    for (let cut = 8; cut < bytes.length; cut += 1) {
      const problem = load(diskWith(name, bytes.subarray(0, cut)), new BodyTarget(1013));
      assert.notEqual(problem, null, `cut at ${cut}`);
    }
  });
}

test('a snapshot in which any one byte differs is passed over for the older one', () => {
  const bytes = snapshotBytes(sourceOf([zxidOf(1, 1), zxidOf(1, 2)]));
  for (let at = 0; at < bytes.length; at += 1) {
    const disk = new MemoryDisk();
    disk.put(`${versionDir}/snapshot.100000001`, snapshotBytes(sourceOf([zxidOf(1, 1)])));
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 0x10;
    disk.put(`${versionDir}/snapshot.100000002`, changed);
    const { tree, bench } = recovered(disk);
    assert.deepEqual(tree.applied, [zxidOf(1, 1)], `byte ${at}`);
    assert.equal(bench.logged.length, 1);
  }
});

test('ZOOKEEPER-2872: a snapshot cut anywhere is passed over for the older one', () => {
  const bytes = snapshotBytes(sourceOf([zxidOf(1, 1), zxidOf(1, 2)]));
  for (let cut = 0; cut < bytes.length; cut += 1) {
    const disk = new MemoryDisk();
    disk.put(`${versionDir}/snapshot.100000001`, snapshotBytes(sourceOf([zxidOf(1, 1)])));
    disk.put(`${versionDir}/snapshot.100000002`, bytes.subarray(0, cut));
    // Behind the first or second seal it is a whole snapshot without the later sections.
    const isWhole = cut === bytes.length - 54 || cut === bytes.length - 21;
    const expected = isWhole ? [zxidOf(1, 1), zxidOf(1, 2)] : [zxidOf(1, 1)];
    assert.deepEqual(recovered(disk).tree.applied, expected, `cut at ${cut}`);
  }
});

test('a damaged snapshot is not told to the tree as whole, whatever its bytes make of the tree', () => {
  const bytes = golden('standalone-default-snapshot.11');
  const problems = new Set<string>();
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 0x81;
    const tree = createTree();
    let isEnded = false;
    const target = {
      beginSnapshot: () => tree.beginSnapshot(),
      endSnapshot: () => (isEnded = true),
      reset: () => tree.reset(),
      replay: () => undefined,
      snapshotSource: () => sourceOf([]),
    };
    const disk = diskWith('snapshot.11', changed);
    const problem = loadSnapshot(disk, listSnapshots(disk, versionDir)[0] as SnapshotFile, target);
    assert.ok(problem !== null && !isEnded, `byte ${at}`);
    problems.add(problem.replaceAll(/\d+/g, '#'));
  }
  // The seal speaks first, also where the tree stumbled over what it was given.
  assert.deepEqual([...problems].sort(), [
    'its checksum is # and should be #',
    'its end is missing',
  ]);
});

test('what fails in the tree on damaged bytes is damage, on sound ones a mistake of ours', () => {
  const failing: RecoveryTarget = new BodyTarget(0);
  failing.beginSnapshot = () => ({
    complete: false,
    push(): number {
      assertOurs(false, 'the tree is sound');
      return 0;
    },
  });
  const bytes = snapshotBytes(sourceOf([zxidOf(1, 1)]));
  const changed = Buffer.from(bytes);
  changed[20] = 1;
  assert.match(load(diskWith('snapshot.1', changed), failing) ?? '', /its checksum is/);
  assert.throws(() => load(diskWith('snapshot.1', bytes), failing), { name: 'AssertionFailure' });
});

test('when no snapshot is whole the start is refused', () => {
  const disk = diskWith(
    'snapshot.100000002',
    snapshotBytes(sourceOf([zxidOf(1, 2)])).subarray(0, 60),
  );
  assert.throws(() => recovered(disk), { code: 'SNAPSHOT_CORRUPT', exitCode: 1 });
});

test('a large snapshot reaches the tree in large chunks', () => {
  const zxids = Array.from({ length: 400_000 }, (_, index) => zxidOf(1, index + 1));
  const tree = new ListTree();
  const disk = diskWith(snapshotName(zxidOf(1, 400_000)), snapshotBytes(sourceOf(zxids)));
  assert.equal(load(disk, tree), null);
  assert.equal(tree.applied.length, zxids.length);
  const bytes = 4 + 8 * zxids.length;
  assert.equal(tree.pushes.length, Math.ceil(bytes / (256 * 1024)));
});

test('names that are no finished snapshot are ignored', () => {
  for (const name of [
    'snapshot.5.tmp',
    'snapshot.zz',
    'unfinished.snapshot.5',
    'log.5',
    'snapshot',
  ]) {
    assert.equal(parseSnapshotName(name), null, name);
  }
  assert.deepEqual(parseSnapshotName('snapshot.1f.gz'), { zxid: 31, compression: 'gz' });
});

test('Keeper-116316: writing: a temporary name until all is synced, then the final one, and the log rolls', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const append = (counter: number): void => {
    bench.storage.append(entry(1, counter));
    bench.storage.flush();
    disk.run();
  };
  append(1);
  let isDone = false;
  bench.storage.writeSnapshot(sourceOf([zxidOf(1, 1)]), { replaceHistory: false }, () => {
    isDone = true;
  });
  const temporary = `${versionDir}/unfinished.1.snapshot.100000001`;
  const final = `${versionDir}/snapshot.100000001`;
  while (disk.pending.length > 0) {
    assert(disk.exists(temporary) && !disk.exists(final) && !isDone);
    disk.runOne();
  }
  bench.runDeferred();
  assert(disk.exists(final) && !disk.exists(temporary) && isDone);
  disk.crash();
  assert(disk.exists(final) && !disk.exists(temporary), 'durable once done');
  append(2);
  assert.deepEqual(
    disk
      .list(versionDir)
      .filter((name) => name.startsWith('log.'))
      .sort(),
    ['log.100000001', 'log.100000002'],
  );
  disk.crash();
  assert.deepEqual(recovered(disk).tree.applied, [zxidOf(1, 1), zxidOf(1, 2)]);
});

test('a tree ahead of its log gets its name only once the log has caught up', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  bench.storage.append(entry(1, 1));
  bench.storage.writeSnapshot(sourceOf([zxidOf(1, 1)]), { replaceHistory: false }, () => {});
  // Not even flushed: the snapshot waits for it all the same.
  while (!disk.exists(`${versionDir}/snapshot.100000001`)) {
    assert(disk.pending.length + bench.deferred.length > 0);
    disk.runOne();
    bench.runDeferred();
  }
  assert(bench.durable.some((zxid) => zxid >= zxidOf(1, 1)));
});

test('a write that fails costs the snapshot, not the server; a sync that fails ends it', () => {
  for (const [act, code, failures] of [
    ['write', 'ENOSPC', 0],
    ['write', 'EIO', 0],
    ['sync', 'EIO', 1],
    ['sync', 'ENOSPC', 1],
  ] as const) {
    const disk = new MemoryDisk();
    const { bench } = recovered(disk);
    disk.failNext = { act, error: Object.assign(new Error(code), { code }) };
    let doneCount = 0;
    bench.storage.writeSnapshot(sourceOf([], zxidOf(1, 1)), { replaceHistory: false }, () => {
      doneCount += 1;
    });
    disk.run();
    bench.runDeferred();
    assert.equal(bench.failures.length, failures);
    assert.equal(doneCount, 1 - failures);
    assert.deepEqual(disk.list(versionDir).sort(), ['snapshot.0']);
    if (failures === 1) assert.equal(bench.failures[0]?.exitCode, 10);
  }
});

test('a second snapshot while one is written is skipped, and wanted again later', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk, { snapCount: 4 });
  const append = (counter: number): void => bench.storage.append(entry(1, counter));
  append(1);
  append(2);
  assert.equal(bench.storage.wantsSnapshot(), false);
  append(3);
  assert.equal(bench.storage.wantsSnapshot(), true);
  let doneCount = 0;
  const write = (): void =>
    bench.storage.writeSnapshot(sourceOf([], zxidOf(1, 3)), { replaceHistory: false }, () => {
      doneCount += 1;
    });
  write();
  for (const counter of [4, 5, 6]) append(counter);
  assert.equal(bench.storage.wantsSnapshot(), false, 'one is being written');
  write();
  disk.run();
  bench.runDeferred();
  disk.run();
  assert.equal(doneCount, 2);
  assert.equal(bench.storage.stats.snapshotCount, 1);
  assert.equal(bench.storage.wantsSnapshot(), true);
});

test('sections that are switched off are not written, and the rest is read by its length', () => {
  for (const digest of [true, false]) {
    for (const lastZxid of [true, false]) {
      const disk = new MemoryDisk();
      const snapshotSections = { digest, lastZxid };
      const { bench } = recovered(disk, { snapshotSections });
      const source = (): SnapshotSource => sourceOf([zxidOf(1, 1), zxidOf(1, 2)]);
      bench.storage.writeSnapshot(source(), { replaceHistory: false }, () => {});
      disk.run();
      bench.runDeferred();
      const written = disk.readAll(`${versionDir}/snapshot.100000002`);
      assert(written.equals(snapshotBytes(source(), snapshotSections)));
      const whole = snapshotBytes(source()).length;
      assert.equal(written.length, whole - (digest ? 0 : 33) - (lastZxid ? 0 : 21));
      const { tree } = recovered(disk);
      assert.deepEqual(tree.applied, [zxidOf(1, 1), zxidOf(1, 2)]);
      assert.equal(tree.digestSeen?.digest, digest ? 7n : undefined);
    }
  }
});

test('bytes of the log ask for a snapshot too, and their limit may be off', () => {
  for (const [snapBytesMax, isWanted] of [
    [1000, true],
    [0, false],
  ] as const) {
    const { bench } = recovered(new MemoryDisk(), { snapBytesMax });
    for (let counter = 1; counter <= 3; counter += 1) bench.storage.append(entry(1, counter, 160));
    assert.equal(bench.storage.wantsSnapshot(), false);
    bench.storage.append(entry(1, 4, 160));
    assert.equal(bench.storage.wantsSnapshot(), isWanted);
  }
});

test('the thresholds lie between half and all of what is configured', () => {
  for (const chance of [0, 0.5, 0.999]) {
    const disk = new MemoryDisk();
    const bench = new Bench(disk, {
      snapCount: 100,
      host: { nowMs: () => 0, random: () => chance, defer: () => {}, log: () => {} },
    });
    bench.storage.recover(new ListTree(), 0);
    let count = 0;
    while (!bench.storage.wantsSnapshot()) {
      count += 1;
      bench.storage.append(entry(1, count));
    }
    assert.equal(count, 51 + Math.floor(50 * chance));
  }
});

test('an empty database is born with snapshot.0, as the reference needs it', () => {
  const disk = new MemoryDisk();
  const { result } = recovered(disk);
  assert.equal(result.wasEmpty, true);
  assert.equal(result.lastZxid, zxidZero);
  disk.crash();
  assert.deepEqual(disk.list(versionDir), ['snapshot.0']);
  assert.equal(recovered(disk).result.wasEmpty, false);
});
