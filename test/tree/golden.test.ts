import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import {
  goldenBytes,
  goldenJson,
  load,
  picture,
  save,
  snapshotHeaderBytes,
  txnsOf,
} from './golden-files.ts';

// Goal: what the reference wrote is read, replayed and written again as the reference has it.
// Method: its snapshots byte for byte, its logs digest for digest, its fuzzy mixtures.

interface Described {
  readonly decoded: { readonly computedTreeDigest?: number };
}

const snapshots: readonly (readonly [string, number])[] = [
  ['snapshot.0', 0],
  ['snapshot.100000011', 0x100000011],
  ['standalone-default-snapshot.11', 0x11],
  ['standalone-nodigest-snapshot.11', 0x11],
  ['standalone-nolastzxid-snapshot.11', 0x11],
  ['standalone-noclosetxn-snapshot.11', 0x11],
  ['fuzzy-final-snapshot.16', 0x16],
];

function newTree(): StoredTree {
  return createTree({ extendedTypesEnabled: true });
}

function bodyOf(name: string): Buffer {
  return goldenBytes(name).subarray(snapshotHeaderBytes);
}

for (const [name, zxid] of snapshots) {
  test(`${name} is read and written again byte for byte, whatever the chunks`, () => {
    const body = bodyOf(name);
    for (const chunkBytes of [1, 7, 64, body.length]) {
      const tree = newTree();
      const consumed = load(tree, body, zxid as Zxid, chunkBytes);
      assert.deepEqual(save(tree, chunkBytes), Buffer.from(body.subarray(0, consumed)));
      // The seal follows: a checksum in 64 bits.
      assert.equal(body.readInt32BE(consumed), 0);
      assert.equal(tree.lastZxid, zxid);
    }
  });
}

for (const name of ['snapshot.0', 'snapshot.100000011', 'standalone-default-snapshot.11']) {
  test(`${name} has the digest that was recorded`, () => {
    const tree = newTree();
    load(tree, bodyOf(name), 1 as Zxid);
    const { decoded } = goldenJson(`${name}.json`) as Described;
    assert.equal(tree.digest, BigInt(decoded.computedTreeDigest ?? -1));
  });
}

for (const name of [
  'log.100000001.after-trunc',
  'standalone-default-log.1',
  'standalone-noclosetxn-log.1',
]) {
  test(`${name} leads to the recorded digest after every transaction`, () => {
    const tree = newTree();
    const txns = txnsOf(name);
    assert.ok(txns.length > 10);
    for (const txn of txns) {
      tree.apply(txn);
      if (txn.digest !== null) assert.equal(tree.digest, txn.digest, `zxid ${txn.header.zxid}`);
      assert.equal(tree.lastZxid, txn.header.zxid);
    }
  });
}

test('the log of the next epoch goes on from the snapshot', () => {
  const tree = newTree();
  load(tree, bodyOf('snapshot.100000011'), 0x100000011 as Zxid);
  const txns = txnsOf('log.200000001');
  assert.equal(txns.length, 2);
  for (const txn of txns) {
    tree.apply(txn);
    assert.equal(tree.digest, txn.digest);
  }
});

for (const name of ['ahead', 'parents-old-children-new', 'parents-new-children-old']) {
  test(`the fuzzy snapshot "${name}" and the logs lead to the one final tree`, () => {
    const final = newTree();
    load(final, bodyOf('fuzzy-final-snapshot.16'), 0x16 as Zxid);
    const tree = newTree();
    load(tree, bodyOf(`fuzzy-${name}-snapshot.9`), 9 as Zxid);
    for (const txn of [...txnsOf('fuzzy-log.1'), ...txnsOf('fuzzy-log.a')]) {
      if (txn.header.zxid > 9) tree.apply(txn);
    }
    assert.deepEqual(picture(tree), picture(final));
  });
}

test('a tree at birth is saved as the reference saves it, but for the text of its members', () => {
  const body = bodyOf('snapshot.0');
  const recorded = newTree();
  const consumed = load(recorded, body, 0 as Zxid);
  const tree = newTree();
  const config = recorded.find('/zookeeper/config');
  const text = Buffer.from(recorded.data(config) ?? []).toString();
  tree.setConfig(text, recorded.mzxid(config), recorded.mtimeMs(config));
  assert.deepEqual(save(tree), Buffer.from(body.subarray(0, consumed)));
});

test('a log of old layout is applied: a create counts one more, a close takes what is owned', () => {
  const tree = newTree();
  for (const txn of txnsOf('handmade-v0-log.1')) tree.apply(txn);
  const old = tree.find('/old');
  assert.equal(Buffer.from(tree.data(old) ?? []).toString(), '3');
  const { version, cversion, numChildren, pzxid } = tree.stat(old);
  assert.deepEqual([version, cversion, numChildren, pzxid], [1, 2, 0, 5]);
  assert.equal(tree.createsCount(tree.find('/')), 1);
  assert.equal(tree.ephemeralCount, 0);
  assert.equal(tree.sessions.size, 0);
});
