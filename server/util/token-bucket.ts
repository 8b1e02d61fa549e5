export interface TokenBucketOptions {
  /** Tokens of a full bucket; it begins full. */
  readonly countMax: number;
  /** Every so many ms … */
  readonly fillMs: number;
  /** … so many tokens come back. */
  readonly fillCount: number;
}

/** What may happen so often: each time takes a token, and they come back at a steady pace. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  #count: number;
  #filledMs: number;

  constructor(options: TokenBucketOptions, nowMs: number) {
    this.#options = options;
    this.#count = options.countMax;
    this.#filledMs = nowMs;
  }

  /** False: none is left. `nowMs` never goes back. */
  take(nowMs: number): boolean {
    const { countMax, fillMs, fillCount } = this.#options;
    const fills = Math.floor((nowMs - this.#filledMs) / fillMs);
    if (fills > 0) {
      this.#filledMs += fills * fillMs;
      this.#count = Math.min(countMax, this.#count + fills * fillCount);
    }
    if (this.#count < 1) return false;
    this.#count -= 1;
    return true;
  }
}
