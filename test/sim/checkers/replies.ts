import { ErrorCode } from '../../../server/protocol/error-code.ts';
import type { ReplyHeader } from '../../../server/protocol/headers.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import type { Stat } from '../../../server/protocol/stat.ts';
import type { TxnBody } from '../../../server/protocol/txn.ts';
import type { ClientOp, OpResult } from '../client-ops.ts';
import type { Call } from '../sim-client.ts';
import type { HistoryModel } from './history-model.ts';
import { checkJudgement } from './judgements.ts';
import { hex } from './member-ghost.ts';
import { aclText } from './model-tree.ts';
import type { ModelNode } from './model-tree.ts';

type Fail = (invariant: string, message: string) => never;

/** A read shows exactly the state that its header names. */
export function checkRead(
  model: HistoryModel,
  op: Extract<ClientOp, { kind: 'read' }>,
  header: ReplyHeader,
  result: OpResult,
  fail: Fail,
): void {
  const node = model.tree.at(op.path, header.zxid);
  if (result.error === ErrorCode.NO_NODE) {
    if (node !== null)
      fail('C6 reads', `${op.path} is not found, and is there at ${hex(header.zxid)}`);
    return;
  }
  if (result.error !== ErrorCode.OK) fail('C6 reads', `${op.path} fails with ${result.error}`);
  if (node === null)
    return fail('C6 reads', `${op.path} is shown, and is not there at ${hex(header.zxid)}`);
  if (op.opCode === OpCode.GET_DATA) {
    const data = result.data === null ? null : Buffer.from(result.data).toString('latin1');
    if (data !== node.data) {
      fail('C6 reads', `${op.path} is "${data}", and was "${node.data}" at ${hex(header.zxid)}`);
    }
  }
  if (op.opCode === OpCode.GET_CHILDREN2) {
    const shown = [...(result.children ?? [])].sort().join(' ');
    const expected = node.children.join(' ');
    if (shown !== expected) {
      fail('C6 reads', `${op.path} has [${shown}], and had [${expected}] at ${hex(header.zxid)}`);
    }
  }
  if (op.opCode === OpCode.GET_ACL && node.acl !== null) {
    const shown = aclText(result.acl ?? null);
    if (shown !== node.acl) {
      fail('T4 access lists', `${op.path} has [${shown}], and had [${node.acl}]`);
    }
  }
  if (result.stat !== null) {
    const problem = statProblem(result.stat, node);
    if (problem !== null) fail('C6 reads', `${op.path} at ${hex(header.zxid)}: ${problem}`);
  }
}

/** What a stat says otherwise than the model; `null`: nothing. */
export function statProblem(stat: Stat, node: ModelNode): string | null {
  const pairs: readonly (readonly [string, number | bigint, number | bigint])[] = [
    ['czxid', stat.czxid, node.czxid],
    ['mzxid', stat.mzxid, node.mzxid],
    ['pzxid', stat.pzxid, node.pzxid],
    ['ctime', stat.ctimeMs, node.ctimeMs],
    ['mtime', stat.mtimeMs, node.mtimeMs],
    ['version', stat.version, node.version],
    ['aversion', stat.aversion, node.aversion],
    ['cversion', stat.cversion, 2 * node.creates - node.children.length],
    ['ephemeralOwner', stat.ephemeralOwner, node.owner],
    ['dataLength', stat.dataLength, node.data?.length ?? 0],
    ['numChildren', stat.numChildren, node.children.length],
  ];
  // The configuration's node is written outside the history.
  if (node.path === '/zookeeper/config') return null;
  const wrong = pairs.find(([, shown, expected]) => shown !== expected);
  return wrong === undefined ? null : `${wrong[0]} is ${wrong[1]}, not ${wrong[2]}`;
}

/**
 * The answer of a write is in the history, at the zxid it names, with the same outcome.
 *
 * @returns whether it has a place in the history.
 */
export function checkWrite(
  model: HistoryModel,
  call: Call,
  header: ReplyHeader,
  result: OpResult,
  fail: Fail,
): boolean {
  const txn = model.txnAt(header.zxid);
  const isIts =
    txn !== undefined && txn.header.sessionId === call.sessionId && txn.header.cxid === call.xid;
  if (!isIts) {
    // A session that is over is told so by whoever knows, without a transaction.
    const isOver = model.closedAt(call.sessionId) !== null;
    if (result.error === ErrorCode.SESSION_EXPIRED && isOver) return false;
    // A session that its server alone knows ends there.
    if (call.op.kind === 'close' && result.error === ErrorCode.OK) {
      if (!model.isGlobal(call.sessionId)) {
        model.endedLocally(call.sessionId);
        return false;
      }
    }
    return fail(
      'Z9 acked is committed',
      `answered ${result.error} at ${hex(header.zxid)}, which is not its transaction`,
    );
  }
  const { body } = txn;
  const expected = body.type === -1 ? body.error : ErrorCode.OK;
  if (result.error !== expected) {
    fail('Z9 acked is committed', `answered ${result.error}, the history says ${expected}`);
  }
  checkJudgement(model, call.op, header.zxid, result, fail);
  if (result.error !== ErrorCode.OK) return true;
  checkOutcome(model, call, body, header.zxid, result, fail);
  return true;
}

function checkOutcome(
  model: HistoryModel,
  call: Call,
  body: TxnBody,
  zxid: number,
  result: OpResult,
  fail: Fail,
): void {
  if (body.type === 14) {
    const failed = body.txns.findIndex((part) => part.type === -1);
    const results = result.results ?? [];
    if (results.length !== body.txns.length)
      fail('T5 multi', `${results.length} results for ${body.txns.length} parts`);
    const isShownFailed = results.some((part) => part.type === -1);
    if (isShownFailed !== failed >= 0)
      fail('T5 multi', `shown failed: ${isShownFailed}, failed part: ${failed}`);
    return;
  }
  if (body.type === 1 || body.type === 15) {
    if (result.path !== body.path)
      fail('C6 writes', `created ${result.path}, the history says ${body.path}`);
    const { op } = call;
    const wanted = op.kind === 'write' ? op.request.path : '';
    if (!body.path.startsWith(wanted)) fail('C6 writes', `created ${body.path} for ${wanted}`);
  }
  if (result.stat === null || !('path' in body)) return;
  const node = model.tree.at(body.path, zxid);
  if (node === null) return fail('C6 writes', `${body.path} is not there at ${hex(zxid)}`);
  const problem = statProblem(result.stat, node);
  if (problem !== null) fail('C6 writes', `${body.path} at ${hex(zxid)}: ${problem}`);
}
