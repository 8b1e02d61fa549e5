import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createNodeDisk } from '../../server/storage/node-disk.ts';
import { purge } from '../../server/tools/purge-tool.ts';
import { outcomeOf, writeLog, wrongChecksum, type LogOptions } from './fixtures.ts';

// Goal: what a purge leaves can be started from, whatever state the files are in.
// Method: directories with many snapshots and logs, some of them spoiled.

const golden = join(import.meta.dirname, '../golden/disk/standalone-default-snapshot.11');
const root = mkdtempSync(join(tmpdir(), 'zk-purge-'));
after(() => rmSync(root, { recursive: true }));

const snapshotHexes = [
  '100000001',
  '100000002',
  '100000004',
  '200000000',
  '200000005',
  '200000006',
];

/** Six snapshots and one log that holds the entries behind all of them, and older logs. */
function directory(log: LogOptions = {}): string {
  const dir = mkdtempSync(join(root, 'data-'));
  mkdirSync(join(dir, 'version-2'));
  for (const hex of snapshotHexes) copyFileSync(golden, join(dir, 'version-2', `snapshot.${hex}`));
  for (const hex of ['1', '9', '100000001']) writeLog(join(dir, 'version-2', `log.${hex}`), log);
  return dir;
}

function spoil(dir: string, hex: string): void {
  const path = join(dir, 'version-2', `snapshot.${hex}`);
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(200) ^ 1, 200);
  writeFileSync(path, bytes);
}

const purged = (dir: string, count: number): ReturnType<typeof outcomeOf> =>
  outcomeOf(purge(createNodeDisk(), { dataDir: dir, dataLogDir: dir }, count));

const names = (dir: string): string[] => readdirSync(join(dir, 'version-2')).sort();

test('the newest snapshots and the log that they need stay', async () => {
  const dir = directory();
  const { output, exitCode } = await purged(dir, 3);
  assert.equal(exitCode, 0);
  assert.deepEqual(names(dir), [
    'log.100000001',
    ...['200000000', '200000005', '200000006'].map((hex) => `snapshot.${hex}`),
  ]);
  assert.match(output, /^Removing file: [A-Z][a-z]{2} \d+, \d{4}, \d+:\d\d:\d\d [AP]M\t.*log\.1\n/);
  assert.equal(output.trimEnd().split('\n').length, 5);
});

test('ZOOKEEPER-3231: snapshots that are damaged are not among those that count', async () => {
  const dir = directory();
  for (const hex of ['200000000', '200000005', '200000006']) spoil(dir, hex);
  const { problems } = await purged(dir, 3);
  assert.equal(problems.length, 3, problems.join('\n'));
  const left = names(dir).filter((name) => name.startsWith('snapshot'));
  assert.deepEqual(
    left,
    snapshotHexes.map((hex) => `snapshot.${hex}`),
  );
});

test('with fewer whole snapshots than wanted nothing goes', async () => {
  const dir = directory();
  const before = names(dir);
  for (const hex of snapshotHexes.slice(0, 4)) spoil(dir, hex);
  const { output, exitCode } = await purged(dir, 3);
  assert.deepEqual([output, exitCode, names(dir)], ['', 0, before]);
});

test('nothing goes while the log behind the oldest kept snapshot is damaged', async () => {
  const dir = directory({ spoil: wrongChecksum(12) });
  const before = names(dir);
  const { problems, exitCode } = await purged(dir, 3);
  assert.equal(exitCode, 1);
  assert.match(problems[0] ?? '', /log\.100000001 is damaged: .*Nothing is removed/);
  assert.deepEqual(names(dir), before);
});

test('fewer than three, and a directory that is none, are refused', async () => {
  await assert.rejects(purged(root, 2), { message: 'count should be greater than or equal to 3' });
  await assert.rejects(purged(join(root, 'nowhere'), 3), /Path '.*nowhere' does not exist/);
  await assert.rejects(purged(root, 3), /version-2' does not exist: .* is no data directory/);
});
