import { ZkError } from '../index.ts';
import type { ZooKeeper } from '../index.ts';
import { Mark } from './mark.ts';
import { getOrNull, makeDirectory } from './places.ts';
import { hasCode } from './waiting.ts';

/**
 * A whole number that many change. Each {@link add} counts once, even when its reply is lost: it is
 * one transaction with a {@link Mark} of this client.
 *
 * Clients that change it at the same time try again, in no fair order; calls of one counter object
 * go one after the other. Suspended: a change waits for the next connection. Expired:
 * SESSION_EXPIRED, and whether the last change was done is not known, because the mark went with
 * the session.
 *
 * The number stands in the node as decimal text.
 */
export class Counter implements AsyncDisposable {
  readonly path: string;
  readonly #zk: ZooKeeper;
  readonly #mark: Mark;
  #last: Promise<unknown> = Promise.resolve();

  constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.path = path;
    this.#mark = new Mark(zk, path);
  }

  /** 0 before the first change. @throws ZkError DATA_INCONSISTENCY when it is no whole number. */
  async value(): Promise<number> {
    return (await this.#read())?.value ?? 0;
  }

  /**
   * Adds a whole number, negative ones too; the sum is the answer.
   *
   * @throws ZkError BAD_ARGUMENTS when that leaves the integers that a double holds exactly;
   * DATA_INCONSISTENCY; SESSION_EXPIRED.
   */
  add(delta: number): Promise<number> {
    return this.#inTurn(() => {
      checkExact(delta, this.path);
      return this.#change((value) => value + delta);
    });
  }

  /** Makes it `next` if it is `expected`; tells whether it was. @throws as {@link add} */
  replace(expected: number, next: number): Promise<boolean> {
    return this.#inTurn(async () => {
      const after = await this.#change((value) => (value === expected ? next : null));
      return !Number.isNaN(after);
    });
  }

  /** Takes the mark away; the number stays. */
  async close(): Promise<void> {
    await this.#inTurn(() => this.#mark.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #read(): Promise<{ readonly value: number; readonly version: number } | null> {
    const node = await getOrNull(this.#zk, this.path);
    if (node === null) return null;
    const text = node.data?.toString() ?? '';
    const value = Number(text === '' ? 0 : text);
    if (Number.isSafeInteger(value)) return { value, version: node.stat.version };
    throw new ZkError('DATA_INCONSISTENCY', this.path, `"${text}" is no whole number`);
  }

  /** `null` as the next value: leaves it as it is, and NaN is the answer. */
  async #change(nextOf: (value: number) => number | null): Promise<number> {
    for (;;) {
      const now = await this.#read();
      if (now === null) {
        await makeDirectory(this.#zk, this.path, false);
        continue;
      }
      const next = nextOf(now.value);
      if (next === null) return Number.NaN;
      checkExact(next, this.path);
      if (await this.#write(next, now.version)) return next;
    }
  }

  /** False: somebody else was first. */
  async #write(next: number, version: number): Promise<boolean> {
    try {
      await this.#mark.write([{ op: 'set', path: this.path, data: String(next), version }]);
      return true;
    } catch (error) {
      if (hasCode(error, 'BAD_VERSION', 'NO_NODE')) return false;
      throw error;
    }
  }
}

function checkExact(value: number, path: string): void {
  if (Number.isSafeInteger(value)) return;
  throw new ZkError('BAD_ARGUMENTS', path, `${value} is no exact whole number`);
}
