import { Perm } from '../../protocol/acl.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import { OpCode } from '../../protocol/op-code.ts';
import { pathProblem } from '../../protocol/path.ts';
import { allowed, storedAcl } from '../access.ts';
import type { Ask, OpOf, RuleOutcome } from '../ask.ts';
import { refused } from '../ask.ts';
import { versionAfter } from '../version-after.ts';
import { isChangeBeyondQuota } from './quota.ts';

export function setData(op: OpOf<'setData'>, ask: Ask): RuleOutcome {
  const { pending, options } = ask;
  if (pathProblem(op.path) !== null) return refused(ErrorCode.BAD_ARGUMENTS);
  const node = pending.find(op.path);
  if (node === null) return refused(ErrorCode.NO_NODE);
  if (!ask.internal && !allowed(node.acl, Perm.WRITE, ask.authIds, options)) {
    return refused(ErrorCode.NO_AUTH);
  }
  const dataBytes = op.data === null ? 0 : op.data.length;
  if (options.enforceQuota && isChangeBeyondQuota(ask.tree, op.path, dataBytes - node.dataBytes)) {
    return refused(ErrorCode.QUOTA_EXCEEDED);
  }
  if (op.version !== -1 && op.version !== node.version) return refused(ErrorCode.BAD_VERSION);
  const version = pending.setData(node, op.data, ask.zxid, ask.timeMs);
  return { value: { type: OpCode.SET_DATA, path: op.path, data: op.data, version } };
}

export function setAcl(op: OpOf<'setAcl'>, ask: Ask): RuleOutcome {
  const { pending, options } = ask;
  if (pathProblem(op.path) !== null) return refused(ErrorCode.BAD_ARGUMENTS);
  const acl = storedAcl(op.acl, ask.authIds, options.schemes, ask);
  if (acl === null) return refused(ErrorCode.INVALID_ACL);
  const node = pending.find(op.path);
  if (node === null) return refused(ErrorCode.NO_NODE);
  if (!ask.internal && !allowed(node.acl, Perm.ADMIN, ask.authIds, options)) {
    return refused(ErrorCode.NO_AUTH);
  }
  if (op.version !== -1 && op.version !== node.aversion) return refused(ErrorCode.BAD_VERSION);
  const version = pending.setAcl(node, acl, ask.zxid);
  return { value: { type: OpCode.SET_ACL, path: op.path, acl, version } };
}

/** Inside a multi only: alone it would be a transaction that no log can replay. */
export function check(op: OpOf<'check'>, ask: Ask): RuleOutcome {
  if (pathProblem(op.path) !== null) return refused(ErrorCode.BAD_ARGUMENTS);
  const node = ask.pending.find(op.path);
  if (node === null) return refused(ErrorCode.NO_NODE);
  if (!ask.internal && !allowed(node.acl, Perm.READ, ask.authIds, ask.options)) {
    return refused(ErrorCode.NO_AUTH);
  }
  if (op.version !== -1 && op.version !== node.version) return refused(ErrorCode.BAD_VERSION);
  return { value: { type: OpCode.CHECK, path: op.path, version: versionAfter(node.version) } };
}
