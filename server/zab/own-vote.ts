import { ServerState } from '../protocol/notification.ts';
import type { Core } from './core.ts';
import type { Vote } from './vote.ts';
import { beats, voteNone } from './vote.ts';

/** What a server votes when it has heard of nobody: for itself, if it may, with what is on its disk. */
export function initialVote(core: Core, round: number): Vote {
  const { lastClaimed, epochClaimed, isObserver, members, sid } = core;
  return {
    leader: members.isVoter ? sid : voteNone,
    zxid: isObserver ? voteNone : lastClaimed,
    electionEpoch: round,
    peerEpoch: isObserver ? voteNone : epochClaimed,
    state: ServerState.LOOKING,
    version: 0,
  };
}

/**
 * The own vote in a round where `other` stands. Who votes in the next members alone stands only
 * against a shorter history than its own, which it could not follow.
 */
export function ownVoteAgainst(core: Core, round: number, other: Vote): Vote {
  const { members, quorum, sid } = core;
  const own = initialVote(core, round);
  if (own.leader !== voteNone || members.next === null || quorum.indexOf(sid) < 0) return own;
  const isLonger =
    own.peerEpoch > other.peerEpoch || (own.peerEpoch === other.peerEpoch && own.zxid > other.zxid);
  return isLonger ? { ...own, leader: sid } : own;
}

/**
 * The order of votes. While members change, whoever has a vote already comes before one of the
 * next members with the same history: those who have not heard of the change do not know it.
 */
export function isBetterVote(core: Core, candidate: Vote, current: Vote): boolean {
  const { members, quorum } = core;
  const isTie = candidate.peerEpoch === current.peerEpoch && candidate.zxid === current.zxid;
  if (members.next !== null && isTie && quorum.weightOf(candidate.leader) > 0) {
    const isActive = members.isActiveVoter(candidate.leader);
    if (isActive !== members.isActiveVoter(current.leader)) return isActive;
  }
  return beats(candidate, current, quorum);
}
