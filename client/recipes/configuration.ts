import type { Node, NodeData, Stat, ZooKeeper } from '../index.ts';
import { getOrNull, makeDirectory, parentOf } from './places.ts';
import { SharedWatches } from './shared-watches.ts';
import { hasCode, isLost, Listeners, retried, Retries, waitFor } from './waiting.ts';
import type { Notice } from './waiting.ts';

/**
 * One node that is published by some and read by many, kept in memory and up to date. It need not
 * exist.
 *
 * ```
 * const settings = await Configuration.open(zk, '/settings', (data) => JSON.parse(String(data)));
 * settings.onChange(({ value }) => apply(value));
 * ```
 *
 * The latest is what counts: of several changes in a row the ones in between may not be told.
 * Suspended: the value stays as it was, {@link isLive} is false; once connected again the latest is
 * read. Expired: the value stays and is told no more; open a new one in a new session. A value
 * that cannot be parsed leaves the last good one in place, see {@link problem}.
 */
export class Configuration<T> implements Disposable {
  readonly path: string;
  readonly #zk: ZooKeeper;
  readonly #parse: (data: Buffer | null) => T;
  readonly #listeners = new Listeners<Configuration<T>>();
  readonly #closing = new AbortController();
  readonly #offState: () => void;
  #value: T | null = null;
  #stat: Stat | null = null;
  #problem: unknown = null;
  #isLive = false;

  private constructor(zk: ZooKeeper, path: string, parse: (data: Buffer | null) => T) {
    this.#zk = zk;
    this.path = path;
    this.#parse = parse;
    this.#offState = zk.onState(() => {
      this.#isLive = false;
      if (zk.state === 'connected') void this.#readAgain();
    });
  }

  /** Resolves when it has been read once. @throws ZkError SESSION_EXPIRED, NO_AUTH */
  static async open<T>(
    zk: ZooKeeper,
    path: string,
    parse: (data: Buffer | null) => T,
  ): Promise<Configuration<T>> {
    const configuration = new Configuration(zk, path, parse);
    const signal = configuration.#closing.signal;
    let changed = await configuration.#read();
    const follow = async (): Promise<void> => {
      for (;;) {
        await waitFor(zk, changed, signal);
        changed = await configuration.#readPatiently();
      }
    };
    follow().catch(() => configuration.close());
    return configuration;
  }

  /** `null`: there is no such node, or none was good yet. */
  get value(): T | null {
    return this.#value;
  }

  /** Version of the node that was read last; `null` without one. */
  get version(): number | null {
    return this.#stat?.version ?? null;
  }

  /** What parsing the latest threw; `null`: nothing. */
  get problem(): unknown {
    return this.#problem;
  }

  /** Connected, and read since. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** Told of every change, and of every problem. Returns what ends it. */
  onChange(listener: (configuration: Configuration<T>) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Follows no longer; the value stays. */
  close(): void {
    this.#isLive = false;
    this.#offState();
    this.#closing.abort();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The watch tells what changed meanwhile; this tells that nothing did. */
  async #readAgain(): Promise<void> {
    try {
      await this.#read();
    } catch {
      // The session is over, or the next connection reads.
    }
  }

  /** Another call of this session may break the connection again and again. */
  async #readPatiently(): Promise<Notice> {
    for (;;) {
      try {
        return await this.#read();
      } catch (error) {
        if (!isLost(error)) throw error;
      }
    }
  }

  async #read(): Promise<Notice> {
    const { signal } = this.#closing;
    const watches = SharedWatches.of(this.#zk);
    const { changed } = await retried(this.#zk, signal, () => watches.exists(this.path));
    const node = await getOrNull(this.#zk, this.path, signal);
    if (signal.aborted) return changed;
    this.#isLive = this.#zk.state === 'connected';
    const isNew = node?.stat.mzxid !== this.#stat?.mzxid || node?.stat.czxid !== this.#stat?.czxid;
    if (isNew) this.#take(node);
    return changed;
  }

  #take(node: Node | null): void {
    this.#stat = node?.stat ?? null;
    this.#problem = null;
    try {
      this.#value = node === null ? null : this.#parse(node.data);
    } catch (error) {
      this.#problem = error;
    }
    this.#listeners.tell(this);
  }
}

/**
 * Makes it what everyone reads from now on; the node and the path to it are made when missing.
 * With a version: only if it is still that one's. Without a version the last one wins, and after
 * a lost reply it is said again.
 *
 * @throws ZkError BAD_VERSION: somebody else published, maybe after this was; NO_NODE with a
 * version; SESSION_EXPIRED.
 */
export async function publish(
  zk: ZooKeeper,
  path: string,
  data: NodeData,
  options: { readonly version?: number } = {},
): Promise<Stat> {
  const { version = -1 } = options;
  const retries = new Retries(zk, path);
  for (let mayBeDone = false; ;) {
    try {
      return await zk.set(path, data, version);
    } catch (error) {
      if (hasCode(error, 'NO_NODE') && version === -1) {
        const made = await createFirst(zk, path, data, retries);
        if (made !== null) return made;
      } else if (hasCode(error, 'BAD_VERSION') && mayBeDone) {
        const node = await getOrNull(zk, path);
        if (node?.stat.version !== version + 1 || !isSame(node.data, data)) throw error;
        return node.stat;
      } else {
        retries.judge(error);
        mayBeDone = true;
      }
    }
  }
}

/** `null`: there is one now, of somebody else or of a create whose reply was lost. */
async function createFirst(
  zk: ZooKeeper,
  path: string,
  data: NodeData,
  retries: Retries,
): Promise<Stat | null> {
  try {
    return (await zk.createWithStat(path, data)).stat;
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) {
      await makeDirectory(zk, parentOf(path), false);
    } else if (!hasCode(error, 'NODE_EXISTS')) retries.judge(error);
    return null;
  }
}

/** Equal bytes, or both none at all. */
export function isSame(held: Buffer | null, data: NodeData): boolean {
  if (held === null || data === null) return held === data;
  return held.equals(typeof data === 'string' ? Buffer.from(data) : data);
}
