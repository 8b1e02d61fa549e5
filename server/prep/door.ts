import type { Acl, Id } from '../protocol/acl.ts';
import type { Outcome } from '../protocol/error-code.ts';
import type { ReconfigRequest } from '../protocol/requests/reconfig.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { Txn } from '../protocol/txn.ts';
import type { Zxid } from '../protocol/zxid.ts';

/** A decoded write. Decoded completely before it takes a zxid or a place in any queue. */
export type WriteOp =
  | {
      readonly op: 'create';
      /** CREATE, CREATE2, CREATE_CONTAINER or CREATE_TTL. */
      readonly opCode: number;
      readonly path: string;
      readonly data: Uint8Array | null;
      readonly acl: readonly Acl[] | null;
      readonly flags: number;
      /** CREATE_TTL only; else -1. */
      readonly ttlMs: number;
    }
  | { readonly op: 'delete'; readonly path: string; readonly version: number }
  | { readonly op: 'deleteContainer'; readonly path: string }
  | {
      readonly op: 'setData';
      readonly path: string;
      readonly data: Uint8Array | null;
      readonly version: number;
    }
  | {
      readonly op: 'setAcl';
      readonly path: string;
      readonly acl: readonly Acl[] | null;
      readonly version: number;
    }
  | { readonly op: 'check'; readonly path: string; readonly version: number }
  | { readonly op: 'multi'; readonly ops: readonly WriteOp[] }
  | ReconfigRequest
  | { readonly op: 'createSession'; readonly timeoutMs: number }
  | { readonly op: 'closeSession' };

export interface WriteRequest {
  readonly sessionId: SessionId;
  readonly cxid: number;
  readonly op: WriteOp;
  /** What the connection had proven when the request was received. */
  readonly authIds: readonly Id[];
  /** True for the server's own acts (expiry, containers): no access checks. */
  readonly internal: boolean;
  /** The session is known to one server alone and may own nothing; default false. */
  readonly isLocalSession?: boolean;
}

export interface PrepOptions {
  readonly extendedTypesEnabled: boolean;
  readonly skipAcl: boolean;
  readonly enforceQuota: boolean;
  readonly digestEnabled: boolean;
  /** Default false: reconfig is RECONFIG_DISABLED. */
  readonly reconfigEnabled?: boolean;
  /**
   * The text of `/zookeeper/config` that a change with that zxid makes, or why not; access apart.
   * Absent: there is no ensemble to change.
   */
  readonly changedMembers?: (request: ReconfigRequest, zxid: Zxid) => Outcome<Uint8Array>;
  /** Validity of an ACL entry of this scheme (ip, digest, …) and its match; see auth. */
  readonly schemes: SchemeRules;
}

/** What access checks need to know of the schemes. Implemented by auth. */
export interface SchemeRules {
  /** May this stand in an access list? False for unknown schemes. */
  isValid(id: Id): boolean;
  /** Does a connection's id match an entry's id of the same scheme? */
  matches(connectionId: Id, entryId: Id): boolean;
  /** Does scheme `auth` expand to ids of this scheme? */
  isAuthenticated(scheme: string): boolean;
}

/** Leader only: turns requests into transactions against the tree plus everything proposed, not yet applied. */
export interface Prep {
  /** Always a transaction: a refused request becomes an error transaction and takes the zxid too. */
  prepare(request: WriteRequest, zxid: Zxid, timeMs: number): Txn;
  /** The tree has applied everything up to this zxid: pending changes up to it are dropped. */
  applied(zxid: Zxid): void;
  /** A new leadership begins: no pending changes; digest and tree agree. */
  reset(): void;
}
