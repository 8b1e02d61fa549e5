import { crc32 } from 'node:zlib';
import type { Acl } from '../../server/protocol/acl.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Txn, TxnBody } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { Quota, TreeReader } from '../../server/tree/door.ts';

interface PlainNode {
  readonly path: string;
  data: Uint8Array | null;
  acl: readonly Acl[] | null;
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctimeMs: number;
  mtimeMs: number;
  version: number;
  creates: number;
  aversion: number;
  owner: bigint;
  children: number;
}

/**
 * The replicated state written as plainly as possible, as far as preparing needs it: objects in a
 * map, digests by zlib. A second opinion, not a server.
 */
export class PlainTree {
  lastZxid: Zxid = 0 as Zxid;
  readonly sessions: Map<SessionId, number> = new Map<SessionId, number>();
  readonly nodes: (PlainNode | null)[] = [];
  readonly #byPath = new Map<string, number>();
  /** What quota() answers, by path. */
  readonly quotas: Map<string, Quota> = new Map<string, Quota>();

  constructor() {
    const open = null;
    this.#add('/', Buffer.alloc(0), open, 0, 0, 0n);
    this.#add('/zookeeper', Buffer.alloc(0), open, 0, 0, 0n);
    this.#add('/zookeeper/quota', Buffer.alloc(0), open, 0, 0, 0n);
    const readable = [{ perms: 1, id: { scheme: 'world', id: 'anyone' } }];
    this.#add('/zookeeper/config', Buffer.alloc(0), readable, 0, 0, 0n);
    this.#at('/zookeeper/config').aversion = -1;
    this.#at('/').children = 1;
    this.#at('/zookeeper').children = 2;
  }

  /** As the room of preparing sees it: only what it calls is there. */
  asReader(): TreeReader {
    return this as unknown as TreeReader;
  }

  get digest(): bigint {
    let sum = 0n;
    for (const node of this.nodes) if (node !== null) sum += BigInt(this.#digestOf(node));
    return BigInt.asIntN(64, sum);
  }

  find(path: string): number {
    return this.#byPath.get(path === '' ? '/' : path) ?? -1;
  }
  data(node: number): Uint8Array | null {
    return this.#node(node).data;
  }
  numChildren(node: number): number {
    return this.#node(node).children;
  }
  dataLength(node: number): number {
    return this.#node(node).data?.length ?? 0;
  }
  version(node: number): number {
    return this.#node(node).version;
  }
  aversion(node: number): number {
    return this.#node(node).aversion;
  }
  createsCount(node: number): number {
    return this.#node(node).creates;
  }
  czxid(node: number): number {
    return this.#node(node).czxid;
  }
  mzxid(node: number): number {
    return this.#node(node).mzxid;
  }
  pzxid(node: number): number {
    return this.#node(node).pzxid;
  }
  ctimeMs(node: number): number {
    return this.#node(node).ctimeMs;
  }
  mtimeMs(node: number): number {
    return this.#node(node).mtimeMs;
  }
  ephemeralOwner(node: number): bigint {
    return this.#node(node).owner;
  }
  acl(node: number): readonly Acl[] | null {
    return this.#node(node).acl;
  }
  nodeDigest(node: number): number {
    return this.#digestOf(this.#node(node));
  }
  ephemerals(session: SessionId): string[] {
    return this.nodes.flatMap((node) => (node?.owner === session ? [node.path] : []));
  }
  quota(path: string): Quota | null {
    return this.quotas.get(path) ?? null;
  }

  /** Every node as text, for comparing two trees. */
  describe(): string[] {
    return this.nodes
      .filter((node) => node !== null)
      .map((node) => JSON.stringify({ ...node, owner: String(node.owner) }))
      .sort((a, b) => (a < b ? -1 : 1));
  }

  /** The error of each operation. */
  apply(txn: Txn): ErrorCode[] {
    const { zxid, timeMs, sessionId } = txn.header;
    const bodies = txn.body.type === 14 ? txn.body.txns : [txn.body];
    const failed = bodies.some((body) => body.type === -1);
    const errors = bodies.map((body) => {
      if (failed) return body.type === -1 ? body.error : ErrorCode.OK;
      return this.#applyOne(body, zxid, timeMs, sessionId);
    });
    this.lastZxid = zxid;
    return errors;
  }

  #applyOne(body: TxnBody, zxid: number, timeMs: number, session: SessionId): ErrorCode {
    switch (body.type) {
      case -10:
        this.sessions.set(session, body.timeoutMs);
        break;
      case -11:
        for (const path of body.paths ?? []) this.#delete(path, zxid);
        for (const path of this.ephemerals(session)) this.#delete(path, zxid);
        this.sessions.delete(session);
        break;
      case 1:
      case 15:
        return this.#create(body, zxid, timeMs, body.ephemeral ? session : 0n);
      case 19:
        return this.#create(body, zxid, timeMs, -(1n << 63n));
      case 21:
        return this.#create(body, zxid, timeMs, BigInt(body.ttlMs) - (1n << 56n));
      case 2:
      case 20:
        return this.#delete(body.path, zxid);
      case 5:
      case 16: {
        const node = this.#at(body.path);
        node.data = body.data;
        node.version = body.version;
        node.mzxid = zxid;
        node.mtimeMs = timeMs;
        break;
      }
      case 7: {
        const node = this.#at(body.path);
        node.acl = body.acl;
        node.aversion = body.version;
        break;
      }
      case 13:
      case 14:
      case -1:
        break;
    }
    return ErrorCode.OK;
  }

  #create(
    body: {
      readonly path: string;
      readonly data: Uint8Array | null;
      readonly acl: readonly Acl[];
      readonly parentCversion: number;
    },
    zxid: number,
    timeMs: number,
    owner: bigint,
  ): ErrorCode {
    const parent = this.nodes[this.find(this.#parentOf(body.path))];
    if (parent === undefined || parent === null) return ErrorCode.NO_NODE;
    if (this.find(body.path) !== -1) return ErrorCode.NODE_EXISTS;
    parent.children += 1;
    if (body.parentCversion > parent.creates) {
      parent.creates = body.parentCversion;
      parent.pzxid = zxid;
    }
    this.#add(body.path, body.data, body.acl, zxid, timeMs, owner);
    return ErrorCode.OK;
  }

  #delete(path: string, zxid: number): ErrorCode {
    const parent = this.nodes[this.find(this.#parentOf(path))];
    if (parent === undefined || parent === null) return ErrorCode.NO_NODE;
    parent.pzxid = Math.max(parent.pzxid, zxid);
    const node = this.find(path);
    if (node === -1) return ErrorCode.NO_NODE;
    parent.children -= 1;
    this.nodes[node] = null;
    this.#byPath.delete(path);
    return ErrorCode.OK;
  }

  #add(
    path: string,
    data: Uint8Array | null,
    acl: readonly Acl[] | null,
    zxid: number,
    timeMs: number,
    owner: bigint,
  ): void {
    const zxids = { czxid: zxid, mzxid: zxid, pzxid: zxid, ctimeMs: timeMs, mtimeMs: timeMs };
    const counters = { version: 0, creates: 0, aversion: 0, children: 0 };
    this.#byPath.set(path, this.nodes.length);
    this.nodes.push({ path, data, acl, ...zxids, ...counters, owner });
  }

  #digestOf(node: PlainNode): number {
    if (node.path.startsWith('/zookeeper/')) return 0;
    const stat = Buffer.alloc(60);
    const longs = [node.czxid, node.mzxid, node.pzxid, node.ctimeMs, node.mtimeMs];
    for (const [index, value] of longs.entries()) stat.writeBigInt64BE(BigInt(value), index * 8);
    stat.writeInt32BE(node.version, 40);
    stat.writeInt32BE(node.creates, 44);
    stat.writeInt32BE(node.aversion, 48);
    stat.writeBigInt64BE(node.owner, 52);
    const path = Buffer.from(node.path === '/' ? '' : node.path);
    return crc32(Buffer.concat([path, node.data ?? Buffer.alloc(0), stat]));
  }

  #parentOf(path: string): string {
    return path.slice(0, path.lastIndexOf('/'));
  }

  #at(path: string): PlainNode {
    return this.#node(this.find(path));
  }

  #node(ref: number): PlainNode {
    const node = this.nodes[ref];
    if (node === undefined || node === null) throw new Error(`no node ${ref}`);
    return node;
  }
}
