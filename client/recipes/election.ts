import type { NodeData, ZooKeeper } from '../index.ts';
import { standInLine, stepIn } from './line.ts';
import type { Entrance } from './line.ts';
import { getOrNull, readLine } from './places.ts';
import { SharedWatches } from './shared-watches.ts';
import type { Tenure } from './tenure.ts';
import { hasCode, Limit, retried, waitFor } from './waiting.ts';
import type { Notice, WaitOptions } from './waiting.ts';

/**
 * One leader among all who stand, the next one in the order of standing. What the leader does
 * happens under a {@link Tenure}, whose `lost` says when to stop, and whose `fence` grows from
 * leader to leader.
 *
 * ```
 * const election = new Election(zk, '/leader', 'me');
 * await election.run(async (term) => serve(term.lost));
 * ```
 *
 * Suspended: the leader leads until no server was heard for a session timeout; the others keep
 * their places. Lost: stop leading; {@link run} stands again. Expired: all is over, a new session
 * stands anew. A lost reply to the create: the node is found again, nobody stands twice.
 *
 * Source: the recipe "Leader Election" of the ZooKeeper documentation.
 */
export class Election {
  readonly path: string;
  readonly #zk: ZooKeeper;
  readonly #entrance: Entrance;

  /** `id` tells the others who it is. */
  constructor(zk: ZooKeeper, path: string, id: NodeData = null) {
    this.#zk = zk;
    this.path = path;
    this.#entrance = {
      directory: path,
      kind: 'candidate',
      data: id,
      isBlockedBy: () => true,
    };
  }

  /** Stands, and resolves when elected. @throws ZkError as {@link Lock.acquire}. */
  lead(options: WaitOptions = {}): Promise<Tenure> {
    return standInLine(this.#zk, this.#entrance, options);
  }

  /** `null`: there is a leader. */
  tryLead(): Promise<Tenure | null> {
    return stepIn(this.#zk, this.#entrance);
  }

  /**
   * Leads as soon and as often as elected, until the work is done: resolves with what it gave
   * while it led, and rejects with what it threw then. Work that ends after a loss is begun anew.
   *
   * @throws ZkError SESSION_EXPIRED; the signal's reason.
   */
  async run<T>(
    work: (term: Tenure) => Promise<T>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<T> {
    for (;;) {
      await using term = await this.lead(options);
      try {
        const result = await work(term);
        if (!term.lost.aborted) return result;
      } catch (error) {
        if (!term.lost.aborted) throw error;
      }
      options.signal?.throwIfAborted();
    }
  }

  /** The leader's id; `null` without one. */
  async leader(): Promise<Buffer | null> {
    const [first] = await this.candidates();
    return first ?? null;
  }

  /** Ids of all who stand, the leader first. */
  async candidates(): Promise<(Buffer | null)[]> {
    const line = await readLine(this.#zk, this.path);
    const nodes = await Promise.all(line.map(({ path }) => getOrNull(this.#zk, path)));
    return nodes.flatMap((node) => (node === null ? [] : [node.data]));
  }

  /**
   * Ids of leaders as they come, the present one first; `null`: nobody leads. One that leads very
   * briefly may be left out. Ends with the signal.
   *
   * @throws ZkError SESSION_EXPIRED
   */
  async *leaders(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Buffer | null, void, void> {
    using limit = new Limit(options, this.path);
    let last: string | null = null;
    try {
      for (let isFirst = true; ; isFirst = false) {
        const { path, id, changed } = await this.#look(limit.signal);
        if (isFirst || path !== last) yield id;
        last = path;
        await waitFor(this.#zk, changed, limit.signal);
      }
    } catch (error) {
      if (!limit.signal.aborted) throw error;
    }
  }

  async #look(signal: AbortSignal): Promise<{
    readonly path: string | null;
    readonly id: Buffer | null;
    readonly changed: Notice;
  }> {
    const watches = SharedWatches.of(this.#zk);
    for (;;) {
      const [first] = await readLine(this.#zk, this.path, signal);
      try {
        if (first !== undefined) {
          const { path } = first;
          const { value, changed } = await retried(this.#zk, signal, () => watches.get(path));
          return { path, id: value.data, changed };
        }
        const { value, changed } = await retried(this.#zk, signal, () =>
          watches.children(this.path),
        );
        if (value.length === 0) return { path: null, id: null, changed };
      } catch (error) {
        if (!hasCode(error, 'NO_NODE')) throw error;
        if (first !== undefined) continue;
        const { value, changed } = await retried(this.#zk, signal, () => watches.exists(this.path));
        if (value === null) return { path: null, id: null, changed };
      }
    }
  }
}
