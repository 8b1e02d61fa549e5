import type { Node, Stat, ZooKeeper } from '../index.ts';
import { Notice } from './waiting.ts';

export interface Watched<T> {
  readonly value: T;
  /** Given with the first change after the value was read; maybe without any. */
  readonly changed: Notice;
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
