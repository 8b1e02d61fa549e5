import { assert } from '../util/assert.ts';
import { BlockStore } from './block-store.ts';
import { nodeNone, type NodeRef } from './door.ts';
import { NameIndex, type Named } from './name-index.ts';
import { extra, flag, word } from './node-record.ts';
import { NodeRecords } from './node-records.ts';
import { slashByte } from './path-bytes.ts';

/** A place in a walk over the tree, parents before children, that deletions do not invalidate. */
export interface Cursor {
  /** The node to visit next. */
  node: NodeRef;
  /** The tree was emptied under it. */
  isLost: boolean;
}

/**
 * Nodes, names, data and the links between them; knows nothing of transactions. Everything is in
 * typed arrays and pages outside the heap: no object, string or buffer for a node.
 */
export class NodeStore extends NodeRecords implements Named {
  readonly #blocks = new BlockStore();
  #index = new NameIndex(this);
  readonly #hashSeed: number;
  readonly #cursors = new Set<Cursor>();
  count = 0;

  constructor(hashSeed: number) {
    super();
    this.#hashSeed = hashSeed;
    this.reset();
  }

  /** The root alone. Ends every walk. */
  reset(): void {
    this.clearRecords();
    this.#blocks.clear();
    this.#index = new NameIndex(this);
    this.count = 0;
    for (const cursor of this.#cursors) cursor.isLost = true;
    this.#cursors.clear();
    const root = this.allocateRecord();
    this.words(root)[this.at(root) + word.block] = this.#blocks.allocate(0);
    this.count = 1;
  }

  /** Gives back what a larger tree before the last {@link reset} had taken. */
  releaseSpares(): void {
    this.#blocks.releaseSpares();
    this.releaseSpareRecords();
  }

  /** By UTF-8 path; the empty one is the root. */
  find(path: Uint8Array, start: number, end: number): NodeRef {
    if (end - start < 2) return start === end || path[start] === slashByte ? 0 : nodeNone;
    if (path[start] !== slashByte) return nodeNone;
    let node: NodeRef = 0;
    let from = start + 1;
    for (;;) {
      let hash = this.#hashStart(node);
      let at = from;
      for (; at < end; at += 1) {
        const byte = path[at]!;
        if (byte === slashByte) break;
        hash = Math.imul(hash ^ byte, 0x01000193);
      }
      node = this.#index.find(hashEnd(hash), node, path, from, at);
      if (node === nodeNone || at === end) return node;
      from = at + 1;
    }
  }

  child(parent: NodeRef, name: Uint8Array, start: number, end: number): NodeRef {
    return this.#index.find(this.#hash(parent, name, start, end), parent, name, start, end);
  }

  /**
   * A new child: all numbers 0, linked as the first of its siblings, or the last. A walk that has
   * passed the parent never meets a first one.
   */
  add(
    parent: NodeRef,
    name: Uint8Array,
    start: number,
    end: number,
    data: Uint8Array | null,
    place: 'first' | 'last',
    dataStart: number = 0,
    dataEnd: number = data === null ? 0 : data.length,
  ): NodeRef {
    const nameBytes = end - start;
    assert(nameBytes <= flag.nameBytesMax, 'a name is at most 16 MiB');
    const dataBytes = data === null ? 0 : dataEnd - dataStart;
    const block = this.#blocks.allocate(nameBytes + dataBytes);
    const buffer = this.#blocks.buffer(block);
    const offset = this.#blocks.offset(block);
    copyBytes(name, start, end, buffer, offset);
    if (data !== null) copyBytes(data, dataStart, dataEnd, buffer, offset + nameBytes);
    const node = this.allocateRecord();
    const words = this.words(node);
    const at = this.at(node);
    words[at + word.parent] = parent;
    words[at + word.block] = block;
    words[at + word.name] = nameBytes;
    words[at + word.data] = data === null ? -1 : dataBytes;
    this.#link(parent, node, place);
    this.count += 1;
    this.#index.add(this.#hash(parent, name, start, end), node);
    return node;
  }

  /** A node without children, not the root. */
  remove(node: NodeRef): void {
    const words = this.words(node);
    const at = this.at(node);
    assert(node !== 0 && this.firstChild(node) === nodeNone, 'only a leaf is removed');
    for (const cursor of this.#cursors) {
      if (cursor.node === node) cursor.node = this.nextAfter(node);
    }
    const block = words[at + word.block]!;
    const name = this.#blocks.offset(block);
    const nameEnd = name + (words[at + word.name]! & flag.nameBytesMax);
    const hash = this.#hash(words[at + word.parent]!, this.#blocks.buffer(block), name, nameEnd);
    this.#index.remove(hash, node);
    this.#unlink(node, words, at);
    this.#blocks.free(block);
    this.freeRecord(node);
    this.count -= 1;
  }

  /** Copies. */
  setData(node: NodeRef, data: Uint8Array | null): void {
    const words = this.words(node);
    const at = this.at(node);
    const block = words[at + word.block]!;
    const nameBytes = words[at + word.name]! & flag.nameBytesMax;
    const dataBytes = data === null ? 0 : data.length;
    const before = nameBytes + Math.max(words[at + word.data]!, 0);
    const buffer = this.#blocks.buffer(block);
    const offset = this.#blocks.offset(block);
    if (!BlockStore.sameSize(before, nameBytes + dataBytes)) {
      const other = this.#blocks.allocate(nameBytes + dataBytes);
      const target = this.#blocks.buffer(other);
      const targetOffset = this.#blocks.offset(other);
      copyBytes(buffer, offset, offset + nameBytes, target, targetOffset);
      // The new data may lie in the old block.
      if (data !== null) copyBytes(data, 0, dataBytes, target, targetOffset + nameBytes);
      this.#blocks.free(block);
      words[at + word.block] = other;
    } else if (data !== null) {
      buffer.set(data, offset + nameBytes);
    }
    words[at + word.data] = data === null ? -1 : dataBytes;
  }

  isNamed(node: NodeRef, parent: NodeRef, name: Uint8Array, start: number, end: number): boolean {
    const words = this.words(node);
    const at = this.at(node);
    if (words[at + word.parent] !== parent) return false;
    if ((words[at + word.name]! & flag.nameBytesMax) !== end - start) return false;
    const block = words[at + word.block]!;
    const buffer = this.#blocks.buffer(block);
    const offset = this.#blocks.offset(block) - start;
    for (let from = start; from < end; from += 1) {
      if (buffer[offset + from] !== name[from]) return false;
    }
    return true;
  }

  /** Where the node's name starts in {@link blockBuffer}; its data follows. */
  blockOffset(node: NodeRef): number {
    return this.#blocks.offset(this.int(node, word.block));
  }

  blockBuffer(node: NodeRef): Buffer {
    return this.#blocks.buffer(this.int(node, word.block));
  }

  /** Length of the node's path; the root's is 0. */
  pathBytes(node: NodeRef): number {
    let bytes = 0;
    for (let at = node; at !== 0; at = this.int(at, word.parent)) {
      bytes += 1 + (this.int(at, word.name) & flag.nameBytesMax);
    }
    return bytes;
  }

  /** Writes the path so that it ends before `end`. */
  writePath(node: NodeRef, target: Buffer, end: number): void {
    let to = end;
    for (let at = node; at !== 0; at = this.int(at, word.parent)) {
      const bytes = this.int(at, word.name) & flag.nameBytesMax;
      const start = this.blockOffset(at);
      to -= bytes;
      copyBytes(this.blockBuffer(at), start, start + bytes, target, to);
      to -= 1;
      target[to] = slashByte;
    }
  }

  /** The next in a walk, parents before children. */
  nextOf(node: NodeRef): NodeRef {
    const child = this.firstChild(node);
    return child === nodeNone ? this.nextAfter(node) : child;
  }

  /** The next in the walk that is not below the node. */
  nextAfter(node: NodeRef): NodeRef {
    let at = node;
    while (at !== 0) {
      const next = this.int(at, word.next);
      if (next !== nodeNone) return next;
      at = this.int(at, word.parent);
    }
    return nodeNone;
  }

  /** A walk from the root on; {@link dropCursor} when it is over. */
  addCursor(): Cursor {
    const cursor: Cursor = { node: 0, isLost: false };
    this.#cursors.add(cursor);
    return cursor;
  }

  dropCursor(cursor: Cursor): void {
    this.#cursors.delete(cursor);
  }

  get reservedBytes(): number {
    return this.#blocks.reservedBytes + this.recordBytes + this.#index.reservedBytes;
  }

  #link(parent: NodeRef, node: NodeRef, place: 'first' | 'last'): void {
    this.setMore(parent, extra.numChildren, this.more(parent, extra.numChildren) + 1);
    const first = this.firstChild(parent);
    if (first === nodeNone) return this.setMore(parent, extra.firstChild, node);
    const last = this.int(first, word.previous);
    this.setInt(first, word.previous, node);
    this.setInt(node, word.previous, last);
    if (place === 'last') return this.setInt(last, word.next, node);
    this.setInt(node, word.next, first);
    this.setMore(parent, extra.firstChild, node);
  }

  #unlink(node: NodeRef, words: Int32Array, at: number): void {
    const parent = words[at + word.parent]!;
    const next = words[at + word.next]!;
    const previous = words[at + word.previous]!;
    this.setMore(parent, extra.numChildren, this.more(parent, extra.numChildren) - 1);
    const first = this.firstChild(parent);
    if (first === node) this.setMore(parent, extra.firstChild, next);
    else this.setInt(previous, word.next, next);
    const heir = next === nodeNone ? first : next;
    if (heir !== node) this.setInt(heir, word.previous, previous);
  }

  #hashStart(parent: NodeRef): number {
    return Math.imul(parent ^ this.#hashSeed, 0x9e3779b1);
  }

  #hash(parent: NodeRef, name: Uint8Array, start: number, end: number): number {
    let hash = this.#hashStart(parent);
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ name[at]!, 0x01000193);
    return hashEnd(hash);
  }
}

/** Spreads the bits of a hash, as murmur3 ends. */
function hashEnd(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

const copy = Buffer.prototype.copy;

/** A call into the runtime costs more than a short loop. */
export function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Buffer,
  offset: number,
): void {
  if (end - start > 64) {
    // Unlike `set` with a part of the source it makes no object.
    copy.call(source, target, offset, start, end);
    return;
  }
  for (let at = start, to = offset; at < end; at += 1, to += 1) target[to] = source[at]!;
}
