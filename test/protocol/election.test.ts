import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as initial from '../../server/protocol/initial-message.ts';
import { JuteError } from '../../server/protocol/jute.ts';
import * as votes from '../../server/protocol/notification.ts';
import { quorumConnections } from './golden.ts';
import type { QuorumVector } from './golden.ts';

// Goal: greetings and votes of the election port read as recorded, in every layout that is known.
// Method: recorded elections, every truncation, and hand-made messages of the older layouts.

const vectors: readonly QuorumVector[] = [
  'election_initial',
  'election_late_joiner',
  'election_observer',
  'election_reconfig_joiners',
  'election_second_epoch',
  'multiaddr_hierarchical_election',
]
  .flatMap(quorumConnections)
  .flat();

const greetings = vectors.filter((vector) => vector.kind === 'initial');
const notifications = vectors.filter((vector) => vector.kind === 'notification');

/** Unsigned hex of the recordings, as the signed number it stands for. */
function signed(hex: unknown): number {
  return Number(BigInt.asIntN(64, BigInt(String(hex))));
}

test('recorded votes read as recorded and write the same bytes', () => {
  assert.ok(notifications.length > 20);
  for (const vector of notifications) {
    const bytes = Buffer.from(vector.hex, 'hex');
    const vote = votes.decodeNotification(bytes, 4);
    assert.ok(vote !== null && vector.decoded !== null);
    assert.equal(vote.state, vector.decoded['state']);
    assert.equal(vote.leader, Number(bytes.readBigInt64BE(8)));
    assert.equal(vote.zxid, signed(vector.decoded['zxid']));
    assert.equal(vote.electionEpoch, Number(bytes.readBigInt64BE(24)));
    assert.equal(vote.peerEpoch, Number(bytes.readBigInt64BE(32)));
    assert.equal(vote.version, vector.decoded['version']);
    assert.equal(vote.config, vector.decoded['config']);
    assert.deepEqual(votes.encodeNotificationFrame(vote), bytes);
  }
});

test('the votes of observers, with -2^63 in them, are among the recorded ones', () => {
  const leaders = notifications.map(
    (vector) => votes.decodeNotification(Buffer.from(vector.hex, 'hex'), 4)?.leader,
  );
  assert.ok(leaders.includes(-(2 ** 63)));
});

test('a vote cut anywhere is dropped, except at the lengths of the older layouts', () => {
  const [vector] = notifications;
  assert.ok(vector !== undefined);
  const bytes = Buffer.from(vector.hex, 'hex').subarray(4);
  for (let end = 0; end < bytes.length; end += 1) {
    const vote = votes.decodeNotification(bytes, 0, end);
    assert.equal(vote !== null, end === 28 || end === 40, `cut at ${end}`);
    if (vote !== null) assert.deepEqual([vote.version, vote.config], [0, null]);
  }
});

test('28 bytes take the peer epoch from the zxid', () => {
  const bytes = Buffer.alloc(28);
  bytes.writeInt32BE(votes.ServerState.LEADING);
  bytes.writeBigInt64BE(3n, 4);
  bytes.writeBigInt64BE(0x700000009n, 12);
  bytes.writeBigInt64BE(2n, 20);
  assert.deepEqual(votes.decodeNotification(bytes), {
    state: votes.ServerState.LEADING,
    leader: 3,
    zxid: 0x700000009,
    electionEpoch: 2,
    peerEpoch: 7,
    version: 0,
    config: null,
  });
});

test('version 1 has no configuration, version 3 has one, and what follows it is ignored', () => {
  const message = (version: number, configLength: number): Buffer => {
    const bytes = Buffer.alloc(50, 0x61);
    bytes.fill(0, 0, 40);
    bytes.writeInt32BE(version, 36);
    bytes.writeInt32BE(configLength, 40);
    return bytes;
  };
  assert.equal(votes.decodeNotification(message(1, 3))?.config, null);
  assert.equal(votes.decodeNotification(message(3, 3))?.config, 'aaa');
  assert.equal(votes.decodeNotification(message(2, 6))?.config, 'aaaaaa');
  assert.equal(votes.decodeNotification(message(2, 7)), null, 'longer than the message');
  assert.equal(votes.decodeNotification(message(2, -1)), null);
  assert.equal(votes.decodeNotification(message(2, -2)), null);
});

test('an unknown state is dropped', () => {
  for (const state of [-1, 4]) {
    const bytes = Buffer.alloc(40);
    bytes.writeInt32BE(state);
    assert.equal(votes.decodeNotification(bytes), null);
  }
});

test('ZOOKEEPER-3720: recorded greetings read as recorded, wait for their end, and write the same bytes', () => {
  assert.ok(greetings.length > 5);
  for (const vector of greetings) {
    const bytes = Buffer.from(vector.hex, 'hex');
    const read = initial.readInitialMessage(Buffer.concat([bytes, Buffer.from('more')]));
    assert.equal(read?.bytes, bytes.length);
    assert.equal(read.message.version, vector.decoded?.['protocolVersion']);
    assert.equal(read.message.sid, vector.decoded?.['sid']);
    assert.deepEqual(initial.encodeInitialMessage(read.message), bytes);
    for (let end = 0; end < bytes.length; end += 1) {
      assert.equal(initial.readInitialMessage(bytes.subarray(0, end)), null, `cut at ${end}`);
    }
  }
});

test('several addresses and IPv6 are read', () => {
  const message = {
    version: initial.initialVersionMulti,
    sid: 2,
    addresses: [
      { host: '::1', port: 1 },
      { host: 'zoo-2.local', port: 65_535 },
    ],
  };
  const bytes = initial.encodeInitialMessage(message);
  assert.equal(bytes.toString('utf8', 20), '[::1]:1|zoo-2.local:65535');
  assert.deepEqual(initial.readInitialMessage(bytes), { message, bytes: bytes.length });
});

test('a bare server id of the oldest servers is a greeting', () => {
  const bytes = Buffer.from('0000000000000007', 'hex');
  const message = { version: 0, sid: 7, addresses: [] };
  assert.deepEqual(initial.readInitialMessage(bytes), { message, bytes: 8 });
});

test('a greeting with a host that no socket takes is refused: it would be dialled', () => {
  for (const host of ['a\0b', '\0', 'a b', 'a\nb', '\u007f', 'ä', '', '[]', 'x'.repeat(256)]) {
    const text = Buffer.from(`${host}:3888`);
    const bytes = Buffer.alloc(20 + text.length);
    bytes.writeBigInt64BE(-65_536n, 0);
    bytes.writeBigInt64BE(7n, 8);
    bytes.writeInt32BE(text.length, 16);
    text.copy(bytes, 20);
    assert.throws(() => initial.readInitialMessage(bytes), JuteError, JSON.stringify(host));
  }
});

test('a greeting of another version, or with lying lengths or addresses, is refused', () => {
  const head = 'ffffffffffff00000000000000000001';
  for (const hex of [
    'ffffffffffff0002',
    '8000000000000000',
    '7fffffffffffffff',
    `${head}00000000`,
    `${head}ffffffff`,
    `${head}00000801`,
    `${head}00000001${Buffer.from('a').toString('hex')}`,
    `${head}00000003${Buffer.from('a:0').toString('hex')}`,
    `${head}00000002${Buffer.from(':1').toString('hex')}`,
  ]) {
    assert.throws(() => initial.readInitialMessage(Buffer.from(hex, 'hex')), JuteError, hex);
  }
});
