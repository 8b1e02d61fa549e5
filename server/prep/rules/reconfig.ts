import { Perm } from '../../protocol/acl.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import { OpCode } from '../../protocol/op-code.ts';
import { allowed } from '../access.ts';
import type { Ask, OpOf, RuleOutcome } from '../ask.ts';
import { refused } from '../ask.ts';

const configPath = '/zookeeper/config';

/**
 * A change of members is a write to `/zookeeper/config` that no digest knows of. Who may write
 * there is asked last.
 *
 * Source: semantics, sections 4 and 10; quorum protocol, section 13.3.
 */
export function reconfig(op: OpOf<'reconfig'>, ask: Ask): RuleOutcome {
  const { options, pending } = ask;
  if (options.reconfigEnabled !== true) return refused(ErrorCode.RECONFIG_DISABLED);
  if (options.changedMembers === undefined) return refused(ErrorCode.UNIMPLEMENTED);
  const outcome = options.changedMembers(op, ask.zxid);
  if ('refused' in outcome) return outcome;
  const node = pending.find(configPath);
  if (node === null) return refused(ErrorCode.NO_NODE);
  if (!ask.internal && !allowed(node.acl, Perm.WRITE, ask.authIds, options)) {
    return refused(ErrorCode.NO_AUTH);
  }
  return {
    value: { type: OpCode.RECONFIG, path: configPath, data: outcome.value, version: -1 },
  };
}
