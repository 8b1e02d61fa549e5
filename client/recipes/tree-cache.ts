import { deferred } from '../deferred.ts';
import type { Node, ZooKeeper } from '../index.ts';
import { childOf } from './places.ts';
import { SharedWatches } from './shared-watches.ts';
import { hasCode, isLost, isOver, Listeners, retried } from './waiting.ts';

export interface TreeChange {
  readonly type: 'added' | 'changed' | 'removed';
  readonly path: string;
  /** As it is now; of one that was removed, as it was last known. */
  readonly node: Node;
}

/** Reads that are on their way at a time, while a tree is walked. */
const readsMax = 128;

/**
 * A node and all below it, kept in memory and up to date by one watch. It need not exist yet.
 *
 * What is read here may be behind the ensemble, each node by itself; it never goes back. Of the
 * numbers in a stat, those about children are as of the last read of that node. Nodes that may not
 * be read are left out.
 *
 * Suspended: the content stays as it was, {@link isLive} is false. Connected again: everything is
 * read anew, and the differences are told; what came and went in between is not. Expired: the
 * content stays and is told no more; open a new one in a new session.
 */
export class TreeCache implements Disposable {
  readonly path: string;
  readonly #zk: ZooKeeper;
  readonly #nodes = new Map<string, Node>();
  readonly #names = new Map<string, Set<string>>();
  readonly #listeners = new Listeners<TreeChange>();
  #offs: (() => void)[] = [];
  #isLive = false;
  #isClosed = false;
  /** Grows with every connection; a walk that an older one began says nothing about being live. */
  #connection = 0;

  private constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.path = path;
  }

  /** Resolves when everything has been read once. @throws ZkError SESSION_EXPIRED */
  static async open(zk: ZooKeeper, path: string): Promise<TreeCache> {
    const cache = new TreeCache(zk, path);
    const offWatch = await SharedWatches.of(zk).tree(path, (event) => {
      cache.#attend(cache.#refresh(event.path));
    });
    const offState = zk.onState((state) => {
      cache.#isLive = false;
      cache.#connection += 1;
      if (state === 'connected') cache.#attend(cache.#walk());
    });
    cache.#offs = [offWatch, offState];
    await cache.#walk();
    return cache;
  }

  /** Connected, and read since. */
  get isLive(): boolean {
    return this.#isLive;
  }

  get size(): number {
    return this.#nodes.size;
  }

  get(path: string): Node | undefined {
    return this.#nodes.get(path);
  }

  /** Names below a node, sorted. */
  children(path: string): string[] {
    return [...(this.#names.get(path) ?? [])].sort();
  }

  entries(): IterableIterator<[string, Node]> {
    return this.#nodes.entries();
  }

  /** Returns what ends it. */
  onChange(listener: (change: TreeChange) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Follows no longer; the content stays. */
  close(): void {
    this.#isClosed = true;
    this.#isLive = false;
    for (const off of this.#offs) off();
    this.#offs = [];
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #walk(): Promise<void> {
    const connection = this.#connection;
    const { promise, resolve, reject } = deferred<void>();
    const open: string[] = [this.path];
    let underway = 0;
    const goOn = (): void => {
      while (underway < readsMax) {
        const path = open.pop();
        if (path === undefined) break;
        underway += 1;
        this.#readAll(path, open).then(() => {
          underway -= 1;
          goOn();
        }, reject);
      }
      if (underway === 0) resolve();
    };
    goOn();
    await promise;
    if (connection === this.#connection && !this.#isClosed) this.#isLive = true;
  }

  /** A node and the names below it, which are then to be read too. */
  async #readAll(path: string, open: string[]): Promise<void> {
    if (!(await this.#refresh(path))) return;
    try {
      const names = await retried(this.#zk, null, () => this.#zk.children(path));
      this.#removeBelow(path, names);
      for (const name of names) open.push(childOf(path, name));
    } catch (error) {
      if (!hasCode(error, 'NO_NODE', 'NO_AUTH')) throw error;
    }
  }

  /**
   * Takes a node as it is now. Replies come in the order asked, so that the last word about a node
   * is the latest; that is why an event is only a reason to ask.
   */
  async #refresh(path: string): Promise<boolean> {
    try {
      const node = await retried(this.#zk, null, () => this.#zk.get(path));
      this.#put(path, node);
      return true;
    } catch (error) {
      if (!hasCode(error, 'NO_NODE', 'NO_AUTH')) throw error;
      this.#removeAll(path);
      return false;
    }
  }

  #put(path: string, node: Node): void {
    if (this.#isClosed) return;
    const known = this.#nodes.get(path);
    if (known !== undefined && known.stat.mzxid > node.stat.mzxid) return;
    this.#nodes.set(path, node);
    if (known === undefined && path !== this.path) {
      const [parent, name] = split(path);
      const names = this.#names.get(parent);
      if (names === undefined) this.#names.set(parent, new Set([name]));
      else names.add(name);
    }
    if (known === undefined) this.#listeners.tell({ type: 'added', path, node });
    else if (known.stat.mzxid !== node.stat.mzxid) {
      this.#listeners.tell({ type: 'changed', path, node });
    }
  }

  /** What was below went before, maybe unheard. */
  #removeAll(path: string): void {
    this.#removeBelow(path, []);
    this.#remove(path);
  }

  #remove(path: string): void {
    const node = this.#nodes.get(path);
    if (node === undefined || this.#isClosed) return;
    this.#nodes.delete(path);
    const [parent, name] = split(path);
    const names = this.#names.get(parent);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(parent);
    this.#listeners.tell({ type: 'removed', path, node });
  }

  #removeBelow(path: string, kept: readonly string[]): void {
    const known = this.#names.get(path);
    if (known === undefined) return;
    const isKept = new Set(kept);
    for (const name of known) {
      if (!isKept.has(name)) this.#removeAll(childOf(path, name));
    }
  }

  /** A session that is over stands in its state, and a connection that broke brings another walk. */
  #attend(reading: Promise<unknown>): void {
    reading.catch((error: unknown) => {
      if (isOver(this.#zk) || this.#isClosed || hasCode(error, 'SESSION_EXPIRED')) return;
      if (isLost(error)) return;
      queueMicrotask(() => {
        throw error;
      });
    });
  }
}

function split(path: string): [string, string] {
  const at = path.lastIndexOf('/');
  return [at <= 0 ? '/' : path.slice(0, at), path.slice(at + 1)];
}
