import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connectResponse } from '../../server/protocol/connect.ts';
import { JuteReader } from '../../server/protocol/jute.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { isSessionPassword, sessionPassword } from '../../server/protocol/session-password.ts';
import { clientFiles, clientVectors } from './golden.ts';

// Goal: servers of both kinds accept each other's sessions: the password of an id is the same.
// Method: the example of the specification, and every session that the recordings open.

const example = 0x0100000cca2c0000n as SessionId;

test('the example of the specification', () => {
  assert.equal(sessionPassword(example).toString('hex'), '3642fe3f8be61b5904d726bc4c6d0947');
});

test('every recorded session has the password that its id gives', () => {
  let count = 0;
  for (const vector of clientFiles.flatMap(clientVectors)) {
    if (vector.direction !== 'response' || vector.decoded.record !== 'ConnectResponse') continue;
    const { sessionId, password } = connectResponse.read(
      new JuteReader(Buffer.from(vector.hex, 'hex'), 4),
    );
    if (sessionId === 0n) continue;
    assert.equal(isSessionPassword(sessionId, password), true, vector.name);
    count += 1;
  }
  assert.ok(count >= 10, `${count} sessions`);
});

test('a wrong, short or absent password is none, and session 0 has none', () => {
  const wrong = sessionPassword(example);
  wrong[15] = (wrong[15] ?? 0) ^ 1;
  assert.equal(isSessionPassword(example, wrong), false);
  assert.equal(isSessionPassword(example, sessionPassword(example).subarray(1)), false);
  assert.equal(isSessionPassword(example, null), false);
  const none = 0n as SessionId;
  assert.equal(isSessionPassword(none, sessionPassword(none)), false);
});

test('ids with the sign bit set work', () => {
  const negative = -0x0123456789abcdefn as SessionId;
  assert.equal(isSessionPassword(negative, sessionPassword(negative)), true);
});
