import { Perm } from '../../protocol/acl.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import { OpCode } from '../../protocol/op-code.ts';
import { hasNul, parentOf } from '../../protocol/path.ts';
import { allowed } from '../access.ts';
import type { Ask, OpOf, RuleOutcome } from '../ask.ts';
import { refused } from '../ask.ts';
import { ttlMsOf } from '../node-kind.ts';
import type { PendingNode } from '../pending-node.ts';

/** The permission asked for is the parent's; the node's own list does not matter. */
export function deleteNode(op: OpOf<'delete'>, ask: Ask): RuleOutcome {
  if (!isDeletable(op.path)) return refused(ErrorCode.BAD_ARGUMENTS);
  const parent = ask.pending.find(parentOf(op.path));
  if (parent === null) return refused(ErrorCode.NO_NODE);
  if (!mayDelete(parent, ask)) return refused(ErrorCode.NO_AUTH);
  const node = ask.pending.find(op.path);
  if (node === null) return refused(ErrorCode.NO_NODE);
  if (op.version !== -1 && op.version !== node.version) return refused(ErrorCode.BAD_VERSION);
  if (node.numChildren > 0) return refused(ErrorCode.NOT_EMPTY);
  ask.pending.delete(parent, node, ask.zxid);
  return { value: { type: OpCode.DELETE, path: op.path } };
}

/**
 * Removal of a container or TTL node, looked at again: what became busy, or was replaced by an
 * ordinary node since the server chose it, stays. A client needs the permission to delete, and a
 * target that is due.
 */
export function deleteContainer(op: OpOf<'deleteContainer'>, ask: Ask): RuleOutcome {
  if (!isDeletable(op.path)) return refused(ErrorCode.BAD_ARGUMENTS);
  const parent = ask.pending.find(parentOf(op.path));
  if (parent === null) return refused(ErrorCode.NO_NODE);
  if (!mayDelete(parent, ask)) return refused(ErrorCode.NO_AUTH);
  const node = ask.pending.find(op.path);
  if (node === null) return refused(ErrorCode.NO_NODE);
  if (node.numChildren > 0) return refused(ErrorCode.NOT_EMPTY);
  if (!isDue(node, ask)) return refused(ErrorCode.BAD_VERSION);
  ask.pending.delete(parent, node, ask.zxid);
  return { value: { type: OpCode.DELETE_CONTAINER, path: op.path } };
}

/** Source: semantics, section 8. Which container was never used for too long, the server knows. */
function isDue(node: PendingNode, ask: Ask): boolean {
  switch (node.kind) {
    case 'persistent':
    case 'ephemeral':
      break;
    case 'container':
      return ask.internal || node.createsCount > 0;
    case 'ttl':
      return ask.timeMs - node.mtimeMs > ttlMsOf(node.ephemeralOwner);
  }
  return false;
}

function mayDelete(parent: PendingNode, ask: Ask): boolean {
  return ask.internal || allowed(parent.acl, Perm.DELETE, ask.authIds, ask.options);
}

function isDeletable(path: string): boolean {
  switch (path) {
    case '/':
    case '/zookeeper':
    case '/zookeeper/quota':
    case '/zookeeper/config':
      return false;
    default:
      return path.includes('/') && !hasNul(path);
  }
}
