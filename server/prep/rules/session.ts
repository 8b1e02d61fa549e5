import { OpCode } from '../../protocol/op-code.ts';
import { parentOf } from '../../protocol/path.ts';
import type { TxnBody } from '../../protocol/txn.ts';
import type { Ask, OpOf } from '../ask.ts';

export function createSession(op: OpOf<'createSession'>, ask: Ask): TxnBody {
  ask.pending.sessions.open(ask.sessionId, ask.zxid);
  return { type: OpCode.CREATE_SESSION, timeoutMs: op.timeoutMs };
}

/**
 * Lists the ephemerals that go with the session, those still pending too. From here on the
 * session's requests are refused.
 */
export function closeSession(ask: Ask): TxnBody {
  const { pending, zxid } = ask;
  const paths: string[] = [];
  for (const path of pending.ephemerals(ask.sessionId)) {
    const node = pending.find(path);
    const parent = pending.find(parentOf(path));
    if (node === null || parent === null) continue;
    pending.delete(parent, node, zxid);
    paths.push(path);
  }
  pending.sessions.close(ask.sessionId, zxid);
  return { type: OpCode.CLOSE_SESSION, paths };
}
