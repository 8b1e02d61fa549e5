import { assert } from '../util/assert.ts';
import type { NodeRef } from './door.ts';
import { nodeNone } from './door.ts';

/** A bucket is one line of cache: seven hashes, their seven nodes, and where it goes on. */
const slots = 7;
const nodeAt = 7;
const overflowAt = 14;
const bucketWords = 16;
const chunkBits = 10;
const chunkMask = (1 << chunkBits) - 1;
const bucketsAtStart = 16;
/** Entries for each bucket, on average, before another one is added. */
const fillMax = 5;

/** Tells whether a node whose hash is right is the one. */
export interface Named {
  isNamed(node: NodeRef, parent: NodeRef, name: Uint8Array, start: number, end: number): boolean;
}

/**
 * Finds nodes by the hash of parent and name. Grown one bucket at a time (linear hashing): there is
 * no moment at which a million entries move. Hashes lie beside each other, so that neither a miss
 * nor growing touches a node.
 */
export class NameIndex {
  readonly #named: Named;
  readonly #buckets = new Buckets();
  readonly #overflows = new Buckets();
  /** First overflow bucket that is free; 0: none. */
  #freeOverflow = 0;
  #overflowCount = 1;
  #bucketCount = bucketsAtStart;
  /** Buckets of the present round: the largest power of two up to the count. */
  #round = bucketsAtStart;
  count = 0;

  constructor(named: Named) {
    this.#named = named;
  }

  find(hash: number, parent: NodeRef, name: Uint8Array, start: number, end: number): NodeRef {
    const bucket = this.#bucketOf(hash);
    let words = this.#buckets.chunkOf(bucket);
    let at = (bucket & chunkMask) * bucketWords;
    for (;;) {
      for (let slot = at; slot < at + slots; slot += 1) {
        if (words[slot] !== hash) continue;
        const node = words[slot + nodeAt]! - 1;
        if (node >= 0 && this.#named.isNamed(node, parent, name, start, end)) return node;
      }
      const overflow = words[at + overflowAt]!;
      if (overflow === 0) return nodeNone;
      words = this.#overflows.chunkOf(overflow);
      at = (overflow & chunkMask) * bucketWords;
    }
  }

  add(hash: number, node: NodeRef): void {
    this.#put(hash, node);
    this.count += 1;
    if (this.count > this.#bucketCount * fillMax) this.#grow();
  }

  remove(hash: number, node: NodeRef): void {
    const bucket = this.#bucketOf(hash);
    let words = this.#buckets.chunkOf(bucket);
    let at = (bucket & chunkMask) * bucketWords;
    for (;;) {
      for (let slot = at; slot < at + slots; slot += 1) {
        if (words[slot + nodeAt] !== node + 1) continue;
        words[slot] = 0;
        words[slot + nodeAt] = 0;
        this.count -= 1;
        return;
      }
      const overflow = words[at + overflowAt]!;
      assert(overflow !== 0, 'every node is in the index');
      words = this.#overflows.chunkOf(overflow);
      at = (overflow & chunkMask) * bucketWords;
    }
  }

  get reservedBytes(): number {
    return this.#buckets.reservedBytes + this.#overflows.reservedBytes;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (this.#round * 2 - 1);
    return bucket < this.#bucketCount ? bucket : bucket & (this.#round - 1);
  }

  #put(hash: number, node: NodeRef): void {
    const bucket = this.#bucketOf(hash);
    const first = this.#buckets.chunkOf(bucket);
    const firstAt = (bucket & chunkMask) * bucketWords;
    let words = first;
    let at = firstAt;
    for (;;) {
      for (let slot = at; slot < at + slots; slot += 1) {
        if (words[slot + nodeAt] !== 0) continue;
        words[slot] = hash;
        words[slot + nodeAt] = node + 1;
        return;
      }
      let overflow = words[at + overflowAt]!;
      if (overflow === 0) {
        overflow = this.#allocateOverflow();
        this.#overflows.chunkOf(overflow)[(overflow & chunkMask) * bucketWords + overflowAt] =
          first[firstAt + overflowAt]!;
        first[firstAt + overflowAt] = overflow;
      }
      words = this.#overflows.chunkOf(overflow);
      at = (overflow & chunkMask) * bucketWords;
    }
  }

  /** Adds a bucket and deals the entries of the one that it splits. */
  #grow(): void {
    const split = this.#bucketCount - this.#round;
    this.#bucketCount += 1;
    if (this.#bucketCount === this.#round * 2) this.#round *= 2;
    this.#buckets.reserve(this.#bucketCount);
    const words = this.#buckets.chunkOf(split);
    const at = (split & chunkMask) * bucketWords;
    let overflow = words[at + overflowAt]!;
    words[at + overflowAt] = 0;
    this.#deal(words, at);
    while (overflow !== 0) {
      const more = this.#overflows.chunkOf(overflow);
      const moreAt = (overflow & chunkMask) * bucketWords;
      const next = more[moreAt + overflowAt]!;
      this.#deal(more, moreAt);
      more[moreAt + overflowAt] = this.#freeOverflow;
      this.#freeOverflow = overflow;
      overflow = next;
    }
  }

  /** Takes the entries out and puts each where it belongs now. */
  #deal(words: Int32Array, at: number): void {
    for (let slot = at; slot < at + slots; slot += 1) {
      const node = words[slot + nodeAt]!;
      if (node === 0) continue;
      const hash = words[slot]!;
      words[slot] = 0;
      words[slot + nodeAt] = 0;
      this.#put(hash, node - 1);
    }
  }

  #allocateOverflow(): number {
    const recycled = this.#freeOverflow;
    if (recycled !== 0) {
      const words = this.#overflows.chunkOf(recycled);
      this.#freeOverflow = words[(recycled & chunkMask) * bucketWords + overflowAt]!;
      return recycled;
    }
    this.#overflowCount += 1;
    this.#overflows.reserve(this.#overflowCount);
    return this.#overflowCount - 1;
  }
}

/** Bytes from the start of an allocation to the next line of cache, as allocators place it. */
const lineOffsetWords = 12;

/** Buckets in chunks outside the heap. */
class Buckets {
  readonly #chunks: Int32Array[] = [newChunk()];

  chunkOf(bucket: number): Int32Array {
    return this.#chunks[bucket >>> chunkBits]!;
  }

  reserve(count: number): void {
    if ((count - 1) >>> chunkBits >= this.#chunks.length) this.#chunks.push(newChunk());
  }

  get reservedBytes(): number {
    return this.#chunks.length * (1 << chunkBits) * bucketWords * 4;
  }
}

function newChunk(): Int32Array {
  const words = (1 << chunkBits) * bucketWords;
  return new Int32Array(words + lineOffsetWords).subarray(lineOffsetWords);
}
