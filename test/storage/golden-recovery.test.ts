import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../../server/shell/host.ts';
import { TreeRecovery } from '../../server/shell/history.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import { Bench, golden, versionDir } from './fixtures.ts';
import { MemoryDisk } from './memory-disk.ts';

// Goal: directories of the reference become the tree that it had, and ours become it again.
// Method: its snapshots and logs through the whole way from file to tree; its own digests decide.

interface Case {
  readonly name: string;
  /** Name in the directory to recorded file. */
  readonly files: Readonly<Record<string, string>>;
  readonly lastZxid: number;
  readonly digest: bigint;
}

/** The digest that a recorded snapshot with both sections ends with. */
function digestOf(name: string): bigint {
  const bytes = golden(name);
  return bytes.readBigInt64BE(bytes.length - 67 + 25);
}

const final = digestOf('fuzzy-final-snapshot.16');
const standalone = digestOf('standalone-default-snapshot.11');
const fuzzyLogs = { 'log.1': 'fuzzy-log.1', 'log.a': 'fuzzy-log.a' };

const cases: readonly Case[] = [
  {
    name: 'a log alone, trusted to begin with the empty tree',
    files: { 'log.1': 'standalone-default-log.1' },
    lastZxid: 0x11,
    digest: standalone,
  },
  {
    name: 'a snapshot with its log',
    files: { 'snapshot.11': 'standalone-default-snapshot.11', 'log.1': 'standalone-default-log.1' },
    lastZxid: 0x11,
    digest: standalone,
  },
  ...['ahead', 'parents-new-children-old', 'parents-old-children-new'].map((mix) => ({
    name: `a fuzzy snapshot, ${mix}, with the logs behind it`,
    files: { 'snapshot.9': `fuzzy-${mix}-snapshot.9`, ...fuzzyLogs },
    lastZxid: 0x16,
    digest: final,
  })),
  {
    name: "a member's log, from the empty snapshot on",
    files: { 'snapshot.0': 'snapshot.0', 'log.100000001': 'log.100000001.after-trunc' },
    lastZxid: 0x100000011,
    digest: digestOf('snapshot.100000011'),
  },
];

function recover(disk: MemoryDisk): {
  tree: StoredTree;
  lastZxid: number;
  errors: string[];
  bench: Bench;
} {
  const bench = new Bench(disk, { snapshotTrustEmpty: true });
  const tree = createTree({ extendedTypesEnabled: true, hashSeed: 1 });
  const errors: string[] = [];
  const host = {
    log: (_level: string, message: string) => errors.push(message),
  } as unknown as Host;
  const { lastZxid } = bench.storage.recover(new TreeRecovery(tree, host), 500);
  return { tree, lastZxid, errors, bench };
}

for (const { name, files, lastZxid, digest } of cases) {
  test(`${name}: the reference's digest, and the same again from our own snapshot`, () => {
    const disk = new MemoryDisk();
    for (const [target, source] of Object.entries(files)) {
      disk.put(`${versionDir}/${target}`, golden(source));
    }
    const { tree, bench, ...first } = recover(disk);
    assert.deepEqual([first.lastZxid, tree.digest, first.errors], [lastZxid, digest, []]);

    bench.storage.writeSnapshot(tree.snapshotSource(), { replaceHistory: true }, () => {});
    while (disk.pending.length + bench.deferred.length > 0) {
      disk.run();
      bench.runDeferred();
    }
    const again = recover(disk);
    assert.deepEqual([again.lastZxid, again.tree.digest, again.errors], [lastZxid, digest, []]);
    assert.equal(again.tree.nodeCount, tree.nodeCount);
    assert.equal(again.tree.sessions.size, tree.sessions.size);
  });
}

for (const [target, source] of [
  ['snapshot.11.gz', 'standalone-gz-snapshot.11.gz'],
  ['snapshot.11.snappy', 'standalone-snappy-snapshot.11.snappy'],
  ['snapshot.11', 'standalone-nodigest-snapshot.11'],
  ['snapshot.11', 'standalone-nolastzxid-snapshot.11'],
  ['snapshot.11', 'standalone-noclosetxn-snapshot.11'],
] as const) {
  test(`${source}: the tree of the same script, whatever the switches`, () => {
    const disk = new MemoryDisk();
    disk.put(`${versionDir}/${target}`, golden(source));
    const { tree, lastZxid, errors } = recover(disk);
    const plain = new MemoryDisk();
    plain.put(`${versionDir}/snapshot.11`, golden('standalone-default-snapshot.11'));
    assert.deepEqual([lastZxid, errors, tree.nodeCount], [0x11, [], recover(plain).tree.nodeCount]);
    for (const child of tree.children(tree.find('/'))) assert.notEqual(tree.find(`/${child}`), -1);
  });
}

test('old logs load: type 1 without a parent counter, closeSession without a list', () => {
  for (const source of [
    'handmade-v0-log.1',
    'standalone-noclosetxn-log.1',
    'standalone-nodigest-log.1',
  ]) {
    const disk = new MemoryDisk();
    disk.put(`${versionDir}/log.1`, golden(source));
    const { lastZxid, errors } = recover(disk);
    assert(lastZxid > 0, source);
    assert.deepEqual(errors, [], source);
  }
});
