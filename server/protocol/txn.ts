import type { Acl } from './acl.ts';
import type { ErrorCode } from './error-code.ts';
import type { SessionId } from './session-id.ts';
import type { Zxid } from './zxid.ts';

/** What every transaction starts with: 32 bytes. */
export interface TxnHeader {
  /** Session that asked; {@link sessionIdNone} for the server's own. */
  readonly sessionId: SessionId;
  readonly cxid: number;
  readonly zxid: Zxid;
  /** Leader's wall clock, ms since 1970: the only time that replicas apply. */
  readonly timeMs: number;
}

/**
 * The replicated change itself, discriminated by the wire's type number (see OpCode). Values are
 * absolute results, so that replay over a fuzzy snapshot converges.
 */
export type TxnBody =
  | { readonly type: -10; readonly timeoutMs: number }
  /** `null`: the record is absent; delete whatever the session owns. */
  | { readonly type: -11; readonly paths: readonly string[] | null }
  | { readonly type: -1; readonly error: ErrorCode }
  | {
      readonly type: 1 | 15;
      readonly path: string;
      readonly data: Uint8Array | null;
      readonly acl: readonly Acl[];
      readonly ephemeral: boolean;
      /** The parent's stored creates counter after this create; -1 (old logs): one more than now. */
      readonly parentCversion: number;
    }
  | { readonly type: 2 | 20; readonly path: string }
  | {
      readonly type: 5 | 16;
      readonly path: string;
      readonly data: Uint8Array | null;
      /** The version after the change. */
      readonly version: number;
    }
  | {
      readonly type: 7;
      readonly path: string;
      readonly acl: readonly Acl[];
      readonly version: number;
    }
  /** Checked version plus one. Inside a multi only. */
  | { readonly type: 13; readonly path: string; readonly version: number }
  | { readonly type: 14; readonly txns: readonly TxnBody[] }
  | {
      readonly type: 19;
      readonly path: string;
      readonly data: Uint8Array | null;
      readonly acl: readonly Acl[];
      readonly parentCversion: number;
    }
  | {
      readonly type: 21;
      readonly path: string;
      readonly data: Uint8Array | null;
      readonly acl: readonly Acl[];
      readonly parentCversion: number;
      readonly ttlMs: number;
    };

/** One transaction: the same bytes in a PROPOSAL, an INFORM and a log entry. */
export interface Txn {
  readonly header: TxnHeader;
  readonly body: TxnBody;
  /** Digest (version 2) of the whole tree after this transaction, signed; absent for single errors. */
  readonly digest: bigint | null;
}
