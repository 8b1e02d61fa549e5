import { ErrorCode } from '../protocol/error-code.ts';
import { OpCode } from '../protocol/op-code.ts';
import { sessionIdNone } from '../protocol/session-id.ts';
import type { Txn } from '../protocol/txn.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { TreeReader } from '../tree/door.ts';
import { aclBytesAddedMax } from './access.ts';
import type { Ask, RuleOutcome } from './ask.ts';
import { refused } from './ask.ts';
import type { Prep, PrepOptions, WriteOp, WriteRequest } from './door.ts';
import { Pending } from './pending.ts';
import { setAcl, setData } from './rules/change.ts';
import { create } from './rules/create.ts';
import { deleteContainer, deleteNode } from './rules/delete.ts';
import { multi } from './rules/multi.ts';
import { reconfig } from './rules/reconfig.ts';
import { closeSession, createSession } from './rules/session.ts';

/**
 * The leader's judge of writes: request + tree + pending changes → transaction.
 *
 * Every request gets a transaction, in the order of the calls, and nothing here fails halfway: a
 * refusal changes no state. Data and access lists are passed on, not copied.
 */
export function createPrep(options: PrepOptions, tree: TreeReader): Prep {
  return new LeaderPrep(options, tree);
}

class LeaderPrep implements Prep {
  readonly #options: PrepOptions;
  readonly #tree: TreeReader;
  readonly #pending: Pending;

  constructor(options: PrepOptions, tree: TreeReader) {
    this.#options = options;
    this.#tree = tree;
    this.#pending = new Pending(tree, options.digestEnabled, options.extendedTypesEnabled);
  }

  prepare(request: WriteRequest, zxid: Zxid, timeMs: number): Txn {
    this.#pending.start(zxid);
    const outcome = this.#judge(request, {
      options: this.#options,
      tree: this.#tree,
      pending: this.#pending,
      sessionId: request.sessionId,
      authIds: request.authIds,
      internal: request.internal,
      isLocalSession: request.isLocalSession === true,
      zxid,
      timeMs,
      aclBytesLeft: aclBytesAddedMax,
    });
    const header = { sessionId: request.sessionId, cxid: request.cxid, zxid, timeMs };
    if ('refused' in outcome) {
      return { header, body: { type: OpCode.ERROR, error: outcome.refused }, digest: null };
    }
    return { header, body: outcome.value, digest: this.#pending.digest() };
  }

  applied(zxid: Zxid): void {
    this.#pending.applied(zxid);
  }

  reset(): void {
    this.#pending.reset();
  }

  #judge(request: WriteRequest, ask: Ask): RuleOutcome {
    const { op } = request;
    if (op.op === 'createSession') return { value: createSession(op, ask) };
    if (op.op === 'closeSession') return { value: closeSession(ask) };
    const isOpen = this.#isSessionOpen(request);
    if (op.op === 'multi') return { value: multi(op, ask, isOpen) };
    return isOpen ? this.#rule(op, ask) : refused(ErrorCode.SESSION_EXPIRED);
  }

  #rule(op: WriteOp, ask: Ask): RuleOutcome {
    switch (op.op) {
      case 'create':
        return create(op, ask);
      case 'delete':
        return deleteNode(op, ask);
      case 'deleteContainer':
        return deleteContainer(op, ask);
      case 'setData':
        return setData(op, ask);
      case 'setAcl':
        return setAcl(op, ask);
      case 'reconfig':
        return reconfig(op, ask);
      case 'check':
      case 'multi':
      case 'createSession':
      case 'closeSession':
        break;
    }
    return refused(ErrorCode.UNIMPLEMENTED);
  }

  /** The server's own acts belong to no session; a local one is its own server's business. */
  #isSessionOpen(request: WriteRequest): boolean {
    if (request.isLocalSession === true) return true;
    if (request.internal && request.sessionId === sessionIdNone) return true;
    return this.#pending.sessions.isOpen(request.sessionId);
  }
}
