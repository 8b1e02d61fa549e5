import { CreateMode } from '../../../server/protocol/create-mode.ts';
import { ErrorCode } from '../../../server/protocol/error-code.ts';
import { withSequence } from '../../../server/protocol/path.ts';
import type { ClientOp, OpResult } from '../client-ops.ts';
import type { HistoryModel } from './history-model.ts';
import { hex } from './member-ghost.ts';
import type { ModelNode } from './model-tree.ts';
import { parentOf } from './model-tree.ts';

type Fail = (invariant: string, message: string) => never;

/**
 * A write did, or was refused, what the state right before it asks for: versions are compared, a
 * node is made once, and the numbers of sequential nodes are those of their parent.
 *
 * Source: semantics, section 4.
 */
export function checkJudgement(
  model: HistoryModel,
  op: ClientOp,
  zxid: number,
  result: OpResult,
  fail: Fail,
): void {
  const stateOf = (path: string): ModelNode | null => model.tree.at(path, zxid - 1);
  const { error } = result;
  if (op.kind === 'multi') {
    if ((result.results ?? []).some((part) => part.type === -1)) return;
    for (const part of op.ops) {
      if (part.op !== 'check' || part.version === -1) continue;
      const version = stateOf(part.path)?.version ?? null;
      if (version === part.version) continue;
      fail('C1 conditional writes', `check of ${part.path} passed, it is at ${version}`);
    }
    return;
  }
  if (op.kind !== 'write') return;
  const { request } = op;
  const wrong = (why: string): never => {
    return fail('C1 conditional writes', `${request.path} at ${hex(zxid)}: ${error}, ${why}`);
  };
  if (request.op === 'create') {
    const path = result.path ?? request.path;
    if (error === ErrorCode.OK) checkNumber(request, path, stateOf(parentOf(path)), fail);
    const isThere = stateOf(path) !== null;
    const isRefused = error === ErrorCode.NODE_EXISTS;
    if (error === ErrorCode.OK && isThere) wrong('it was there');
    if (isRefused && !isThere && !isSequential(request.flags)) wrong('it was not there');
    return;
  }
  const node = stateOf(request.path);
  if (error === ErrorCode.NO_NODE && node !== null) wrong('it was there');
  if (error === ErrorCode.OK && node === null) wrong('it was not there');
  if (request.version === -1 || node === null) return;
  const version = request.op === 'setAcl' ? node.aversion : node.version;
  const isMatch = version === request.version;
  if (error === ErrorCode.OK && !isMatch) wrong(`for version ${request.version} of ${version}`);
  if (error === ErrorCode.BAD_VERSION && isMatch) wrong(`though the version was ${version}`);
}

function checkNumber(
  request: { readonly path: string; readonly flags: number },
  path: string,
  parent: ModelNode | null,
  fail: Fail,
): void {
  if (!isSequential(request.flags) || parent === null) return;
  const expected = withSequence(request.path, parent.creates);
  if (path !== expected) fail('T2 sequence numbers', `${path} was made, ${expected} is next`);
}

function isSequential(flags: number): boolean {
  return flags === CreateMode.PERSISTENT_SEQUENTIAL || flags === CreateMode.EPHEMERAL_SEQUENTIAL;
}
