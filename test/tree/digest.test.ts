import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { aclOpen } from '../../server/protocol/acl.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import { digestAtBirth, DigestSum, nodeDigestOf } from '../../server/tree/digest.ts';

// Goal: a digest foretold from numbers is the one the tree has, and sums wrap at 64 bits.
// Method: the tree's own nodes recomputed, random sums against bigints.

const zero = {
  czxid: 0 as Zxid,
  mzxid: 0 as Zxid,
  pzxid: 0 as Zxid,
  ctimeMs: 0,
  mtimeMs: 0,
  version: 0,
  createsCount: 0,
  aversion: 0,
  ephemeralOwner: 0n as SessionId,
};

test('the root and /zookeeper make the digest at birth', () => {
  const root = nodeDigestOf('/', new Uint8Array(0), zero);
  assert.equal(root, nodeDigestOf('', null, zero));
  assert.equal(BigInt(root) + BigInt(nodeDigestOf('/zookeeper', null, zero)), digestAtBirth);
  assert.equal(nodeDigestOf('/zookeeper/x', Buffer.from('x'), zero), 0);
  assert.notEqual(nodeDigestOf('/zookeeperx', null, zero), 0);
});

test('a node of the tree has the digest of its numbers', () => {
  const tree = createTree();
  for (const path of ['/a', '/a/é']) {
    tree.apply({
      header: { sessionId: -7n as SessionId, cxid: 1, zxid: (2 ** 33 + 5) as Zxid, timeMs: 1.7e12 },
      body: {
        type: 1,
        path,
        data: Buffer.from('data'),
        acl: aclOpen,
        ephemeral: path !== '/a',
        parentCversion: 1,
      },
      digest: null,
    });
    const node = tree.find(path);
    const numbers = {
      czxid: tree.czxid(node),
      mzxid: tree.mzxid(node),
      pzxid: tree.pzxid(node),
      ctimeMs: tree.ctimeMs(node),
      mtimeMs: tree.mtimeMs(node),
      version: tree.version(node),
      createsCount: tree.createsCount(node),
      aversion: tree.aversion(node),
      ephemeralOwner: tree.ephemeralOwner(node),
    };
    assert.equal(tree.nodeDigest(node), nodeDigestOf(path, tree.data(node), numbers));
  }
});

test('sums wrap at 64 bits and read as signed', () => {
  const digests = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 2 ** 32 - 1 })));
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), digests, (start, parts) => {
      const sum = new DigestSum();
      sum.set(start);
      let expected = start;
      for (const [adds, digest] of parts) {
        if (adds) sum.add(digest);
        else sum.subtract(digest);
        expected += adds ? BigInt(digest) : -BigInt(digest);
      }
      assert.equal(sum.value, BigInt.asIntN(64, expected));
    }),
  );
});
