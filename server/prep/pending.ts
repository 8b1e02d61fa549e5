import type { Acl } from '../protocol/acl.ts';
import type { SessionId } from '../protocol/session-id.ts';
import { sessionIdNone } from '../protocol/session-id.ts';
import type { Zxid } from '../protocol/zxid.ts';
import type { TreeReader } from '../tree/door.ts';
import { DigestSum, nodeDigestOf } from '../tree/digest.ts';
import { nodeNone } from '../tree/door.ts';
import { assert } from '../util/assert.ts';
import { digestAfterCounters } from './node-digest.ts';
import type { NodeKind } from './node-kind.ts';
import { kindOf } from './node-kind.ts';
import { PendingSessions } from './pending-sessions.ts';
import type { PendingNode } from './pending-node.ts';
import { versionAfter } from './version-after.ts';

/** What a create needs beside its place. */
export interface NewNode {
  readonly path: string;
  readonly data: Uint8Array | null;
  readonly acl: readonly Acl[];
  readonly owner: SessionId;
  readonly kind: NodeKind;
}

/** A state to return to: lengths and sums as they were. */
interface Mark {
  readonly queueLength: number;
  readonly digest: bigint;
}

/** Room that the queue's applied head may take before it is cut off. */
const headMax = 1024;

/**
 * The tree plus every change proposed, not yet applied. The newest state of each changed node is
 * kept until the tree has caught up with it; everything else is read from the tree.
 *
 * Changes follow the tree's own rules of applying, so that digests foretold here are the ones
 * that every server finds.
 */
export class Pending {
  readonly sessions: PendingSessions;
  readonly #tree: TreeReader;
  readonly #digestEnabled: boolean;
  readonly #extendedTypesEnabled: boolean;
  readonly #sum = new DigestSum();
  readonly #nodes = new Map<string, PendingNode>();
  /** Every state made, in zxid order; those before the head are applied. */
  #queue: PendingNode[] = [];
  #head = 0;
  /** While a multi is being prepared: what each state replaced, parallel to the queue. */
  #replaced: (PendingNode | undefined)[] | null = null;
  #mark: Mark = { queueLength: 0, digest: 0n };
  #preparedZxid: Zxid;

  constructor(tree: TreeReader, digestEnabled: boolean, extendedTypesEnabled: boolean) {
    this.#tree = tree;
    this.#digestEnabled = digestEnabled;
    this.#extendedTypesEnabled = extendedTypesEnabled;
    this.sessions = new PendingSessions(tree);
    this.#preparedZxid = tree.lastZxid;
    if (digestEnabled) this.#sum.set(tree.digest);
  }

  /** Nodes that differ from the tree's. */
  get nodeCount(): number {
    return this.#nodes.size;
  }

  /** A transaction with this zxid is about to be prepared. */
  start(zxid: Zxid): void {
    if (this.#digestEnabled && this.#tree.lastZxid >= this.#preparedZxid) {
      this.#sum.set(this.#tree.digest);
    }
    this.#preparedZxid = zxid;
  }

  /** The tree's digest after everything prepared so far, signed. */
  digest(): bigint | null {
    return this.#digestEnabled ? this.#sum.value : null;
  }

  has(path: string): boolean {
    const pending = this.#nodes.size === 0 ? undefined : this.#nodes.get(path);
    return pending === undefined ? this.#tree.find(path) !== nodeNone : pending.exists;
  }

  /** The node as it will be; `null`: there will be none. `/` is the root. */
  find(path: string): PendingNode | null {
    const pending = this.#nodes.size === 0 ? undefined : this.#nodes.get(path);
    if (pending !== undefined) return pending.exists ? pending : null;
    const tree = this.#tree;
    const node = tree.find(path);
    if (node === nodeNone) return null;
    const owner = tree.ephemeralOwner(node);
    return {
      path,
      exists: true,
      zxid: 0 as Zxid,
      czxid: tree.czxid(node),
      mzxid: tree.mzxid(node),
      pzxid: tree.pzxid(node),
      ctimeMs: tree.ctimeMs(node),
      mtimeMs: tree.mtimeMs(node),
      version: tree.version(node),
      aversion: tree.aversion(node),
      createsCount: tree.createsCount(node),
      numChildren: tree.numChildren(node),
      dataBytes: tree.dataLength(node),
      ephemeralOwner: owner,
      kind: kindOf(owner, this.#extendedTypesEnabled),
      acl: tree.acl(node),
      digest: this.#digestEnabled ? tree.nodeDigest(node) : 0,
    };
  }

  /** Every ephemeral that the session will own. */
  ephemerals(session: SessionId): string[] {
    const pending = this.sessions.changedEphemerals(session);
    const applied = this.#tree.ephemerals(session);
    if (this.#nodes.size === 0) return applied;
    const paths = pending === undefined ? [] : [...pending];
    for (const path of applied) if (!this.#nodes.has(path)) paths.push(path);
    return paths;
  }

  /** Returns what the parent's creates counter shall be raised to. */
  create(parent: PendingNode, node: NewNode, zxid: Zxid, timeMs: number): number {
    const creates = (parent.createsCount + 1) | 0;
    const changed = { ...parent, zxid, numChildren: parent.numChildren + 1 };
    // The tree keeps the larger of the two, so a counter that wrapped stays where it was.
    if (creates > parent.createsCount) {
      changed.createsCount = creates;
      changed.pzxid = zxid;
    }
    this.#putCounters(parent, changed);
    const created: PendingNode = {
      path: node.path,
      exists: true,
      zxid,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctimeMs: timeMs,
      mtimeMs: timeMs,
      version: 0,
      aversion: 0,
      createsCount: 0,
      numChildren: 0,
      dataBytes: node.data === null ? 0 : node.data.length,
      ephemeralOwner: node.owner,
      kind: node.kind,
      acl: node.acl,
      digest: 0,
    };
    this.#putData(0, created, node.data);
    return creates;
  }

  delete(parent: PendingNode, node: PendingNode, zxid: Zxid): void {
    const changed = { ...parent, zxid, numChildren: parent.numChildren - 1 };
    if (zxid > parent.pzxid) changed.pzxid = zxid;
    this.#putCounters(parent, changed);
    this.#sum.subtract(node.digest);
    this.#put({ ...node, exists: false, zxid, digest: 0 });
  }

  /** Returns the version after the change. */
  setData(node: PendingNode, data: Uint8Array | null, zxid: Zxid, timeMs: number): number {
    const changed = { ...node, zxid, mzxid: zxid, mtimeMs: timeMs };
    changed.version = versionAfter(node.version);
    changed.dataBytes = data === null ? 0 : data.length;
    this.#putData(node.digest, changed, data);
    return changed.version;
  }

  /** Returns the aversion after the change. */
  setAcl(node: PendingNode, acl: readonly Acl[], zxid: Zxid): number {
    const changed = { ...node, zxid, acl, aversion: versionAfter(node.aversion) };
    this.#putCounters(node, changed);
    return changed.aversion;
  }

  /** From here on until {@link keep} or {@link drop}, changes can be undone. */
  begin(): void {
    assert(this.#replaced === null, 'one multi at a time is prepared');
    this.#replaced = [];
    this.#mark = { queueLength: this.#queue.length, digest: this.#sum.value };
  }

  keep(): void {
    this.#replaced = null;
  }

  /** Undoes everything since {@link begin}. */
  drop(): void {
    const replaced = this.#replaced ?? [];
    for (let index = replaced.length - 1; index >= 0; index -= 1) {
      const made = this.#queue[this.#mark.queueLength + index];
      assert(made !== undefined, 'every replaced state has the state that replaced it');
      this.#restore(made, replaced[index]);
    }
    this.#queue.length = this.#mark.queueLength;
    this.#sum.set(this.#mark.digest);
    this.#replaced = null;
  }

  applied(zxid: Zxid): void {
    const queue = this.#queue;
    let head = this.#head;
    for (let node = queue[head]; node !== undefined && node.zxid <= zxid; node = queue[head]) {
      if (this.#nodes.get(node.path) === node) {
        this.#nodes.delete(node.path);
        if (node.kind === 'ephemeral')
          this.sessions.forgetEphemeral(node.ephemeralOwner, node.path);
      }
      head += 1;
    }
    this.#head = head;
    if (head === queue.length) {
      queue.length = 0;
      this.#head = 0;
    } else if (head >= headMax && head * 2 >= queue.length) {
      this.#queue = queue.slice(head);
      this.#head = 0;
    }
    this.sessions.applied(zxid);
  }

  reset(): void {
    this.#nodes.clear();
    this.#queue = [];
    this.#head = 0;
    this.#replaced = null;
    this.sessions.reset();
    this.#preparedZxid = this.#tree.lastZxid;
    if (this.#digestEnabled) this.#sum.set(this.#tree.digest);
  }

  #putCounters(before: PendingNode, after: PendingNode): void {
    if (this.#digestEnabled) {
      after.digest = digestAfterCounters(before, after);
      this.#sum.subtract(before.digest);
      this.#sum.add(after.digest);
    }
    this.#put(after);
  }

  #putData(digestBefore: number, after: PendingNode, data: Uint8Array | null): void {
    if (this.#digestEnabled) {
      after.digest = nodeDigestOf(after.path, data, after);
      this.#sum.subtract(digestBefore);
      this.#sum.add(after.digest);
    }
    this.#put(after);
  }

  #put(node: PendingNode): void {
    if (this.#replaced !== null) this.#replaced.push(this.#nodes.get(node.path));
    this.#queue.push(node);
    this.#nodes.set(node.path, node);
    if (node.kind === 'ephemeral') this.#noteEphemeral(node);
  }

  #restore(made: PendingNode, before: PendingNode | undefined): void {
    if (made.kind === 'ephemeral') this.sessions.forgetEphemeral(made.ephemeralOwner, made.path);
    if (before === undefined) {
      this.#nodes.delete(made.path);
      return;
    }
    this.#nodes.set(made.path, before);
    if (before.kind === 'ephemeral') this.#noteEphemeral(before);
  }

  #noteEphemeral(node: PendingNode): void {
    assert(node.ephemeralOwner !== sessionIdNone, 'an ephemeral has an owner');
    if (node.exists) this.sessions.noteEphemeral(node.ephemeralOwner, node.path);
    else this.sessions.forgetEphemeral(node.ephemeralOwner, node.path);
  }
}
