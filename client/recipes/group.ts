import { ZkError } from '../index.ts';
import type { NodeData, Stat, ZooKeeper } from '../index.ts';
import { leave } from './line.ts';
import { childOf, getOrNull, makeDirectory } from './places.ts';
import type { OwnNode } from './tenure.ts';
import { SharedWatches } from './shared-watches.ts';
import { Tenure } from './tenure.ts';
import { TreeCache } from './tree-cache.ts';
import { hasCode, Limit, Listeners, racedOrUndone, retried, Retries, waitFor } from './waiting.ts';
import type { WaitOptions } from './waiting.ts';

/** A member's own part: it is one until {@link Tenure.lost} or {@link Tenure.release}. */
export class Membership extends Tenure {
  readonly name: string;
  readonly #zk: ZooKeeper;

  constructor(zk: ZooKeeper, node: OwnNode, name: string) {
    super(zk, node);
    this.#zk = zk;
    this.name = name;
  }

  /** Says something else to the others. @throws what {@link Tenure.lost} has as its reason. */
  async update(data: NodeData): Promise<void> {
    this.lost.throwIfAborted();
    await retried(this.#zk, this.lost, () => this.#zk.set(this.path, data));
  }
}

/**
 * Who is there: each member under a name of its own, with data for the others.
 *
 * Suspended: a member stays one as long as its session lives; a view keeps what it knew and says
 * so. Lost or expired: the member is gone for the others, join again in a new session. A name that
 * another session holds is waited for: that of a process that crashed gets free with its session
 * timeout. A lost reply to the create: the node is known by its owner.
 */
export class Group {
  readonly path: string;
  readonly #zk: ZooKeeper;

  constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.path = path;
  }

  /** @throws ZkError NODE_EXISTS when this session has joined by that name; OPERATION_TIMEOUT. */
  async join(name: string, data: NodeData = null, options: WaitOptions = {}): Promise<Membership> {
    const path = childOf(this.path, name);
    using limit = new Limit(options, path);
    limit.signal.throwIfAborted();
    const joining = this.#create(path, data, limit.signal);
    const zxid = await racedOrUndone(joining, limit.signal, () => leave(this.#zk, path));
    return new Membership(this.#zk, { path, zxid }, name);
  }

  /** Names and data, by name. */
  async members(): Promise<Map<string, Buffer | null>> {
    const members = new Map<string, Buffer | null>();
    try {
      const names = await retried(this.#zk, null, () => this.#zk.children(this.path));
      names.sort();
      const nodes = await Promise.all(
        names.map((name) => getOrNull(this.#zk, childOf(this.path, name))),
      );
      for (const [index, node] of nodes.entries()) {
        if (node !== null) members.set(names[index] ?? '', node.data);
      }
    } catch (error) {
      if (!hasCode(error, 'NO_NODE')) throw error;
    }
    return members;
  }

  /** The members, kept up to date. */
  async view(): Promise<GroupView> {
    return new GroupView(await TreeCache.open(this.#zk, this.path));
  }

  async #create(path: string, data: NodeData, signal: AbortSignal): Promise<Stat['czxid']> {
    const zk = this.#zk;
    const retries = new Retries(zk, path);
    for (let mayExist = false; ;) {
      try {
        signal.throwIfAborted();
        return (await zk.createWithStat(path, data, { ephemeral: true })).stat.czxid;
      } catch (error) {
        if (hasCode(error, 'NO_NODE')) await makeDirectory(zk, this.path);
        else if (hasCode(error, 'NODE_EXISTS')) {
          const zxid = await this.#ownOrGone(path, mayExist, signal);
          if (zxid !== null) return zxid;
        } else {
          retries.judge(error);
          mayExist = true;
        }
      }
    }
  }

  /** The transaction that made a node of this session; `null` once another's is gone or changed. */
  async #ownOrGone(
    path: string,
    mayExist: boolean,
    signal: AbortSignal,
  ): Promise<Stat['czxid'] | null> {
    const watches = SharedWatches.of(this.#zk);
    const { value: stat, changed } = await retried(this.#zk, signal, () => watches.exists(path));
    if (stat === null) return null;
    if (stat.ephemeralOwner === this.#zk.sessionId) {
      if (mayExist) return stat.czxid;
      throw new ZkError('NODE_EXISTS', path, 'this session has joined by that name');
    }
    await waitFor(this.#zk, changed, signal);
    return null;
  }
}

/** The members of a group as far as they are known here. See {@link TreeCache} for how far. */
export class GroupView implements Disposable {
  readonly #cache: TreeCache;
  readonly #listeners = new Listeners<GroupView>();

  constructor(cache: TreeCache) {
    this.#cache = cache;
    cache.onChange(() => this.#listeners.tell(this));
  }

  /** False: suspended or expired, and maybe out of date. */
  get isLive(): boolean {
    return this.#cache.isLive;
  }

  /** Names and data, by name. */
  get members(): Map<string, Buffer | null> {
    const members = new Map<string, Buffer | null>();
    for (const name of this.#cache.children(this.#cache.path)) {
      const node = this.#cache.get(childOf(this.#cache.path, name));
      if (node !== undefined) members.set(name, node.data);
    }
    return members;
  }

  /** Told of every member that comes, goes or says something else. Returns what ends it. */
  onChange(listener: (view: GroupView) => void): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#cache.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
