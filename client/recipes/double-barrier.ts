import type { ZooKeeper } from '../index.ts';
import { leave } from './line.ts';
import { checkCount, disperse, gather } from './gathering.ts';
import type { OwnPlace } from './places.ts';
import { Limit } from './waiting.ts';
import type { WaitOptions } from './waiting.ts';

/**
 * Begins and ends something together: nobody goes in before all have come, nobody goes on before
 * all have left. All clients have to name the same number. Who comes when all have been there
 * goes in too, and has to leave too. A path serves one round; when all have left it can be used
 * for another, by clients that have left.
 *
 * Suspended: waiting goes on. Expired: waiting ends with SESSION_EXPIRED, and the place is given
 * up, so that before the beginning one more has to come, and at the end nobody waits for it. A
 * lost reply to the create: the place is found again, nobody counts twice.
 *
 * Source: the recipe "Double Barriers" of the ZooKeeper documentation.
 */
export class DoubleBarrier {
  readonly path: string;
  readonly count: number;
  readonly #zk: ZooKeeper;
  readonly #id: string;
  #place: OwnPlace | null = null;

  /** @throws ZkError BAD_ARGUMENTS when nobody is to come. */
  constructor(zk: ZooKeeper, path: string, count: number, id: string = '') {
    checkCount(count, path);
    this.#zk = zk;
    this.path = path;
    this.count = count;
    this.#id = id;
  }

  /**
   * Resolves when all have come. Who gives up waiting is not there any more.
   *
   * @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED; the signal's reason.
   */
  async enter(options: WaitOptions = {}): Promise<void> {
    using limit = new Limit(options, this.path);
    const who = { id: this.#id, count: this.count };
    const { place } = await gather(this.#zk, this.path, who, limit.signal);
    this.#place = place;
  }

  /**
   * Resolves when all have left. Who gives up waiting has left all the same.
   *
   * @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED; the signal's reason.
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    const place = this.#place;
    if (place === null) return;
    this.#place = null;
    using limit = new Limit(options, this.path);
    try {
      await disperse(this.#zk, this.path, place, limit.signal);
    } catch (error) {
      leave(this.#zk, place.path);
      throw error;
    }
  }
}
