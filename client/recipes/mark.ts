import { MultiError } from '../index.ts';
import type { Operation, OperationResult, ZooKeeper } from '../index.ts';
import { childOf, makeDirectory, removeSurely } from './places.ts';
import { hasCode, isLost, retried, Retries } from './waiting.ts';

/**
 * Transactions that are done once, whatever replies get lost: each also sets an ephemeral node of
 * this client's own, whose version then tells whether it was done. (To look for what it made would
 * not do: others may have removed it meanwhile.)
 *
 * One at a time: a write begins when the one before has ended.
 */
export class Mark {
  readonly #zk: ZooKeeper;
  readonly #directory: string;
  #path: string;
  /** Writes done under the mark; `null`: it is not there yet. */
  #version: number | null = null;

  constructor(zk: ZooKeeper, directory: string) {
    this.#zk = zk;
    this.#directory = directory;
    this.#path = this.#newPath();
  }

  /**
   * The results; `null` when it was done and its reply lost.
   *
   * @throws MultiError: refused, nothing was done; ZkError SESSION_EXPIRED: done or not.
   */
  async write(operations: readonly Operation[]): Promise<readonly OperationResult[] | null> {
    const retries = new Retries(this.#zk, this.#directory);
    for (;;) {
      const version = (this.#version ??= await this.#make());
      try {
        const results = await this.#zk.multi([
          { op: 'set', path: this.#path, data: null, version },
          ...operations,
        ]);
        this.#version = version + 1;
        return results.slice(1);
      } catch (error) {
        if (error instanceof MultiError && error.path === this.#path) {
          // Somebody removed or changed it: nothing was done, and another mark serves as well.
          this.#path = this.#newPath();
          this.#version = null;
        } else if (isLost(error) && (await this.#isAt(version + 1))) {
          this.#version = version + 1;
          return null;
        } else retries.judge(error);
      }
    }
  }

  /** Takes the mark away; another write makes it anew. */
  async close(): Promise<void> {
    if (this.#version !== null) await removeSurely(this.#zk, this.#path);
    this.#version = null;
  }

  #newPath(): string {
    return childOf(this.#directory, `mark-${crypto.randomUUID()}`);
  }

  async #make(): Promise<number> {
    const retries = new Retries(this.#zk, this.#directory);
    for (;;) {
      try {
        await this.#zk.create(this.#path, null, { ephemeral: true });
        return 0;
      } catch (error) {
        if (hasCode(error, 'NODE_EXISTS')) return 0;
        if (hasCode(error, 'NO_NODE')) await makeDirectory(this.#zk, this.#directory);
        else retries.judge(error);
      }
    }
  }

  /** Was that version reached? Asked behind a sync, as another server may be behind. */
  async #isAt(version: number): Promise<boolean> {
    const stat = await retried(this.#zk, null, async () => {
      await this.#zk.sync(this.#path);
      return this.#zk.exists(this.#path);
    });
    return stat !== null && stat.version >= version;
  }
}
