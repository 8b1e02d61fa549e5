import { ServerState } from '../protocol/notification.ts';
import type { Quorum } from './quorum.ts';

/** "No vote of my own": what servers that may not vote send as leader, zxid and epoch. */
export const voteNone: number = -(2 ** 63);

/** Whom a server wants, as told by itself or by a notification. */
export interface Vote {
  readonly leader: number;
  /** Last zxid logged by that leader. */
  readonly zxid: number;
  /** Round of the election the vote belongs to. */
  readonly electionEpoch: number;
  /** Epoch whose history that leader has taken over. */
  readonly peerEpoch: number;
  /** What the voter was doing. */
  readonly state: ServerState;
  /** Version of the notification; 0 for votes counted within a round. */
  readonly version: number;
}

/**
 * The total order of votes: later epoch, then longer history, then larger id. Nothing beats
 * with a leader of weight 0.
 *
 * Source: election, section 6.
 */
export function beats(
  candidate: Pick<Vote, 'leader' | 'zxid' | 'peerEpoch'>,
  current: Pick<Vote, 'leader' | 'zxid' | 'peerEpoch'>,
  quorum: Quorum,
): boolean {
  if (quorum.weightOf(candidate.leader) === 0) return false;
  if (candidate.peerEpoch !== current.peerEpoch) return candidate.peerEpoch > current.peerEpoch;
  if (candidate.zxid !== current.zxid) return candidate.zxid > current.zxid;
  return candidate.leader > current.leader;
}

/**
 * Whether two votes count for the same outcome. Between members of a running ensemble zxid and
 * round do not matter, because they differ by when each one joined.
 *
 * Source: election, section 6.
 */
export function agrees(a: Vote, b: Vote): boolean {
  if (a.state === ServerState.LOOKING || b.state === ServerState.LOOKING) {
    return (
      a.leader === b.leader &&
      a.zxid === b.zxid &&
      a.electionEpoch === b.electionEpoch &&
      a.peerEpoch === b.peerEpoch
    );
  }
  if (a.version > 0 === b.version > 0) return a.leader === b.leader && a.peerEpoch === b.peerEpoch;
  return a.leader === b.leader;
}
