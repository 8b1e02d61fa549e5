import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { readStat, statBytes, type Stat } from '../../server/protocol/stat.ts';
import type { Txn } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import { load, picture, save } from './golden-files.ts';
import { PlainTree } from './plain-tree.ts';
import { attempts, txnsOf } from './random-txns.ts';

// Goal: the packed tree is the tree of the specification, and its snapshots lose nothing.
// Method: random transactions against a map of plain objects; snapshots cut by writes and replayed.

function newTree(): StoredTree {
  return createTree({ extendedTypesEnabled: true, hashSeed: 7 });
}

/** Containers, and TTL nodes with the one TTL that the attempts use. */
function isMark(owner: bigint): boolean {
  return owner === -(2n ** 63n) || owner === BigInt.asIntN(64, (0xffn << 56n) | (1n << 39n));
}

/** The stat as the 68 bytes have it. */
function wireStat(tree: StoredTree, node: number): Stat {
  const writer = new JuteWriter();
  tree.writeStat(node, writer);
  assert.equal(writer.offset, statBytes);
  return readStat(new JuteReader(writer.take()));
}

function assertSame(tree: StoredTree, plain: PlainTree): void {
  assert.equal(tree.nodeCount, plain.nodes.size + 1);
  assert.equal(tree.digest, plain.digest());
  assert.deepEqual(new Map(tree.sessions), plain.sessions);
  let bytes = 1;
  for (const [path, expected] of plain.nodes) {
    const node = tree.find(path);
    const utf8 = Buffer.from(path);
    assert.equal(tree.findBytes(utf8, 0, utf8.length), node);
    assert.equal(tree.path(node), path === '' ? '/' : path);
    const data = tree.data(node);
    assert.deepEqual(data === null ? null : Buffer.from(data), expected.data, path);
    assert.deepEqual(tree.acl(node), expected.acl);
    assert.equal(tree.ephemeralOwner(node), expected.owner);
    assert.equal(tree.nodeDigest(node), plain.digestOf(path));
    const { czxid, mzxid, pzxid, ctimeMs, mtimeMs, version, creates, aversion } = expected;
    const children = plain.children(path);
    const cversion = 2 * creates - children.length;
    const stat = { czxid, mzxid, pzxid, ctimeMs, mtimeMs, version, cversion, aversion };
    const ephemeralOwner = isMark(expected.owner) ? 0n : expected.owner;
    const dataLength = expected.data?.length ?? 0;
    const numChildren = children.length;
    assert.deepEqual(tree.stat(node), { ...stat, ephemeralOwner, dataLength, numChildren });
    assert.deepEqual(wireStat(tree, node), tree.stat(node));
    assert.deepEqual(tree.children(node).sort(), children.sort());
    bytes += utf8.length + (expected.data?.length ?? 0);
  }
  assert.equal(tree.approximateDataBytes, bytes);
  for (const session of [1n, -5n, 0x1ff000000000001n]) {
    assert.deepEqual(tree.ephemerals(session as never).sort(), plain.owned(session).sort());
  }
}

test('any history leads to the tree of plain objects', () => {
  fc.assert(
    fc.property(attempts, (tried) => {
      const tree = newTree();
      const plain = new PlainTree();
      for (const txn of txnsOf(tried)) {
        tree.apply(txn);
        plain.apply(txn);
        assert.equal(tree.digest, plain.digest());
      }
      assertSame(tree, plain);
    }),
    { numRuns: 200 },
  );
});

test('a snapshot read back is the same tree, and written again the same bytes', () => {
  fc.assert(
    fc.property(attempts, fc.integer({ min: 1, max: 500 }), (tried, chunkBytes) => {
      const tree = newTree();
      const txns = txnsOf(tried);
      for (const txn of txns) tree.apply(txn);
      const body = save(tree, 100);
      const other = newTree();
      assert.equal(load(other, body, tree.lastZxid, chunkBytes), body.length);
      assert.deepEqual(picture(other), picture(tree));
      assert.equal(other.approximateDataBytes, tree.approximateDataBytes);
      assert.deepEqual(save(other), body);
    }),
    { numRuns: 100 },
  );
});

/** A snapshot begun after `before` transactions; the rest come in between its slices. */
function fuzzySnapshot(txns: readonly Txn[], before: number, sliceBytes: number): [Buffer, Zxid] {
  const tree = newTree();
  for (const txn of txns.slice(0, before)) tree.apply(txn);
  const source = tree.snapshotSource();
  const slices: Buffer[] = [];
  let next = before;
  for (let slice = source.next(sliceBytes); slice !== null; slice = source.next(sliceBytes)) {
    slices.push(Buffer.from(slice));
    for (const until = next + 3; next < until && next < txns.length; next += 1) {
      tree.apply(txns[next]!);
    }
  }
  return [Buffer.concat(slices), source.zxid];
}

test('ZOOKEEPER-4846, ZOOKEEPER-3306, ZOOKEEPER-3127, ZOOKEEPER-3144, ZOOKEEPER-1090: a snapshot taken while writes go on, and their replay, lead to the final tree', () => {
  fc.assert(
    fc.property(
      attempts,
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 1, max: 400 }),
      (tried, begin, sliceBytes) => {
        const txns = txnsOf(tried);
        const before = Math.min(begin, txns.length);
        const [body, zxid] = fuzzySnapshot(txns, before, sliceBytes);
        const tree = newTree();
        load(tree, body, zxid);
        const plain = new PlainTree();
        for (const txn of txns) {
          plain.apply(txn);
          if (txn.header.zxid > zxid) tree.apply(txn);
        }
        assertSame(tree, plain);
      },
    ),
    { numRuns: 300 },
  );
});

test('ZOOKEEPER-3145: replaying the end of a history again changes nothing that counts', () => {
  fc.assert(
    fc.property(attempts, (tried) => {
      const tree = newTree();
      const txns = txnsOf(tried);
      for (const txn of txns) tree.apply(txn);
      const last = txns.at(-1)!;
      if (last.body.type === 14) return;
      const before = picture(tree);
      tree.apply(last);
      assert.deepEqual(picture(tree), before);
    }),
    { numRuns: 100 },
  );
});
