import type { ZooKeeper } from '../index.ts';
import { checkCount, gather, readyName } from './gathering.ts';
import { childOf, readLine, removeIfThere } from './places.ts';
import { SharedWatches } from './shared-watches.ts';
import { Limit, retried, waitFor } from './waiting.ts';
import type { WaitOptions } from './waiting.ts';

/**
 * A queue that is of use only when all its members are there: each joins and waits, and with the
 * last one all are let through, in possession of the same list. A path serves one gathering,
 * until {@link clear}.
 *
 * Suspended: waiting goes on. Expired: waiting ends with SESSION_EXPIRED, and one more has to
 * come. Who goes after all have come is in the list all the same. A lost reply to the create: the
 * place is found again, nobody counts twice.
 */
export class SynchronizingQueue {
  readonly path: string;
  readonly count: number;
  readonly #zk: ZooKeeper;

  /** @throws ZkError BAD_ARGUMENTS when nobody is to come. */
  constructor(zk: ZooKeeper, path: string, count: number) {
    checkCount(count, path);
    this.#zk = zk;
    this.path = path;
    this.count = count;
  }

  /**
   * Resolves with the ids of all, in the order of coming, when all have come. Who is late, and not
   * in the list, gets it at once.
   *
   * @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED; the signal's reason.
   */
  async join(id: string, options: WaitOptions = {}): Promise<readonly string[]> {
    using limit = new Limit(options, this.path);
    const who = { id, count: this.count };
    return (await gather(this.#zk, this.path, who, limit.signal)).ids;
  }

  /** How many are there. */
  async size(): Promise<number> {
    return (await readLine(this.#zk, this.path)).length;
  }

  /** Resolves when all have come, for somebody who is not one of them. @throws as {@link join} */
  async whenComplete(options: WaitOptions = {}): Promise<void> {
    using limit = new Limit(options, this.path);
    const { signal } = limit;
    const watches = SharedWatches.of(this.#zk);
    const ready = childOf(this.path, readyName);
    for (;;) {
      const { value, changed } = await retried(this.#zk, signal, () => watches.exists(ready));
      if (value !== null) return;
      await waitFor(this.#zk, changed, signal);
    }
  }

  /** Makes it empty, for another gathering; only when nobody waits any more. */
  async clear(): Promise<void> {
    for (const { path } of await readLine(this.#zk, this.path)) await removeIfThere(this.#zk, path);
    await removeIfThere(this.#zk, childOf(this.path, readyName));
  }
}
