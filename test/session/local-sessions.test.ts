import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { ClosedSessions } from '../../server/session/closed-sessions.ts';
import { createLocalSessions } from '../../server/session/local-sessions.ts';

// Goal: a server's own sessions live as long as they are touched and leave nothing behind; ends
// are remembered for a while and not longer.
// Method: step both with times given by hand.

const first = 0x0100_0000_0000_0001n as SessionId;
const second = 0x0100_0000_0000_0002n as SessionId;

test('a silent local session is gone at the tick boundary after its timeout, once', () => {
  const sessions = createLocalSessions({ tickMs: 1_000, countMax: 10 });
  assert.equal(sessions.nextDeadlineMs(), Infinity);
  sessions.add(first, 2_000, 500);
  sessions.add(second, 2_000, 500);
  assert.equal(sessions.touch(second, 3_000, 1_000), true);
  assert.deepEqual(sessions.expire(2_999), []);
  assert.deepEqual(sessions.expire(3_000), [first]);
  assert.equal(sessions.has(first), false);
  assert.equal(sessions.touch(first, 2_000, 3_000), false);
  assert.deepEqual(sessions.list(), [{ id: second, timeoutMs: 3_000, deadlineMs: 5_000 }]);
});

test('after a time without a leader each has its whole timeout again', () => {
  const sessions = createLocalSessions({ tickMs: 1_000, countMax: 10 });
  sessions.add(first, 2_000, 0);
  sessions.renew(10_000);
  assert.deepEqual(sessions.expire(12_999), []);
  assert.deepEqual(sessions.expire(13_000), [first]);
});

test('an upgrade ends with the session known to all, or is taken back', () => {
  const sessions = createLocalSessions({ tickMs: 1_000, countMax: 10 });
  sessions.add(first, 2_000, 0);
  sessions.setUpgrading(first, true);
  assert.equal(sessions.isUpgrading(first), true);
  sessions.setUpgrading(first, false);
  assert.equal(sessions.isUpgrading(first), false);
  assert.equal(sessions.remove(first), true);
  assert.equal(sessions.remove(first), false);
  sessions.setUpgrading(first, true);
  assert.equal(sessions.isUpgrading(first), false, 'what is gone is not upgraded');
  assert.deepEqual(sessions.expire(60_000), []);
});

test('there is room for as many as the bound says', () => {
  const sessions = createLocalSessions({ tickMs: 1_000, countMax: 1 });
  assert.equal(sessions.add(first, 2_000, 0), true);
  assert.equal(sessions.add(second, 2_000, 0), false);
  assert.equal(sessions.has(second), false);
  sessions.remove(first);
  assert.equal(sessions.add(second, 2_000, 0), true);
});

test('ends are remembered for the time given', () => {
  const closed = new ClosedSessions(1_000);
  closed.add(first, 0);
  closed.add(first, 10);
  closed.add(second, 900);
  assert.equal(closed.has(first) && closed.has(second), true);
  for (let id = 3n; id < 100n; id += 1n) closed.add(id as SessionId, 1_500);
  assert.equal(closed.has(first), false);
  assert.equal(closed.has(second), true);
  closed.add(100n as SessionId, 10_000);
  assert.equal(closed.count, 1);
});
