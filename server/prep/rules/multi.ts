import { ErrorCode } from '../../protocol/error-code.ts';
import { OpCode } from '../../protocol/op-code.ts';
import type { TxnBody } from '../../protocol/txn.ts';
import type { WriteOp } from '../door.ts';
import type { Ask, OpOf, RuleOutcome } from '../ask.ts';
import { refused } from '../ask.ts';
import { check, setData } from './change.ts';
import { create } from './create.ts';
import { deleteNode } from './delete.ts';

/**
 * All or nothing, each operation against the state that the ones before it leave. The first
 * refusal undoes everything; what comes after it is not looked at and gets RUNTIME_INCONSISTENCY.
 *
 * Source: semantics, section 11; zab, section 4.
 */
export function multi(op: OpOf<'multi'>, ask: Ask, isSessionOpen: boolean): TxnBody {
  const txns: TxnBody[] = [];
  let error: ErrorCode = ErrorCode.OK;
  ask.pending.begin();
  for (const each of op.ops) {
    if (error !== ErrorCode.OK) {
      txns.push({ type: OpCode.ERROR, error: ErrorCode.RUNTIME_INCONSISTENCY });
      continue;
    }
    const outcome = isSessionOpen ? ruleOf(each, ask) : refused(ErrorCode.SESSION_EXPIRED);
    if ('value' in outcome) {
      txns.push(outcome.value);
    } else {
      error = outcome.refused;
      txns.push({ type: OpCode.ERROR, error });
    }
  }
  if (error === ErrorCode.OK) ask.pending.keep();
  else ask.pending.drop();
  return { type: OpCode.MULTI, txns };
}

/** The decoder refuses other operations for the whole request; none of them gets this far. */
function ruleOf(op: WriteOp, ask: Ask): RuleOutcome {
  switch (op.op) {
    case 'create':
      return create(op, ask);
    case 'delete':
      return deleteNode(op, ask);
    case 'setData':
      return setData(op, ask);
    case 'check':
      return check(op, ask);
    case 'setAcl':
    case 'deleteContainer':
    case 'multi':
    case 'reconfig':
    case 'createSession':
    case 'closeSession':
      break;
  }
  return refused(ErrorCode.MARSHALLING_ERROR);
}
