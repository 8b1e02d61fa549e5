import type { NodeData, ZooKeeper } from '../index.ts';
import { readLine } from './places.ts';
import type { Place } from './places.ts';
import { QueueNodes, Received } from './queue-nodes.ts';
import type { Claim } from './queue-nodes.ts';
import { leave } from './line.ts';
import { SharedWatches } from './shared-watches.ts';
import { hasCode, Limit, Notice, racedOrUndone, retried, waitFor } from './waiting.ts';
import type { WaitOptions } from './waiting.ts';

/**
 * Items that many put in and many take out, the oldest first.
 *
 * Putting is done once, even when the reply is lost; only when the session expires meanwhile
 * (SESSION_EXPIRED) nobody knows whether it was. {@link take} gives an item to one consumer at
 * most: one that dies between taking and using it takes the item along, and so it may be when the
 * session expires meanwhile. {@link receive} gives an item to one at a time, until one says that
 * it is done; when a consumer dies or its session expires before that, the next one gets it, so
 * that it may be worked on twice. {@link Received.done} can carry the consumer's own writes in the
 * same transaction: then its effect is there once, whatever happens.
 *
 * Suspended: waiting goes on, an item that was received stays claimed. Lost: see
 * {@link Received.lost}. Items are nodes that stay, whatever becomes of who put them. An item that
 * was given back may come behind younger ones. All consumers that wait wake for an item. Tens of
 * thousands of items make the list of their names too large for a reply: keep an eye on
 * {@link size}.
 *
 * Source: the recipe "Queues" of the ZooKeeper documentation.
 */
export class Queue {
  readonly path: string;
  protected readonly nodes: QueueNodes;
  readonly #zk: ZooKeeper;
  /** What was there at the last look and has not been tried. */
  #known: Place[] = [];

  constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.path = path;
    this.nodes = new QueueNodes(zk, path);
  }

  /** @throws ZkError SESSION_EXPIRED: it may have been put in, or not. */
  async put(data: NodeData): Promise<void> {
    await this.nodes.put('item', data);
  }

  /**
   * Puts an item in and waits until somebody has taken it, or is done with it. Who gives up
   * waiting leaves the item in.
   *
   * @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED; the signal's reason.
   */
  async handOver(data: NodeData, options: WaitOptions = {}): Promise<void> {
    using limit = new Limit(options, this.path);
    const prefix = await this.nodes.put('item', data);
    const line = await readLine(this.#zk, this.nodes.items, limit.signal);
    const path = line.find(({ name }) => name.startsWith(prefix))?.path;
    if (path === undefined) return;
    const watches = SharedWatches.of(this.#zk);
    try {
      for (;;) {
        // Not by its existence: that would leave a watch for a name that never comes again.
        const { changed } = await retried(this.#zk, limit.signal, () => watches.get(path));
        await waitFor(this.#zk, changed, limit.signal);
      }
    } catch (error) {
      if (!hasCode(error, 'NO_NODE')) throw error;
    }
  }

  /**
   * The next item, taken out before it is handed over.
   *
   * @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED; the signal's reason.
   */
  async take(options: WaitOptions = {}): Promise<Buffer | null> {
    const claimed = await this.#claimNext(options);
    await this.nodes.finish(claimed, []);
    return claimed.data;
  }

  /** `undefined`: there is no item that is free. */
  async tryTake(): Promise<Buffer | null | undefined> {
    const claimed = await this.#claimKnown(new AbortController().signal, true);
    if (claimed === null) return undefined;
    await this.nodes.finish(claimed, []);
    return claimed.data;
  }

  /**
   * The next item, which stays in the queue until {@link Received.done}.
   *
   * @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED; the signal's reason.
   */
  async receive(options: WaitOptions = {}): Promise<Received> {
    return new Received(this.#zk, this.nodes, await this.#claimNext(options));
  }

  /** Items that are in it, those that are being worked on among them. */
  async size(): Promise<number> {
    const stat = await retried(this.#zk, null, () => this.#zk.exists(this.nodes.items));
    return stat?.numChildren ?? 0;
  }

  /** The order in which items are taken; the numbers they were given are in order already. */
  protected inOrder(places: Place[]): Place[] {
    return places;
  }

  /** Is what was seen before good enough, although younger items may have come? */
  protected get mayUseKnown(): boolean {
    return true;
  }

  async #claimNext(options: WaitOptions): Promise<Claim> {
    using limit = new Limit(options, this.path);
    const { signal } = limit;
    for (;;) {
      const known = this.mayUseKnown ? await this.#claimKnown(signal, false) : null;
      if (known !== null) return known;
      const { free, changed } = await this.nodes.look(signal);
      this.#known = this.inOrder(free);
      if (free.length === 0) {
        await this.#untilAny(changed, signal);
        continue;
      }
      const next = await this.#claimKnown(signal, false);
      if (next !== null) return next;
    }
  }

  async #claimKnown(signal: AbortSignal, mayLook: boolean): Promise<Claim | null> {
    if (mayLook && (this.#known.length === 0 || !this.mayUseKnown)) {
      this.#known = this.inOrder((await this.nodes.look(signal)).free);
    }
    for (let item = this.#known.shift(); item !== undefined; item = this.#known.shift()) {
      const claimed = await this.#claimOne(item, signal);
      if (claimed !== null) return claimed;
    }
    return null;
  }

  async #claimOne(item: Place, signal: AbortSignal): Promise<Claim | null> {
    return racedOrUndone(this.nodes.claim(item), signal, (late) => {
      if (late !== null) leave(this.#zk, late.path);
    });
  }

  async #untilAny(notices: readonly Notice[], signal: AbortSignal): Promise<void> {
    const any = new Notice();
    const offs = notices.map((notice) => notice.on(any.give));
    await waitFor(this.#zk, any, signal).finally(() => {
      for (const off of offs) off();
    });
  }
}
