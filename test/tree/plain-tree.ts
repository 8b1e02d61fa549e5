import { crc32 } from 'node:zlib';
import type { Acl } from '../../server/protocol/acl.ts';
import type { Txn, TxnBody, TxnHeader } from '../../server/protocol/txn.ts';

/** A node of the plain tree, as section 6 of storage tells it. */
export interface PlainNode {
  data: Buffer | null;
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctimeMs: number;
  mtimeMs: number;
  version: number;
  creates: number;
  aversion: number;
  owner: bigint;
  acl: readonly Acl[] | null;
}

type CreateBody = Extract<TxnBody, { readonly type: 1 | 15 | 19 | 21 }>;

const reserved = ['', '/zookeeper', '/zookeeper/quota', '/zookeeper/config'];

/** The second implementation: paths in a map, every number where it is expected. */
export class PlainTree {
  readonly nodes: Map<string, PlainNode> = new Map();
  readonly sessions: Map<bigint, number> = new Map();
  lastZxid = 0;

  constructor() {
    for (const path of reserved) {
      const node = this.#newNode(0, 0, Buffer.alloc(0), null, 0n);
      if (path === '/zookeeper/config') {
        node.acl = [{ perms: 1, id: { scheme: 'world', id: 'anyone' } }];
        node.aversion = -1;
      }
      this.nodes.set(path, node);
    }
  }

  apply(txn: Txn): void {
    const { header, body } = txn;
    if (body.type !== 14) this.#op(body, header);
    else if (!body.txns.some((sub) => sub.type === -1)) {
      for (const sub of body.txns) this.#op(sub, header);
    }
    this.lastZxid = Math.max(this.lastZxid, header.zxid);
  }

  children(path: string): string[] {
    const prefix = `${path === '/' ? '' : path}/`;
    return [...this.nodes.keys()]
      .filter((at) => at.startsWith(prefix) && !at.slice(prefix.length).includes('/') && at !== '')
      .map((at) => at.slice(prefix.length));
  }

  owned(session: bigint): string[] {
    return [...this.nodes].filter(([, node]) => node.owner === session).map(([path]) => path);
  }

  digestOf(path: string): number {
    const node = this.nodes.get(path)!;
    if (path.startsWith('/zookeeper/')) return 0;
    const stat = Buffer.alloc(60);
    const longs = [node.czxid, node.mzxid, node.pzxid, node.ctimeMs, node.mtimeMs];
    longs.forEach((value, index) => stat.writeBigInt64BE(BigInt(value), index * 8));
    [node.version, node.creates, node.aversion].forEach((value, index) => {
      stat.writeInt32BE(value, 40 + index * 4);
    });
    stat.writeBigInt64BE(BigInt.asIntN(64, node.owner), 52);
    return crc32(Buffer.concat([Buffer.from(path), node.data ?? Buffer.alloc(0), stat]));
  }

  digest(): bigint {
    let sum = 0n;
    for (const path of this.nodes.keys()) sum += BigInt(this.digestOf(path));
    return BigInt.asIntN(64, sum);
  }

  #op(body: TxnBody, header: TxnHeader): void {
    const { zxid, timeMs, sessionId } = header;
    if (body.type === 1 || body.type === 15 || body.type === 19 || body.type === 21) {
      this.#create(body, header);
    } else if (body.type === 2 || body.type === 20) {
      this.#delete(body.path, zxid);
    } else if (body.type === 5 || body.type === 16) {
      const node = this.nodes.get(body.path);
      if (node === undefined) return;
      node.data = body.data === null ? null : Buffer.from(body.data);
      node.version = body.version;
      node.mzxid = zxid;
      node.mtimeMs = timeMs;
    } else if (body.type === 7) {
      const node = this.nodes.get(body.path);
      if (node === undefined) return;
      node.acl = body.acl;
      node.aversion = body.version;
    } else if (body.type === -10) {
      this.sessions.set(sessionId, body.timeoutMs);
    } else if (body.type === -11) {
      this.sessions.delete(sessionId);
      for (const path of body.paths ?? []) this.#delete(path, zxid);
      for (const path of this.owned(sessionId)) this.#delete(path, zxid);
    }
  }

  #create(body: CreateBody, { zxid, timeMs, sessionId }: TxnHeader): void {
    const parent = this.nodes.get(parentOf(body.path));
    if (parent === undefined) return;
    const existing = this.nodes.get(body.path);
    if (existing === undefined) {
      let owner = 0n;
      if (body.type === 19) owner = -(2n ** 63n);
      else if (body.type === 21) owner = BigInt.asIntN(64, (0xffn << 56n) | BigInt(body.ttlMs));
      else if (body.ephemeral) owner = sessionId;
      const data = body.data === null ? null : Buffer.from(body.data);
      this.nodes.set(body.path, this.#newNode(zxid, timeMs, data, body.acl, owner));
    } else {
      existing.acl = body.acl;
    }
    if (body.parentCversion <= parent.creates) return;
    parent.creates = body.parentCversion;
    parent.pzxid = zxid;
  }

  #delete(path: string, zxid: number): void {
    const parent = this.nodes.get(parentOf(path));
    if (parent === undefined) return;
    parent.pzxid = Math.max(parent.pzxid, zxid);
    if (!this.nodes.delete(path)) return;
    const below = [...this.nodes.keys()].filter((at) => at.startsWith(`${path}/`));
    for (const at of below) this.nodes.delete(at);
  }

  #newNode(
    zxid: number,
    timeMs: number,
    data: Buffer | null,
    acl: readonly Acl[] | null,
    owner: bigint,
  ): PlainNode {
    return {
      data,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctimeMs: timeMs,
      mtimeMs: timeMs,
      version: 0,
      creates: 0,
      aversion: 0,
      owner,
      acl,
    };
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
