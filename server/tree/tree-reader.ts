import type { Acl } from '../protocol/acl.ts';
import type { JuteWriter } from '../protocol/jute.ts';
import type { SessionId } from '../protocol/session-id.ts';
import { statBytes, type Stat } from '../protocol/stat.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { DueSearch } from './containers.ts';
import type { NodeRef, Quota, TreeReader } from './door.ts';
import { nodeNone } from './door.ts';
import { extra, flag, word } from './node-record.ts';
import { copyBytes, type NodeStore } from './node-store.ts';
import { sessionOf } from './owners.ts';
import type { Quotas } from './quota.ts';
import type { TreeState } from './tree-state.ts';

/** The reading side: answers from the words, without an object for a node. */
export class StateReader implements TreeReader {
  readonly #state: TreeState;
  readonly #store: NodeStore;
  readonly #quotas: Quotas;
  readonly #due: DueSearch;

  constructor(state: TreeState, quotas: Quotas) {
    this.#state = state;
    this.#store = state.store;
    this.#quotas = quotas;
    this.#due = new DueSearch(state);
  }

  get lastZxid(): Zxid {
    return this.#state.lastZxid;
  }

  get nodeCount(): number {
    return this.#store.count + 1;
  }

  get ephemeralCount(): number {
    return this.#state.ephemerals.count;
  }

  get approximateDataBytes(): number {
    return this.#state.dataBytes;
  }

  get digest(): bigint {
    return this.#state.digest.value;
  }

  get sessions(): ReadonlyMap<SessionId, number> {
    return this.#state.sessions;
  }

  get reservedBytes(): number {
    return this.#store.reservedBytes;
  }

  find(path: string): NodeRef {
    return this.#state.find(path);
  }

  findBytes(bytes: Buffer, start: number, end: number): NodeRef {
    return this.#store.find(bytes, start, end);
  }

  data(node: NodeRef): Uint8Array | null {
    return this.#state.dataOf(node);
  }

  stat(node: NodeRef): Stat {
    return statOf(this.#store, node);
  }

  writeStat(node: NodeRef, writer: JuteWriter): void {
    const words = this.#store.words(node);
    const at = this.#store.at(node);
    writer.reserve(statBytes);
    for (let index = word.czxid; index < word.aversion; index += 1) {
      writer.int32(words[at + index]!);
    }
    const numChildren = this.#store.more(node, extra.numChildren);
    writer.int32((2 * this.#store.more(node, extra.creates) - numChildren) | 0);
    writer.int32(words[at + word.aversion]!);
    const isOwned = (words[at + word.name]! & flag.ephemeral) !== 0;
    writer.int32(isOwned ? this.#store.more(node, extra.owner) : 0);
    writer.int32(isOwned ? this.#store.more(node, extra.owner + 1) : 0);
    writer.int32(Math.max(words[at + word.data]!, 0));
    writer.int32(numChildren);
    const hasExtra = this.#store.hasExtra(node);
    writer.int32(hasExtra ? this.#store.more(node, extra.pzxid) : words[at + word.czxid]!);
    writer.int32(hasExtra ? this.#store.more(node, extra.pzxid + 1) : words[at + word.czxid + 1]!);
  }

  writeData(node: NodeRef, writer: JuteWriter): void {
    const length = this.#store.int(node, word.data);
    writer.int32(length);
    if (length <= 0) return;
    const name = this.#store.int(node, word.name) & flag.nameBytesMax;
    const start = this.#store.blockOffset(node) + name;
    this.#writeBlock(node, start, length, writer);
  }

  writeChildren(node: NodeRef, writer: JuteWriter): void {
    writer.int32(this.#store.more(node, extra.numChildren));
    let child = this.#store.firstChild(node);
    while (child !== nodeNone) {
      const length = this.#store.int(child, word.name) & flag.nameBytesMax;
      writer.int32(length);
      this.#writeBlock(child, this.#store.blockOffset(child), length, writer);
      child = this.#store.int(child, word.next);
    }
  }

  children(node: NodeRef): string[] {
    const names: string[] = [];
    let child = this.#store.firstChild(node);
    while (child !== nodeNone) {
      names.push(this.#state.nameOf(child));
      child = this.#store.int(child, word.next);
    }
    return names;
  }

  path(node: NodeRef): string {
    return this.#state.pathOf(node);
  }

  parent(node: NodeRef): NodeRef {
    return this.#store.int(node, word.parent);
  }

  numChildren(node: NodeRef): number {
    return this.#store.more(node, extra.numChildren);
  }

  dataLength(node: NodeRef): number {
    return Math.max(this.#store.int(node, word.data), 0);
  }

  version(node: NodeRef): number {
    return this.#store.int(node, word.version);
  }

  aversion(node: NodeRef): number {
    return this.#store.int(node, word.aversion);
  }

  createsCount(node: NodeRef): number {
    return this.#store.more(node, extra.creates);
  }

  czxid(node: NodeRef): Zxid {
    return this.#store.long(node, word.czxid) as Zxid;
  }

  mzxid(node: NodeRef): Zxid {
    return this.#store.long(node, word.mzxid) as Zxid;
  }

  pzxid(node: NodeRef): Zxid {
    return this.#store.pzxid(node) as Zxid;
  }

  ctimeMs(node: NodeRef): number {
    return this.#store.long(node, word.ctime);
  }

  mtimeMs(node: NodeRef): number {
    return this.#store.long(node, word.mtime);
  }

  ephemeralOwner(node: NodeRef): SessionId {
    return sessionOf(this.#store.more(node, extra.owner), this.#store.more(node, extra.owner + 1));
  }

  acl(node: NodeRef): readonly Acl[] | null {
    return this.#state.aclOf(node);
  }

  nodeDigest(node: NodeRef): number {
    return this.#state.digestOf(node);
  }

  descendantsCount(node: NodeRef): number {
    if (node === 0) return this.#store.count - 1;
    let count = 0;
    const end = this.#store.nextAfter(node);
    for (let at = this.#store.nextOf(node); at !== end; at = this.#store.nextOf(at)) count += 1;
    return count;
  }

  ephemerals(session: SessionId): string[] {
    const paths: string[] = [];
    for (const node of this.#state.ephemerals.of(session)) paths.push(this.#state.pathOf(node));
    return paths;
  }

  ephemeralOwners(): SessionId[] {
    return [...this.#state.ephemerals.sessions];
  }

  quota(path: string): Quota | null {
    return this.#quotas.of(path);
  }

  dueContainers(nowMs: number, neverUsedMsMax: number, countMax: number): string[] {
    return this.#due.find(nowMs, neverUsedMsMax, countMax);
  }

  #writeBlock(node: NodeRef, start: number, length: number, writer: JuteWriter): void {
    writer.reserve(length);
    copyBytes(this.#store.blockBuffer(node), start, start + length, writer.buffer, writer.offset);
    writer.offset += length;
  }
}

export function statOf(store: NodeStore, node: NodeRef): Stat {
  const creates = store.more(node, extra.creates);
  const numChildren = store.more(node, extra.numChildren);
  const isOwned = (store.int(node, word.name) & flag.ephemeral) !== 0;
  return {
    czxid: store.long(node, word.czxid) as Zxid,
    mzxid: store.long(node, word.mzxid) as Zxid,
    ctimeMs: store.long(node, word.ctime),
    mtimeMs: store.long(node, word.mtime),
    version: store.int(node, word.version),
    cversion: (2 * creates - numChildren) | 0,
    aversion: store.int(node, word.aversion),
    ephemeralOwner: isOwned
      ? sessionOf(store.more(node, extra.owner), store.more(node, extra.owner + 1))
      : sessionOf(0, 0),
    dataLength: Math.max(store.int(node, word.data), 0),
    numChildren,
    pzxid: store.pzxid(node) as Zxid,
  };
}
