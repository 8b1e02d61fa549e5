import type { Id } from './acl.ts';
import type { PacketType } from './packet-type.ts';
import type { Zxid } from './zxid.ts';

/** Everything between a leader and its learners is one of these, back to back, without framing. */
export interface QuorumPacket {
  readonly type: PacketType;
  readonly zxid: Zxid;
  /** `null` and empty differ: a learner answers PING with empty, never with null. */
  readonly data: Uint8Array | null;
  /** Identities of the client, in a REQUEST only. */
  readonly authIds: readonly Id[] | null;
}
