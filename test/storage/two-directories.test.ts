import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createNodeDisk } from '../../server/storage/node-disk.ts';
import type { StorageOptions } from '../../server/storage/storage-options.ts';
import { entry, recovered, sourceOf } from './fixtures.ts';

// Goal: a dataLogDir of its own, on whatever device, belongs to one server as its dataDir does, and
// holds logs alone.
// Method: real directories, two servers in one process.

const root = mkdtempSync(join(tmpdir(), 'two-directories-'));
after(() => rmSync(root, { recursive: true }));

function fresh(): { readonly dataDir: string; readonly dataLogDir: string } {
  const home = mkdtempSync(join(root, 'server-'));
  return { dataDir: join(home, 'data'), dataLogDir: join(home, 'log') };
}

const opened = (places: Partial<StorageOptions>): ReturnType<typeof recovered> =>
  recovered(createNodeDisk(), places);

test('logs and snapshots go where they belong', async () => {
  const places = fresh();
  const { bench } = opened(places);
  bench.storage.append(entry(1, 1));
  bench.storage.flush();
  const source = sourceOf([], entry(1, 1).zxid);
  await new Promise<void>((done) => {
    bench.storage.onDurable = () =>
      bench.storage.writeSnapshot(source, { replaceHistory: false }, done);
    const turn = (): void => {
      bench.runDeferred();
      setImmediate(turn).unref();
    };
    turn();
  });
  const namesIn = (dir: string): string[] => readdirSync(join(dir, 'version-2')).sort();
  assert.deepEqual(namesIn(places.dataLogDir), ['log.100000001']);
  assert.deepEqual(
    namesIn(places.dataDir).filter((name) => name.startsWith('snapshot')),
    ['snapshot.0', 'snapshot.100000001'],
  );
});

test('each of the two has a lock, and a refusal gives back what was taken', () => {
  const first = fresh();
  const { bench } = opened(first);
  assert(existsSync(join(first.dataLogDir, 'zk-server.lock')));
  const other = fresh();
  assert.throws(() => opened({ ...other, dataLogDir: first.dataLogDir }), {
    code: 'LOCKED',
    message: new RegExp(`^${first.dataLogDir} is in use by`),
  });
  assert.throws(() => opened({ ...other, dataDir: first.dataDir }), { code: 'LOCKED' });
  const again = opened(other);
  for (const one of [bench, again.bench]) {
    one.storage.close(() => {});
    one.runDeferred();
  }
  assert(!existsSync(join(first.dataLogDir, 'zk-server.lock')));
  opened({ ...other, dataLogDir: first.dataLogDir }).bench.storage.close(() => {});
});

test('a log directory that is missing is a volume that is not mounted, where none is to be made', () => {
  const places = fresh();
  mkdirSync(join(places.dataDir, 'version-2'), { recursive: true });
  assert.throws(() => opened({ ...places, dataDirAutocreate: false }), {
    code: 'DATA_DIR',
    exitCode: 3,
    message: new RegExp(`^${places.dataLogDir}/version-2 does not exist .* may not be mounted`),
  });
  assert(!existsSync(places.dataLogDir));
});
