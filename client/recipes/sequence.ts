import { ZkError } from '../index.ts';
import type { ZooKeeper } from '../index.ts';
import { makeDirectory } from './places.ts';
import { hasCode, retried } from './waiting.ts';

/**
 * Numbers that nobody else gets, each larger than all that were given before it was asked for: the
 * versions of one node. The first is 1, the last 2147483647.
 *
 * Suspended: a call waits for the next connection. A lost reply: it asks again, and a number stays
 * unused. Expired: SESSION_EXPIRED.
 */
export class Sequence {
  readonly path: string;
  readonly #zk: ZooKeeper;

  constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.path = path;
  }

  /** @throws ZkError DATA_INCONSISTENCY when all numbers are used up; SESSION_EXPIRED. */
  async next(): Promise<number> {
    for (;;) {
      try {
        const { version } = await retried(this.#zk, null, () => this.#zk.set(this.path, null));
        if (version > 0) return version;
        throw new ZkError('DATA_INCONSISTENCY', this.path, 'all numbers are used up');
      } catch (error) {
        if (!hasCode(error, 'NO_NODE')) throw error;
        await makeDirectory(this.#zk, this.path, false);
      }
    }
  }

  /** `prefix` and ten digits, so that names sort as their numbers do. */
  async nextName(prefix: string): Promise<string> {
    return `${prefix}${String(await this.next()).padStart(10, '0')}`;
  }
}
