import type { Notification } from '../protocol/notification.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { Zxid } from '../protocol/zxid.ts';

/** A connection on the quorum port, numbered by the shell and never reused. */
export type LinkId = number;

/** What the ensemble agrees on. The bytes are opaque here: header, record, digest. */
export interface Proposal {
  readonly zxid: Zxid;
  readonly bytes: Uint8Array;
}

/** All that can happen to a {@link Peer}. Past or plain nouns; time arrives in them as `nowMs`. */
export type ZabEvent =
  /** Time has passed; sent at latest at `nextDeadlineMs()`. */
  | { readonly type: 'tick'; readonly nowMs: number }
  /** A vote from the election port. */
  | {
      readonly type: 'notification';
      readonly from: number;
      readonly notification: Notification;
      readonly nowMs: number;
    }
  /** That server's election port cannot be dialled; or, not refused, the connection to it ended. */
  | {
      readonly type: 'voterUnreachable';
      readonly sid: number;
      readonly isRefused: boolean;
      readonly nowMs: number;
    }
  /** Leader's side of the quorum port; a follower's of the port for observers. */
  | { readonly type: 'learnerConnected'; readonly link: LinkId; readonly nowMs: number }
  | {
      readonly type: 'learnerPacket';
      readonly link: LinkId;
      readonly packet: QuorumPacket;
      readonly nowMs: number;
    }
  | { readonly type: 'learnerClosed'; readonly link: LinkId; readonly nowMs: number }
  /** Answer to `readLog`: what the disk has from that zxid on, oldest first; `null`: too much, or a hole. */
  | {
      readonly type: 'logRead';
      readonly link: LinkId;
      readonly proposals: readonly Proposal[] | null;
      readonly nowMs: number;
    }
  /** Learner's side. `leaderClosed` also answers a `connectToLeader` that failed. */
  | { readonly type: 'leaderConnected'; readonly link: LinkId; readonly nowMs: number }
  | { readonly type: 'leaderPacket'; readonly packet: QuorumPacket; readonly nowMs: number }
  | { readonly type: 'leaderClosed'; readonly reason: string; readonly nowMs: number }
  /** The stream behind a SNAP packet was read whole into a fresh tree. */
  | { readonly type: 'snapshotReceived'; readonly zxid: Zxid; readonly nowMs: number }
  /** Either side: bytes of a snapshot went through the link. It is alive, though no packet says so. */
  | { readonly type: 'linkProgress'; readonly link: LinkId; readonly nowMs: number }
  /** Completions of the disk. `durable` confirms every append up to that zxid. */
  | { readonly type: 'durable'; readonly zxid: Zxid; readonly nowMs: number }
  | { readonly type: 'truncated'; readonly zxid: Zxid; readonly nowMs: number }
  /** The disk has no way back to that zxid, and nothing was changed: the leader's tree is needed. */
  | { readonly type: 'truncationRefused'; readonly zxid: Zxid; readonly nowMs: number }
  | {
      readonly type: 'epochStored';
      readonly which: 'accepted' | 'current';
      readonly epoch: number;
      readonly nowMs: number;
    }
  | { readonly type: 'snapshotInstalled'; readonly zxid: Zxid; readonly nowMs: number }
  /** Leader only: the next transaction, numbered `nextZxid()`. */
  | { readonly type: 'propose'; readonly proposal: Proposal; readonly nowMs: number }
  /** Leader only: a sync that must not overtake what was proposed before it. `link` null: own client. */
  | {
      readonly type: 'sync';
      readonly link: LinkId | null;
      readonly tag: number;
      readonly nowMs: number;
    }
  /** Leader only: stop leading (rollover, shutdown). */
  | { readonly type: 'resign'; readonly reason: string; readonly nowMs: number };
