import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../server/net/outbox.ts';
import { FakeConnection } from './fake-connection.ts';

// Goal: whatever gathers in a turn leaves in one write, framed, and stays what it was.
// Method: write frames into an outbox whose connection is the test.

test('the frames of a turn leave in one write', () => {
  const connection = new FakeConnection();
  const outbox = new Outbox(connection);
  for (const value of [1, 2]) {
    outbox.beginFrame().int32(value);
    outbox.endFrame();
  }
  assert.equal(outbox.flush(), 16);
  assert.deepEqual(connection.writes, [Buffer.from('00000004000000010000000400000002', 'hex')]);
});

test('nothing to send is no write', () => {
  const connection = new FakeConnection();
  assert.equal(new Outbox(connection).flush(), 0);
  assert.deepEqual(connection.writes, []);
});

test('bytes that were handed over are not touched by what follows', () => {
  for (const bytes of [10, 20_000, 200_000]) {
    const handed: Uint8Array[] = [];
    const connection = new FakeConnection();
    connection.write = (given) => handed.push(given) > 0;
    const outbox = new Outbox(connection);
    outbox.writer.raw(Buffer.alloc(bytes, 1));
    outbox.flush();
    outbox.writer.raw(Buffer.alloc(bytes, 2));
    outbox.flush();
    assert.deepEqual(
      handed.map((given) => [given.length, given[0], given.at(-1)]),
      [
        [bytes, 1, 1],
        [bytes, 2, 2],
      ],
    );
  }
});

test('a full socket marks the outbox as blocked', () => {
  const connection = new FakeConnection();
  connection.isFull = true;
  const outbox = new Outbox(connection);
  outbox.writer.int32(7);
  outbox.flush();
  assert.equal(outbox.isBlocked, true);
});
