import { ServerState } from '../../../server/protocol/notification.ts';
import type { Notification } from '../../../server/protocol/notification.ts';
import { PacketType } from '../../../server/protocol/packet-type.ts';
import type { QuorumPacket } from '../../../server/protocol/quorum-packet.ts';
import { counterOf, epochOf } from '../../../server/protocol/zxid.ts';
import type { Zxid } from '../../../server/protocol/zxid.ts';
import { hex } from './member-ghost.ts';
import type { MemberGhost } from './member-ghost.ts';
import type { ZabChecker } from './zab-checker.ts';

/** What a member says to others is true of its disk: Z11 to Z13, Z15, Z17. */
export function checkPacket(checker: ZabChecker, member: MemberGhost, packet: QuorumPacket): void {
  const { sid } = member;
  const epoch = epochOf(packet.zxid);
  switch (packet.type as number) {
    case PacketType.ACK:
      if (counterOf(packet.zxid) === 0) return checkEpochAck(checker, member, epoch);
      checker.expect(member.isEpochAcked, 'Z13 order of three', sid, () => {
        return `acks ${hex(packet.zxid)} before its leader`;
      });
      return checker.expect(
        member.promise.durableZxid >= packet.zxid,
        'Z12 ack means disk',
        sid,
        () => {
          return `acks ${hex(packet.zxid)}, durable up to ${hex(member.promise.durableZxid)}`;
        },
      );
    case PacketType.ACKEPOCH:
      checker.expect(onDisk(member, packet.zxid), 'Z15 memory = disk', sid, () => {
        return `claims ${hex(packet.zxid)}, durable up to ${hex(member.promise.durableZxid)}`;
      });
      return checker.expect(
        member.acceptedEpoch >= member.askedEpoch,
        'Z11 promise on disk',
        sid,
        () => {
          return `promises epoch ${member.askedEpoch} with accepted ${member.acceptedEpoch} on disk`;
        },
      );
    case PacketType.LEADERINFO:
      return checker.expect(member.acceptedEpoch >= epoch, 'Z11 promise on disk', sid, () => {
        return `asks for epoch ${epoch} with accepted ${member.acceptedEpoch} on disk`;
      });
    case PacketType.NEWLEADER:
      return checker.expect(member.currentEpoch >= epoch, 'Z13 order of three', sid, () => {
        return `leads epoch ${epoch} with current ${member.currentEpoch} on disk`;
      });
    case PacketType.COMMIT:
      return checker.expect(checker.wasProposed(packet.zxid), 'Z17 legal', sid, () => {
        return `COMMIT of ${hex(packet.zxid)}, never proposed`;
      });
    default:
      return;
  }
}

/** History, then currentEpoch, then the ACK of NEWLEADER. */
function checkEpochAck(checker: ZabChecker, member: MemberGhost, epoch: number): void {
  const { sid, promise, syncTargetZxid } = member;
  const order = 'Z13 order of three';
  checker.expect(promise.durableZxid >= syncTargetZxid, order, sid, () => {
    return `acks its leader, ${hex(syncTargetZxid)} not durable`;
  });
  checker.expect(member.currentEpoch === epoch, order, sid, () => {
    return `acks epoch ${epoch} with current ${member.currentEpoch} on disk`;
  });
  checker.expect(member.promises.length === 1, order, sid, () => {
    return 'acks its leader before its snapshot is on disk';
  });
  member.isEpochAcked = true;
}

/** A learner's currentEpoch vouches for the history that its leader has synchronized. */
export function checkEpochOrder(
  checker: ZabChecker,
  member: MemberGhost,
  stored: { readonly which: string; readonly epoch: number },
): void {
  const { role, phase, promise, syncTargetZxid } = member;
  const isLearning = role === 'following' || role === 'observing';
  if (stored.which !== 'current' || !isLearning || phase !== 'synchronization') return;
  checker.expect(promise.durableZxid >= syncTargetZxid, 'Z13 order of three', member.sid, () => {
    return `stores epoch ${stored.epoch}, ${hex(syncTargetZxid)} not durable`;
  });
}

/** A learner serves when it is told that a quorum has what it serves. */
export function checkService(checker: ZabChecker, member: MemberGhost): void {
  if (member.role === 'leading') return;
  checker.expect(member.isUpToDate, 'Z13 order of three', member.sid, () => {
    return `serves epoch ${member.epoch} before UPTODATE`;
  });
}

/** What a leader sends a learner has no holes, from the first transaction on. */
export function checkStream(
  checker: ZabChecker,
  member: MemberGhost,
  sent: { readonly links: readonly number[]; readonly packet: QuorumPacket },
): void {
  const { zxid } = sent.packet;
  switch (sent.packet.type as number) {
    case PacketType.DIFF:
      for (const link of sent.links) member.streams.delete(link);
      return;
    case PacketType.TRUNC:
    case PacketType.SNAP:
      for (const link of sent.links) member.streams.set(link, zxid);
      return;
    case PacketType.PROPOSAL:
    case PacketType.INFORM:
    case PacketType.INFORMANDACTIVATE:
      for (const link of sent.links) {
        const last = member.streams.get(link);
        checker.expect(last === undefined || follows(last, zxid), 'Z16 no gap', member.sid, () => {
          return `sends ${hex(zxid)} behind ${hex(last ?? 0)}`;
        });
        member.streams.set(link, zxid);
      }
      return;
    default:
      return;
  }
}

/** The next of its epoch, or the first of a later one. */
export function follows(last: number, next: number): boolean {
  if (epochOf(last as Zxid) === epochOf(next as Zxid)) return next === last + 1;
  return next > last && counterOf(next as Zxid) === 1;
}

/** A vote for oneself names a history that the disk has. */
export function checkVote(
  checker: ZabChecker,
  member: MemberGhost,
  to: number,
  vote: Notification,
): void {
  // Who does not vote is told the vote of the last election.
  if (checker.members.get(to)?.isVoter !== true) return;
  if (vote.state !== ServerState.LOOKING || vote.leader !== member.sid) return;
  checker.expect(onDisk(member, vote.zxid), 'Z15 memory = disk', member.sid, () => {
    return `votes with ${hex(vote.zxid)}, durable up to ${hex(member.promise.durableZxid)}`;
  });
}

/** What was committed in front of NEWLEADER is the history that its ack vouches for. */
export function noteReceived(member: MemberGhost, packet: QuorumPacket): void {
  switch (packet.type as number) {
    case PacketType.LEADERINFO:
      member.askedEpoch = epochOf(packet.zxid);
      return;
    case PacketType.COMMIT:
    case PacketType.INFORM:
      member.receivedZxid = packet.zxid;
      return;
    case PacketType.DIFF:
    case PacketType.TRUNC:
    case PacketType.SNAP:
      member.receivedZxid = 0;
      member.isEpochAcked = false;
      member.isUpToDate = false;
      return;
    case PacketType.UPTODATE:
      member.isUpToDate = true;
      return;
    case PacketType.NEWLEADER:
      member.syncTargetZxid = member.receivedZxid;
      return;
    default:
      return;
  }
}

/** The start of an epoch stands for the history before it. */
function onDisk(member: MemberGhost, zxid: number): boolean {
  if (zxid === -1 || counterOf(zxid as Zxid) === 0) return true;
  return zxid === member.lastLogged && member.promise.durableZxid >= zxid;
}
