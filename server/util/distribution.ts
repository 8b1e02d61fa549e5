/** Whole values below this have a bucket of their own. */
const exactMax = 64;
/** Above: buckets to each doubling. */
const bucketsPerDoubling = 16;
const exponentMax = 30;
const bucketsCount = exactMax + (exponentMax - 5) * bucketsPerDoubling;

/** Quantiles are of what came in the last one to two of these, ms, if they are asked for that often. */
export const windowMs = 60_000;

/**
 * How values of one kind are distributed: count, sum and extremes since the beginning, quantiles
 * of the recent past. Exact to the whole below 64, to a sixteenth above.
 */
export class Distribution {
  count = 0;
  sum = 0;
  max = 0;
  #min = Infinity;
  #now = new Uint32Array(bucketsCount);
  #before = new Uint32Array(bucketsCount);
  #sinceMs = -Infinity;

  add(value: number): void {
    this.count += 1;
    this.sum += value;
    if (value > this.max) this.max = value;
    if (value < this.#min) this.#min = value;
    const bucket = bucketOf(value);
    this.#now[bucket] = (this.#now[bucket] ?? 0) + 1;
  }

  /** 0 before the first value. */
  get min(): number {
    return this.count === 0 ? 0 : this.#min;
  }

  /** Values at these parts of the recent ones, each in [0, 1]; NaN when there are none. */
  quantiles(parts: readonly number[], nowMs: number): number[] {
    if (nowMs - this.#sinceMs >= windowMs) {
      this.#sinceMs = nowMs;
      [this.#now, this.#before] = [this.#before.fill(0), this.#now];
    }
    let total = 0;
    for (let bucket = 0; bucket < bucketsCount; bucket += 1) total += this.#countIn(bucket);
    return parts.map((part) => this.#valueAt(Math.max(1, Math.ceil(part * total)), total));
  }

  reset(): void {
    this.count = 0;
    this.sum = 0;
    this.max = 0;
    this.#min = Infinity;
    this.#now.fill(0);
    this.#before.fill(0);
  }

  #valueAt(rank: number, total: number): number {
    if (total === 0) return NaN;
    let passed = 0;
    for (let bucket = 0; bucket < bucketsCount; bucket += 1) {
      passed += this.#countIn(bucket);
      if (passed >= rank) return lowestOf(bucket);
    }
    return NaN;
  }

  #countIn(bucket: number): number {
    return (this.#now[bucket] ?? 0) + (this.#before[bucket] ?? 0);
  }
}

function bucketOf(value: number): number {
  const whole = Math.max(0, Math.round(value));
  if (whole < exactMax) return whole;
  const exponent = Math.min(exponentMax, Math.floor(Math.log2(whole)));
  const part = Math.floor((whole / 2 ** exponent - 1) * bucketsPerDoubling);
  return exactMax + (exponent - 6) * bucketsPerDoubling + Math.min(part, bucketsPerDoubling - 1);
}

function lowestOf(bucket: number): number {
  if (bucket < exactMax) return bucket;
  const exponent = 6 + Math.floor((bucket - exactMax) / bucketsPerDoubling);
  const part = (bucket - exactMax) % bucketsPerDoubling;
  return 2 ** exponent * (1 + part / bucketsPerDoubling);
}
