/** Buckets of one chunk of the directory. */
const chunkBits = 16;
const chunkMask = (1 << chunkBits) - 1;
const bucketsAtStart = 16;

/**
 * Heads of hash chains, grown one bucket at a time (linear hashing): no moment at which a million
 * entries move, no copy of the whole. Stores values >= 0; who keeps the entries keeps the chains.
 */
export class BucketTable {
  /** Value + 1, so that fresh memory is empty. */
  #chunks: Int32Array[] = [new Int32Array(1 << chunkBits)];
  #count = bucketsAtStart;
  /** Buckets of the present round: the largest power of two up to the count. */
  #round = bucketsAtStart;

  get count(): number {
    return this.#count;
  }

  bucketOf(hash: number): number {
    const bucket = hash & (this.#round * 2 - 1);
    return bucket < this.#count ? bucket : bucket & (this.#round - 1);
  }

  /** First entry's value; -1 for none. */
  head(bucket: number): number {
    return this.#chunks[bucket >>> chunkBits]![bucket & chunkMask]! - 1;
  }

  setHead(bucket: number, value: number): void {
    this.#chunks[bucket >>> chunkBits]![bucket & chunkMask] = value + 1;
  }

  /** Adds a bucket; entries of the returned one now belong to it or to the new last one. */
  grow(): number {
    const split = this.#count - this.#round;
    if (this.#count >>> chunkBits === this.#chunks.length) {
      this.#chunks.push(new Int32Array(1 << chunkBits));
    }
    this.#count += 1;
    if (this.#count === this.#round * 2) this.#round *= 2;
    return split;
  }
}
