import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createNodeDisk } from '../../server/storage/node-disk.ts';
import { ToolRefusal } from '../../server/tools/saying.ts';
import { checkSnapshots } from '../../server/tools/snapshot-check.ts';
import { SnapshotDamage, SnapshotRecords } from '../../server/tools/snapshot-records.ts';
import {
  compareSnapshots,
  dumpSnapshot,
  summarizeSnapshot,
} from '../../server/tools/snapshot-tool.ts';
import { outcomeOf, writeSnapshots } from './fixtures.ts';

// Goal: zk-snapshot says of snapshots what the reference's tools say, however they are compressed,
// and never takes a damaged one for whole.
// Method: the reference's own snapshots with the output of its own tool, recorded; and two trees,
// spoiled at every byte of a small one.

process.env['TZ'] = 'UTC';
const golden = join(import.meta.dirname, '../golden/disk');
const directory = mkdtempSync(join(tmpdir(), 'zk-snapshot-'));
after(() => rmSync(directory, { recursive: true }));
const before = join(directory, 'snapshot.100000fff');
const later = join(directory, 'snapshot.200000000');
writeSnapshots(before, later);

for (const name of readdirSync(golden).filter((file) => /snapshot\..*\.json$/.test(file))) {
  test(`dump of ${name.slice(0, -5)} is the reference's`, async () => {
    const recorded = JSON.parse(readFileSync(join(golden, name), 'utf8')) as {
      readonly apacheSnapshotFormatter: readonly string[];
    };
    const path = join(golden, name.slice(0, -5));
    const { output, exitCode } = await outcomeOf(dumpSnapshot(path, 'data'));
    assert.equal(exitCode, 0);
    assert.equal(output.trimEnd(), recorded.apacheSnapshotFormatter.join('\n'));
  });
}

test('data is that of each node, from a compressed file too', async () => {
  const packed = `${before}.gz`;
  writeFileSync(packed, gzipSync(readFileSync(before)));
  const plain = await outcomeOf(dumpSnapshot(before, 'data'));
  assert.match(plain.output, /\n\/binary\n(?: {2}.*\n){9} {2}data = AAEJCg0ff4D\/ww==\n/);
  assert.deepEqual(await outcomeOf(dumpSnapshot(packed, 'data')), plain);
});

test('the JSON form is JSON: a node with children is an array', async () => {
  const { output } = await outcomeOf(dumpSnapshot(before, 'json'));
  const [, , , tree] = JSON.parse(output) as [number, number, object, [{ name: string }]];
  assert.equal(tree[0].name, '/');
  const names = (JSON.stringify(tree).match(/"name":/g) ?? []).length;
  const { output: text } = await outcomeOf(dumpSnapshot(before, 'text'));
  // The reference counts the root twice.
  assert(text.startsWith(`ZNode Details (count=${names + 1}):`));
});

test('a summary adds up a subtree, down to a depth', async () => {
  const all = await outcomeOf(summarizeSnapshot(before, '/deep', 0));
  const [first, ...rest] = all.output.split('\n');
  assert.deepEqual([first, ...rest.slice(0, 2)], [' /deep', '   children: 4', '   data: 45']);
  const one = await outcomeOf(summarizeSnapshot(before, '/deep', 1));
  assert(all.output.startsWith(one.output.trimEnd()) && one.output.length < all.output.length);
  const missing = { name: 'ToolRefusal', message: /has no node "\/nope"/ };
  await assert.rejects(outcomeOf(summarizeSnapshot(before, '/nope', 0)), missing);
});

test('a comparison names what differs by more than was said', async () => {
  const options = { bytesMax: 5, nodesMax: 0, isVerbose: false };
  const { output } = await outcomeOf(compareSnapshots(before, later, options));
  const lines = output.slice(output.indexOf('Analysis for depth 0')).trimEnd().split('\n');
  assert.deepEqual(
    lines.filter((line) => line.startsWith('Node ')),
    [
      'Node  found in both trees. Delta: 992 bytes, -1 descendants',
      'Node /deep found in both trees. Delta: -13 bytes, -1 descendants',
      'Node /later found only in right tree. Descendant size: 7. Descendant count: 0',
      'Node /n1 found in both trees. Delta: 0 bytes, -1 descendants',
      'Node /n5 found in both trees. Delta: 998 bytes, 0 descendants',
      'Node /deep/a found in both trees. Delta: -13 bytes, -1 descendants',
      'Node /deep/a/b found in both trees. Delta: -13 bytes, -1 descendants',
      'Node /deep/a/b/c found in both trees. Delta: -13 bytes, -1 descendants',
      'Node /deep/a/b/c/d found only in left tree. Descendant size: 13. Descendant count: 0',
    ],
  );
});

test('records come the same from chunks of any size', () => {
  const bytes = readFileSync(before);
  const read = (chunkBytes: number): string[] => {
    const records = new SnapshotRecords();
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      for (const record of records.push(bytes.subarray(at, at + chunkBytes))) {
        const { type } = record;
        found.push(type === 'node' ? `${record.path} ${record.data?.toString('hex')}` : type);
      }
    }
    records.end();
    return found;
  };
  const whole = read(bytes.length);
  assert(whole.length > 600);
  for (const chunkBytes of [1, 7, 4096]) assert.deepEqual(read(chunkBytes), whole);
});

test('a byte that changed, or is missing, anywhere is found', () => {
  const small = readFileSync(join(golden, 'standalone-default-snapshot.11'));
  const readsWell = (bytes: Buffer): boolean => {
    const records = new SnapshotRecords();
    try {
      for (const record of records.push(bytes)) assert(record.type.length > 0);
      records.end();
      return true;
    } catch (error) {
      assert(error instanceof SnapshotDamage, String(error));
      return false;
    }
  };
  assert(readsWell(small));
  for (let at = 0; at < small.length; at += 1) {
    const spoiled = Buffer.from(small);
    spoiled.writeUInt8(spoiled.readUInt8(at) ^ 0x10, at);
    assert(!readsWell(spoiled), `byte ${at} changed`);
    // Cut behind a seal a file is one of a server with fewer sections.
    const isWhole = [33, 21, 54].some((section) => at === small.length - section);
    assert.equal(readsWell(small.subarray(0, at)), isWhole && at !== small.length - 33, `${at}`);
  }
});

test('an access list with a count or a word that lies is damage, not an accident', () => {
  const small = readFileSync(join(golden, 'snapshot.0'));
  const listAt = small.indexOf('world') - 12;
  for (const [at, lie] of [
    [listAt, -2],
    [listAt, -0x8000_0000],
    [listAt, 0x7fff_ffff],
    [listAt + 8, -1],
    [listAt + 8, -2],
    [listAt + 17, -1],
  ] as const) {
    const spoiled = Buffer.from(small);
    spoiled.writeInt32BE(lie, at);
    assert.throws(() => [...new SnapshotRecords().push(spoiled)], SnapshotDamage, `${at}: ${lie}`);
  }
});

test('a check goes through a directory and fails for a damaged file', async () => {
  const dir = mkdtempSync(join(directory, 'data-'));
  writeFileSync(join(dir, 'snapshot.1'), readFileSync(before));
  const good = await outcomeOf(checkSnapshots(createNodeDisk(), [dir]));
  assert.match(
    good.output,
    /snapshot\.1: OK, \d+ nodes, \d+ bytes of data, 41 sessions, digest 0x/,
  );
  assert.equal(good.exitCode, 0);
  const bytes = readFileSync(before);
  bytes.writeUInt8(bytes.readUInt8(3000) ^ 1, 3000);
  writeFileSync(join(dir, 'snapshot.2'), bytes);
  const bad = await outcomeOf(checkSnapshots(createNodeDisk(), [dir]));
  assert.match(bad.output, /snapshot\.2: DAMAGED: .*\n.*snapshot\.1: OK/);
  assert.equal(bad.exitCode, 1);
  const dump = await outcomeOf(dumpSnapshot(join(dir, 'snapshot.2'), 'text'));
  assert.equal(dump.exitCode, 1);
  assert.match(dump.problems[0] ?? '', /snapshot\.2 is damaged: the checksum at byte/);
});

test('a file that is not there is refused as the reference refuses it', async () => {
  await assert.rejects(outcomeOf(dumpSnapshot(join(directory, 'nothing'), 'text')), (error) => {
    assert(error instanceof ToolRefusal);
    assert.match(error.message, /^File '.*nothing' does not exist\.$/);
    assert.equal(error.exitCode, 2);
    return true;
  });
});
