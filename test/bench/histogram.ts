/** Latencies in microseconds up to 600 s, in steps of 2 %. */
export class Histogram {
  readonly #counts = new Uint32Array(1024);
  #total = 0;

  get count(): number {
    return this.#total;
  }

  add(ms: number): void {
    const us = Math.max(1, ms * 1000);
    const index = Math.min(1023, Math.floor(Math.log(us) / Math.log(1.02)));
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
  }

  /** ms */
  quantile(share: number): number {
    let left = this.#total * share;
    for (let index = 0; index < this.#counts.length; index += 1) {
      left -= this.#counts[index] ?? 0;
      if (left <= 0) return 1.02 ** (index + 1) / 1000;
    }
    return 0;
  }
}
