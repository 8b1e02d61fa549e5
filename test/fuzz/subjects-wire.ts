import { connectRequest } from '../../server/protocol/connect.ts';
import { FrameDecoder } from '../../server/protocol/framing.ts';
import { readInitialMessage, encodeInitialMessage } from '../../server/protocol/initial-message.ts';
import { decode, encode, JuteError, JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import type { Codec } from '../../server/protocol/jute.ts';
import { decodeLearnerInfo, encodeLearnerInfo } from '../../server/protocol/learner-info.ts';
import {
  readForwardedHeader,
  readRevalidate,
  readRevalidated,
} from '../../server/protocol/learner-payload.ts';
import { decodeNotification, encodeNotificationFrame } from '../../server/protocol/notification.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import {
  encodeQuorumAuthPacket,
  readQuorumAuthPacket,
} from '../../server/protocol/quorum-auth-packet.ts';
import { encodeQuorumPacket, QuorumPacketDecoder } from '../../server/protocol/quorum-packet.ts';
import { authRequest, saslToken, setAclRequest } from '../../server/protocol/requests/access.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { deleteRequest } from '../../server/protocol/requests/delete.ts';
import { readMultiRead, writeMultiRead } from '../../server/protocol/requests/multi-read.ts';
import { writeMulti } from '../../server/protocol/requests/multi.ts';
import {
  optionalPathRequest,
  pathRequest,
  readRequest,
} from '../../server/protocol/requests/read.ts';
import { reconfigRequest } from '../../server/protocol/requests/reconfig.ts';
import { setDataRequest } from '../../server/protocol/requests/set-data.ts';
import {
  addWatchRequest,
  setWatches2Request,
  setWatchesRequest,
  watchesRequest,
} from '../../server/protocol/requests/watch.ts';
import { isWrite, readWrite } from '../../server/protocol/requests/write-request.ts';
import type { DecodedWrite } from '../../server/protocol/requests/write-request.ts';
import { decodeTxn, encodeTxn, peekTxnHeader } from '../../server/protocol/txn-codec.ts';
import { clientFiles, clientVectors, quorumConnections } from '../protocol/golden.ts';
import type { Subject } from './fuzz.ts';

/** What is written of a record is read as that record: its bytes come again. */
function writesAgain(first: Buffer, again: (bytes: Buffer) => Buffer): void {
  const second = again(first);
  if (!first.equals(second)) {
    throw new Error(`written ${first.toString('hex')}, then ${second.toString('hex')}`);
  }
}

function roundTrip<T>(codec: Codec<T>, reader: JuteReader): void {
  const bytes = encode(codec, codec.read(reader));
  writesAgain(bytes, (each) => encode(codec, decode(codec, each)));
}

/** Reads a record and proves that it is written and read alike. */
type ReadRecord = (reader: JuteReader) => void;

function recordOf<T>(codec: Codec<T>): ReadRecord {
  return (reader) => roundTrip(codec, reader);
}

const readRecords: ReadonlyMap<number, ReadRecord> = new Map<number, ReadRecord>([
  [OpCode.EXISTS, recordOf(readRequest)],
  [OpCode.GET_DATA, recordOf(readRequest)],
  [OpCode.GET_CHILDREN, recordOf(readRequest)],
  [OpCode.GET_CHILDREN2, recordOf(readRequest)],
  [OpCode.GET_ACL, recordOf(pathRequest)],
  [OpCode.GET_ALL_CHILDREN_NUMBER, recordOf(pathRequest)],
  [OpCode.GET_EPHEMERALS, recordOf(optionalPathRequest)],
  [OpCode.SYNC, recordOf(optionalPathRequest)],
  [OpCode.SET_WATCHES, recordOf(setWatchesRequest)],
  [OpCode.SET_WATCHES2, recordOf(setWatches2Request)],
  [OpCode.ADD_WATCH, recordOf(addWatchRequest)],
  [OpCode.CHECK_WATCHES, recordOf(watchesRequest)],
  [OpCode.REMOVE_WATCHES, recordOf(watchesRequest)],
  [OpCode.AUTH, recordOf(authRequest)],
  [OpCode.SASL, recordOf(saslToken)],
]);

const multiRead: Codec<ReturnType<typeof readMultiRead>> = {
  read: readMultiRead,
  write: writeMultiRead,
};

/** `null`: a record without a writer of its own. */
function writtenAgain(write: DecodedWrite): Buffer | null {
  const writer = new JuteWriter();
  switch (write.op) {
    case 'create':
      writeCreateRequest(writer, write);
      return writer.take();
    case 'delete':
      return encode(deleteRequest, write);
    case 'setData':
      return encode(setDataRequest, write);
    case 'setAcl':
      return encode(setAclRequest, write);
    case 'reconfig':
      return encode(reconfigRequest, write);
    case 'multi':
      writeMulti(writer, write.ops);
      return writer.take();
    case 'createSession':
    case 'closeSession':
    case 'deleteContainer':
      return null;
  }
}

/** A frame behind its length, as a server decodes it: header, then the record of its operation. */
function decodeRequest(frame: Buffer): string {
  const reader = new JuteReader(frame);
  reader.int32();
  const opCode = reader.int32();
  if (opCode === OpCode.MULTI_READ) {
    roundTrip(multiRead, reader);
    return 'multiRead';
  }
  if (!isWrite(opCode)) {
    const read = readRecords.get(opCode);
    read?.(reader);
    return read === undefined ? 'unknown' : String(opCode);
  }
  const write = readWrite(opCode, reader);
  const bytes = writtenAgain(write);
  if (bytes !== null) {
    // A part of a multi says its operation itself; a plain record is read by its frame's.
    const opAgain = 'opCode' in write ? write.opCode : opCode;
    const again = (each: Buffer): Buffer =>
      writtenAgain(readWrite(opAgain, new JuteReader(each))) ?? each;
    // A part becomes what its flags say, which may be said in fewer words once more.
    writesAgain(write.op === 'multi' ? again(bytes) : bytes, again);
  }
  return write.op === 'multi' ? `multi ${Math.min(write.ops.length, 8)}` : `${write.op} ${opCode}`;
}

function decodeFrames(bytes: Buffer): string {
  const frames = new FrameDecoder(0xfffff);
  let count = 0;
  // Three pieces: ends of frames lie anywhere.
  const third = Math.ceil(bytes.length / 3);
  for (let at = 0; at < bytes.length; at += third) {
    frames.push(bytes.subarray(at, Math.min(bytes.length, at + third)));
    while (frames.next()) count += 1;
  }
  return `${Math.min(count, 9)} frames`;
}

function decodePackets(bytes: Buffer): string {
  const decoder = new QuorumPacketDecoder();
  const cut = bytes.length >> 1;
  const types = new Set<number>();
  for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
    decoder.push(piece);
    for (let packet = decoder.next(); packet !== null; packet = decoder.next()) {
      types.add(packet.type);
      const written = encodeQuorumPacket(packet);
      writesAgain(written, (each) => {
        const again = new QuorumPacketDecoder();
        again.push(each);
        const found = again.next();
        return found === null ? Buffer.alloc(0) : encodeQuorumPacket(found);
      });
      decodePayload(packet.type, packet.data ?? Buffer.alloc(0));
    }
  }
  return [...types].sort((a, b) => a - b).join(' ');
}

/** What a server reads out of a packet. A refusal costs that link, as one of the packet itself. */
function decodePayload(type: number, data: Uint8Array): void {
  switch (type) {
    case PacketType.FOLLOWERINFO:
    case PacketType.OBSERVERINFO: {
      const written = encodeLearnerInfo(decodeLearnerInfo(data));
      return writesAgain(written, (each) => encodeLearnerInfo(decodeLearnerInfo(each)));
    }
    case PacketType.REQUEST: {
      const reader = new JuteReader(data);
      const { opCode } = readForwardedHeader(reader);
      if (isWrite(opCode)) readWrite(opCode, reader);
      return;
    }
    case PacketType.REVALIDATE:
      readRevalidate(new JuteReader(data));
      readRevalidated(new JuteReader(data));
      return;
    case PacketType.PROPOSAL:
      void decodeTxnAgain(data);
      return;
    default:
  }
}

function decodeTxnAgain(bytes: Uint8Array): string {
  const txn = decodeTxn(bytes);
  peekTxnHeader(bytes);
  writesAgain(encodeTxn(txn), (each) => encodeTxn(decodeTxn(each)));
  return `${txn.body.type}`;
}

function decodeGreeting(bytes: Buffer): string | null {
  const found = readInitialMessage(bytes);
  if (found === null) return null;
  const { version, addresses } = found.message;
  for (const { host } of addresses) {
    // Sockets throw at a name with such characters.
    if (!/^[\x21-\x7e]+$/.test(host)) throw new Error(`a host that nobody can dial: ${host}`);
  }
  if (version !== 0) {
    writesAgain(encodeInitialMessage(found.message), (each) => {
      const again = readInitialMessage(each);
      return again === null ? Buffer.alloc(0) : encodeInitialMessage(again.message);
    });
  }
  return `${version} ${Math.min(addresses.length, 5)}`;
}

function decodeVote(bytes: Buffer): string | null {
  const vote = decodeNotification(bytes);
  if (vote === null) return null;
  const written = encodeNotificationFrame(vote);
  const again = decodeNotification(written, 4);
  if (again === null) throw new Error('a vote that was read is not read again');
  writesAgain(written, () => encodeNotificationFrame(again));
  return `${vote.state} ${Math.max(-1, Math.min(vote.version, 3))}`;
}

function decodeQuorumAuth(bytes: Buffer): string | null {
  const found = readQuorumAuthPacket(bytes);
  if (found === null) return null;
  writesAgain(encodeQuorumAuthPacket(found.packet), (each) => {
    const again = readQuorumAuthPacket(each);
    return again === null ? Buffer.alloc(0) : encodeQuorumAuthPacket(again.packet);
  });
  return String(found.packet.status);
}

const requestVectors = clientFiles
  .flatMap(clientVectors)
  .filter((vector) => vector.direction === 'request' && vector.op !== 'raw');
const frames = requestVectors.map((vector) => Buffer.from(vector.hex, 'hex'));
const requests = requestVectors
  .filter((vector) => vector.decoded.header !== undefined)
  .map((vector) => Buffer.from(vector.hex, 'hex').subarray(4));
const greetings = clientVectors('connect')
  .filter((vector) => vector.direction === 'request' && vector.op === 'connect')
  .map((vector) => Buffer.from(vector.hex, 'hex').subarray(4));
const packets = ['follower_traffic', 'join_diff', 'join_trunc', 'reconfig_observer']
  .flatMap(quorumConnections)
  .flat()
  .filter((vector) => vector.kind === 'packet')
  .map((vector) => Buffer.from(vector.hex, 'hex'));
const proposals = packets.flatMap((bytes) => {
  const decoder = new QuorumPacketDecoder();
  decoder.push(bytes);
  const packet = decoder.next();
  return packet?.type === PacketType.PROPOSAL && packet.data !== null
    ? [Buffer.from(packet.data)]
    : [];
});
const election = ['election_initial', 'election_observer', 'election_reconfig_joiners']
  .flatMap(quorumConnections)
  .flat();
const electionBytes = (kind: string): Buffer[] =>
  election.filter((vector) => vector.kind === kind).map((each) => Buffer.from(each.hex, 'hex'));
const saslBytes = ['sasl_learner', 'sasl_election']
  .flatMap(quorumConnections)
  .flat()
  .filter((vector) => vector.kind === 'sasl')
  .map((vector) => Buffer.from(vector.hex, 'hex'));

const refusals = [JuteError];

/** What comes over a wire. */
export const wireSubjects: readonly Subject[] = [
  { name: 'client frames', corpus: frames, decode: decodeFrames, refusals, share: 2 },
  { name: 'client requests', corpus: requests, decode: decodeRequest, refusals, share: 6 },
  {
    name: 'connect requests',
    corpus: greetings,
    decode(bytes) {
      roundTrip(connectRequest, new JuteReader(bytes));
      return 'connect';
    },
    refusals,
  },
  { name: 'quorum packets', corpus: packets, decode: decodePackets, refusals, share: 4 },
  { name: 'transactions', corpus: proposals, decode: decodeTxnAgain, refusals, share: 3 },
  { name: 'quorum SASL', corpus: saslBytes, decode: decodeQuorumAuth, refusals },
  { name: 'greetings', corpus: electionBytes('initial'), decode: decodeGreeting, refusals },
  {
    name: 'votes',
    // Behind their lengths.
    corpus: electionBytes('notification').map((bytes) => bytes.subarray(4)),
    decode: decodeVote,
    refusals,
  },
];
