import assert from 'node:assert/strict';
import { test } from 'node:test';

import { JuteError, JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { decodeLearnerInfo, encodeLearnerInfo } from '../../server/protocol/learner-info.ts';
import * as payload from '../../server/protocol/learner-payload.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import * as quorum from '../../server/protocol/quorum-packet.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';
import { quorumConnections } from './golden.ts';
import type { QuorumVector } from './golden.ts';

// Goal: packets of the quorum port come out whole and in order however the stream was cut, and the
// bytes behind SNAP reach the caller untouched.
// Method: recorded connections of the reference, both directions, in every small chunk size.

const files: readonly string[] = [
  'container_ttl_expiry',
  'follower_traffic',
  'join_diff',
  'join_empty_epoch1',
  'join_snap',
  'join_trunc',
  'observer_join_and_inform',
  'observer_master',
  'observer_master_upstream',
  'reconfig_first_join',
  'reconfig_join_as_nonvoter',
  'reconfig_leader_removed',
  'reconfig_new_leader_join',
  'reconfig_observer',
];

/** Each direction of each recorded connection. */
function streams(file: string): QuorumVector[][] {
  return quorumConnections(file).flatMap((frames) => {
    const directions = [...new Set(frames.map((frame) => frame.dir))];
    return directions.map((dir) => frames.filter((frame) => frame.dir === dir));
  });
}

function isPacket(vector: QuorumVector): boolean {
  return vector.kind === 'packet';
}

/** Reads the stream as a learner does: packets, and the snapshot whose length is known here. */
function readStream(stream: Buffer, snapshotBytes: number, chunkBytes: number): Buffer[] {
  const decoder = new quorum.QuorumPacketDecoder();
  const found: Buffer[] = [];
  let missing = 0;
  for (let at = 0; at < stream.length; at += chunkBytes) {
    let chunk = stream.subarray(at, at + chunkBytes);
    if (missing > 0) {
      const taken = Math.min(missing, chunk.length);
      missing -= taken;
      chunk = chunk.subarray(taken);
    }
    decoder.push(chunk);
    for (;;) {
      const packet = decoder.next();
      if (packet !== null) {
        found.push(quorum.encodeQuorumPacket(packet));
        continue;
      }
      if (!decoder.isStopped) break;
      const rest = decoder.rest();
      missing = Math.max(snapshotBytes - rest.length, 0);
      decoder.push(rest.subarray(Math.min(snapshotBytes, rest.length)));
    }
  }
  return found;
}

for (const file of files) {
  test(`${file}: the packets of every connection come out for every chunk size`, () => {
    for (const vectors of streams(file)) {
      const stream = Buffer.from(vectors.map((vector) => vector.hex).join(''), 'hex');
      const snapshot = vectors.find((vector) => vector.kind === 'snapshot-stream');
      const expected = vectors.filter(isPacket).map((vector) => vector.hex);
      for (const chunkBytes of [1, 2, 3, 7, 19, 20, 21, 64, 1000, stream.length]) {
        const found = readStream(stream, (snapshot?.hex.length ?? 0) / 2, chunkBytes);
        assert.deepEqual(
          found.map((bytes) => bytes.toString('hex')),
          expected,
          `chunks of ${chunkBytes}`,
        );
      }
    }
  });
}

test('behind SNAP every byte is handed over, and packets go on behind it', () => {
  const snap = { type: PacketType.SNAP, zxid: 5, data: null, authIds: null } as QuorumPacket;
  const ack = { type: PacketType.ACK, zxid: 6, data: null, authIds: null } as QuorumPacket;
  const decoder = new quorum.QuorumPacketDecoder();
  decoder.push(Buffer.concat([quorum.encodeQuorumPacket(snap), Buffer.from([1, 2])]));
  decoder.push(Buffer.from([3]));
  assert.deepEqual(decoder.next(), snap);
  decoder.push(Buffer.from([4]));
  assert.equal(decoder.next(), null, 'no packet is made of a snapshot');
  assert.deepEqual(decoder.rest(), Buffer.from([1, 2, 3, 4]));
  decoder.push(quorum.encodeQuorumPacket(ack));
  assert.deepEqual(decoder.next(), ack);
});

test('identities come out for every cut', () => {
  const packet = {
    type: PacketType.REQUEST,
    zxid: -1,
    data: Buffer.from('request'),
    authIds: [
      { scheme: 'ip', id: '127.0.0.1' },
      { scheme: 'digest', id: '' },
    ],
  } as unknown as QuorumPacket;
  const bytes = quorum.encodeQuorumPacket(packet);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const decoder = new quorum.QuorumPacketDecoder();
    decoder.push(bytes.subarray(0, cut));
    if (cut < bytes.length) assert.equal(decoder.next(), null, `cut at ${cut}`);
    decoder.push(bytes.subarray(cut));
    assert.deepEqual(decoder.next(), packet);
    assert.equal(decoder.next(), null);
  }
});

test('null and empty data are different', () => {
  for (const data of [null, Buffer.alloc(0)]) {
    const packet = { type: PacketType.PING, zxid: 1, data, authIds: null } as QuorumPacket;
    const decoder = new quorum.QuorumPacketDecoder();
    decoder.push(quorum.encodeQuorumPacket(packet));
    assert.deepEqual(decoder.next(), packet);
  }
});

test('garbage is refused without waiting for what it announces', () => {
  const head = '000000030000000000000001';
  for (const hex of [
    '00000000' + head.slice(8) + 'ffffffffffffffff',
    '00000014' + head.slice(8) + 'ffffffffffffffff',
    `${head}fffffffe00000000`,
    `${head}7fffffff00000000`,
    `${head}ffffffff7fffffff`,
    `${head}ffffffff00000001fffffffe`,
    `${head}ffffffff00000001ffffffff00000000`,
  ]) {
    const decoder = new quorum.QuorumPacketDecoder();
    decoder.push(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(8)]));
    assert.throws(() => decoder.next(), JuteError, hex);
  }
});

test('what a learner says of itself reads as recorded, also when it is short', () => {
  const infos = files
    .flatMap(quorumConnections)
    .flat()
    .filter((vector) => /^(FOLLOWER|OBSERVER)INFO$/.test(vector.typeName ?? ''));
  assert.ok(infos.length >= 10);
  for (const vector of infos) {
    const data = Buffer.from(vector.hex, 'hex').subarray(16, 36);
    const info = decodeLearnerInfo(data);
    assert.equal(info.sid, vector.decoded?.['serverid']);
    assert.equal(info.protocolVersion, vector.decoded?.['protocolVersion']);
    assert.equal(`0x${info.configVersion.toString(16)}`, vector.decoded?.['configVersion']);
    assert.deepEqual(encodeLearnerInfo(info), data);
    assert.deepEqual(decodeLearnerInfo(data.subarray(0, 12)), { ...info, configVersion: 0 });
    assert.equal(decodeLearnerInfo(data.subarray(0, 8)).sid, info.sid);
  }
  assert.deepEqual(decodeLearnerInfo(null), { sid: -1, protocolVersion: 0, configVersion: 0 });
});

test('recorded requests and revalidations write the same bytes', () => {
  const vectors = quorumConnections('follower_traffic').flat();
  let count = 0;
  for (const vector of vectors) {
    const bytes = Buffer.from(vector.hex, 'hex');
    const data = bytes.subarray(16, 16 + Math.max(bytes.readInt32BE(12), 0));
    if (vector.typeName === 'REQUEST') {
      const reader = new JuteReader(data);
      const { sessionId, cxid, opCode } = payload.readForwardedHeader(reader);
      const record = data.subarray(reader.offset);
      const writer = new JuteWriter();
      payload.writeForwardedHeader(writer, sessionId, cxid, opCode);
      writer.raw(record);
      assert.deepEqual(writer.take(), data);
      count += 1;
    } else if (vector.typeName === 'REVALIDATE') {
      const reader = new JuteReader(data);
      if (data.length === 12) {
        const { sessionId, timeoutMs } = payload.readRevalidate(reader);
        const writer = new JuteWriter();
        payload.writeRevalidate(writer, sessionId, timeoutMs);
        assert.deepEqual(writer.take(), data);
      } else {
        const { sessionId, isValid } = payload.readRevalidated(reader);
        const writer = new JuteWriter();
        payload.writeRevalidated(writer, sessionId, isValid);
        assert.deepEqual(writer.take(), data);
      }
      count += 1;
    }
  }
  assert.ok(count > 10, `${count} payloads`);
});
