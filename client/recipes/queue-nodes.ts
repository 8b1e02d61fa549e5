import type { NodeData, Operation, ZooKeeper } from '../index.ts';
import { MultiError } from '../index.ts';
import { childOf, getOrNull, makeDirectory, placesOf, removeSurely } from './places.ts';
import type { OwnPlace, Place } from './places.ts';
import { PutLine } from './put-line.ts';
import { SharedWatches } from './shared-watches.ts';
import { Tenure } from './tenure.ts';
import { hasCode, retried, Retries } from './waiting.ts';
import type { Notice } from './waiting.ts';

/** An item that nobody else may take. */
export interface Claim {
  /** Of the claim. */
  readonly path: string;
  readonly item: Place;
  readonly data: Buffer | null;
  readonly zxid: OwnPlace['zxid'];
}

/**
 * The nodes of a queue: `items/` has one that stays for each item, `claims/` an ephemeral one of
 * the same name for each that is being worked on, `marks/` one for each client that puts.
 */
export class QueueNodes {
  readonly items: string;
  readonly claims: string;
  readonly #zk: ZooKeeper;
  readonly #puts: PutLine;

  constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.items = childOf(path, 'items');
    this.claims = childOf(path, 'claims');
    this.#puts = PutLine.of(zk, childOf(path, 'marks'));
  }

  /** Resolves with the beginning of the item's name: the servers add its number. */
  async put(kind: string, data: NodeData): Promise<string> {
    const prefix = `${crypto.randomUUID()}-${kind}-`;
    const path = childOf(this.items, prefix);
    await this.#puts.put(this.items, { op: 'create', path, data, sequential: true });
    return prefix;
  }

  /** Items that nobody works on, oldest first, and what tells when there may be more of them. */
  async look(
    signal: AbortSignal,
  ): Promise<{ readonly free: Place[]; readonly changed: readonly Notice[] }> {
    const watches = SharedWatches.of(this.#zk);
    const read = (path: string): ReturnType<SharedWatches['children']> =>
      retried(this.#zk, signal, () => watches.children(path));
    for (;;) {
      try {
        const items = await read(this.items);
        const places = placesOf(this.items, items.value);
        if (places.length === 0) return { free: places, changed: [items.changed] };
        const claims = await read(this.claims);
        const claimed = new Set(claims.value);
        const free = places.filter(({ name }) => !claimed.has(name));
        return { free, changed: [items.changed, claims.changed] };
      } catch (error) {
        if (!hasCode(error, 'NO_NODE')) throw error;
        await makeDirectory(this.#zk, this.items);
        await makeDirectory(this.#zk, this.claims);
      }
    }
  }

  /** `null`: somebody else was first. @throws ZkError SESSION_EXPIRED */
  async claim(item: Place): Promise<Claim | null> {
    const path = childOf(this.claims, item.name);
    const isMine = await this.#makeClaim(item, path);
    if (!isMine) return null;
    const [node, stat] = await Promise.all([
      getOrNull(this.#zk, item.path),
      retried(this.#zk, null, () => this.#zk.exists(path)),
    ]);
    if (node !== null && stat !== null) return { path, item, data: node.data, zxid: stat.czxid };
    await removeSurely(this.#zk, path);
    return null;
  }

  /**
   * Takes the item out, with the operations, or none of it.
   *
   * @throws MultiError when one of the operations is refused, or the claim is gone; ZkError
   * SESSION_EXPIRED: done or not, and if not the next consumer gets the item.
   */
  async finish(claim: Claim, operations: readonly Operation[]): Promise<void> {
    const retries = new Retries(this.#zk, claim.item.path);
    for (let mayBeDone = false; ; mayBeDone = true) {
      try {
        await this.#zk.multi([
          { op: 'remove', path: claim.item.path },
          { op: 'remove', path: claim.path },
          ...operations,
        ]);
        return;
      } catch (error) {
        // Nobody else may remove what is claimed: the first try did.
        if (mayBeDone && isMissing(error, claim.item.path)) return;
        retries.judge(error);
      }
    }
  }

  /** The guid tells apart several consumers of one session when a reply is lost. */
  async #makeClaim(item: Place, path: string): Promise<boolean> {
    const guid = crypto.randomUUID();
    const retries = new Retries(this.#zk, path);
    for (let mayBeDone = false; ;) {
      try {
        await this.#zk.multi([
          { op: 'check', path: item.path },
          { op: 'create', path, data: guid, ephemeral: true },
        ]);
        return true;
      } catch (error) {
        if (isMissing(error, path)) await makeDirectory(this.#zk, this.claims);
        else if (hasCode(error, 'NODE_EXISTS')) {
          if (!mayBeDone) return false;
          const node = await getOrNull(this.#zk, path);
          return node?.data?.toString() === guid;
        } else if (hasCode(error, 'NO_NODE')) return false;
        else {
          retries.judge(error);
          mayBeDone = true;
        }
      }
    }
  }
}

/** An item that stays in the queue until it is said to be done. Disposed of, it is given back. */
export class Received implements AsyncDisposable {
  readonly data: Buffer | null;
  readonly #nodes: QueueNodes;
  readonly #claim: Claim;
  readonly #tenure: Tenure;
  readonly #lost = new AbortController();
  #isDone = false;

  constructor(zk: ZooKeeper, nodes: QueueNodes, claim: Claim) {
    this.data = claim.data;
    this.#nodes = nodes;
    this.#claim = claim;
    this.#tenure = new Tenure(zk, claim);
    this.#tenure.lost.addEventListener('abort', () => this.#judge());
  }

  /** Somebody else may have it now; the reasons are those of {@link Tenure.lost}. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Grows from one consumer of this item to the next. */
  get fence(): Claim['zxid'] {
    return this.#tenure.fence;
  }

  /**
   * Takes it out of the queue, together with what the operations say: all of it or nothing.
   *
   * @throws MultiError when one of them is refused, or when it was lost; ZkError SESSION_EXPIRED:
   * all of it was done or nothing, and if nothing the next consumer gets the item.
   */
  async done(operations: readonly Operation[] = []): Promise<void> {
    this.#isDone = true;
    try {
      await this.#nodes.finish(this.#claim, operations);
    } catch (error) {
      this.#isDone = false;
      this.#judge();
      throw error;
    }
    await this.#tenure.release();
  }

  /** Lets the next consumer have it. After {@link done}: nothing. */
  async giveBack(): Promise<void> {
    if (!this.#isDone) await this.#tenure.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.giveBack();
  }

  #judge(): void {
    if (this.#isDone || !this.#tenure.lost.aborted) return;
    this.#lost.abort(this.#tenure.lost.reason);
  }
}

function isMissing(error: unknown, path: string): boolean {
  return error instanceof MultiError && error.code === 'NO_NODE' && error.path === path;
}
