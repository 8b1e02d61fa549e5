import type { Acl } from '../../../server/protocol/acl.ts';
import { EventType } from '../../../server/protocol/event-type.ts';
import type { Txn, TxnBody, TxnHeader } from '../../../server/protocol/txn.ts';

/** A node as the model has it; replaced, never changed. */
export interface ModelNode {
  readonly path: string;
  readonly data: string | null;
  readonly version: number;
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly aversion: number;
  /** Creates below it, ever. */
  readonly creates: number;
  readonly children: readonly string[];
  /** 0n: no ephemeral. */
  readonly owner: bigint;
  /** Its access list, as text; `null`: it was there from birth. */
  readonly acl: string | null;
}

/** From this transaction on the path had that node, or none. */
interface Change {
  readonly zxid: number;
  readonly node: ModelNode | null;
  /** What watches on the path itself hear of: not the changes among its children. */
  readonly isOwn: boolean;
  readonly isChild: boolean;
}

const root = '/';

/** How many changes have at most that zxid. */
function countUpTo(past: readonly Change[], zxid: number): number {
  let low = 0;
  let high = past.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((past[middle] as Change).zxid <= zxid) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The data tree once more, plainly: every path with its whole past, so that any reply can be held
 * against the state it claims to show.
 */
export class ModelTree {
  readonly #past = new Map<string, Change[]>();
  readonly #sessions = new Map<bigint, number>();
  readonly #owned = new Map<bigint, Set<string>>();
  lastZxid = 0;

  constructor() {
    const birth = { zxid: 0, isOwn: true, isChild: false };
    const nodes: readonly (readonly [string, readonly string[]])[] = [
      [root, ['zookeeper']],
      ['/zookeeper', ['config', 'quota']],
      ['/zookeeper/quota', []],
      ['/zookeeper/config', []],
    ];
    for (const [path, children] of nodes) {
      this.#past.set(path, [{ ...birth, node: newNode(path, '', 0, 0, 0n, children) }]);
    }
  }

  /** Everything that a watch on the whole tree hears of, in order. */
  readonly changes: { readonly zxid: number; readonly event: string }[] = [];

  /** Sessions that were created and not closed. */
  get sessions(): ReadonlyMap<bigint, number> {
    return this.#sessions;
  }

  at(path: string, zxid: number): ModelNode | null {
    const past = this.#past.get(path);
    return past === undefined ? null : (past[countUpTo(past, zxid) - 1]?.node ?? null);
  }

  now(path: string): ModelNode | null {
    return this.#past.get(path)?.at(-1)?.node ?? null;
  }

  /** First change after zxid that a watch of that kind hears of; `null`: none yet. */
  firstChange(kind: 'node' | 'children', path: string, zxid: number): number | null {
    const past = this.#past.get(path) ?? [];
    for (let index = countUpTo(past, zxid); index < past.length; index += 1) {
      const change = past[index] as Change;
      if (kind === 'node' ? change.isOwn : change.isChild || change.node === null) {
        return change.zxid;
      }
    }
    return null;
  }

  /** Paths that exist now, sorted. */
  paths(): string[] {
    return [...this.#past.keys()].filter((path) => this.now(path) !== null).sort();
  }

  /** Committed transactions only, in order. */
  apply(txn: Txn): void {
    const { header, body } = txn;
    this.lastZxid = header.zxid;
    if (body.type === 14) {
      if (body.txns.some((part) => part.type === -1)) return;
      for (const part of body.txns) this.#applyOne(header, part);
      return;
    }
    this.#applyOne(header, body);
  }

  #applyOne(header: TxnHeader, body: TxnBody): void {
    switch (body.type) {
      case -10:
        this.#sessions.set(header.sessionId, body.timeoutMs);
        return;
      case -11:
        return this.#closeSession(header, body.paths);
      case 1:
      case 15:
        return this.#create(header, body, body.ephemeral ? header.sessionId : 0n);
      case 19:
      case 21:
        return this.#create(header, body, 0n);
      case 2:
      case 20:
        return this.#delete(header, body.path);
      case 5:
      case 16:
        return this.#setData(header, body.path, body.data, body.version);
      case 7: {
        const node = this.now(body.path);
        if (node !== null)
          this.#put(
            header.zxid,
            { ...node, aversion: body.version, acl: aclText(body.acl) },
            false,
            false,
          );
        return;
      }
      case -1:
      case 13:
      case 14:
        return;
    }
  }

  #create(
    header: TxnHeader,
    made: {
      readonly path: string;
      readonly data: Uint8Array | null;
      readonly acl: readonly Acl[] | null;
    },
    owner: bigint,
  ): void {
    const { path, data, acl } = made;
    const parent = this.now(parentOf(path));
    if (parent === null || this.now(path) !== null) return;
    const { zxid, timeMs } = header;
    this.#tell(zxid, EventType.NODE_CREATED, path);
    const node = newNode(path, textOf(data), zxid, timeMs, owner, []);
    this.#put(zxid, { ...node, acl: aclText(acl) }, true, false);
    const children = [...parent.children, nameOf(path)].sort();
    const creates = parent.creates + 1;
    this.#put(zxid, { ...parent, children, creates, pzxid: zxid }, false, true);
    if (owner === 0n) return;
    const owned = this.#owned.get(owner) ?? new Set();
    this.#owned.set(owner, owned.add(path));
  }

  #delete(header: TxnHeader, path: string): void {
    const node = this.now(path);
    const parent = this.now(parentOf(path));
    if (parent === null) return;
    const { zxid } = header;
    const name = nameOf(path);
    if (node !== null) {
      this.#tell(zxid, EventType.NODE_DELETED, path);
      this.#change(path, { zxid, node: null, isOwn: true, isChild: false });
      this.#owned.get(node.owner)?.delete(path);
    }
    const children = parent.children.filter((child) => child !== name);
    this.#put(zxid, { ...parent, children, pzxid: zxid }, false, node !== null);
  }

  #setData(header: TxnHeader, path: string, data: Uint8Array | null, version: number): void {
    const node = this.now(path);
    if (node === null) return;
    const { zxid, timeMs } = header;
    this.#tell(zxid, EventType.NODE_DATA_CHANGED, path);
    const changed = { ...node, data: textOf(data), version, mzxid: zxid, mtimeMs: timeMs };
    this.#put(zxid, changed, true, false);
  }

  #closeSession(header: TxnHeader, paths: readonly string[] | null): void {
    const { sessionId } = header;
    this.#sessions.delete(sessionId);
    for (const path of paths ?? []) this.#delete(header, path);
    for (const path of this.#owned.get(sessionId) ?? []) this.#delete(header, path);
    this.#owned.delete(sessionId);
  }

  #put(zxid: number, node: ModelNode, isOwn: boolean, isChild: boolean): void {
    this.#change(node.path, { zxid, node, isOwn, isChild });
  }

  #tell(zxid: number, type: EventType, path: string): void {
    this.changes.push({ zxid, event: eventKey(type, path) });
  }

  /** Within one transaction the last word counts, and what watches hear adds up. */
  #change(path: string, change: Change): void {
    const past = this.#past.get(path) ?? [];
    this.#past.set(path, past);
    const last = past.at(-1);
    if (last?.zxid !== change.zxid) {
      past.push(change);
      return;
    }
    past[past.length - 1] = {
      ...change,
      isOwn: last.isOwn || change.isOwn,
      isChild: last.isChild || change.isChild,
    };
  }
}

/** How an event is compared. */
export function eventKey(type: number, path: string): string {
  return `${type} ${path}`;
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash === 0 ? root : path.slice(0, slash);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** How access lists are compared. */
export function aclText(acl: readonly Acl[] | null): string {
  return (acl ?? []).map(({ perms, id }) => `${perms} ${id.scheme}:${id.id}`).join(', ');
}

function textOf(data: Uint8Array | null): string | null {
  return data === null ? null : Buffer.from(data).toString('latin1');
}

function newNode(
  path: string,
  data: string | null,
  zxid: number,
  timeMs: number,
  owner: bigint,
  children: readonly string[],
): ModelNode {
  return {
    path,
    data,
    version: 0,
    czxid: zxid,
    mzxid: zxid,
    pzxid: zxid,
    ctimeMs: timeMs,
    mtimeMs: timeMs,
    aversion: 0,
    creates: 0,
    children,
    owner,
    acl: null,
  };
}
