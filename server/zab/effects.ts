import type { Ensemble } from '../config/ensemble.ts';
import type { Notification } from '../protocol/notification.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { LinkId, Proposal } from './events.ts';

/** looking, leading, following, observing: the four roles. */
export type Role = 'looking' | 'leading' | 'following' | 'observing';

/** Where a role stands: only in `broadcast` are clients served. */
export type Phase = 'election' | 'discovery' | 'synchronization' | 'broadcast';

/** All that a {@link Peer} can ask for, performed by the shell in the order given. Imperatives. */
export type ZabEffect =
  /** Election port: to one server, never to oneself. A newer one replaces an unsent older one. */
  | { readonly type: 'sendNotification'; readonly to: number; readonly notification: Notification }
  /** Leader: open and close the quorum port. Closing it closes every learner's link too. */
  | { readonly type: 'listenForLearners' }
  /** Follower: open the port for observers; `stopListening` closes it, too. */
  | { readonly type: 'listenForObservers' }
  | { readonly type: 'stopListening'; readonly reason: string }
  /** Learner: dial; answered by `leaderConnected` or `leaderClosed`. One link at a time. */
  | { readonly type: 'connectToLeader'; readonly sid: number }
  /** Observer: the same, to the port for observers of a follower. */
  | { readonly type: 'connectToMaster'; readonly sid: number }
  /** One packet, encoded once, to each of the links. */
  | { readonly type: 'send'; readonly links: readonly LinkId[]; readonly packet: QuorumPacket }
  | { readonly type: 'closeLink'; readonly link: LinkId; readonly reason: string }
  /** Streams the tree into the link, behind what was sent and before what will be. */
  | { readonly type: 'sendSnapshot'; readonly link: LinkId }
  /** Reads the log from the disk; answered by `logRead`. */
  | { readonly type: 'readLog'; readonly link: LinkId; readonly from: Zxid }
  /** Learner: the bytes behind the SNAP packet are the tree; answered by `snapshotReceived`. */
  | { readonly type: 'receiveSnapshot'; readonly zxid: Zxid }
  /** Puts the tree on disk as `snapshot.<zxid>`, fsynced; sets aside log entries above it. */
  | { readonly type: 'installSnapshot'; readonly zxid: Zxid }
  | { readonly type: 'append'; readonly proposal: Proposal }
  /** Cuts the log behind zxid and reloads the tree if it is ahead; answered by `truncated` or `truncationRefused`. */
  | { readonly type: 'truncate'; readonly zxid: Zxid }
  | {
      readonly type: 'storeEpoch';
      readonly which: 'accepted' | 'current';
      readonly epoch: number;
    }
  /** Committed: apply to the tree and answer who waits for it. In zxid order, none twice. */
  | { readonly type: 'deliver'; readonly proposal: Proposal }
  /** Leader: the history is a quorum's; the tree's last zxid becomes the epoch's own start. */
  | { readonly type: 'openEpoch'; readonly zxid: Zxid }
  /** Members of a later version are proposed: a file beside the configuration says so. `null`: not any more. */
  | { readonly type: 'storeNext'; readonly ensemble: Ensemble | null }
  /**
   * Members of a later version are committed, behind the transaction that made them: files,
   * `/zookeeper/config`, addresses. `leader`: who leads from now on, if that was said.
   */
  | { readonly type: 'activate'; readonly ensemble: Ensemble; readonly leader: number | null }
  /** Sent whenever role, phase, leader or epoch changes. `leader` is null while looking. */
  | {
      readonly type: 'roleChanged';
      readonly role: Role;
      readonly phase: Phase;
      readonly leader: number | null;
      readonly epoch: number;
    }
  /** Leader: what learners bring; the shell answers a REVALIDATE on the link itself. Follower: what observers bring. */
  | {
      readonly type: 'learnerRequest';
      readonly link: LinkId;
      readonly sid: number;
      readonly packet: QuorumPacket;
    }
  | {
      readonly type: 'learnerRevalidate';
      readonly link: LinkId;
      readonly sid: number;
      readonly packet: QuorumPacket;
    }
  /** Sessions that were active at a learner: repeated {int64 session, int32 timeoutMs}. */
  | { readonly type: 'learnerTouched'; readonly sid: number; readonly data: Uint8Array }
  /** Learner: answer the leader's PING with the touched sessions and the same zxid. */
  | { readonly type: 'answerPing'; readonly link: LinkId; readonly zxid: Zxid }
  /** Learner: the leader's answer to a REVALIDATE. */
  | { readonly type: 'revalidated'; readonly packet: QuorumPacket }
  /** Learner: the oldest forwarded sync is done. Leader: the own sync with that tag is. */
  | { readonly type: 'syncDone'; readonly tag: number | null }
  /** Something a person may want to know; the shell logs and counts it. */
  | {
      readonly type: 'note';
      readonly what: string;
      readonly values: Readonly<Record<string, string | number | null>>;
    }
  /** The process must end with this exit code. */
  | { readonly type: 'fatal'; readonly exitCode: number; readonly reason: string };
