// Goal: what observers bring goes to the leader as it is; answers find the observer that asked; and
// of a session that has moved on behind the same follower nothing late has an effect.
// Method: a relay by itself, with sessions and links that are numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import {
  readRevalidated,
  writeForwardedHeader,
  writeRevalidate,
  writeRevalidated,
} from '../../server/protocol/learner-payload.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { zxidNone } from '../../server/protocol/zxid.ts';
import { createTouchTable } from '../../server/session/touch-table.ts';
import { Relay } from '../../server/shell/relay.ts';

const session = 0x4_0000_0001n as SessionId;

/** Everything that a relay does with others. */
class Surroundings {
  readonly forwarded: QuorumPacket[] = [];
  readonly answered: (readonly [number, QuorumPacket])[] = [];
  readonly moved: SessionId[] = [];
  readonly live = new Set<SessionId>();
  readonly relay: Relay = new Relay({
    forward: (packet) => this.forwarded.push(packet),
    toObserver: (link, packet) => {
      this.answered.push([link, { ...packet, data: Uint8Array.from(packet.data ?? []) }]);
    },
    moved: (id) => this.moved.push(id),
    isLive: (id) => this.live.has(id),
    liveCount: () => this.live.size,
  });
}

function packetOf(type: PacketType, write: (writer: JuteWriter) => void): QuorumPacket {
  const writer = new JuteWriter(64);
  write(writer);
  return { type, zxid: zxidNone, data: writer.take(), authIds: null };
}

function request(opCode: number, id: SessionId = session): QuorumPacket {
  return packetOf(PacketType.REQUEST, (writer) => writeForwardedHeader(writer, id, 7, opCode));
}

function revalidate(id: SessionId = session): QuorumPacket {
  return packetOf(PacketType.REVALIDATE, (writer) => writeRevalidate(writer, id, 9000));
}

function valid(id: SessionId): QuorumPacket {
  return packetOf(PacketType.REVALIDATE, (writer) => writeRevalidated(writer, id, true));
}

test('requests go on untouched, and a sync is one to wait for', () => {
  const { relay, forwarded } = new Surroundings();
  const create = request(OpCode.CREATE_SESSION);
  assert.equal(relay.request(11, create), false);
  const sync = request(OpCode.SYNC);
  assert.equal(relay.request(11, sync), true);
  assert.deepEqual(forwarded, [create, sync]);
});

test('the answer to a revalidation finds the observer that asked, once', () => {
  const { relay, forwarded, answered } = new Surroundings();
  relay.revalidate(11, revalidate());
  assert.equal(forwarded.length, 1);
  assert.equal(relay.revalidated(session, valid(session)), true);
  assert.deepEqual(
    answered.map(([link]) => link),
    [11],
  );
  assert.equal(relay.revalidated(session, valid(session)), false, 'the next one is not for it');
});

test('a session that is at another observer now has no late requests', () => {
  const { relay, forwarded, answered } = new Surroundings();
  relay.request(11, request(OpCode.CREATE_SESSION));
  relay.revalidate(12, revalidate());
  const before = forwarded.length;
  assert.equal(relay.request(11, request(OpCode.SET_DATA)), false);
  assert.equal(relay.request(11, request(OpCode.SYNC)), false, 'nor is an answer awaited');
  assert.equal(forwarded.length, before);
  const [link, packet] = answered[0] ?? [0, valid(session)];
  assert.equal(link, 11);
  const told = readRevalidated(new JuteReader(packet.data ?? new Uint8Array(0)));
  assert.deepEqual(told, { sessionId: session, isValid: false });
  relay.request(12, request(OpCode.SET_DATA));
  assert.equal(forwarded.length, before + 1);
});

test('nor has one that came back to the follower itself', () => {
  const { relay, forwarded, moved } = new Surroundings();
  relay.request(11, request(OpCode.CREATE_SESSION));
  relay.attachedHere(session);
  const before = forwarded.length;
  relay.request(11, request(OpCode.SET_DATA));
  assert.equal(forwarded.length, before);
  relay.revalidate(11, revalidate());
  assert.deepEqual(moved, [session, session], 'its connection here ends when it leaves again');
  relay.request(11, request(OpCode.SET_DATA));
  assert.equal(forwarded.length, before + 2);
});

test('what it knows of sessions that have ended is bounded', () => {
  const { relay, live, forwarded } = new Surroundings();
  live.add(session);
  relay.revalidate(12, revalidate());
  for (let number = 0; number < 5_000; number += 1) {
    relay.request(11, request(OpCode.CREATE_SESSION, BigInt(number + 1) as SessionId));
  }
  const before = forwarded.length;
  relay.request(11, request(OpCode.SET_DATA));
  assert.equal(forwarded.length, before, 'a session that lives is where it was');
  assert(relay.knownCount <= 1 + 1_024, `${relay.knownCount} sessions`);
});

test('what observers have touched is touched here, and half an entry is not', () => {
  const { relay } = new Surroundings();
  const table = createTouchTable();
  const data = packetOf(PacketType.PING, (writer) => {
    writeRevalidate(writer, session, 9000);
    writer.int32(0);
  }).data as Uint8Array;
  relay.touched(data, table);
  assert.deepEqual([...table.take()], [...data.subarray(0, 12)]);
});
