import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorumLink } from '../../server/net/quorum-link.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import { encodeQuorumPacket } from '../../server/protocol/quorum-packet.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';
import { zxidOf } from '../../server/protocol/zxid.ts';
import { FakeConnection } from './fake-connection.ts';

// Goal: packets keep their order around a streamed tree, at either end of the link.
// Method: drive a link whose connection is the test, with every split of the stream.

function packet(type: QuorumPacket['type'], counter: number): QuorumPacket {
  return { type, zxid: zxidOf(1, counter), data: null, authIds: null };
}

test('packets sent during a stream follow behind it', () => {
  const connection = new FakeConnection();
  const link = new QuorumLink(1, connection);
  link.send(packet(PacketType.SNAP, 1));
  link.hold();
  link.stream(Buffer.from('tree'));
  link.send(packet(PacketType.PROPOSAL, 2));
  link.flush();
  link.stream(Buffer.from('rest'));
  link.release();
  link.send(packet(PacketType.COMMIT, 2));
  link.flush();
  assert.deepEqual(
    connection.written,
    Buffer.concat([
      encodeQuorumPacket(packet(PacketType.SNAP, 1)),
      Buffer.from('treerest'),
      encodeQuorumPacket(packet(PacketType.PROPOSAL, 2)),
      encodeQuorumPacket(packet(PacketType.COMMIT, 2)),
    ]),
  );
});

test('bytes behind a SNAP packet go to the sink, those behind the tree are packets again', () => {
  const tree = Buffer.from('thetree');
  const bytes = Buffer.concat([
    encodeQuorumPacket(packet(PacketType.SNAP, 1)),
    tree,
    encodeQuorumPacket(packet(PacketType.NEWLEADER, 0)),
  ]);
  for (let at = 1; at < bytes.length; at += 1) {
    const connection = new FakeConnection();
    const link = new QuorumLink(1, connection);
    const types: number[] = [];
    let received = '';
    link.onInput = () => {
      for (let next = link.next(); next !== null; next = link.next()) {
        types.push(next.type);
        if (next.type !== PacketType.SNAP) continue;
        link.receiveStream((chunk) => {
          const taken = Math.min(chunk.length, tree.length - received.length);
          received += chunk.toString('latin1', 0, taken);
          return taken;
        });
      }
    };
    connection.onData(bytes.subarray(0, at));
    connection.onData(bytes.subarray(at));
    assert.deepEqual([received, types], ['thetree', [PacketType.SNAP, PacketType.NEWLEADER]]);
  }
});

test('a full socket is not written to until it drains', () => {
  const connection = new FakeConnection();
  const link = new QuorumLink(1, connection);
  connection.isFull = true;
  link.send(packet(PacketType.PING, 1));
  link.flush();
  link.send(packet(PacketType.PING, 2));
  link.flush();
  assert.equal(connection.writes.length, 1);
  connection.onDrain();
  link.flush();
  assert.equal(connection.writes.length, 2);
});
