const bucketMs = 0.01;
const bucketCount = 200_000;

/** Times in buckets of 10 µs up to 2 s; longer ones count as 2 s, the longest is kept. */
export class Latencies {
  readonly #buckets: Uint32Array = new Uint32Array(bucketCount);
  #count = 0;
  #maxMs = 0;

  add(ms: number): void {
    const bucket = Math.min(Math.floor(ms / bucketMs), bucketCount - 1);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count += 1;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.#count = 0;
    this.#maxMs = 0;
  }

  /** Upper end of the bucket below which this share (0..1) of all times lies; 0 without any. */
  quantileMs(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      left -= this.#buckets[bucket] ?? 0;
      if (left <= 0) return this.#count === 0 ? 0 : round((bucket + 1) * bucketMs);
    }
    return bucketCount * bucketMs;
  }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
