import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { constants, deflateRaw, gunzipSync } from 'node:zlib';
import { zxidOf, type Zxid } from '../../server/protocol/zxid.ts';
import type { PackDone } from '../../server/storage/disk.ts';
import { createNodeDisk } from '../../server/storage/node-disk.ts';
import { packBlock, SnappyPacker } from '../../server/storage/snappy-packer.ts';
import { decodeSnappyBlock, decodeSnappyStream } from '../../server/storage/snappy.ts';
import { snapshotBytes } from '../../server/storage/snapshot-bytes.ts';
import type { Compression } from '../../server/storage/snapshot-format.ts';
import { listSnapshots } from '../../server/storage/snapshot-store.ts';
import { Bench, entry, ListTree, recovered, sourceOf, versionDir } from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: compressed snapshots hold the very bytes of plain ones, under the reference's names, and
// everything that is done with plain ones is done with them.
// Method: the same histories written in every form, on a disk in memory and on the real one; blocks
// of random and of repeating bytes, of every length around the limits of the format.

const forms: readonly Compression[] = ['none', 'gz', 'snappy'];

const unpacked: Readonly<Record<Compression, (bytes: Buffer) => Buffer>> = {
  none: (bytes) => bytes,
  gz: (bytes) => gunzipSync(bytes),
  snappy: decodeSnappyStream,
};

function extensionOf(form: Compression): string {
  return form === 'none' ? '' : `.${form}`;
}

/** So many applied zxids make a body of some hundreds of kilobytes: several slices. */
const many: readonly Zxid[] = Array.from({ length: 60_000 }, (_, index) => zxidOf(0, index + 1));

for (const form of forms) {
  test(`a snapshot of several slices, ${form}`, () => {
    const disk = new MemoryDisk();
    const { bench } = recovered(disk, { snapshotCompression: form });
    assert(disk.exists(`${versionDir}/snapshot.0${extensionOf(form)}`), 'of the empty database');
    let isDone = false;
    bench.storage.writeSnapshot(sourceOf(many), { replaceHistory: false }, () => (isDone = true));
    disk.run();
    bench.runDeferred();
    assert(isDone);
    const path = `${versionDir}/snapshot.ea60${extensionOf(form)}`;
    assert(unpacked[form](disk.readAll(path)).equals(snapshotBytes(sourceOf(many))));
    assert.deepEqual(recovered(disk).tree.applied, many);
    assert.deepEqual(
      disk.list(versionDir).filter((name) => name.startsWith('unfinished')),
      [],
    );
  });

  test(`a leader's snapshot takes the place of the history, ${form}`, () => {
    const disk = new MemoryDisk();
    const { bench } = recovered(disk, { snapshotCompression: 'snappy' });
    for (let counter = 1; counter <= 3; counter += 1) bench.storage.append(entry(1, counter));
    bench.storage.flush();
    disk.run();
    const next = new Bench(disk, { snapshotCompression: form });
    next.storage.recover(new ListTree(), 0);
    const source = sourceOf([zxidOf(1, 1), zxidOf(1, 2)]);
    next.storage.writeSnapshot(source, { replaceHistory: true }, () => {});
    next.runDeferred();
    disk.run();
    next.runDeferred();
    const names = disk.list(versionDir).filter((name) => /^(snapshot|log)\./.test(name));
    assert.deepEqual(names, [`snapshot.100000002${extensionOf(form)}`]);
    assert.deepEqual(recovered(disk).tree.applied, [zxidOf(1, 1), zxidOf(1, 2)]);
  });
}

test('a crash anywhere while a compressed snapshot replaces the history leaves one of the two', () => {
  for (let crashAt = 1; ; crashAt += 1) {
    const disk = new MemoryDisk();
    const { bench } = recovered(disk);
    bench.storage.append(entry(1, 1));
    bench.storage.append(entry(1, 2));
    bench.storage.flush();
    disk.run();
    const next = new Bench(disk, { snapshotCompression: 'gz' });
    next.storage.recover(new ListTree(), 0);
    disk.actCount = 0;
    disk.crashAt = crashAt;
    let isDone = false;
    const theirs = [zxidOf(2, 1), zxidOf(2, 2)];
    try {
      next.storage.writeSnapshot(sourceOf(theirs), { replaceHistory: true }, () => (isDone = true));
      next.runDeferred();
      disk.run();
      next.runDeferred();
    } catch {
      // The machine lost power.
    }
    disk.crash();
    const { applied } = recovered(disk).tree;
    if (isDone) assert.deepEqual(applied, theirs);
    else
      assert(
        [zxidOf(1, 2), theirs[1]].includes(applied.at(-1)),
        `crash at ${crashAt}: ${applied.join(' ')}`,
      );
    if (isDone) return;
  }
});

test('snapshots of all forms count alike for a purge', () => {
  const disk = new MemoryDisk();
  recovered(disk, { snapshotCompression: 'gz' });
  let counter = 0;
  for (const form of [...forms, ...forms]) {
    const { bench, tree } = recovered(disk, { snapshotCompression: form });
    counter += 1;
    bench.storage.append(entry(1, counter));
    bench.storage.flush();
    disk.run();
    tree.applied.push(zxidOf(1, counter));
    bench.storage.writeSnapshot(sourceOf(tree.applied), { replaceHistory: false }, () => {});
    disk.run();
    bench.runDeferred();
    if (counter === 6) bench.storage.purge(3);
  }
  const names = listSnapshots(disk, versionDir).map((file) => file.name);
  assert.deepEqual(
    names,
    ['100000006.snappy', '100000005.gz', '100000004'].map((name) => `snapshot.${name}`),
  );
  assert.equal(recovered(disk).tree.applied.length, 6);
});

test('a snapshot given up while it is compressed leaves nothing, and calls nobody', () => {
  const waiting: (() => void)[] = [];
  class PackingDisk extends MemoryDisk {
    deflate(bytes: Uint8Array, done: PackDone): void {
      waiting.push(() => done(null, Buffer.from(bytes)));
    }
  }
  const disk = new PackingDisk();
  const { bench } = recovered(disk, { snapshotCompression: 'gz' });
  let dones = 0;
  bench.storage.writeSnapshot(sourceOf(many), { replaceHistory: false }, () => (dones += 1));
  assert.equal(waiting.length, 1, 'one piece at a time');
  bench.storage.truncate(zxidOf(0, 0), () => {});
  for (const run of waiting.splice(0)) run();
  bench.runDeferred();
  assert.equal(waiting.length, 0, 'no more is compressed');
  assert.equal(dones, 1);
  assert.deepEqual(disk.list(versionDir), ['snapshot.0.gz']);
});

test('on a real disk other things happen between the pieces', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'packed-'));
  after(() => rmSync(directory, { recursive: true }));
  const disk = createNodeDisk();
  const places = { dataDir: directory, dataLogDir: directory, snapshotCompression: 'gz' } as const;
  const { bench } = recovered(disk, places);
  const written: string[] = [];
  bench.storage.writeSnapshot(sourceOf(many), { replaceHistory: false }, () =>
    written.push('done'),
  );
  let turns = 0;
  for (; written.length === 0; turns += 1) {
    await turn();
    bench.runDeferred();
  }
  assert(turns > many.length / 10_000, `${turns} turns`);
  const path = join(directory, 'version-2/snapshot.ea60.gz');
  assert(gunzipSync(readFileSync(path)).equals(snapshotBytes(sourceOf(many))));
  assert.deepEqual(readdirSync(join(directory, 'version-2')).sort(), [
    'snapshot.0.gz',
    'snapshot.ea60.gz',
  ]);
  bench.storage.close(() => {});
  bench.runDeferred();
  assert.deepEqual(recovered(disk, places).tree.applied, many);
});

test('a compressed snapshot whose lengths lie is damaged, and the one before it counts', () => {
  for (const form of ['gz', 'snappy'] as const) {
    for (const lie of [0, 40, 1_000_000, 0x7fff_ffff]) {
      const disk = new MemoryDisk();
      const { bench } = recovered(disk, { snapshotCompression: form });
      const source = sourceOf([zxidOf(0, 1)]);
      bench.storage.writeSnapshot(source, { replaceHistory: false }, () => {});
      disk.run();
      bench.runDeferred();
      const path = `${versionDir}/snapshot.1.${form}`;
      const bytes = disk.readAll(path);
      if (form === 'gz') bytes.writeUInt32LE(lie, bytes.length - 4);
      else bytes.writeInt32BE(lie, 16);
      disk.put(path, bytes);
      const again = recovered(disk);
      assert.deepEqual(again.tree.applied, [], `${form}, ${lie}`);
      assert.equal(again.bench.logged.filter((line) => line.includes('is damaged')).length, 1);
    }
  }
});

test('pieces of a deflate stream in a row are one stream', async () => {
  const pieces = [Buffer.from('one '), Buffer.alloc(70_000, 'two '), Buffer.alloc(0)];
  const options = { finishFlush: constants.Z_SYNC_FLUSH };
  const disk = createNodeDisk();
  for (const piece of pieces) {
    const ours = await new Promise<Uint8Array>((done, fail) =>
      disk.deflate?.(piece, (error, packed) => (error === null ? done(packed) : fail(error))),
    );
    const theirs = await new Promise<Buffer>((done) =>
      deflateRaw(piece, options, (_error, packed) => done(packed)),
    );
    assert(theirs.equals(ours));
  }
});

test('snappy blocks of every length and kind come back', () => {
  const table = new Uint16Array(1 << 13);
  let state = 1;
  const random = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 16;
  const kinds: readonly ((bytes: Buffer) => void)[] = [
    (bytes) => bytes.fill(7),
    (bytes) => bytes.forEach((_, at) => (bytes[at] = random())),
    (bytes) => bytes.forEach((_, at) => (bytes[at] = random() & 3)),
    (bytes) => bytes.fill('/service/node-0000000123 '),
  ];
  const lengths = [...Array(140).keys(), 255, 256, 257, 300, 4096, 32_767, 32_768, 65_535];
  for (const [kind, fill] of kinds.entries()) {
    for (const length of lengths) {
      const bytes = Buffer.alloc(length);
      fill(bytes);
      const packed = packBlock(bytes, table, 4).subarray(4);
      assert(decodeSnappyBlock(packed).equals(bytes), `kind ${kind}, ${length} bytes`);
    }
  }
});

test('a snappy block that promises more than its bytes can say is refused before it is reserved', () => {
  // The most that a block can say: one literal, then copies of 64 bytes that take three each.
  const copies = Buffer.alloc(3000, Buffer.from([0xfe, 1, 0]));
  const length = 1 + 64_000;
  const varint = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14];
  const most = Buffer.concat([Buffer.from([...varint, 0, 7]), copies]);
  assert(decodeSnappyBlock(most).equals(Buffer.alloc(length, 7)));

  // 64 MiB in five bytes, and many of those in a stream.
  const lie = Buffer.from([0x80, 0x80, 0x80, 0x20, 0]);
  assert.throws(() => decodeSnappyBlock(lie), /snappy block of 67108864 bytes in 5/);
  const block = Buffer.concat([Buffer.from([0, 0, 0, lie.length]), lie]);
  const head = new SnappyPacker().push(Buffer.alloc(32_768)).subarray(0, 16);
  const stream = Buffer.concat([head, ...Array.from({ length: 1000 }, () => block)]);
  assert.throws(() => decodeSnappyStream(stream), /snappy block of 67108864 bytes in 5/);
});

test('a snappy stream has blocks of 32 KiB, however it came', () => {
  const bytes = Buffer.alloc(100_000, 'abcdefg/h');
  const pack = (sliceBytes: number): Buffer => {
    const packer = new SnappyPacker();
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      parts.push(packer.push(bytes.subarray(at, at + sliceBytes)));
    }
    return Buffer.concat([...parts, packer.end()]);
  };
  const whole = pack(bytes.length);
  assert(decodeSnappyStream(whole).equals(bytes));
  assert(whole.length < bytes.length / 10);
  for (const sliceBytes of [1000, 32_768, 65_536]) assert(pack(sliceBytes).equals(whole));
  const lengths: number[] = [];
  for (let at = 16; at < whole.length; at += 4 + whole.readInt32BE(at)) {
    lengths.push(decodeSnappyBlock(whole.subarray(at + 4, at + 4 + whole.readInt32BE(at))).length);
  }
  assert.deepEqual(lengths, [32_768, 32_768, 32_768, 100_000 - 3 * 32_768]);
});
