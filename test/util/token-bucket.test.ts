// Goal: so many at once, then at a steady pace, whatever the calls' moments.
// Method: a bucket and a clock of our own; the pace also against a plain count.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from '../../server/util/token-bucket.ts';

function taken(bucket: TokenBucket, nowMs: number, count: number): number {
  let taken = 0;
  for (let times = 0; times < count; times += 1) taken += bucket.take(nowMs) ? 1 : 0;
  return taken;
}

test('a full bucket gives its tokens at once and no more', () => {
  const bucket = new TokenBucket({ countMax: 3, fillMs: 10, fillCount: 1 }, 0);
  assert.equal(taken(bucket, 0, 5), 3);
  assert.equal(taken(bucket, 9, 5), 0);
  assert.equal(taken(bucket, 10, 5), 1);
});

test('a long rest fills it to the brim, not above', () => {
  const bucket = new TokenBucket({ countMax: 3, fillMs: 10, fillCount: 2 }, 0);
  assert.equal(taken(bucket, 0, 5), 3);
  assert.equal(taken(bucket, 1_000_000, 5), 3);
});

test('however often it is asked, the pace is the configured one', () => {
  const bucket = new TokenBucket({ countMax: 2, fillMs: 10, fillCount: 3 }, 5);
  let count = 0;
  for (let nowMs = 5; nowMs < 1005; nowMs += 3) count += taken(bucket, nowMs, 4);
  // Two to begin with; of the three that come every 10 ms a bucket of two keeps two.
  assert.equal(count, 2 + 99 * 2);
});
