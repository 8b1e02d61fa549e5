import type { Acl } from '../protocol/acl.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { EventType } from '../protocol/event-type.ts';
import { OpCode } from '../protocol/op-code.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { Stat } from '../protocol/stat.ts';
import type { Txn, TxnBody } from '../protocol/txn.ts';
import { nodeNone, type Applied, type AppliedOp, type NodeRef, type TreeChange } from './door.ts';
import { extra, word } from './node-record.ts';
import type { NodeStore } from './node-store.ts';
import { containerOwnerHigh, sessionHigh, sessionLow, ttlOwnerHigh } from './owners.ts';
import type { Quotas } from './quota.ts';
import { statOf } from './tree-reader.ts';
import type { TreeState } from './tree-state.ts';

type CreateBody = Extract<TxnBody, { readonly type: 1 | 15 | 19 | 21 }>;
type SetDataBody = Extract<TxnBody, { readonly type: 5 | 16 }>;
type SetAclBody = Extract<TxnBody, { readonly type: 7 }>;

const span = 2 ** 32;
const noChanges: readonly TreeChange[] = [];

/**
 * Applies transactions. Total: whatever the log holds has an outcome. A transaction carries
 * results, not steps, so one that a fuzzy snapshot already contains does no harm.
 *
 * Source: storage, section 6.
 */
export class Apply {
  readonly #state: TreeState;
  readonly #store: NodeStore;
  readonly #quotas: Quotas;
  #session: SessionId = 0n as SessionId;
  #zxid = 0;
  #zxidHigh = 0;
  #zxidLow = 0;
  #timeMs = 0;
  #timeHigh = 0;
  #timeLow = 0;
  #changes: TreeChange[] = [];

  constructor(state: TreeState, quotas: Quotas) {
    this.#state = state;
    this.#store = state.store;
    this.#quotas = quotas;
  }

  apply(txn: Txn): Applied {
    const { header, body } = txn;
    this.#session = header.sessionId;
    this.#zxid = header.zxid;
    this.#zxidHigh = Math.floor(header.zxid / span) | 0;
    this.#zxidLow = header.zxid | 0;
    this.#timeMs = header.timeMs;
    this.#timeHigh = Math.floor(header.timeMs / span) | 0;
    this.#timeLow = header.timeMs | 0;
    this.#changes = [];
    const applied = body.type === OpCode.MULTI ? this.#multi(body.txns) : this.#single(body);
    if (header.zxid > this.#state.lastZxid) this.#state.lastZxid = header.zxid;
    return applied;
  }

  #single(body: TxnBody): Applied {
    const { error, path, stat } = this.#op(body);
    const changes = this.#changes.length === 0 ? noChanges : this.#changes;
    return { error, path, stat, results: null, changes };
  }

  /** One refused operation refuses all: nothing is applied, and each result says so. */
  #multi(txns: readonly TxnBody[]): Applied {
    const refusedAt = txns.findIndex((body) => body.type === OpCode.ERROR);
    const results =
      refusedAt === -1
        ? txns.map((body) => this.#op(body))
        : txns.map((body, index) => refusedResult(body, index < refusedAt));
    return { error: ErrorCode.OK, path: null, stat: null, results, changes: this.#changes };
  }

  #op(body: TxnBody): AppliedOp {
    if (body.type === 1 || body.type === 15 || body.type === 19 || body.type === 21) {
      return this.#create(body);
    }
    if (body.type === 2 || body.type === 20) {
      return result(body.type, this.#delete(body.path), body.path);
    }
    if (body.type === 5 || body.type === 16) return this.#setData(body);
    if (body.type === 7) return this.#setAcl(body);
    if (body.type === 13) return result(body.type, ErrorCode.OK, body.path);
    if (body.type === -10) {
      this.#state.sessions.set(this.#session, body.timeoutMs);
      return result(body.type, ErrorCode.OK, null);
    }
    if (body.type === -11) return this.#closeSession(body.paths);
    if (body.type === -1) return result(body.type, body.error, null);
    // A multi inside a multi is nothing that a leader proposes.
    return result(body.type, ErrorCode.MARSHALLING_ERROR, null);
  }

  #create(body: CreateBody): AppliedOp {
    const state = this.#state;
    const store = this.#store;
    const { path } = state;
    const length = path.load(body.path);
    const slash = path.lastSlash();
    const parent = this.#findParent(slash);
    if (parent === nodeNone) return result(body.type, ErrorCode.NO_NODE, body.path);
    if (length === 1) return result(body.type, ErrorCode.NODE_EXISTS, body.path);
    const existing = store.child(parent, path.buffer, slash + 1, length);
    if (existing !== nodeNone) return this.#createAgain(body, parent, existing);

    const acl = state.acls.acquire(body.acl);
    let ownerHigh = 0;
    let ownerLow = 0;
    if (body.type === 19) {
      ownerHigh = containerOwnerHigh;
    } else if (body.type === 21) {
      ownerHigh = ttlOwnerHigh(body.ttlMs);
      ownerLow = body.ttlMs | 0;
    } else if (body.ephemeral) {
      ownerHigh = sessionHigh(this.#session);
      ownerLow = sessionLow(this.#session);
    }
    const node = state.addNode(parent, slash + 1, body.data, acl, ownerHigh, ownerLow, 'first');
    const words = store.words(node);
    const at = store.at(node);
    words[at + word.czxid] = this.#zxidHigh;
    words[at + word.czxid + 1] = this.#zxidLow;
    words[at + word.mzxid] = this.#zxidHigh;
    words[at + word.mzxid + 1] = this.#zxidLow;
    if (store.hasExtra(node)) store.setPzxid(node, this.#zxidHigh, this.#zxidLow);
    words[at + word.ctime] = this.#timeHigh;
    words[at + word.ctime + 1] = this.#timeLow;
    words[at + word.mtime] = this.#timeHigh;
    words[at + word.mtime + 1] = this.#timeLow;
    state.digestIn(node);
    this.#countCreate(parent, body.parentCversion);
    const acls = state.acls.get(acl);
    this.#note(EventType.NODE_CREATED, body.path, acls, state.aclOf(parent));
    this.#quotas.created(body.path, body.data === null ? 0 : body.data.length);
    const stat = body.type === 1 ? null : statOf(store, node);
    return result(body.type, ErrorCode.OK, body.path, stat);
  }

  /** The node before the last slash of the path at hand. "//x" has none: "/" is no name of one. */
  #findParent(slash: number): NodeRef {
    if (slash < 0 || slash === 1) return nodeNone;
    return this.#store.find(this.#state.path.buffer, 0, slash);
  }

  /**
   * The node is there: a fuzzy snapshot was ahead. Its list is the one part that may be missing,
   * and the parent may lag behind. The reference lifts the parent for type 1 only, which leaves a
   * stale counter behind a replayed create2; the leader's own tree has the lifted one.
   */
  #createAgain(body: CreateBody, parent: NodeRef, node: NodeRef): AppliedOp {
    this.#state.setAcl(node, body.acl);
    this.#countCreate(parent, body.parentCversion);
    return result(body.type, ErrorCode.NODE_EXISTS, body.path);
  }

  /** The parent's part of a create; only ever upwards. -1, in old logs, stands for one more. */
  #countCreate(parent: NodeRef, parentCversion: number): void {
    const creates = this.#store.more(parent, extra.creates);
    const after = parentCversion === -1 ? (creates + 1) | 0 : parentCversion;
    if (after <= creates) return;
    this.#state.digestOut(parent);
    this.#store.setMore(parent, extra.creates, after);
    this.#store.setPzxid(parent, this.#zxidHigh, this.#zxidLow);
    this.#state.digestIn(parent);
  }

  #delete(deleted: string): ErrorCode {
    const store = this.#store;
    const { path } = this.#state;
    const length = path.load(deleted);
    const slash = path.lastSlash();
    const parent = length === 1 ? nodeNone : this.#findParent(slash);
    if (parent === nodeNone) return ErrorCode.NO_NODE;
    if (this.#zxid > store.pzxid(parent)) {
      this.#state.digestOut(parent);
      store.setPzxid(parent, this.#zxidHigh, this.#zxidLow);
      this.#state.digestIn(parent);
    }
    const node = store.child(parent, path.buffer, slash + 1, length);
    if (node === nodeNone) return ErrorCode.NO_NODE;
    if (store.firstChild(node) !== nodeNone) {
      this.#removeBelow(node);
      path.load(deleted);
    }
    const acl = this.#state.aclOf(node);
    const dataBytes = Math.max(store.int(node, word.data), 0);
    this.#state.removeNode(node);
    this.#note(EventType.NODE_DELETED, deleted, acl, this.#state.aclOf(parent));
    this.#quotas.deleted(deleted, dataBytes);
    return ErrorCode.OK;
  }

  /**
   * Children of a node that is deleted: a fuzzy snapshot took them from a later life of the node;
   * their own transactions, still to come, bring them back.
   */
  #removeBelow(top: NodeRef): void {
    const store = this.#store;
    let node = top;
    for (;;) {
      const child = store.firstChild(node);
      if (child !== nodeNone) {
        node = child;
        continue;
      }
      if (node === top) return;
      const parent = store.int(node, word.parent);
      const path = this.#state.pathOf(node);
      const dataBytes = Math.max(store.int(node, word.data), 0);
      this.#state.path.load(path);
      this.#state.removeNode(node);
      this.#quotas.deleted(path, dataBytes);
      node = parent;
    }
  }

  #setData(body: SetDataBody): AppliedOp {
    const state = this.#state;
    const store = this.#store;
    const node = state.find(body.path);
    if (node === nodeNone) return result(body.type, ErrorCode.NO_NODE, body.path);
    const before = Math.max(store.int(node, word.data), 0);
    state.digestOut(node);
    state.setData(node, body.data);
    store.setInt(node, word.version, body.version);
    store.setLong(node, word.mzxid, this.#zxid);
    store.setLong(node, word.mtime, this.#timeMs);
    state.digestIn(node);
    const acl = state.aclOf(node);
    this.#note(EventType.NODE_DATA_CHANGED, body.path, acl, acl);
    if (this.#quotas.areSet) {
      this.#quotas.adjust(body.path, 0, (body.data === null ? 0 : body.data.length) - before);
    }
    return result(body.type, ErrorCode.OK, body.path, statOf(store, node));
  }

  #setAcl(body: SetAclBody): AppliedOp {
    const node = this.#state.find(body.path);
    if (node === nodeNone) return result(body.type, ErrorCode.NO_NODE, body.path);
    this.#state.setAcl(node, body.acl);
    this.#state.digestOut(node);
    this.#store.setInt(node, word.aversion, body.version);
    this.#state.digestIn(node);
    return result(body.type, ErrorCode.OK, body.path, statOf(this.#store, node));
  }

  #closeSession(paths: readonly string[] | null): AppliedOp {
    if (paths !== null) for (const path of paths) this.#delete(path);
    for (const node of this.#state.ephemerals.of(this.#session)) {
      this.#delete(this.#state.pathOf(node));
    }
    this.#state.sessions.delete(this.#session);
    return result(OpCode.CLOSE_SESSION, ErrorCode.OK, null);
  }

  #note(
    type: EventType,
    path: string,
    acl: readonly Acl[] | null,
    parentAcl: readonly Acl[] | null,
  ): void {
    this.#changes.push({ type, path, acl, parentAcl });
  }
}

function result(
  type: number,
  error: ErrorCode,
  path: string | null,
  stat: Stat | null = null,
): AppliedOp {
  return { type, error, path, stat };
}

function refusedResult(body: TxnBody, isBefore: boolean): AppliedOp {
  if (body.type === OpCode.ERROR) return result(OpCode.ERROR, body.error, null);
  return result(OpCode.ERROR, isBefore ? ErrorCode.OK : ErrorCode.RUNTIME_INCONSISTENCY, null);
}
