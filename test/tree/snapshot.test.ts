import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aclOpen, type Acl } from '../../server/protocol/acl.ts';
import { JuteError, JuteWriter } from '../../server/protocol/jute.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { TxnBody } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import { AssertionFailure } from '../../server/util/assert.ts';
import { load, picture, save } from './golden-files.ts';

// Goal: slices stay small, writes in between do no harm, and bytes that lie are refused.
// Method: sources stopped half way, bodies written by hand with one thing wrong.

const digestAcl: readonly Acl[] = [{ perms: 31, id: { scheme: 'digest', id: 'a:b' } }];

function apply(tree: StoredTree, body: TxnBody): void {
  const zxid = (tree.lastZxid + 1) as Zxid;
  tree.apply({
    header: { sessionId: 9n as SessionId, cxid: 1, zxid, timeMs: 1 },
    body,
    digest: null,
  });
}

function create(tree: StoredTree, path: string, acl: readonly Acl[] = aclOpen): void {
  const data = Buffer.alloc(50);
  apply(tree, { type: 1, path, data, acl, ephemeral: false, parentCversion: -1 });
}

function treeOf(count: number): StoredTree {
  const tree = createTree();
  for (let index = 0; index < count; index += 1) create(tree, `/n${index}`);
  return tree;
}

test('Gray-loop-stall: a slice is about as long as asked', () => {
  const source = treeOf(1000).snapshotSource();
  const lengths: number[] = [];
  for (let slice = source.next(4096); slice !== null; slice = source.next(4096)) {
    lengths.push(slice.length);
  }
  assert.ok(lengths.length > 20);
  assert.ok(Math.max(...lengths) < 4096 + 200);
  assert.equal(source.next(4096), null);
});

test('what is created after the first slice stays out', () => {
  const tree = treeOf(10);
  const source = tree.snapshotSource();
  create(tree, '/late');
  create(tree, '/n5/late');
  const body = Buffer.from(source.next(1 << 20) ?? []);
  assert.equal(body.includes('late'), false);
  assert.equal(source.zxid, 10);
  assert.deepEqual(source.digest(), { zxid: 12, digest: tree.digest });
});

test('a node whose list came after the first slice names a list that is there', () => {
  const tree = treeOf(3);
  const source = tree.snapshotSource();
  apply(tree, { type: 7, path: '/n1', acl: digestAcl, version: 1 });
  const copy = createTree();
  load(copy, Buffer.from(source.next(1 << 20) ?? []), source.zxid);
  assert.equal(copy.acl(copy.find('/n1'))?.length, 1);
  apply(copy, { type: 7, path: '/n1', acl: digestAcl, version: 1 });
  assert.deepEqual(copy.acl(copy.find('/n1')), digestAcl);
  assert.deepEqual(copy.acl(copy.find('/n2')), aclOpen);
});

test('two sources at once, one given up, the other over nodes that go away', () => {
  const tree = treeOf(100);
  const [one, two] = [tree.snapshotSource(), tree.snapshotSource()];
  one.next(500);
  two.next(1500);
  one.cancel();
  assert.equal(one.next(500), null);
  for (let index = 0; index < 100; index += 1) apply(tree, { type: 2, path: `/n${index}` });
  const rest = Buffer.from(two.next(1 << 20) ?? []);
  assert.equal(rest.includes('/n'), false);
  assert.equal(two.next(1), null);
});

test('half a tree never looks whole: the source of an emptied tree fails', () => {
  for (const empty of ['reset', 'beginSnapshot'] as const) {
    const tree = treeOf(100);
    const source = tree.snapshotSource();
    source.next(500);
    tree[empty]();
    assert.throws(() => source.next(500), AssertionFailure);
  }
});

test('a reset tree is the one at birth', () => {
  const tree = treeOf(10);
  apply(tree, { type: -10, timeoutMs: 5 });
  tree.reset();
  assert.deepEqual(picture(tree), picture(createTree()));
  assert.equal(tree.lastZxid, 0);
  assert.deepEqual(save(tree), save(createTree()));
});

interface Written {
  readonly path: string;
  readonly acl?: bigint;
  readonly czxid?: bigint;
  readonly dataLength?: number;
}

/** A body with no session, the lists 5 and 7 and these nodes. */
function bodyOf(nodes: readonly Written[]): Buffer {
  const w = new JuteWriter();
  w.int32(0);
  w.int32(2);
  for (const [id, acl] of [
    [5, aclOpen],
    [7, digestAcl],
  ] as const) {
    w.int64(id);
    w.vector(acl, (to, { perms, id: who }) => {
      to.int32(perms);
      to.string(who.scheme);
      to.string(who.id);
    });
  }
  for (const { path, acl = -1n, czxid = 0n, dataLength = 0 } of nodes) {
    w.string(path);
    w.int32(dataLength);
    w.bigint64(acl);
    w.bigint64(czxid);
    w.raw(Buffer.alloc(52));
  }
  w.string('/');
  return w.take();
}

const root: Written = { path: '' };

test('ZOOKEEPER-4799: a list that a fuzzy snapshot lacks closes its node, and its number is not mistaken later', () => {
  const tree = createTree();
  load(tree, bodyOf([root, { path: '/a', acl: 8n }, { path: '/b', acl: 7n }]), 1 as Zxid);
  assert.deepEqual(tree.acl(tree.find('/a')), []);
  // The next new list takes number 8; the repair of /a must not release it.
  const other: readonly Acl[] = [{ perms: 2, id: { scheme: 'ip', id: '10.0.0.1' } }];
  create(tree, '/c', other);
  apply(tree, { type: 7, path: '/a', acl: digestAcl, version: 1 });
  assert.deepEqual(tree.acl(tree.find('/c')), other);
  assert.deepEqual(tree.acl(tree.find('/a')), digestAcl);
});

test('lists without a node are dropped, and new numbers follow the highest', () => {
  const tree = createTree();
  load(tree, bodyOf([root, { path: '/b', acl: 7n }]), 1 as Zxid);
  create(tree, '/c', digestAcl);
  create(tree, '/d', [{ perms: 4, id: { scheme: 'world', id: 'anyone' } }]);
  const again = createTree();
  load(again, save(tree), tree.lastZxid);
  assert.deepEqual(picture(again), picture(tree));
  assert.deepEqual(tree.acl(tree.find('/c')), digestAcl);
});

test('a list that its last node gave up is not saved', () => {
  const tree = treeOf(1);
  create(tree, '/a', digestAcl);
  create(tree, '/b', digestAcl);
  apply(tree, { type: 2, path: '/b' });
  assert.equal(save(tree).includes('a:b'), true);
  apply(tree, { type: 7, path: '/a', acl: aclOpen, version: 1 });
  assert.equal(save(tree).includes('a:b'), false);
});

test('birth nodes that a snapshot lacks are added', () => {
  const tree = createTree();
  load(tree, bodyOf([root]), 1 as Zxid);
  assert.equal(tree.nodeCount, 5);
  assert.equal(tree.digest, createTree().digest);
});

test('a node named twice is the later one', () => {
  const tree = createTree();
  const twice = [root, { path: '/a', czxid: 3n }, { path: '/a', czxid: 4n, acl: 7n }];
  load(tree, bodyOf(twice), 5 as Zxid);
  assert.equal(tree.czxid(tree.find('/a')), 4);
  const once = createTree();
  load(once, bodyOf([root, twice[2]!]), 5 as Zxid);
  assert.deepEqual(picture(tree), picture(once));
});

const lies: readonly (readonly [string, Buffer])[] = [
  ['a child before its parent', bodyOf([root, { path: '/a/b' }])],
  ['a path without a slash', bodyOf([root, { path: 'a' }])],
  ['two slashes', bodyOf([root, { path: '//a' }])],
  ['a zxid beyond 2^53', bodyOf([root, { path: '/a', czxid: 2n ** 60n }])],
  ['a data length beyond the bound', bodyOf([root, { path: '/a', dataLength: 2 ** 30 }])],
  ['a data length of -2', bodyOf([root, { path: '/a', dataLength: -2 }])],
  ['a negative count of sessions', Buffer.from('fffffffe', 'hex')],
  ['a negative count of lists', Buffer.from('00000000fffffffe', 'hex')],
];

for (const [what, body] of lies) {
  test(`${what} is refused`, () => {
    for (const chunkBytes of [1, body.length]) {
      assert.throws(() => load(createTree(), body, 1 as Zxid, chunkBytes), JuteError);
    }
  });
}

test('a body cut anywhere is not complete, and the rest completes it', () => {
  const body = save(treeOf(3));
  for (let cut = 0; cut < body.length; cut += 1) {
    const tree = createTree();
    const sink = tree.beginSnapshot();
    assert.equal(sink.push(body.subarray(0, cut)), cut);
    assert.equal(sink.complete, false);
    const rest = Buffer.concat([body.subarray(cut), Buffer.from('BenWasHere')]);
    assert.equal(sink.push(rest), body.length - cut);
    assert.equal(sink.complete, true);
  }
});
