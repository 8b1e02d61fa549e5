import { Perm } from '../../protocol/acl.ts';
import { CreateMode, ttlMsMax } from '../../protocol/create-mode.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import { OpCode } from '../../protocol/op-code.ts';
import { hasNul, parentOf, pathProblem, withSequence } from '../../protocol/path.ts';
import type { SessionId } from '../../protocol/session-id.ts';
import { sessionIdNone } from '../../protocol/session-id.ts';
import type { TxnBody } from '../../protocol/txn.ts';
import { allowed, storedAcl } from '../access.ts';
import type { Ask, OpOf, RuleOutcome } from '../ask.ts';
import { refused } from '../ask.ts';
import type { NodeKind } from '../node-kind.ts';
import { containerOwner, ttlOwner } from '../node-kind.ts';
import type { NewNode } from '../pending.ts';
import { isCreateBeyondQuota } from './quota.ts';

type Create = OpOf<'create'>;

/** create, create2, createContainer, createTTL. Source: semantics, section 4. */
export function create(op: Create, ask: Ask): RuleOutcome {
  const { pending, options } = ask;
  const problem = modeProblem(op, options.extendedTypesEnabled);
  if (problem !== ErrorCode.OK) return refused(problem);
  const kind = kindOf(op);
  if (kind === 'ephemeral' && ask.isLocalSession) {
    return refused(ErrorCode.EPHEMERAL_ON_LOCAL_SESSION);
  }
  if (!op.path.includes('/') || hasNul(op.path)) return refused(ErrorCode.BAD_ARGUMENTS);
  const acl = storedAcl(op.acl, ask.authIds, options.schemes, ask);
  if (acl === null) return refused(ErrorCode.INVALID_ACL);
  const parent = pending.find(parentOf(op.path));
  if (parent === null) return refused(ErrorCode.NO_NODE);
  if (!ask.internal && !allowed(parent.acl, Perm.CREATE, ask.authIds, options)) {
    return refused(ErrorCode.NO_AUTH);
  }
  const path = isSequential(op.flags) ? withSequence(op.path, parent.createsCount) : op.path;
  if (pathProblem(path) !== null) return refused(ErrorCode.BAD_ARGUMENTS);
  if (pending.has(path)) return refused(ErrorCode.NODE_EXISTS);
  if (parent.kind === 'ephemeral') return refused(ErrorCode.NO_CHILDREN_FOR_EPHEMERALS);
  const dataBytes = op.data === null ? 0 : op.data.length;
  if (options.enforceQuota && isCreateBeyondQuota(ask.tree, path, dataBytes)) {
    return refused(ErrorCode.QUOTA_EXCEEDED);
  }
  const owner = ownerOf(kind, op, ask.sessionId);
  const node: NewNode = { path, data: op.data, acl, owner, kind };
  const parentCversion = pending.create(parent, node, ask.zxid, ask.timeMs);
  return { value: bodyOf(op, node, parentCversion) };
}

/** The opcode decides what kind of node is made; the flags decide sequence and ephemeral. */
function kindOf(op: Create): NodeKind {
  if (op.opCode === OpCode.CREATE_CONTAINER) return 'container';
  if (op.opCode === OpCode.CREATE_TTL) return 'ttl';
  return isEphemeral(op.flags) ? 'ephemeral' : 'persistent';
}

/** Source: client-protocol, section 6, "Create flags". */
function modeProblem(op: Create, extendedTypesEnabled: boolean): ErrorCode {
  const { flags } = op;
  if (flags < CreateMode.PERSISTENT || flags > CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL) {
    return ErrorCode.BAD_ARGUMENTS;
  }
  const isTtl = flags >= CreateMode.PERSISTENT_WITH_TTL;
  if (isTtl && !extendedTypesEnabled) return ErrorCode.UNIMPLEMENTED;
  if (isTtl !== (op.opCode === OpCode.CREATE_TTL)) return ErrorCode.BAD_ARGUMENTS;
  if (isTtl && !(op.ttlMs >= 1 && op.ttlMs <= ttlMsMax)) return ErrorCode.BAD_ARGUMENTS;
  return ErrorCode.OK;
}

function isSequential(flags: number): boolean {
  return (
    flags === CreateMode.PERSISTENT_SEQUENTIAL ||
    flags === CreateMode.EPHEMERAL_SEQUENTIAL ||
    flags === CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL
  );
}

function isEphemeral(flags: number): boolean {
  return flags === CreateMode.EPHEMERAL || flags === CreateMode.EPHEMERAL_SEQUENTIAL;
}

function ownerOf(kind: NodeKind, op: Create, sessionId: SessionId): SessionId {
  switch (kind) {
    case 'persistent':
      break;
    case 'ephemeral':
      return sessionId;
    case 'container':
      return containerOwner;
    case 'ttl':
      return ttlOwner(op.ttlMs);
  }
  return sessionIdNone;
}

function bodyOf(op: Create, node: NewNode, parentCversion: number): TxnBody {
  const { path, data, acl } = node;
  switch (node.kind) {
    case 'container':
      return { type: OpCode.CREATE_CONTAINER, path, data, acl, parentCversion };
    case 'ttl':
      return { type: OpCode.CREATE_TTL, path, data, acl, parentCversion, ttlMs: op.ttlMs };
    case 'persistent':
    case 'ephemeral':
      break;
  }
  const type = op.opCode === OpCode.CREATE2 ? OpCode.CREATE2 : OpCode.CREATE;
  return { type, path, data, acl, ephemeral: node.kind === 'ephemeral', parentCversion };
}
