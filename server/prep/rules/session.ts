import { OpCode } from '../../protocol/op-code.ts';
import { parentOf } from '../../protocol/path.ts';
import type { TxnBody } from '../../protocol/txn.ts';
import type { Ask, OpOf } from '../ask.ts';

/**
 * Bound on the listed paths as encoded, bytes: the transaction stays readable for every server,
 * whose smallest default limit is 0xfffff. What is not listed goes all the same: applying a
 * closeSession removes whatever the session still owns.
 */
export const closeSessionBytesMax: number = 0xfffff - 4096;

export function createSession(op: OpOf<'createSession'>, ask: Ask): TxnBody {
  ask.pending.sessions.open(ask.sessionId, ask.zxid);
  return { type: OpCode.CREATE_SESSION, timeoutMs: op.timeoutMs };
}

/**
 * Lists the ephemerals that go with the session, those still pending first. From here on the
 * session's requests are refused.
 */
export function closeSession(ask: Ask): TxnBody {
  const { pending, zxid } = ask;
  const paths: string[] = [];
  let bytes = 0;
  for (const path of pending.ephemerals(ask.sessionId)) {
    const node = pending.find(path);
    const parent = pending.find(parentOf(path));
    if (node === null || parent === null) continue;
    pending.delete(parent, node, zxid);
    bytes += 4 + utf8Bytes(path);
    if (bytes <= closeSessionBytesMax) paths.push(path);
  }
  pending.sessions.close(ask.sessionId, zxid);
  return { type: OpCode.CLOSE_SESSION, paths };
}

/** Paths hold no surrogates, so every unit is a character of one to three bytes. */
function utf8Bytes(path: string): number {
  let bytes = 0;
  for (let at = 0; at < path.length; at += 1) {
    const unit = path.charCodeAt(at);
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
  }
  return bytes;
}
