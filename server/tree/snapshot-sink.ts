import type { Acl } from '../protocol/acl.ts';
import { JuteError, JuteReader } from '../protocol/jute.ts';
import type { SessionId } from '../protocol/session-id.ts';
import { aclMissing, aclNone } from './acl-cache.ts';
import { nodeNone, type NodeRef, type TreeSnapshotSink } from './door.ts';
import { extra, word } from './node-record.ts';
import type { NodeStore } from './node-store.ts';
import { slashByte } from './path-bytes.ts';
import type { TreeState } from './tree-state.ts';

/** What a node's record has after its data: the access list's number and the persisted stat. */
const tailBytes = 8 + 60;
/** Zxids and times beyond this high word do not fit a double. */
const highMax = 2 ** 21 - 1;

/** Of a chunk, tried first with what the chunk before had left. */
const joinedBytesMin = 512;

type Section = 'sessionCount' | 'sessions' | 'aclCount' | 'acls' | 'nodes' | 'over';

/** Reads what {@link SnapshotSource} writes, and what the reference writes, in chunks of any size. */
export class SnapshotSink implements TreeSnapshotSink {
  readonly #state: TreeState;
  readonly #store: NodeStore;
  readonly #reader: JuteReader = new JuteReader(Buffer.alloc(0));
  /** A record whose end has not come yet. */
  #carry: Buffer | null = null;
  #section: Section = 'sessionCount';
  #remainingCount = 0;
  /** Numbers that could not be kept. */
  readonly #renumbered: Map<number, number> = new Map();
  #parent: NodeRef = 0;
  #parentPath: Buffer = Buffer.allocUnsafeSlow(256);
  #parentBytes = 0;

  constructor(state: TreeState) {
    this.#state = state;
    this.#store = state.store;
  }

  get complete(): boolean {
    return this.#section === 'over';
  }

  push(chunk: Uint8Array): number {
    const bytes = asBuffer(chunk);
    let start = this.#carry === null ? 0 : this.#finishCarried(this.#carry, bytes);
    if (this.#carry !== null) return chunk.length;
    this.#reader.reset(bytes, start);
    while (!this.complete && this.#readRecord()) start = this.#reader.offset;
    if (this.complete) return start;
    this.#carry = start === bytes.length ? null : Buffer.from(bytes.subarray(start));
    return chunk.length;
  }

  /** Joins no more of the chunk than the carried record needs. Returns where the next one begins. */
  #finishCarried(carry: Buffer, chunk: Buffer): number {
    for (let taken = Math.min(joinedBytesMin, chunk.length); ;) {
      const joined = Buffer.concat([carry, chunk.subarray(0, taken)]);
      this.#reader.reset(joined);
      if (this.#readRecord()) {
        this.#carry = null;
        return this.#reader.offset - carry.length;
      }
      if (taken === chunk.length) {
        this.#carry = joined;
        return taken;
      }
      taken = Math.min(taken * 4, chunk.length);
    }
  }

  /** False: its end has not come yet. */
  #readRecord(): boolean {
    const reader = this.#reader;
    const section = this.#section;
    if (section === 'nodes') return this.#readNode();
    if (section === 'sessionCount') return this.#readCount('sessions', 'aclCount');
    if (section === 'aclCount') return this.#readCount('acls', 'nodes');
    if (section === 'over') return false;
    if (section === 'acls') {
      if (!this.#readAcl()) return false;
      if ((this.#remainingCount -= 1) === 0) this.#section = 'nodes';
      return true;
    }
    if (reader.remaining < 12) return false;
    const id = reader.bigint64() as SessionId;
    this.#state.sessions.set(id, reader.int32());
    if ((this.#remainingCount -= 1) === 0) this.#section = 'aclCount';
    return true;
  }

  #readCount(section: Section, sectionIfNone: Section): boolean {
    if (this.#reader.remaining < 4) return false;
    const count = this.#reader.int32();
    // The reference writes -1 for no lists at all.
    if (count < -1) throw new JuteError(`${count} ${section} in a snapshot`);
    this.#remainingCount = count;
    this.#section = count > 0 ? section : sectionIfNone;
    return true;
  }

  #readAcl(): boolean {
    const reader = this.#reader;
    if (reader.remaining < 12) return false;
    const id = reader.int64();
    const count = reader.int32();
    if (count < -1) throw new JuteError(`an access list of ${count} entries`);
    const acl: Acl[] = [];
    for (let index = 0; index < count; index += 1) {
      if (reader.remaining < 8) return false;
      const perms = reader.int32();
      const scheme = this.#readString();
      const name = scheme === null ? null : this.#readString();
      if (scheme === null || name === null) return false;
      acl.push({ perms, id: { scheme, id: name } });
    }
    const kept = this.#state.acls.put(id, acl);
    if (kept !== id) this.#renumbered.set(id, kept);
    return true;
  }

  /** Null: its end has not come yet. */
  #readString(): string | null {
    const reader = this.#reader;
    if (reader.remaining < 4) return null;
    const length = reader.int32();
    this.#checkLength(length, 0);
    if (reader.remaining < length) return null;
    reader.offset += length;
    return reader.buffer.toString('utf8', reader.offset - length, reader.offset);
  }

  #readNode(): boolean {
    const reader = this.#reader;
    if (reader.remaining < 5) return false;
    const pathBytes = reader.int32();
    this.#checkLength(pathBytes, 0);
    const pathAt = reader.offset;
    if (pathBytes === 1 && reader.buffer[pathAt] === slashByte) {
      reader.offset += 1;
      this.#section = 'over';
      return true;
    }
    if (reader.remaining < pathBytes + 4) return false;
    reader.offset += pathBytes;
    const dataBytes = reader.int32();
    this.#checkLength(dataBytes, -1);
    if (reader.remaining < Math.max(dataBytes, 0) + tailBytes) return false;
    const at = reader.offset;
    reader.offset += Math.max(dataBytes, 0);
    const acl = this.#aclOf(reader.int64());
    const node = this.#place(reader.buffer, pathAt, pathBytes, at, dataBytes, acl);
    this.#readStat(node);
    return true;
  }

  /** The node with this path, new or, should a snapshot name it twice, the one of before. */
  #place(
    buffer: Buffer,
    pathAt: number,
    pathBytes: number,
    dataAt: number,
    dataBytes: number,
    acl: number,
  ): NodeRef {
    const { path } = this.#state;
    path.copy(buffer, pathAt, pathBytes);
    let node: NodeRef = 0;
    if (pathBytes > 0) {
      const slash = path.lastSlash();
      const parent = this.#findParent(slash);
      if (parent === nodeNone) {
        throw new JuteError(`a snapshot has ${path.text()} before its parent`);
      }
      node = this.#store.child(parent, path.buffer, slash + 1, pathBytes);
      if (node === nodeNone) {
        const data = dataBytes < 0 ? null : buffer;
        const end = dataAt + dataBytes;
        return this.#state.addNode(parent, slash + 1, data, acl, 0, 0, 'last', dataAt, end);
      }
    }
    this.#state.digestOut(node);
    const data = dataBytes < 0 ? null : buffer.subarray(dataAt, dataAt + dataBytes);
    this.#state.setData(node, data);
    this.#state.acls.release(this.#store.int(node, word.acl));
    this.#store.setInt(node, word.acl, acl);
    return node;
  }

  /** By the part of the path before its last slash: mostly the same as for the node before. */
  #findParent(slash: number): NodeRef {
    const { path } = this.#state;
    if (slash < 0 || slash === 1) return nodeNone;
    if (slash === this.#parentBytes && startsWith(path.buffer, this.#parentPath, slash)) {
      return this.#parent;
    }
    const parent = this.#store.find(path.buffer, 0, slash);
    if (slash > this.#parentPath.length) this.#parentPath = Buffer.allocUnsafeSlow(slash * 2);
    path.buffer.copy(this.#parentPath, 0, 0, slash);
    this.#parentBytes = slash;
    this.#parent = parent;
    return parent;
  }

  #aclOf(id: number): number {
    if (id === aclNone) return aclNone;
    const kept = this.#renumbered.get(id) ?? id;
    if (!this.#state.acls.has(kept)) return aclMissing;
    this.#state.acls.addUse(kept);
    return kept;
  }

  #readStat(node: NodeRef): void {
    const reader = this.#reader;
    const store = this.#store;
    const words = store.words(node);
    const at = store.at(node);
    for (let index = word.czxid; index < word.aversion; index += 1) {
      words[at + index] = reader.int32();
    }
    const creates = reader.int32();
    words[at + word.aversion] = reader.int32();
    const ownerHigh = reader.int32();
    const ownerLow = reader.int32();
    const pzxidHigh = reader.int32();
    const pzxidLow = reader.int32();
    for (let index = word.czxid; index < word.version; index += 2) {
      this.#checkHigh(node, words[at + index]!);
    }
    this.#checkHigh(node, pzxidHigh);
    const isPlain =
      creates === 0 &&
      ownerHigh === 0 &&
      ownerLow === 0 &&
      pzxidHigh === words[at + word.czxid] &&
      pzxidLow === words[at + word.czxid + 1];
    if (!isPlain || store.hasExtra(node)) {
      store.setMore(node, extra.creates, creates);
      store.setPzxid(node, pzxidHigh, pzxidLow);
      this.#state.setOwner(node, ownerHigh, ownerLow);
    }
    this.#state.digestIn(node);
  }

  #checkHigh(node: NodeRef, high: number): void {
    if (high <= highMax && high >= -highMax) return;
    throw new JuteError(`${this.#state.pathOf(node)}: a number of its stat is beyond 2^53`);
  }

  #checkLength(length: number, min: number): void {
    const max = this.#state.fieldBytesMax;
    if (length < min || length > max) {
      throw new JuteError(`a snapshot has a field of ${length} bytes, outside ${min}..${max}`);
    }
  }
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at += 1) if (bytes[at] !== prefix[at]) return false;
  return true;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
