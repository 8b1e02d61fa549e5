import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connectRequest } from '../../server/protocol/connect.ts';
import { FrameDecoder } from '../../server/protocol/framing.ts';
import { readInitialMessage } from '../../server/protocol/initial-message.ts';
import { JuteError, JuteReader } from '../../server/protocol/jute.ts';
import { decodeLearnerInfo } from '../../server/protocol/learner-info.ts';
import { decodeNotification } from '../../server/protocol/notification.ts';
import { QuorumPacketDecoder } from '../../server/protocol/quorum-packet.ts';
import { authRequest } from '../../server/protocol/requests/access.ts';
import { readMultiRead } from '../../server/protocol/requests/multi-read.ts';
import { readRequest } from '../../server/protocol/requests/read.ts';
import { setWatches2Request } from '../../server/protocol/requests/watch.ts';
import { isWrite, readWrite } from '../../server/protocol/requests/write-request.ts';
import { decodeTxn } from '../../server/protocol/txn-codec.ts';
import { clientFiles, clientVectors, quorumConnections } from './golden.ts';

// Goal: whatever a peer sends, a decoder answers with a record or with JuteError, and soon.
// Method: recorded bytes with some of them changed, from a counted-out random source, and bytes of
// nothing but chance; the seed stands in the message of what fails.

function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Values that lengths and counts must not be trusted with. */
const nastyInts: readonly number[] = [-1, -2, 0, 1, 0x7fffffff, -0x80000000, 0xfffff, 0x100000];

/** Up to three changes: a byte, a whole integer, an end. */
function damaged(bytes: Buffer, random: (below: number) => number): Buffer {
  let result = Buffer.from(bytes);
  for (let count = random(3); count >= 0; count -= 1) {
    const at = random(result.length);
    const kind = random(3);
    if (kind === 0) result[at] = random(256);
    else if (kind === 1 && at + 4 <= result.length) {
      result.writeInt32BE(nastyInts[random(nastyInts.length)] ?? 0, at);
    } else result = result.subarray(0, at);
    if (result.length === 0) return result;
  }
  return result;
}

function attempt(seed: number, decode: () => void): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof JuteError, `seed ${seed}: ${String(error)}`);
  }
}

const requests = clientFiles
  .flatMap(clientVectors)
  .filter((vector) => vector.direction === 'request' && vector.op !== 'raw')
  .filter((vector) => vector.decoded.header !== undefined)
  .map((vector) => Buffer.from(vector.hex, 'hex').subarray(4));

const greetings = clientVectors('connect')
  .filter((vector) => vector.direction === 'request' && vector.op === 'connect')
  .map((vector) => Buffer.from(vector.hex, 'hex').subarray(4));

const packets = ['follower_traffic', 'join_trunc', 'reconfig_observer']
  .flatMap(quorumConnections)
  .flat()
  .filter((vector) => vector.kind === 'packet')
  .map((vector) => Buffer.from(vector.hex, 'hex'));

const votes = ['election_initial', 'election_observer']
  .flatMap(quorumConnections)
  .flat()
  .map((vector) => Buffer.from(vector.hex, 'hex'));

const readers: readonly ((reader: JuteReader) => unknown)[] = [
  (reader) => readRequest.read(reader),
  (reader) => readMultiRead(reader),
  (reader) => setWatches2Request.read(reader),
  (reader) => authRequest.read(reader),
];

function decodeRequest(bytes: Buffer, random: (below: number) => number): void {
  const reader = new JuteReader(bytes);
  reader.int32();
  const opCode = reader.int32();
  if (isWrite(opCode)) readWrite(opCode, reader);
  else readers[random(readers.length)]?.(reader);
}

test('requests of clients', () => {
  for (let seed = 1; seed <= 20_000; seed += 1) {
    const random = randomFrom(seed);
    const bytes = damaged(requests[random(requests.length)] ?? Buffer.alloc(8), random);
    attempt(seed, () => decodeRequest(bytes, random));
  }
});

test('handshakes of clients', () => {
  for (let seed = 1; seed <= 5_000; seed += 1) {
    const random = randomFrom(seed);
    const bytes = damaged(greetings[random(greetings.length)] ?? Buffer.alloc(8), random);
    attempt(seed, () => connectRequest.read(new JuteReader(bytes)));
  }
});

test('packets of the quorum port, and the transactions in them', () => {
  for (let seed = 1; seed <= 20_000; seed += 1) {
    const random = randomFrom(seed);
    const bytes = damaged(packets[random(packets.length)] ?? Buffer.alloc(20), random);
    const decoder = new QuorumPacketDecoder();
    const cut = random(bytes.length + 1);
    attempt(seed, () => {
      decoder.push(bytes.subarray(0, cut));
      decoder.next();
      decoder.push(bytes.subarray(cut));
      for (let packet = decoder.next(); packet !== null; packet = decoder.next()) {
        const { data } = packet;
        attempt(seed, () => void decodeLearnerInfo(data));
        attempt(seed, () => void decodeTxn(data ?? Buffer.alloc(0)));
      }
    });
  }
});

test('greetings and votes of the election port', () => {
  for (let seed = 1; seed <= 10_000; seed += 1) {
    const random = randomFrom(seed);
    const bytes = damaged(votes[random(votes.length)] ?? Buffer.alloc(20), random);
    attempt(seed, () => void readInitialMessage(bytes));
    decodeNotification(bytes);
    decodeNotification(bytes, Math.min(4, bytes.length));
  }
});

test('bytes of nothing but chance', () => {
  for (let seed = 1; seed <= 5_000; seed += 1) {
    const random = randomFrom(seed);
    const bytes = Buffer.from(Array.from({ length: random(200) }, () => random(256)));
    attempt(seed, () => decodeRequest(bytes, random));
    attempt(seed, () => void decodeTxn(bytes));
    attempt(seed, () => void readInitialMessage(bytes));
    decodeNotification(bytes);
    const frames = new FrameDecoder(0xfffff);
    frames.push(bytes);
    attempt(seed, () => void frames.next());
  }
});
