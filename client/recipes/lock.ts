import type { Acl, NodeData, ZooKeeper } from '../index.ts';
import { standInLine, stepIn } from './line.ts';
import type { Entrance } from './line.ts';
import { getOrNull, readLine } from './places.ts';
import type { Tenure } from './tenure.ts';
import type { WaitOptions } from './waiting.ts';

export interface LockOptions {
  /** Stands in the node, for people who want to know who holds it. */
  readonly data?: NodeData;
  readonly acl?: readonly Acl[];
}

/**
 * A lock that one holds at a time, over all clients of the ensemble, in the order of asking.
 * Not reentrant: who asks twice waits for itself.
 *
 * ```
 * const lock = new Lock(zk, '/locks/a');
 * await using held = await lock.acquire({ timeoutMs: 5_000 });
 * while (!held.lost.aborted) await work(held.lost);
 * ```
 *
 * Suspended: a holder keeps it until no server was heard for a session timeout; those who wait
 * keep their places. Lost: see {@link Tenure.lost}; stop what the lock protects. Expired: holding
 * and waiting end, a new session asks anew. A lost reply to the create: the node is found again.
 *
 * Source: the recipe "Locks" of the ZooKeeper documentation.
 */
export class Lock {
  readonly path: string;
  readonly #zk: ZooKeeper;
  readonly #entrance: Entrance;

  constructor(zk: ZooKeeper, path: string, options: LockOptions = {}) {
    this.#zk = zk;
    this.path = path;
    this.#entrance = {
      directory: path,
      kind: 'lock',
      data: options.data ?? null,
      ...(options.acl === undefined ? {} : { acl: options.acl }),
      isBlockedBy: () => true,
    };
  }

  /** @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED, NO_NODE; the signal's reason. */
  acquire(options: WaitOptions = {}): Promise<Tenure> {
    return standInLine(this.#zk, this.#entrance, options);
  }

  /** `null`: somebody holds it or was there first. */
  tryAcquire(): Promise<Tenure | null> {
    return stepIn(this.#zk, this.#entrance);
  }

  /** Data of the holder and of all who wait, in order. */
  async contenders(): Promise<(Buffer | null)[]> {
    const line = await readLine(this.#zk, this.path);
    const nodes = await Promise.all(line.map(({ path }) => getOrNull(this.#zk, path)));
    return nodes.flatMap((node) => (node === null ? [] : [node.data]));
  }
}
