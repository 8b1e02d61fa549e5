import type { Zxid } from '../protocol/zxid.ts';
import type { Lack, LogEntry, Storage, StorageFailure } from './door.ts';

/**
 * The storage of an observer that is not to log (`syncEnabled=false`): its disk has the state that
 * it last got as a whole from a leader, and everything since then comes from the leader again.
 * Nobody counts on what an observer has on disk, so what it takes in may be confirmed at once.
 *
 * Source: configuration, syncEnabled.
 *
 * @param defer runs once, in a later turn.
 */
export function withoutLog(inner: Storage, defer: (run: () => void) => void): Storage {
  return new WithoutLog(inner, defer);
}

class WithoutLog implements Storage {
  onDurable: (zxid: Zxid) => void = () => {};
  readonly #inner: Storage;
  readonly #defer: (run: () => void) => void;
  #last: Zxid | null = null;

  constructor(inner: Storage, defer: (run: () => void) => void) {
    this.#inner = inner;
    this.#defer = defer;
  }

  get onFailure(): (failure: StorageFailure) => void {
    return this.#inner.onFailure;
  }

  set onFailure(run: (failure: StorageFailure) => void) {
    this.#inner.onFailure = run;
  }

  recover(...args: Parameters<Storage['recover']>): ReturnType<Storage['recover']> {
    return this.#inner.recover(...args);
  }

  append(entry: LogEntry): void {
    this.#last = entry.zxid;
  }

  flush(): void {
    const last = this.#last;
    this.#last = null;
    if (last !== null) this.#defer(() => this.onDurable(last));
  }

  truncate(...args: Parameters<Storage['truncate']>): void {
    this.#inner.truncate(...args);
  }

  storeEpoch(...args: Parameters<Storage['storeEpoch']>): void {
    this.#inner.storeEpoch(...args);
  }

  writeSnapshot(...args: Parameters<Storage['writeSnapshot']>): void {
    this.#inner.writeSnapshot(...args);
  }

  /** Only a leader's tree is written: it replaces everything that was there. */
  wantsSnapshot(): boolean {
    return false;
  }

  readLog(): null {
    return null;
  }

  purge(retainCount: number): readonly string[] {
    return this.#inner.purge(retainCount);
  }

  /** No write is ever under way. */
  get writingSinceMs(): null {
    return null;
  }

  get lack(): Lack | null {
    return this.#inner.lack;
  }

  get stats(): Storage['stats'] {
    return this.#inner.stats;
  }

  close(done: () => void): void {
    this.#inner.close(done);
  }
}
