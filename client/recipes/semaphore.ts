import { ZkError } from '../index.ts';
import type { ZooKeeper } from '../index.ts';
import { enterLine } from './line.ts';
import { Lock } from './lock.ts';
import type { LockOptions } from './lock.ts';
import { makeDirectory, placesOf, readLine } from './places.ts';
import { SharedWatches } from './shared-watches.ts';
import type { Watched } from './shared-watches.ts';
import { Tenure } from './tenure.ts';
import { hasCode, Limit, retried, waitFor } from './waiting.ts';
import type { WaitOptions } from './waiting.ts';

/**
 * A lock that as many hold together as there are leases, in the order of asking. Every client has
 * to name the same number; with different ones the smallest waits longest.
 *
 * Those who ask stand in a line; only the first of it watches the leases, so that a lease that
 * comes back wakes one client.
 *
 * Suspended, lost, expired and a lost reply: as with {@link Lock}; a lease comes back when its
 * holder's session ends.
 */
export class Semaphore {
  readonly path: string;
  readonly leases: number;
  readonly #zk: ZooKeeper;
  readonly #line: Lock;
  readonly #options: LockOptions;

  /** @throws ZkError BAD_ARGUMENTS when there is not at least one lease. */
  constructor(zk: ZooKeeper, path: string, leases: number, options: LockOptions = {}) {
    if (!Number.isInteger(leases) || leases < 1) {
      throw new ZkError('BAD_ARGUMENTS', path, `${leases} leases are too few`);
    }
    this.#zk = zk;
    this.path = path;
    this.leases = leases;
    this.#options = options;
    this.#line = new Lock(zk, `${path}/line`, options);
  }

  /** @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED, NO_NODE; the signal's reason. */
  async acquire(options: WaitOptions = {}): Promise<Tenure> {
    using limit = new Limit(options, this.path);
    await using turn = await this.#line.acquire({ signal: limit.signal });
    // Without the turn nobody may count: another one could, at the same time.
    const signal = AbortSignal.any([limit.signal, turn.lost]);
    await this.#untilOneIsFree(signal);
    return this.#take(signal);
  }

  /** `null`: all leases are taken, or somebody waits for one. */
  async tryAcquire(): Promise<Tenure | null> {
    await using turn = await this.#line.tryAcquire();
    if (turn === null) return null;
    const taken = await readLine(this.#zk, this.#directory, turn.lost);
    return taken.length < this.leases ? await this.#take(turn.lost) : null;
  }

  /** Leases that are taken now. */
  async taken(): Promise<number> {
    return (await readLine(this.#zk, this.#directory)).length;
  }

  get #directory(): string {
    return `${this.path}/leases`;
  }

  async #take(signal: AbortSignal): Promise<Tenure> {
    const { data = null, acl } = this.#options;
    const open = acl === undefined ? {} : { acl };
    const lease = { directory: this.#directory, kind: 'lease', data, ...open };
    return new Tenure(this.#zk, await enterLine(this.#zk, lease, signal));
  }

  async #untilOneIsFree(signal: AbortSignal): Promise<void> {
    const watches = SharedWatches.of(this.#zk);
    for (;;) {
      let watched: Watched<string[]>;
      try {
        watched = await retried(this.#zk, signal, () => watches.children(this.#directory));
      } catch (error) {
        if (!hasCode(error, 'NO_NODE')) throw error;
        await makeDirectory(this.#zk, this.#directory);
        continue;
      }
      if (placesOf(this.#directory, watched.value).length < this.leases) return;
      await waitFor(this.#zk, watched.changed, signal);
    }
  }
}
