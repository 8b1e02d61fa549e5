import type { ZooKeeper } from '../index.ts';
import { makeDirectory, removeIfThere } from './places.ts';
import { SharedWatches } from './shared-watches.ts';
import { Limit, retried, waitFor } from './waiting.ts';
import type { WaitOptions } from './waiting.ts';

/**
 * Keeps everyone waiting while it is closed. It is a node that stays, whoever closed it: closing
 * is no one's in particular, and ends only by {@link lift}.
 *
 * Suspended: waiting goes on, and an opening in between is heard of after. Expired: waiting ends
 * with SESSION_EXPIRED; the barrier stays as it is. Lost replies: closing and lifting may be done
 * twice without harm.
 *
 * Source: the recipe "Barriers" of the ZooKeeper documentation.
 */
export class Barrier {
  readonly path: string;
  readonly #zk: ZooKeeper;

  constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.path = path;
  }

  /** Closed already is fine. */
  async close(): Promise<void> {
    await makeDirectory(this.#zk, this.path, false);
  }

  /** Lets everyone go on. Open already is fine. */
  async lift(): Promise<void> {
    await removeIfThere(this.#zk, this.path);
  }

  async isClosed(): Promise<boolean> {
    return (await retried(this.#zk, null, () => this.#zk.exists(this.path))) !== null;
  }

  /**
   * Resolves when it is open.
   *
   * @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED; the signal's reason.
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    using limit = new Limit(options, this.path);
    const { signal } = limit;
    const watches = SharedWatches.of(this.#zk);
    for (;;) {
      const { value, changed } = await retried(this.#zk, signal, () => watches.exists(this.path));
      if (value === null) return;
      await waitFor(this.#zk, changed, signal);
    }
  }
}
