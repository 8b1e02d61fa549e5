import type { Acl } from '../protocol/acl.ts';
import { idAnyone, Perm } from '../protocol/acl.ts';
import type { SessionId } from '../protocol/session-id.ts';
import { zxidZero, type Zxid } from '../protocol/zxid.ts';
import { crcEnd, crcStart, crcWords } from '../util/crc32.ts';
import { AclCache, aclNone } from './acl-cache.ts';
import { digestPrefix, DigestSum } from './digest.ts';
import { nodeNone, type NodeRef, type TreeOptions } from './door.ts';
import { extra, flag, word } from './node-record.ts';
import { NodeStore } from './node-store.ts';
import { Ephemerals, kindOf, sessionOf } from './owners.ts';
import { isOutsideDigest, PathBytes } from './path-bytes.ts';
import { fieldBytesMax } from '../protocol/jute.ts';

const configAcl: readonly Acl[] = [{ perms: Perm.READ, id: idAnyone }];
const noBytes: Uint8Array = new Uint8Array(0);

/**
 * Everything that is replicated, and the few changes that keep its parts true to each other: the
 * digest, the sets of owned nodes, the counters. What a transaction means is not known here.
 */
export class TreeState {
  readonly store: NodeStore;
  readonly acls: AclCache = new AclCache();
  readonly ephemerals: Ephemerals = new Ephemerals();
  readonly containers: Set<NodeRef> = new Set();
  readonly ttls: Set<NodeRef> = new Set();
  readonly sessions: Map<SessionId, number> = new Map();
  readonly digest: DigestSum = new DigestSum();
  /** The path at hand. */
  readonly path: PathBytes = new PathBytes();
  readonly extendedTypesEnabled: boolean;
  readonly fieldBytesMax: number;
  lastZxid: Zxid = zxidZero;
  /** Bytes of paths and data. */
  dataBytes = 0;
  /** The 60 bytes that a digest ends with. */
  readonly #stat: Int32Array = new Int32Array(15);
  #pathOut: Buffer = Buffer.allocUnsafeSlow(256);

  constructor(options: TreeOptions) {
    this.store = new NodeStore(options.hashSeed ?? 0);
    this.extendedTypesEnabled = options.extendedTypesEnabled ?? false;
    this.fieldBytesMax = options.fieldBytesMax ?? fieldBytesMax;
    this.reset();
    this.addBirthNodes();
  }

  /** The root alone, as an empty snapshot would have it. */
  reset(): void {
    this.store.reset();
    this.acls.clear();
    this.ephemerals.clear();
    this.containers.clear();
    this.ttls.clear();
    this.sessions.clear();
    this.digest.clear();
    this.lastZxid = zxidZero;
    // The reference counts the root as "" and as "/".
    this.dataBytes = 1;
    this.store.setInt(0, word.acl, aclNone);
    this.store.setInt(0, word.prefix, crcStart);
    this.digestIn(0);
  }

  /** Those nodes that exist without a transaction, as far as they are missing. */
  addBirthNodes(): void {
    for (const path of ['/zookeeper', '/zookeeper/config', '/zookeeper/quota']) {
      const length = this.path.load(path);
      if (this.store.find(this.path.buffer, 0, length) !== nodeNone) continue;
      const slash = this.path.lastSlash();
      const parent = this.store.find(this.path.buffer, 0, slash);
      const isConfig = path === '/zookeeper/config';
      const acl = isConfig ? this.acls.acquire(configAcl) : aclNone;
      const node = this.addNode(parent, slash + 1, noBytes, acl, 0, 0, 'last');
      if (isConfig) this.store.setInt(node, word.aversion, -1);
      this.digestIn(node);
    }
  }

  /**
   * A node with the name that {@link path} has from `nameStart` on; its other numbers are 0. The
   * caller sets them, then calls {@link digestIn}. The data may be a part of a larger buffer.
   */
  addNode(
    parent: NodeRef,
    nameStart: number,
    data: Uint8Array | null,
    acl: number,
    ownerHigh: number,
    ownerLow: number,
    place: 'first' | 'last',
    dataStart: number = 0,
    dataEnd: number = data === null ? 0 : data.length,
  ): NodeRef {
    const { store, path } = this;
    const node = store.add(
      parent,
      path.buffer,
      nameStart,
      path.length,
      data,
      place,
      dataStart,
      dataEnd,
    );
    const words = store.words(node);
    const at = store.at(node);
    words[at + word.acl] = acl;
    if (isOutsideDigest(path.buffer, path.length)) {
      words[at + word.name]! |= flag.outsideDigest;
    } else {
      words[at + word.prefix] = digestPrefix(path.buffer, path.length, data, dataStart, dataEnd);
    }
    this.dataBytes += path.length + (data === null ? 0 : dataEnd - dataStart);
    if (ownerHigh !== 0 || ownerLow !== 0) this.setOwner(node, ownerHigh, ownerLow);
    return node;
  }

  /** A leaf; {@link path} is its own. */
  removeNode(node: NodeRef): void {
    const { store } = this;
    const words = store.words(node);
    const at = store.at(node);
    this.digestOut(node);
    this.dataBytes -= this.path.length + Math.max(words[at + word.data]!, 0);
    this.acls.release(words[at + word.acl]!);
    this.#disown(node);
    store.remove(node);
  }

  /** {@link path} is the node's own. */
  setData(node: NodeRef, data: Uint8Array | null): void {
    const { store, path } = this;
    const before = Math.max(store.int(node, word.data), 0);
    if ((store.int(node, word.name) & flag.outsideDigest) === 0) {
      const length = node === 0 ? 1 : path.length;
      store.setInt(node, word.prefix, digestPrefix(path.buffer, length, data));
    }
    store.setData(node, data);
    this.dataBytes += (data === null ? 0 : data.length) - before;
  }

  setOwner(node: NodeRef, high: number, low: number): void {
    const { store } = this;
    this.#disown(node);
    store.setMore(node, extra.owner, high);
    store.setMore(node, extra.owner + 1, low);
    const kind = kindOf(high, low, this.extendedTypesEnabled);
    store.setInt(node, word.name, store.int(node, word.name) | kind);
    if (kind === flag.ephemeral) this.ephemerals.add(sessionOf(high, low), node);
    else if (kind === flag.container) this.containers.add(node);
    else if (kind === flag.ttl) this.ttls.add(node);
  }

  setAcl(node: NodeRef, acl: readonly Acl[]): void {
    const before = this.store.int(node, word.acl);
    this.store.setInt(node, word.acl, this.acls.acquire(acl));
    this.acls.release(before);
  }

  /** Before any change of a node's data or numbers. */
  digestOut(node: NodeRef): void {
    this.digest.subtract(this.digestOf(node));
  }

  /** After it, and after a node is new. */
  digestIn(node: NodeRef): void {
    this.digest.add(this.digestOf(node));
  }

  /** 0..2^32-1; 0 below `/zookeeper/`. */
  digestOf(node: NodeRef): number {
    const { store } = this;
    const words = store.words(node);
    const at = store.at(node);
    if ((words[at + word.name]! & flag.outsideDigest) !== 0) return 0;
    const hasExtra = store.hasExtra(node);
    const stat = this.#stat;
    for (let index = 0; index < 4; index += 1) stat[index] = words[at + index]!;
    stat[4] = hasExtra ? store.more(node, extra.pzxid) : words[at + word.czxid]!;
    stat[5] = hasExtra ? store.more(node, extra.pzxid + 1) : words[at + word.czxid + 1]!;
    for (let index = 0; index < 5; index += 1) stat[6 + index] = words[at + word.ctime + index]!;
    stat[11] = store.more(node, extra.creates);
    stat[12] = words[at + word.aversion]!;
    stat[13] = store.more(node, extra.owner);
    stat[14] = store.more(node, extra.owner + 1);
    return crcEnd(crcWords(words[at + word.prefix]!, stat, 0, 15));
  }

  /** The access list of a node; null: open. */
  aclOf(node: NodeRef): readonly Acl[] | null {
    return this.acls.get(this.store.int(node, word.acl));
  }

  /** By a path of the API or of a transaction; loads {@link path}. */
  find(path: string): NodeRef {
    const length = this.path.load(path);
    return this.store.find(this.path.buffer, 0, length);
  }

  /** A view of the node's data; null for null. */
  dataOf(node: NodeRef): Buffer | null {
    const { store } = this;
    const length = store.int(node, word.data);
    if (length < 0) return null;
    const start = store.blockOffset(node) + (store.int(node, word.name) & flag.nameBytesMax);
    return store.blockBuffer(node).subarray(start, start + length);
  }

  nameOf(node: NodeRef): string {
    const { store } = this;
    const start = store.blockOffset(node);
    const end = start + (store.int(node, word.name) & flag.nameBytesMax);
    return store.blockBuffer(node).toString('utf8', start, end);
  }

  pathOf(node: NodeRef): string {
    if (node === 0) return '/';
    const bytes = this.store.pathBytes(node);
    if (bytes > this.#pathOut.length) this.#pathOut = Buffer.allocUnsafeSlow(bytes * 2);
    this.store.writePath(node, this.#pathOut, bytes);
    return this.#pathOut.toString('utf8', 0, bytes);
  }

  #disown(node: NodeRef): void {
    const { store } = this;
    const name = store.int(node, word.name);
    if ((name & (flag.ephemeral | flag.container | flag.ttl)) === 0) return;
    const high = store.more(node, extra.owner);
    const low = store.more(node, extra.owner + 1);
    if ((name & flag.ephemeral) !== 0) this.ephemerals.remove(sessionOf(high, low), node);
    else if ((name & flag.container) !== 0) this.containers.delete(node);
    else this.ttls.delete(node);
    store.setInt(node, word.name, name & ~(flag.ephemeral | flag.container | flag.ttl));
  }
}
