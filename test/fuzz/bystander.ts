import assert from 'node:assert/strict';
import { ZooKeeper } from '../../client/index.ts';

/** A client that writes and reads what it wrote, and whom nothing may disturb. */
export class Bystander {
  /** Each write with its read, ms. */
  readonly tookMs: number[] = [];
  readonly #zk: ZooKeeper;
  readonly #lost: string[] = [];
  readonly #path: string;
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();

  private constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.#path = path;
    zk.onState((state, reason) => this.#lost.push(`${state}: ${reason}`));
  }

  static async start(address: string, path: string): Promise<Bystander> {
    const zk = await ZooKeeper.connect(address, { sessionTimeoutMs: 10_000 });
    await zk.create(path);
    const bystander = new Bystander(zk, path);
    bystander.#done = bystander.#run();
    // Looked at when it is stopped.
    bystander.#done.catch(() => undefined);
    return bystander;
  }

  /** Nothing was lost and nobody waited longer; figures in ms. @throws AssertionError */
  async stop(longestMs: number): Promise<{ readonly p99Ms: number; readonly maxMs: number }> {
    this.#isStopped = true;
    try {
      await this.#done;
      assert.deepEqual(this.#lost, [], this.#path);
    } finally {
      await this.#zk.close();
    }
    const sorted = this.tookMs.toSorted((a, b) => a - b);
    assert(sorted.length > 0, `${this.#path} was served`);
    const maxMs = sorted.at(-1) ?? 0;
    assert(maxMs < longestMs, `${this.#path} waited ${maxMs} ms`);
    return { p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0, maxMs };
  }

  async #run(): Promise<void> {
    for (let count = 1; !this.#isStopped; count += 1) {
      const sinceMs = performance.now();
      await this.#zk.set(this.#path, String(count));
      const { data } = await this.#zk.get(this.#path);
      assert.equal(String(data), String(count));
      this.tookMs.push(performance.now() - sinceMs);
    }
  }
}
