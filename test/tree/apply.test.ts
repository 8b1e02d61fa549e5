import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { aclOpen, type Acl } from '../../server/protocol/acl.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { TxnBody } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { Applied, StoredTree } from '../../server/tree/door.ts';
import { load, save } from './golden-files.ts';

// Goal: each transaction has the outcome, the changes and the effect on the tree that it should.
// Method: transactions by hand on a fresh tree, results and reads compared.

const session = 77n as SessionId;
const readOnly: readonly Acl[] = [{ perms: 1, id: { scheme: 'world', id: 'anyone' } }];

let tree: StoredTree;
let zxid: number;

beforeEach(() => {
  tree = createTree({ extendedTypesEnabled: true });
  zxid = 0;
});

function apply(body: TxnBody, sessionId: SessionId = session): Applied {
  zxid += 1;
  return tree.apply({
    header: { sessionId, cxid: 1, zxid: zxid as Zxid, timeMs: 1000 + zxid },
    body,
    digest: null,
  });
}

function create(path: string, more: object = {}): TxnBody {
  const parent = path.slice(0, path.lastIndexOf('/'));
  const node = tree.find(parent);
  const parentCversion = node === -1 ? 1 : tree.createsCount(node) + 1;
  const base = { type: 15, path, data: Buffer.from('data'), acl: aclOpen, ephemeral: false };
  return { ...base, parentCversion, ...more } as TxnBody;
}

function changes(applied: Applied): string[] {
  return applied.changes.map(({ type, path }) => `${type} ${path}`);
}

test('a fresh tree is the one at birth', () => {
  assert.equal(tree.digest, 1371985504n);
  assert.equal(tree.nodeCount, 5);
  assert.equal(tree.approximateDataBytes, 44);
  assert.equal(tree.descendantsCount(tree.find('/')), 3);
  const root = tree.stat(tree.find('/'));
  assert.deepEqual([root.cversion, root.numChildren], [-1, 1]);
  const zookeeper = tree.stat(tree.find('/zookeeper'));
  assert.deepEqual([zookeeper.cversion, zookeeper.numChildren], [-2, 2]);
  const config = tree.find('/zookeeper/config');
  assert.deepEqual(tree.acl(config), readOnly);
  assert.equal(tree.aversion(config), -1);
  assert.equal(tree.acl(tree.find('')), null);
});

test('a create counts at the parent and reports the new stat', () => {
  const applied = apply(create('/a'));
  assert.equal(applied.error, ErrorCode.OK);
  assert.equal(applied.path, '/a');
  assert.deepEqual(applied.stat, tree.stat(tree.find('/a')));
  assert.deepEqual(applied.changes, [{ type: 1, path: '/a', acl: aclOpen, parentAcl: null }]);
  const root = tree.stat(tree.find('/'));
  assert.deepEqual([root.cversion, root.pzxid, root.numChildren], [0, 1, 2]);
});

test('a create over an existing node changes its list and lifts the parent, no more', () => {
  apply(create('/a'));
  const { pzxid } = tree.stat(tree.find('/'));
  const again = apply(create('/a', { acl: readOnly, data: null, parentCversion: 1 }));
  assert.equal(again.error, ErrorCode.NODE_EXISTS);
  assert.deepEqual(again.changes, []);
  assert.deepEqual(tree.acl(tree.find('/a')), readOnly);
  assert.equal(tree.dataLength(tree.find('/a')), 4);
  assert.equal(tree.pzxid(tree.find('/')), pzxid);
  apply(create('/a', { parentCversion: 9 }));
  assert.equal(tree.createsCount(tree.find('/')), 9);
  assert.equal(tree.pzxid(tree.find('/')), 3);
});

test('paths that name nothing are refused without effect', () => {
  const digest = tree.digest;
  for (const path of ['/x/y', 'x', '', '//x', '/a/']) {
    assert.equal(apply(create(path, { parentCversion: 1 })).error, ErrorCode.NO_NODE, path);
    assert.equal(apply({ type: 5, path: `${path}?`, data: null, version: 1 }).error, -101);
  }
  assert.equal(apply(create('/', { parentCversion: 0 })).error, ErrorCode.NODE_EXISTS);
  assert.equal(apply({ type: 2, path: '/' }).error, ErrorCode.NO_NODE);
  assert.equal(tree.digest, digest);
  assert.equal(tree.nodeCount, 5);
});

test('a delete of a missing node still moves the pzxid of its parent', () => {
  apply(create('/a'));
  const applied = apply({ type: 2, path: '/a/b' });
  assert.equal(applied.error, ErrorCode.NO_NODE);
  assert.equal(tree.pzxid(tree.find('/a')), 2);
  assert.equal(tree.createsCount(tree.find('/a')), 0);
});

test('a delete reports the lists of the node and of its parent', () => {
  apply(create('/a', { acl: readOnly }));
  apply(create('/a/b'));
  const [change] = apply({ type: 2, path: '/a/b' }).changes;
  assert.deepEqual(change, { type: 2, path: '/a/b', acl: aclOpen, parentAcl: readOnly });
  const { cversion, numChildren } = tree.stat(tree.find('/a'));
  assert.deepEqual([cversion, numChildren], [2, 0]);
});

test('setData takes null and counts what the transaction says', () => {
  apply(create('/a'));
  const { stat } = apply({ type: 5, path: '/a', data: null, version: -2147483648 });
  assert.deepEqual(
    [stat?.version, stat?.mzxid, stat?.mtimeMs, stat?.czxid],
    [-2147483648, 2, 1002, 1],
  );
  assert.equal(tree.data(tree.find('/a')), null);
});

test('setACL moves aversion alone and fires nothing', () => {
  apply(create('/a'));
  const applied = apply({ type: 7, path: '/a', acl: readOnly, version: 1 });
  assert.deepEqual(applied.changes, []);
  assert.deepEqual([applied.stat?.aversion, applied.stat?.mzxid], [1, 1]);
});

test('closing a session deletes the named paths, then whatever else it owns', () => {
  apply({ type: -10, timeoutMs: 5000 });
  assert.equal(tree.sessions.get(session), 5000);
  for (const path of ['/a', '/b', '/c']) apply(create(path, { ephemeral: true }));
  apply(create('/d', { ephemeral: true }), 78n as SessionId);
  assert.deepEqual(tree.ephemerals(session), ['/a', '/b', '/c']);
  const applied = apply({ type: -11, paths: ['/c', '/gone', '/a'] });
  assert.deepEqual(changes(applied), ['2 /c', '2 /a', '2 /b']);
  assert.equal(tree.sessions.size, 0);
  assert.deepEqual(tree.ephemeralOwners(), [78n]);
  assert.equal(tree.ephemeralCount, 1);
  assert.equal(tree.pzxid(tree.find('/')), zxid);
});

test('a multi applies all of its parts at one zxid', () => {
  const applied = apply({
    type: 14,
    txns: [
      create('/a'),
      create('/a/b', { type: 1, parentCversion: 1 }),
      { type: 13, path: '/a', version: 1 },
      { type: 5, path: '/a', data: null, version: 1 },
      { type: 2, path: '/a/b' },
    ],
  });
  assert.deepEqual(changes(applied), ['1 /a', '1 /a/b', '3 /a', '2 /a/b']);
  const types = applied.results?.map((one) => [one.type, one.error, one.stat?.version ?? null]);
  assert.deepEqual(types, [
    [15, 0, 0],
    [1, 0, null],
    [13, 0, null],
    [5, 0, 1],
    [2, 0, null],
  ]);
  assert.equal(tree.lastZxid, 1);
});

test('a refused multi applies nothing and tells before from after', () => {
  const before = tree.digest;
  const applied = apply({
    type: 14,
    txns: [
      create('/a'),
      { type: -1, error: ErrorCode.NO_NODE },
      create('/b'),
      { type: -1, error: -2 },
    ],
  });
  assert.deepEqual(
    applied.results?.map(({ type, error }) => [type, error]),
    [
      [-1, 0],
      [-1, -101],
      [-1, -2],
      [-1, -2],
    ],
  );
  assert.deepEqual(applied.changes, []);
  assert.equal(tree.digest, before);
  assert.equal(tree.lastZxid, 1);
});

test('an error takes its zxid and nothing else', () => {
  const applied = apply({ type: -1, error: ErrorCode.BAD_VERSION });
  assert.deepEqual([applied.error, applied.changes.length, tree.lastZxid], [-103, 0, 1]);
});

test('a delete over children of a later life takes them along', () => {
  for (const path of ['/a', '/a/b', '/a/b/c', '/a/d']) apply(create(path));
  const applied = apply({ type: 2, path: '/a' });
  assert.deepEqual(changes(applied), ['2 /a']);
  assert.equal(tree.nodeCount, 5);
  assert.equal(tree.find('/a/b'), -1);
});

test('the zxid never goes back', () => {
  apply(create('/a'));
  tree.setLastZxid(50 as Zxid);
  zxid = 9;
  apply(create('/b'));
  assert.equal(tree.lastZxid, 50);
});

test('containers are due when emptied, TTL nodes when idle, neither while they have children', () => {
  for (const path of ['/used', '/fresh']) apply(create(path, { type: 19 }));
  apply(create('/ttl', { type: 21, ttlMs: 100 }));
  apply(create('/used/x'));
  apply(create('/ttl/x'));
  assert.deepEqual(tree.dueContainers(1_000_000, 0, 10), []);
  apply({ type: 2, path: '/used/x' });
  apply({ type: 2, path: '/ttl/x' });
  assert.deepEqual(tree.dueContainers(1103, 0, 10), ['/used']);
  assert.deepEqual(tree.dueContainers(1104, 0, 10), ['/used', '/ttl']);
  assert.deepEqual(tree.dueContainers(1104, 0, 1), ['/used']);
  assert.deepEqual(tree.dueContainers(1002 + 51, 50, 10).sort(), ['/fresh', '/used']);
  assert.equal(tree.stat(tree.find('/ttl')).ephemeralOwner, 0n);
  apply({ type: 20, path: '/used' });
  apply({ type: 5, path: '/ttl', data: null, version: 1 });
  assert.deepEqual(tree.dueContainers(1109, 0, 10), []);
});

test('a search among many containers goes on where the one before ended', () => {
  for (let index = 0; index < 5; index += 1) {
    apply(create(`/c${index}`, { type: 19 }));
    apply(create(`/c${index}/x`));
    apply({ type: 2, path: `/c${index}/x` });
  }
  assert.deepEqual(tree.dueContainers(0, 0, 2), ['/c0', '/c1']);
  assert.deepEqual(tree.dueContainers(0, 0, 2), ['/c2', '/c3']);
  apply({ type: 2, path: '/c4' });
  assert.deepEqual(tree.dueContainers(0, 0, 9), ['/c0', '/c1', '/c2', '/c3']);
});

test('ZOOKEEPER-3113: session ids of every server are sessions while extended types are off', () => {
  const plain = createTree();
  for (let sid = 0n; sid < 256n; sid += 1n) {
    const id = BigInt.asIntN(64, (sid << 56n) | 0x2c29150001n) as SessionId;
    plain.apply({
      header: { sessionId: id, cxid: 1, zxid: Number(sid) as Zxid, timeMs: 1 },
      body: create(`/s${sid}`, { ephemeral: true }),
      digest: null,
    });
    assert.equal(plain.stat(plain.find(`/s${sid}`)).ephemeralOwner, id);
    assert.deepEqual(plain.ephemerals(id), [`/s${sid}`]);
  }
});

test('the config node is set outside of the digest and of every version', () => {
  const { digest } = tree;
  tree.setConfig('server.1=a', 0x100000000 as Zxid, 5);
  const stat = tree.stat(tree.find('/zookeeper/config'));
  assert.deepEqual([stat.version, stat.mzxid, stat.mtimeMs, stat.dataLength], [-1, 2 ** 32, 5, 10]);
  assert.equal(tree.digest, digest);
});

test('2,000 levels are made, found, counted, saved and removed, 50,000 looked for, without recursion', () => {
  let path = '';
  for (let level = 0; level < 2_000; level += 1) apply(create((path += '/x')));
  assert.equal(tree.path(tree.find(path)), path);
  assert.equal(tree.find('/x'.repeat(50_000)), -1);
  assert.equal(tree.descendantsCount(tree.find('/x')), 1_999);
  const copy = createTree();
  load(copy, save(tree), tree.lastZxid, 4096);
  assert.equal(copy.digest, tree.digest);
  apply({ type: 2, path: '/x' });
  assert.equal(tree.digest, copyWithout(copy));
});

/** The digest after the same delete. */
function copyWithout(copy: StoredTree): bigint {
  copy.apply({
    header: { sessionId: session, cxid: 1, zxid: zxid as Zxid, timeMs: 1000 + zxid },
    body: { type: 2, path: '/x' },
    digest: null,
  });
  return copy.digest;
}
