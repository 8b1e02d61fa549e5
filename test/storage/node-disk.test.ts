import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { zxidOf } from '../../server/protocol/zxid.ts';
import { lockFile } from '../../server/storage/lock-file.ts';
import { createNodeDisk } from '../../server/storage/node-disk.ts';
import { openStorage } from '../../server/storage/storage.ts';
import type { StorageOptions } from '../../server/storage/storage-options.ts';
import { entry, ListTree, sourceOf } from './fixtures.ts';

// Goal: storage works on a real file system, and two servers never share a directory.
// Method: temporary directories; a second process that holds a lock and is then killed.

const root = mkdtempSync(join(tmpdir(), 'storage-'));
after(() => rmSync(root, { recursive: true }));

function freshDir(): string {
  return mkdtempSync(join(root, 'data-'));
}

function optionsFor(dataDir: string): StorageOptions {
  return {
    dataDir,
    dataLogDir: dataDir,
    isStandalone: false,
    snapCount: 100,
    snapBytesMax: 0,
    preallocateBytes: 65_536,
    forceSync: true,
    snapshotTrustEmpty: false,
    snapshotSizeFactor: 1,
    host: {
      nowMs: () => performance.now(),
      random: Math.random,
      defer: (run) => void setImmediate(run),
      log: () => {},
    },
  };
}

test('append, snapshot, epochs, truncation and a restart, on this machine', async () => {
  const dataDir = freshDir();
  const disk = createNodeDisk();
  const storage = openStorage(optionsFor(dataDir), disk);
  storage.onFailure = (failure) => assert.fail(failure.message);
  assert.equal(storage.recover(new ListTree(), 10).wasEmpty, true);
  const durable = new Promise<void>((resolve) => {
    storage.onDurable = (zxid) => zxid === zxidOf(1, 200) && resolve();
  });
  for (let counter = 1; counter <= 200; counter += 1) {
    storage.append(entry(1, counter, 1000));
    if (counter % 10 === 0) storage.flush();
  }
  await durable;
  assert(storage.stats.fsyncCount < 200);
  await new Promise<void>((done) =>
    storage.writeSnapshot(sourceOf([], zxidOf(1, 150)), { replaceHistory: false }, done),
  );
  await new Promise<void>((done) => storage.storeEpoch('accepted', 4, done));
  const isCut = await new Promise<boolean>((done) => storage.truncate(zxidOf(1, 180), done));
  assert.equal(isCut, true);
  assert.equal(storage.recover(new ListTree(), 10).lastZxid, zxidOf(1, 180));
  await new Promise<void>((done) => storage.close(done));

  const again = openStorage(optionsFor(dataDir), disk);
  const tree = new ListTree();
  const result = again.recover(tree, 10);
  assert.deepEqual(
    [result.lastZxid, result.acceptedEpoch, result.currentEpoch],
    [zxidOf(1, 180), 4, 1],
  );
  assert.equal(tree.applied.length, 31);
  assert.equal(readFileSync(join(dataDir, 'version-2/acceptedEpoch'), 'latin1'), '4');
  await new Promise<void>((done) => again.close(done));
  assert.equal(readdirSync(dataDir).includes('zk-server.lock'), false);
});

test('errors carry the path', async () => {
  const disk = createNodeDisk();
  assert.throws(() => disk.create('/proc/nowhere/file'), {
    code: 'ENOENT',
    message: /\/proc\/nowhere\/file/,
  });
  assert.throws(() => disk.readAll(join(root, 'absent')), /absent/);
  assert.deepEqual(disk.list(join(root, 'absent')), []);
  const file = disk.create('/dev/full');
  const error = await new Promise<Error | null>((done) => file.write(Buffer.alloc(10), 0, done));
  file.close();
  assert.match(error?.message ?? '', /ENOSPC.*\/dev\/full/);
});

test('securing a file cuts it and leaves the rest as it was, wherever the rewriting begins', () => {
  const disk = createNodeDisk();
  const path = join(freshDir(), 'file');
  const bytes = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251));
  for (const rewriteFrom of [0, 1, 4096, 6999, 7000]) {
    writeFileSync(path, bytes);
    disk.secure(path, 7000, rewriteFrom);
    assert.deepEqual(readFileSync(path), bytes.subarray(0, 7000));
  }
});

test('a full disk stops the server with the remedy', async () => {
  const dataDir = freshDir();
  const real = createNodeDisk();
  const disk = {
    ...real,
    create: (path: string) => real.create(path.includes('log.') ? '/dev/full' : path),
  };
  const storage = openStorage({ ...optionsFor(dataDir), preallocateBytes: 0 }, disk);
  storage.recover(new ListTree(), 0);
  storage.onDurable = () => assert.fail('confirmed');
  const failure = new Promise<{ exitCode: number; message: string }>((resolve) => {
    storage.onFailure = resolve;
  });
  storage.append(entry(1, 1));
  storage.flush();
  const { exitCode, message } = await failure;
  assert.equal(exitCode, 1);
  assert.match(message, /log\.100000001.*ENOSPC.*enlarge the volume/);
});

test('a second server in this process is refused until the first has closed', async () => {
  const dataDir = freshDir();
  const first = openStorage(optionsFor(dataDir), createNodeDisk());
  first.recover(new ListTree(), 0);
  const second = openStorage(optionsFor(dataDir), createNodeDisk());
  assert.throws(() => second.recover(new ListTree(), 0), {
    code: 'LOCKED',
    exitCode: 3,
    message: /in use/,
  });
  await new Promise<void>((done) => first.close(done));
  second.recover(new ListTree(), 0);
  await new Promise<void>((done) => second.close(done));
});

test('a start that is refused gives the directory back', () => {
  const dataDir = freshDir();
  const disk = createNodeDisk();
  disk.makeDir(join(dataDir, 'version-2'));
  writeFileSync(join(dataDir, 'version-2/snapshot.1'), 'no snapshot');
  const attempt = (): void => {
    openStorage({ ...optionsFor(dataDir), isStandalone: true }, disk).recover(new ListTree(), 0);
  };
  assert.throws(attempt, { code: 'SNAPSHOT_CORRUPT' });
  assert.throws(attempt, { code: 'SNAPSHOT_CORRUPT' });
});

test('a lock of a living process holds; after kill -9 it is stale', async () => {
  const path = join(freshDir(), 'lock');
  const module = join(import.meta.dirname, '../../server/storage/lock-file.ts');
  const script = `
    const { lockFile } = await import(${JSON.stringify(module)});
    console.log('release' in lockFile(${JSON.stringify(path)}));
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  assert.equal(line.toString().trim(), 'true');
  const refused = lockFile(path);
  assert('holder' in refused);
  assert.match(refused.holder, new RegExp(`pid ${child.pid} `));
  child.kill('SIGKILL');
  await once(child, 'exit');
  const taken = lockFile(path);
  assert('release' in taken);
  taken.release();
  assert.deepEqual(readdirSync(join(path, '..')), []);
});

test('a lock left by another boot, another machine, or as rubbish is taken over', () => {
  for (const text of ['', 'rubbish', 'pid 1 started 5 in pid:[1] boot 0']) {
    const path = join(freshDir(), 'lock');
    writeFileSync(path, text);
    const taken = lockFile(path);
    assert('release' in taken, text);
    taken.release();
  }
});

test('a durable write is where a write and a sync would have put it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'durable-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'log');
  const file = createNodeDisk().create(path);
  file.extend(64);
  const wrote = (bytes: string, position: number): Promise<Error | null> =>
    new Promise((done) => file.writeDurably?.(Buffer.from(bytes), position, done));
  assert.equal(await wrote('first', 0), null);
  assert.equal(await wrote('second', 5), null);
  file.close();
  assert.equal(readFileSync(path).toString('latin1'), 'firstsecond'.padEnd(64, '\0'));
});
