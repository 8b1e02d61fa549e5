import type { Acl } from '../protocol/acl.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { NodeKind } from './node-kind.ts';

/**
 * A node as it will be once everything proposed is applied. Never changed in place once it is in
 * the overlay: every change makes the next one from it, so that a multi can be undone.
 */
export interface PendingNode {
  readonly path: string;
  /** False: deleted. Then only path, zxid, ephemeralOwner and kind count. */
  exists: boolean;
  /** Of the change that made this state. */
  zxid: Zxid;
  czxid: Zxid;
  mzxid: Zxid;
  pzxid: Zxid;
  ctimeMs: number;
  mtimeMs: number;
  version: number;
  aversion: number;
  /** Creates below the node; sequence numbers come from it. */
  createsCount: number;
  numChildren: number;
  dataBytes: number;
  /** As stored: 0, a session, or a marker. */
  ephemeralOwner: SessionId;
  kind: NodeKind;
  acl: readonly Acl[] | null;
  /** Its share of the tree's digest, 0..2^32-1; 0 while digests are off. */
  digest: number;
}
