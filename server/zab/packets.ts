import type { Ensemble } from '../config/ensemble.ts';
import { ensembleOfText } from '../config/ensemble-values.ts';
import { JuteError, JuteReader, JuteWriter } from '../protocol/jute.ts';
import { encodeLearnerInfo, learnerProtocolVersion } from '../protocol/learner-info.ts';
import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidNone, zxidOf, zxidZero } from '../protocol/zxid.ts';
import type { Proposal } from './events.ts';

/** A packet without identities; all but REQUEST are. */
export function packet(type: PacketType, zxid: Zxid, data: Uint8Array | null = null): QuorumPacket {
  return { type, zxid, data, authIds: null };
}

/** The two that carry nothing and never differ. */
export const upToDate: QuorumPacket = packet(PacketType.UPTODATE, zxidNone);
export const syncAnswer: QuorumPacket = packet(PacketType.SYNC, zxidZero);

/** FOLLOWERINFO or OBSERVERINFO. Source: quorum protocol, section 3. */
export function learnerHello(
  role: 'follower' | 'observer',
  sid: number,
  acceptedEpoch: number,
  configVersion: number,
): QuorumPacket {
  const type = role === 'follower' ? PacketType.FOLLOWERINFO : PacketType.OBSERVERINFO;
  const protocolVersion = learnerProtocolVersion;
  const data = encodeLearnerInfo({ sid, protocolVersion, configVersion });
  return packet(type, zxidOf(acceptedEpoch, 0), data);
}

/** LEADERINFO, with the protocol version as its data. */
export function leaderInfo(epoch: number): QuorumPacket {
  return packet(PacketType.LEADERINFO, zxidOf(epoch, 0), int32Bytes(learnerProtocolVersion));
}

/** ACKEPOCH; -1 stands for "that epoch is promised already". */
export function ackEpoch(lastLogged: Zxid, currentEpoch: number): QuorumPacket {
  return packet(PacketType.ACKEPOCH, lastLogged, int32Bytes(currentEpoch));
}

/** Epoch that an ACKEPOCH names. @throws JuteError when the data are short. */
export function epochOfAck(data: Uint8Array | null): number {
  if (data === null) throw new JuteError('ACKEPOCH without an epoch');
  return new JuteReader(data).int32();
}

/** The transaction inside PROPOSAL and INFORM. @throws JuteError when there is none. */
export function proposalOf(from: QuorumPacket): Proposal {
  if (from.data === null) throw new JuteError('a proposal without a transaction');
  return { zxid: from.zxid, bytes: from.data };
}

/**
 * Designated leader of COMMITANDACTIVATE and INFORMANDACTIVATE, and the transaction behind it.
 *
 * @throws JuteError when the data are short.
 */
export function activationOf(from: QuorumPacket): {
  readonly leader: number;
  readonly proposal: Proposal;
} {
  if (from.data === null) throw new JuteError('an activation without a leader');
  const leader = new JuteReader(from.data).int64();
  return { leader, proposal: { zxid: from.zxid, bytes: from.data.subarray(8) } };
}

/** Data of COMMITANDACTIVATE; with a transaction, of INFORMANDACTIVATE. */
export function activation(leader: number, txn: Uint8Array | null = null): Uint8Array {
  const writer = new JuteWriter(8 + (txn?.length ?? 0));
  writer.int64(leader);
  if (txn !== null) writer.raw(txn);
  return writer.take();
}

/** The members that a NEWLEADER names; `null`: none that can be read. @throws JuteError */
export function membersOf(from: QuorumPacket): Ensemble | null {
  const { data } = from;
  if (data === null || data.length <= 1) return null;
  const writer = new JuteWriter(data.length + 4);
  writer.bytes(data);
  return ensembleOfText(new JuteReader(writer.take()).string());
}

/** UTF-8 without a length. */
export function textBytes(text: string): Uint8Array {
  const writer = new JuteWriter(text.length + 4);
  writer.string(text);
  return writer.take().subarray(4);
}

function int32Bytes(value: number): Uint8Array {
  const writer = new JuteWriter(4);
  writer.int32(value);
  return writer.take();
}
