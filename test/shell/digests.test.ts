import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidOf } from '../../server/protocol/zxid.ts';
import { Digests } from '../../server/shell/digests.ts';

// Goal: the digests that members compare are few, of the same zxids everywhere, and bounded.
// Method: transactions by hand; the tree's digest is its zxid.

function after(count: number): Digests {
  const digests = new Digests();
  for (let counter = 1; counter <= count; counter += 1) {
    digests.applied(zxidOf(1, counter), { digest: BigInt(counter) });
  }
  return digests;
}

test('every 128th zxid is remembered, oldest first', () => {
  assert.deepEqual(after(127).list(), []);
  assert.deepEqual(after(300).list(), [
    { zxid: zxidOf(1, 128), digest: 128n },
    { zxid: zxidOf(1, 256), digest: 256n },
  ]);
});

test('the oldest make room beyond 1024', () => {
  const list = after(128 * 1026).list();
  assert.equal(list.length, 1024);
  assert.deepEqual(list[0], { zxid: zxidOf(1, 128 * 3), digest: 384n });
  assert.deepEqual(list.at(-1), { zxid: zxidOf(1, 128 * 1026), digest: BigInt(128 * 1026) });
});
