import type { Id } from '../protocol/acl.ts';
import type { ErrorCode, Outcome } from '../protocol/error-code.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { TxnBody } from '../protocol/txn.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { TreeReader } from '../tree/door.ts';
import type { PrepOptions, WriteOp } from './door.ts';
import type { Pending } from './pending.ts';

/** One operation of the union, by its name. */
export type OpOf<Name extends WriteOp['op']> = Extract<WriteOp, { readonly op: Name }>;

/** What every rule is asked with: who asks, when, and against which state. */
export interface Ask {
  readonly options: PrepOptions;
  readonly tree: TreeReader;
  readonly pending: Pending;
  readonly sessionId: SessionId;
  readonly authIds: readonly Id[];
  readonly internal: boolean;
  /** It may own no ephemerals. */
  readonly isLocalSession: boolean;
  readonly zxid: Zxid;
  readonly timeMs: number;
  /** See AclBudget; a multi has one for all its parts. */
  aclBytesLeft: number;
}

/**
 * One rule: checks in the order of the reference, first failure wins, and only then changes what
 * is pending.
 */
export type RuleOutcome = Outcome<TxnBody>;

export function refused(error: ErrorCode): RuleOutcome {
  return { refused: error };
}
