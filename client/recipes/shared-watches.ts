import { WatcherType } from '../index.ts';
import type { Node, Stat, WatchEvent, WatchListener, ZooKeeper } from '../index.ts';
import { Notice, retried } from './waiting.ts';

export interface Watched<T> {
  readonly value: T;
  /** Given with the first change after the value was read; maybe without any. */
  readonly changed: Notice;
}

/** Everyone who follows one subtree. */
interface TreeWatch {
  readonly listeners: Set<WatchListener>;
  readonly tell: WatchListener;
  isSet: boolean;
  /** Setting and removing it go one after the other. */
  turn: Promise<void>;
}

const all = new WeakMap<ZooKeeper, SharedWatches>();

/**
 * Reads that leave a watch, one for each path and session however many wait for it. Waiting may
 * end early without a word to the servers: the watch stays and serves the next who asks. (Telling
 * them would be wrong: another's wish for the same path may be on its way.)
 */
export class SharedWatches {
  readonly #zk: ZooKeeper;
  readonly #armed = new Map<string, Notice>();
  readonly #trees = new Map<string, TreeWatch>();

  private constructor(zk: ZooKeeper) {
    this.#zk = zk;
  }

  static of(zk: ZooKeeper): SharedWatches {
    let watches = all.get(zk);
    if (watches === undefined) {
      watches = new SharedWatches(zk);
      all.set(zk, watches);
    }
    return watches;
  }

  /** Changes: the data, or the end of the node. @throws ZkError NO_NODE, and no watch is left */
  get(path: string): Promise<Watched<Node>> {
    return this.#read(`data ${path}`, (watch) => this.#zk.get(path, watch));
  }

  /** Changes: the node's creation, its data or its end. */
  exists(path: string): Promise<Watched<Stat | null>> {
    return this.#read(`exists ${path}`, (watch) => this.#zk.exists(path, watch));
  }

  /** Changes: children made or removed. @throws ZkError NO_NODE, and no watch is left */
  children(path: string): Promise<Watched<string[]>> {
    return this.#read(`children ${path}`, (watch) => this.#zk.children(path, watch));
  }

  /** Tells of every change of a node and all below it. Returns what ends it. */
  async tree(path: string, listener: WatchListener): Promise<() => void> {
    const watch = this.#treeWatch(path);
    watch.listeners.add(listener);
    watch.turn = watch.turn
      .catch(() => undefined)
      .then(async () => {
        if (watch.isSet) return;
        await retried(this.#zk, null, () =>
          this.#zk.addWatch(path, watch.tell, { recursive: true }),
        );
        watch.isSet = true;
      });
    await watch.turn;
    return () => this.#leaveTree(path, watch, listener);
  }

  #treeWatch(path: string): TreeWatch {
    let watch = this.#trees.get(path);
    if (watch === undefined) {
      const listeners = new Set<WatchListener>();
      const tell = (event: WatchEvent): void => {
        for (const listener of listeners) listener(event);
      };
      watch = { listeners, tell, isSet: false, turn: Promise.resolve() };
      this.#trees.set(path, watch);
    }
    return watch;
  }

  #leaveTree(path: string, watch: TreeWatch, listener: WatchListener): void {
    watch.listeners.delete(listener);
    watch.turn = watch.turn
      .then(async () => {
        if (watch.listeners.size > 0 || !watch.isSet) return;
        watch.isSet = false;
        const type = WatcherType.PERSISTENT_RECURSIVE;
        await this.#zk.removeWatches(path, { listener: watch.tell, type });
      })
      // Whoever does not answer forgets it with the connection: it is not asked for again.
      .catch(() => undefined);
  }

  async #read<T>(
    key: string,
    read: (option: { readonly watch?: () => void }) => Promise<T>,
  ): Promise<Watched<T>> {
    const armed = this.#armed.get(key);
    if (armed !== undefined) return { value: await read({}), changed: armed };
    const changed = new Notice();
    changed.on(() => {
      if (this.#armed.get(key) === changed) this.#armed.delete(key);
    });
    const value = await read({ watch: changed.give });
    // It may have fired behind the reply, before this line.
    if (!changed.isGiven) this.#armed.set(key, changed);
    return { value, changed };
  }
}
