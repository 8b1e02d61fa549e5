import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createNodeDisk } from '../../server/storage/node-disk.ts';
import { logHeader } from '../../server/storage/txn-log-format.ts';
import { entry, recovered } from './fixtures.ts';

// Goal: a server that is killed in the first moment of a new log leaves a directory that the
// reference starts on: it refuses one whose newest log has no header.
// Method: the real disk, on which the first write to a log never happens.

const directory = mkdtempSync(join(tmpdir(), 'log-head-'));
after(() => rmSync(directory, { recursive: true }));
const dir = join(directory, 'version-2');

test('a log has its header before anything is written to it, and no other name before that', () => {
  const disk = createNodeDisk();
  const stopped = {
    ...disk,
    create: (path: string, head?: Uint8Array) => ({
      ...disk.create(path, head),
      write: () => {},
      extend: () => {},
      close: () => {},
    }),
  };
  const places = { dataDir: directory, dataLogDir: directory };
  const { bench } = recovered(stopped, places);
  bench.storage.append(entry(0, 1));
  bench.storage.flush();
  assert(readFileSync(join(dir, 'log.1')).equals(logHeader));
  assert.deepEqual(readdirSync(dir).sort(), ['log.1', 'snapshot.0']);
});

test('what a kill before that left is removed at the next start', () => {
  const dataDir = mkdtempSync(join(directory, 'snapshots-'));
  const dataLogDir = mkdtempSync(join(directory, 'logs-'));
  for (const home of [dataDir, dataLogDir]) {
    mkdirSync(join(home, 'version-2'));
    writeFileSync(join(home, 'version-2/unfinished.log.1'), '');
  }
  const { tree } = recovered(createNodeDisk(), { dataDir, dataLogDir });
  assert.deepEqual(tree.applied, []);
  assert.deepEqual(readdirSync(join(dataDir, 'version-2')), ['snapshot.0']);
  assert.deepEqual(readdirSync(join(dataLogDir, 'version-2')), []);
});
