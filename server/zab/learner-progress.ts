import type { Zxid } from '../protocol/zxid.ts';
import { zxidNone, zxidZero } from '../protocol/zxid.ts';
import type { LinkId } from './events.ts';

/**
 * Where a learner stands with its leader.
 *
 * ```
 * hello     connected; FOLLOWERINFO or OBSERVERINFO is awaited
 * waiting   the epoch is not fixed yet
 * epochAck  LEADERINFO sent; ACKEPOCH is awaited
 * ready     level with the epoch; the leader may not synchronize yet
 * reading   the disk's log is being read for it
 * syncing   NEWLEADER sent; its ACK is awaited
 * acked     has the history; UPTODATE waits for a quorum of such
 * active    serves
 * ```
 */
export type LearnerState =
  | 'hello'
  | 'waiting'
  | 'epochAck'
  | 'ready'
  | 'reading'
  | 'syncing'
  | 'acked'
  | 'active';

/** Which limit holds for a learner's silence; `none` while it waits for the leader. */
const silenceOf: Readonly<Record<LearnerState, 'init' | 'sync' | 'none'>> = {
  hello: 'init',
  waiting: 'none',
  epochAck: 'init',
  ready: 'none',
  reading: 'none',
  syncing: 'init',
  acked: 'none',
  active: 'sync',
};

/** One learner as its leader sees it. Plain fields: the leader alone changes them. */
export class LearnerProgress {
  readonly link: LinkId;
  /** The link alone, for packets that only this learner gets. */
  readonly links: readonly LinkId[];
  state: LearnerState = 'hello';
  sid = -1;
  role: 'follower' | 'observer' = 'follower';
  /** Index among the voters; -1: not counted. */
  voterIndex = -1;
  /** Highest epoch it has promised, by its own word. */
  acceptedEpoch = 0;
  /** End of its log, by its own word. */
  peerZxid: Zxid = zxidNone;
  lastAcked: Zxid = zxidZero;
  /** The committed history ended here when it was synchronized: its ACK of NEWLEADER covers that. */
  syncedTo: Zxid = zxidZero;
  /** How it was brought level: by transactions, or by the whole tree. */
  syncedBy: 'diff' | 'snap' = 'diff';
  heardMs: number;
  /** PINGs sent to it and answered by it; the nth answer belongs to the nth PING. */
  pingsSent = 0;
  pingsAnswered = 0;
  /** The answer that confirms the round of syncs under way. */
  roundPing = 1;
  /** A proposal that it must acknowledge in time, and since when it is watched. */
  watchedZxid: Zxid = zxidZero;
  watchedMs = 0;

  constructor(link: LinkId, nowMs: number) {
    this.link = link;
    this.links = [link];
    this.heardMs = nowMs;
  }

  /** Live proposals and commits are sent to it. */
  get isLive(): boolean {
    return this.state === 'syncing' || this.state === 'acked' || this.state === 'active';
  }

  /** It has the leader's history on its disk. */
  get isSynced(): boolean {
    return this.state === 'acked' || this.state === 'active';
  }

  /** How long it may be silent; Infinity while it waits for the leader. */
  silenceMsMax(initMs: number, syncMs: number): number {
    const limit = silenceOf[this.state];
    if (limit === 'none') return Number.POSITIVE_INFINITY;
    return limit === 'init' ? initMs : syncMs;
  }

  /**
   * Watches one unacknowledged proposal at a time, the newest when nothing is watched. False:
   * the watched one is older than allowed.
   */
  isAckingInTime(lastProposed: Zxid, nowMs: number, ageMsMax: number): boolean {
    if (this.watchedZxid !== zxidZero && this.lastAcked < this.watchedZxid) {
      return nowMs - this.watchedMs <= ageMsMax;
    }
    this.watchedZxid = this.lastAcked < lastProposed ? lastProposed : zxidZero;
    this.watchedMs = nowMs;
    return true;
  }
}
