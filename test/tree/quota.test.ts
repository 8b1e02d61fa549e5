import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { aclOpen } from '../../server/protocol/acl.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { TxnBody } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import { parseQuota } from '../../server/tree/quota.ts';
import { load, save } from './golden-files.ts';

// Goal: usage under quota follows every create, delete and setData, unseen by stats and digest.
// Method: limits as the client tool writes them, then changes below, beside and above.

const stats = '/zookeeper/quota/q/zookeeper_stats';
const limits = '/zookeeper/quota/q/zookeeper_limits';

let tree: StoredTree;
let zxid: number;

function apply(body: TxnBody): void {
  zxid += 1;
  const header = { sessionId: 1n as SessionId, cxid: 1, zxid: zxid as Zxid, timeMs: zxid };
  tree.apply({ header, body, digest: null });
}

function create(path: string, text: string, more: object = {}): void {
  const base = { type: 1, path, data: Buffer.from(text), acl: aclOpen, ephemeral: false };
  apply({ ...base, parentCversion: -1, ...more } as TxnBody);
}

function textOf(path: string): string | undefined {
  return tree.data(tree.find(path))?.toString();
}

beforeEach(() => {
  tree = createTree();
  zxid = 0;
  create('/q', '12345');
  create('/zookeeper/quota/q', '');
  create(limits, 'count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3');
  create(stats, 'count=0,bytes=0');
});

test('usage is counted from the tree when its node is made', () => {
  assert.equal(textOf(stats), 'count=1,bytes=5');
  assert.deepEqual(tree.quota('/q/any/where'), {
    path: '/q',
    count: 1,
    bytes: 5,
    countHardLimit: 3,
    bytesHardLimit: 10,
  });
});

test('usage follows changes below and of the node itself, and nothing else', () => {
  const before = tree.stat(tree.find(stats));
  create('/q/a', '123');
  create('/qq', '123');
  create('/q/e', '1', { ephemeral: true });
  assert.equal(textOf(stats), 'count=3,bytes=9');
  apply({ type: 5, path: '/q', data: null, version: 1 });
  assert.equal(textOf(stats), 'count=3,bytes=4');
  apply({ type: -11, paths: null });
  apply({ type: 2, path: '/q/a' });
  assert.equal(textOf(stats), 'count=1,bytes=0');
  assert.deepEqual(tree.stat(tree.find(stats)), before);
  assert.equal(tree.quota('/qq'), null);
  assert.equal(tree.quota('/'), null);
});

test('usage has no part in the digest', () => {
  const digest = tree.digest;
  apply({ type: 2, path: limits });
  apply({ type: 2, path: stats });
  assert.equal(tree.digest, digest);
});

test('deleting the limits lifts the quota', () => {
  apply({ type: 2, path: limits });
  create('/q/a', '123');
  assert.equal(textOf(stats), 'count=1,bytes=5');
  assert.equal(tree.quota('/q'), null);
});

test('the longest path under quota counts', () => {
  create('/q/in', '1');
  create('/zookeeper/quota/q/in', '');
  create('/zookeeper/quota/q/in/zookeeper_limits', 'count=5,bytes=-1');
  create('/zookeeper/quota/q/in/zookeeper_stats', '');
  create('/q/in/x', '12');
  assert.equal(textOf('/zookeeper/quota/q/in/zookeeper_stats'), 'count=2,bytes=3');
  assert.equal(textOf(stats), 'count=2,bytes=6');
  assert.equal(tree.quota('/q/in/x')?.path, '/q/in');
});

test('limits of the root are not considered', () => {
  create('/zookeeper/quota/zookeeper_limits', 'count=1,bytes=1');
  create('/zookeeper/quota/zookeeper_stats', 'count=0,bytes=0');
  assert.equal(tree.quota('/other'), null);
});

test('a loaded snapshot is counted anew', () => {
  apply({ type: 5, path: stats, data: Buffer.from('count=70,bytes=70'), version: 1 });
  const copy = createTree();
  load(copy, save(tree), tree.lastZxid);
  assert.deepEqual([copy.quota('/q')?.count, copy.quota('/q')?.bytes], [1, 5]);
});

test('a reset tree has no quota', () => {
  tree.reset();
  create('/q', '1');
  assert.equal(tree.quota('/q'), null);
});

test('the text is read with and without its stray sign, and rubbish is no limit', () => {
  const none = { count: -1, bytes: -1, countHardLimit: -1, bytesHardLimit: -1 };
  assert.deepEqual(parseQuota('count=3,bytes=4=;byteHardLimit=5;countHardLimit='), {
    count: 3,
    bytes: 4,
    countHardLimit: -1,
    bytesHardLimit: 5,
  });
  assert.deepEqual(parseQuota('count=x,,;=3;bytes'), none);
});
