import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { createSessionTracker } from '../../server/session/session-tracker.ts';

// Goal: a session lives as long as it is touched, ends between its timeout and a tick more, and
// is told about exactly once.
// Method: step the tracker with times given by hand.

const first = 0x0100_0000_0000_0001n as SessionId;
const second = -2n as SessionId;

test('a silent session expires once, at the tick boundary after its timeout', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  tracker.add(first, 2_000, 500);
  assert.equal(tracker.nextDeadlineMs(), 3_000);
  assert.deepEqual(tracker.expire(2_999), []);
  assert.deepEqual(tracker.expire(3_000), [first]);
  assert.equal(tracker.isClosing(first), true);
  assert.deepEqual(tracker.expire(60_000), []);
});

test('a touch moves the end to timeout after the touch', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  tracker.add(first, 2_000, 0);
  assert.equal(tracker.touch(first, 2_000, 1_900), true);
  assert.deepEqual(tracker.expire(3_999), []);
  assert.deepEqual(tracker.expire(4_000), [first]);
});

test('a touch with a shorter timeout brings the end nearer', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  tracker.add(first, 30_000, 0);
  tracker.touch(first, 2_000, 100);
  assert.deepEqual(tracker.expire(3_000), [first]);
});

test('the end of a session can be asked for, unless it is unknown or closing', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  assert.equal(tracker.deadlineMs(first), null);
  tracker.add(first, 2_000, 500);
  assert.equal(tracker.deadlineMs(first), 3_000);
  tracker.setClosing(first);
  assert.equal(tracker.deadlineMs(first), null);
});

test('an unknown and a closing session cannot be touched', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  assert.equal(tracker.touch(first, 2_000, 0), false);
  tracker.add(first, 2_000, 0);
  tracker.setClosing(first);
  assert.equal(tracker.touch(first, 2_000, 0), false);
  assert.equal(tracker.has(first), true);
});

test('a session that is closing by request does not expire too', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  tracker.add(first, 2_000, 0);
  tracker.setClosing(first);
  assert.deepEqual(tracker.expire(60_000), []);
});

test('adding a session again neither re-opens it nor forgets its owner', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  tracker.add(first, 2_000, 0);
  tracker.setOwner(first, 3);
  tracker.add(first, 2_000, 500);
  assert.equal(tracker.owner(first), 3);
  tracker.setClosing(first);
  tracker.add(first, 2_000, 900);
  assert.equal(tracker.isClosing(first), true);
  assert.deepEqual(tracker.expire(60_000), []);
});

test('a removed session is unknown and has no owner', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  tracker.add(first, 2_000, 0);
  tracker.setOwner(first, 1);
  tracker.add(second, 2_000, 0);
  tracker.remove(first);
  assert.equal(tracker.has(first), false);
  assert.equal(tracker.owner(first), null);
  assert.equal(tracker.isClosing(first), false);
  assert.equal(tracker.count, 1);
  assert.deepEqual(tracker.expire(60_000), [second]);
});

test('the owner is the server that was set last, null before', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  tracker.add(first, 2_000, 0);
  assert.equal(tracker.owner(first), null);
  tracker.setOwner(first, 1);
  tracker.setOwner(first, 2);
  assert.equal(tracker.owner(first), 2);
});

test('ZOOKEEPER-1049: ten thousand sessions expire in one batch', () => {
  const tracker = createSessionTracker({ tickMs: 1_000 });
  for (let index = 1; index <= 10_000; index += 1) {
    tracker.add(BigInt(index) as SessionId, 4_000, index % 1_000);
  }
  assert.equal(tracker.expire(5_000).length, 10_000);
  assert.equal(tracker.nextDeadlineMs(), Number.POSITIVE_INFINITY);
});
