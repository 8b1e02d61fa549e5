import { nodeNone, type NodeRef } from './door.ts';
import { extra, extraWords, recordWords, word } from './node-record.ts';

const chunkBits = 14;
const chunkMask = (1 << chunkBits) - 1;
const extraChunkBits = 12;
const extraChunkMask = (1 << extraChunkBits) - 1;
const span = 2 ** 32;

/**
 * The numbers of all nodes, in chunks of words outside the heap. 64-bit numbers are doubles
 * on the way in and out. Nothing here knows of names or links.
 */
export class NodeRecords {
  #chunks: Int32Array[] = [];
  #extras: Int32Array[] = [];
  /** Chunks of before the last clearing, used again first. */
  #spares: Int32Array[] = [];
  #free: NodeRef = nodeNone;
  #usedCount = 0;
  #extraFree = 0;
  #extraUsedCount = 0;

  /** The chunk that a node lies in; with {@link at}, its words. */
  words(node: NodeRef): Int32Array {
    return this.#chunks[node >>> chunkBits]!;
  }

  at(node: NodeRef): number {
    return (node & chunkMask) * recordWords;
  }

  int(node: NodeRef, index: number): number {
    return this.#chunks[node >>> chunkBits]![(node & chunkMask) * recordWords + index]!;
  }

  setInt(node: NodeRef, index: number, value: number): void {
    this.#chunks[node >>> chunkBits]![(node & chunkMask) * recordWords + index] = value;
  }

  /** A 64-bit number that fits a double. */
  long(node: NodeRef, index: number): number {
    const words = this.#chunks[node >>> chunkBits]!;
    const at = (node & chunkMask) * recordWords + index;
    return words[at]! * span + (words[at + 1]! >>> 0);
  }

  setLong(node: NodeRef, index: number, value: number): void {
    const words = this.#chunks[node >>> chunkBits]!;
    const at = (node & chunkMask) * recordWords + index;
    words[at] = Math.floor(value / span);
    words[at + 1] = value;
  }

  /** One of {@link extra}, except pzxid: a node without extra reads as 0, and has no first child. */
  more(node: NodeRef, index: number): number {
    const number = this.int(node, word.extra);
    return this.#extras[number >>> extraChunkBits]![
      (number & extraChunkMask) * extraWords + index
    ]!;
  }

  setMore(node: NodeRef, index: number, value: number): void {
    const number = this.int(node, word.extra);
    const at = number === 0 ? this.#addExtra(node) : number;
    this.#extras[at >>> extraChunkBits]![(at & extraChunkMask) * extraWords + index] = value;
  }

  pzxid(node: NodeRef): number {
    if (this.int(node, word.extra) === 0) return this.long(node, word.czxid);
    return this.more(node, extra.pzxid) * span + (this.more(node, extra.pzxid + 1) >>> 0);
  }

  setPzxid(node: NodeRef, high: number, low: number): void {
    this.setMore(node, extra.pzxid, high);
    this.setMore(node, extra.pzxid + 1, low);
  }

  firstChild(node: NodeRef): NodeRef {
    return this.more(node, extra.firstChild);
  }

  /** Whether pzxid has words of its own. */
  hasExtra(node: NodeRef): boolean {
    return this.int(node, word.extra) !== 0;
  }

  protected clearRecords(): void {
    this.#free = nodeNone;
    this.#usedCount = 0;
    this.#spares.push(...this.#chunks);
    this.#chunks = [];
    this.#extras = [];
    this.#extraFree = 0;
    this.#extraUsedCount = 0;
    // Number 0 stands for all nodes without.
    this.#allocateExtra();
  }

  protected releaseSpareRecords(): void {
    this.#spares = [];
  }

  protected allocateRecord(): NodeRef {
    let node = this.#free;
    if (node === nodeNone) {
      node = this.#usedCount;
      this.#usedCount += 1;
      if (node >>> chunkBits === this.#chunks.length) {
        const spare = this.#spares.pop();
        this.#chunks.push(spare?.fill(0) ?? new Int32Array((1 << chunkBits) * recordWords));
      }
    } else {
      this.#free = this.int(node, word.next);
    }
    const words = this.words(node);
    const at = this.at(node);
    words[at + word.next] = nodeNone;
    words[at + word.previous] = node;
    words[at + word.parent] = nodeNone;
    return node;
  }

  protected freeRecord(node: NodeRef): void {
    const number = this.int(node, word.extra);
    if (number !== 0) {
      this.setMore(node, extra.firstChild, this.#extraFree);
      this.#extraFree = number;
    }
    const words = this.words(node);
    const at = this.at(node);
    words.fill(0, at, at + recordWords);
    words[at + word.next] = this.#free;
    words[at + word.parent] = nodeNone;
    this.#free = node;
  }

  get recordBytes(): number {
    const chunkBytes = (1 << chunkBits) * recordWords * 4;
    const extraChunkBytes = (1 << extraChunkBits) * extraWords * 4;
    return (
      (this.#chunks.length + this.#spares.length) * chunkBytes +
      this.#extras.length * extraChunkBytes
    );
  }

  #addExtra(node: NodeRef): number {
    const number = this.#allocateExtra();
    const words = this.#extras[number >>> extraChunkBits]!;
    const at = (number & extraChunkMask) * extraWords;
    words[at + extra.pzxid] = this.int(node, word.czxid);
    words[at + extra.pzxid + 1] = this.int(node, word.czxid + 1);
    this.setInt(node, word.extra, number);
    return number;
  }

  #allocateExtra(): number {
    const recycled = this.#extraFree;
    let number = recycled;
    if (recycled === 0) {
      number = this.#extraUsedCount;
      this.#extraUsedCount += 1;
      if (number >>> extraChunkBits === this.#extras.length) {
        this.#extras.push(new Int32Array((1 << extraChunkBits) * extraWords));
      }
    }
    const words = this.#extras[number >>> extraChunkBits]!;
    const at = (number & extraChunkMask) * extraWords;
    if (recycled !== 0) this.#extraFree = words[at + extra.firstChild]!;
    words.fill(0, at, at + extraWords);
    words[at + extra.firstChild] = nodeNone;
    return number;
  }
}
