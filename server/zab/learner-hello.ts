import { decodeLearnerInfo, learnerProtocolVersion } from '../protocol/learner-info.ts';
import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import { epochMax, epochOf } from '../protocol/zxid.ts';
import type { Core } from './core.ts';

/**
 * A learner may have promised an epoch this far beyond the own one. More would burn the epochs
 * of the ensemble, which are numbered by 21 bits here.
 */
export const epochLeadMax = 1024;

/** Who has connected to a leader. */
export interface LearnerHello {
  readonly sid: number;
  readonly role: 'follower' | 'observer';
  /** Highest epoch it has promised. */
  readonly acceptedEpoch: number;
}

/**
 * Reads FOLLOWERINFO or OBSERVERINFO; a string says why the learner is refused. `epoch` is the
 * one that the leader has or wants.
 *
 * Source: quorum protocol, sections 3 and 5.
 *
 * @throws JuteError when the numbers are out of range.
 */
export function readHello(core: Core, packet: QuorumPacket, epoch: number): LearnerHello | string {
  const isFollower = packet.type === PacketType.FOLLOWERINFO;
  if (!isFollower && packet.type !== PacketType.OBSERVERINFO) {
    return `packet ${packet.type} before FOLLOWERINFO`;
  }
  const { sid, protocolVersion, configVersion } = decodeLearnerInfo(packet.data);
  const acceptedEpoch = epochOf(packet.zxid);
  if (sid === core.sid) return 'it has the id of this server';
  if (protocolVersion < learnerProtocolVersion) return 'it is older than 3.4';
  if (configVersion > core.members.active.version) return 'it knows a later configuration';
  if (acceptedEpoch > Math.max(core.acceptedEpoch, epoch) + epochLeadMax) {
    return `its epoch ${acceptedEpoch} is far beyond the own ${core.acceptedEpoch}`;
  }
  if (acceptedEpoch < 0 || acceptedEpoch >= epochMax) return `its epoch is ${acceptedEpoch}`;
  return { sid, role: isFollower ? 'follower' : 'observer', acceptedEpoch };
}
