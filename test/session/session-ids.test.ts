import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSessionIds } from '../../server/session/session-ids.ts';
import { createTouchTable } from '../../server/session/touch-table.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';

// Goal: session ids are laid out as on the wire and never collide with a marker; touched sessions
// reach the leader as the bytes it expects.
// Method: fixed clocks, all server ids; bytes written out by hand.

function hex(id: SessionId): string {
  return BigInt.asUintN(64, id).toString(16).padStart(16, '0');
}

test('an id is server id, 40 bits of milliseconds, counter', () => {
  const ids = createSessionIds(0x12, 0x1cd_ef01_2345_67);
  assert.equal(hex(ids.next()), '12ef012345670000');
  assert.equal(hex(ids.next()), '12ef012345670001');
});

test('ids of high server ids are signed as the wire has them', () => {
  const id = createSessionIds(0xfe, 1).next();
  assert.ok(id < 0n);
  assert.equal(hex(id), 'fe00000000010000');
});

test('ZOOKEEPER-3113: no server id and clock give session 0 or the container marker', () => {
  for (let sid = 0; sid <= 255; sid += 1) {
    const id = createSessionIds(sid, 2 ** 40).next();
    assert.notEqual(id, 0n);
    assert.notEqual(hex(id), '8000000000000000');
  }
});

test('the first 70000 ids of a server differ and stay with its server id', () => {
  const ids = createSessionIds(7, 1_795_318_034_505);
  const seen = new Set<bigint>();
  for (let index = 0; index < 70_000; index += 1) seen.add(ids.next());
  assert.equal(seen.size, 70_000);
  assert.ok([...seen].every((id) => id >> 56n === 7n));
});

test('touched sessions are listed once each and the table starts again', () => {
  const table = createTouchTable();
  table.touch(0x0100_0000_0000_0001n as SessionId, 10_000);
  table.touch(-1n as SessionId, 4_000);
  table.touch(0x0100_0000_0000_0001n as SessionId, 12_000);
  assert.equal(table.take().toString('hex'), '010000000000000100002ee0ffffffffffffffff00000fa0');
  assert.deepEqual(table.take(), Buffer.alloc(0));
});

test('a server whose clock was set back to the same millisecond gives other ids', () => {
  const first = createSessionIds(3, 1_795_318_034_505, 17).next();
  const again = createSessionIds(3, 1_795_318_034_505, 18_000).next();
  assert.notEqual(first, again);
  assert.equal(first >> 16n, again >> 16n);
});
