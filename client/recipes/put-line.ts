import type { Operation, ZooKeeper } from '../index.ts';
import { deferred } from '../deferred.ts';
import type { Deferred } from '../deferred.ts';
import { Mark } from './mark.ts';
import { makeDirectory } from './places.ts';
import { hasCode } from './waiting.ts';

interface Put {
  readonly operation: Operation & { readonly op: 'create' };
  readonly bytes: number;
  readonly done: Deferred<void>;
}

/** Creates in one transaction, at most: servers take no request beyond a mebibyte. */
const countMax = 128;
const bytesMax = 256 * 1024;

const all = new WeakMap<ZooKeeper, Map<string, PutLine>>();

/**
 * Creates that are done once. Those that are asked for while one is on its way go together in the
 * next transaction. One for each directory and session.
 */
export class PutLine {
  readonly #zk: ZooKeeper;
  readonly #mark: Mark;
  #waiting: Put[] = [];
  #isBusy = false;

  private constructor(zk: ZooKeeper, marks: string) {
    this.#zk = zk;
    this.#mark = new Mark(zk, marks);
  }

  /** `marks`: directory for the marks of clients. */
  static of(zk: ZooKeeper, marks: string): PutLine {
    let lines = all.get(zk);
    if (lines === undefined) all.set(zk, (lines = new Map<string, PutLine>()));
    let line = lines.get(marks);
    if (line === undefined) lines.set(marks, (line = new PutLine(zk, marks)));
    return line;
  }

  /** In the order asked for. @throws ZkError SESSION_EXPIRED: done or not; what refuses it. */
  put(directory: string, operation: Operation & { readonly op: 'create' }): Promise<void> {
    const { data = null } = operation;
    const bytes =
      2 * operation.path.length + (data?.length ?? 0) * (typeof data === 'string' ? 3 : 1);
    const done = deferred<void>();
    this.#waiting.push({ operation, bytes, done });
    if (!this.#isBusy) void this.#run(directory);
    return done.promise;
  }

  async #run(directory: string): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) await this.#write(directory, this.#nextBatch());
    this.#isBusy = false;
  }

  #nextBatch(): Put[] {
    let bytes = 0;
    let count = 0;
    for (const put of this.#waiting) {
      bytes += put.bytes;
      if (count > 0 && (count === countMax || bytes > bytesMax)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #write(directory: string, batch: readonly Put[]): Promise<void> {
    try {
      await this.#mark.write(batch.map(({ operation }) => operation));
      for (const { done } of batch) done.resolve();
    } catch (error) {
      const [only] = batch;
      if (hasCode(error, 'NO_NODE') && (await this.#isMade(directory))) {
        await this.#write(directory, batch);
      } else if (batch.length === 1 && only !== undefined) only.done.reject(error);
      // Nothing was done: whose fault it was shows when each goes alone.
      else for (const put of batch) await this.#write(directory, [put]);
    }
  }

  async #isMade(directory: string): Promise<boolean> {
    return makeDirectory(this.#zk, directory).then(
      () => true,
      () => false,
    );
  }
}
