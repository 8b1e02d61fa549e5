import type { SessionId } from './session-id.ts';
import type { Zxid } from './zxid.ts';

/** A znode's numbers as a client sees them. 68 bytes on the wire. */
export interface Stat {
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  /** Leader's wall clock of the create, ms since 1970. */
  readonly ctimeMs: number;
  /** Leader's wall clock of the last data change, ms since 1970. */
  readonly mtimeMs: number;
  readonly version: number;
  /** Creates plus deletes among the children: 2 * creates - numChildren. */
  readonly cversion: number;
  readonly aversion: number;
  /** The owning session; 0 for persistent, container and TTL nodes. */
  readonly ephemeralOwner: SessionId;
  readonly dataLength: number;
  readonly numChildren: number;
  readonly pzxid: Zxid;
}

/** Bytes of {@link Stat} on the wire: six int64 and five int32. */
export const statBytes = 68;

/** Bytes of the persisted stat: no dataLength and numChildren, pzxid last, cversion counts creates. */
export const statPersistedBytes = 60;
