import { deferred } from '../deferred.ts';
import { ZkError } from '../index.ts';
import type { ErrorName, ZooKeeper } from '../index.ts';

/** How long to wait, at most; without any of these as long as the session lives. */
export interface WaitOptions {
  /** Ends the waiting with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Ends the waiting with OPERATION_TIMEOUT. */
  readonly timeoutMs?: number;
}

const timerMsMax = 2 ** 31 - 1;

/** One signal for both ends of {@link WaitOptions}. Disposed of, it never fires any more. */
export class Limit implements Disposable {
  readonly signal: AbortSignal;
  readonly #outer: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort: () => void;

  constructor(options: WaitOptions, path: string) {
    const controller = new AbortController();
    const { signal, timeoutMs } = options;
    this.signal = controller.signal;
    this.#outer = signal;
    this.#onAbort = () => controller.abort(signal?.reason);
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort);
    if (timeoutMs === undefined || timeoutMs > timerMsMax) return;
    const late = new ZkError('OPERATION_TIMEOUT', path, `not within ${timeoutMs} ms`);
    this.#timer = setTimeout(() => controller.abort(late), timeoutMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#onAbort);
  }
}

/** Says one thing once. Who listens afterwards hears it at once. */
export class Notice {
  readonly #listeners = new Set<() => void>();
  #isGiven = false;

  get isGiven(): boolean {
    return this.#isGiven;
  }

  readonly give = (): void => {
    this.#isGiven = true;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  };

  /** Returns what ends it. */
  on(listener: () => void): () => void {
    if (this.#isGiven) listener();
    else this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** Who wants to hear of changes. What a listener throws becomes an uncaught exception. */
export class Listeners<T> {
  readonly #listeners = new Set<(news: T) => void>();

  /** Returns what ends it. */
  add(listener: (news: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(news: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(news);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** Expired or closed: nothing of this session comes back. */
export function isOver(zk: ZooKeeper): boolean {
  return zk.state === 'expired' || zk.state === 'closed';
}

/**
 * Resolves with the notice.
 *
 * @throws ZkError SESSION_EXPIRED when the session ends first; the signal's reason.
 */
export function waitFor(zk: ZooKeeper, notice: Notice, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = deferred<void>();
  if (signal.aborted) reject(signal.reason);
  else if (isOver(zk)) reject(sessionOver(null));
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  const offState = zk.onState(() => {
    if (isOver(zk)) reject(sessionOver(null));
  });
  const offNotice = notice.on(resolve);
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort);
    offState();
    offNotice();
  });
}

/** The promise, or the signal's reason if that comes first; the promise is then left to itself. */
export function raced<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: first, resolve, reject } = deferred<T>();
  const onAbort = (): void => reject(signal.reason);
  promise.then(resolve, reject);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  return first.finally(() => signal.removeEventListener('abort', onAbort));
}

/**
 * As {@link raced}, for what leaves something behind: when the signal comes first, `undo` gets
 * what comes into being all the same.
 */
export async function racedOrUndone<T>(
  making: Promise<T>,
  signal: AbortSignal,
  undo: (made: T) => void,
): Promise<T> {
  try {
    return await raced(making, signal);
  } catch (error) {
    making.then(undo, () => undefined);
    throw error;
  }
}

/** The error of a call whose fate is not known, or that another connection has to repeat. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof ZkError)) return false;
  const { code } = error;
  return code === 'CONNECTION_LOSS' || code === 'SESSION_MOVED' || code === 'REQUEST_TIMEOUT';
}

export function hasCode(error: unknown, ...codes: readonly ErrorName[]): boolean {
  return error instanceof ZkError && codes.includes(error.code);
}

export function sessionOver(path: string | null): ZkError {
  return new ZkError('SESSION_EXPIRED', path, 'the session is over');
}

/** So often in quick succession no network breaks: it is the request that breaks the connection. */
const breaksMax = 16;

/** Decides, for one call, whether to make it again. */
export class Retries {
  readonly #zk: ZooKeeper;
  readonly #path: string | null;
  #breaks = 0;
  #lastMs: number = performance.now();

  constructor(zk: ZooKeeper, path: string | null) {
    this.#zk = zk;
    this.#path = path;
  }

  /**
   * Returns when the call may be made again, because nobody knows what became of it.
   *
   * @throws the error itself when that is known; ZkError SESSION_EXPIRED; CONNECTION_LOSS when the
   * connection breaks under this call again and again, as it does under one that is too large.
   */
  judge(error: unknown): void {
    if (!isLost(error)) throw error;
    if (isOver(this.#zk)) throw sessionOver(this.#path);
    const nowMs = performance.now();
    const isQuick = nowMs - this.#lastMs < this.#zk.sessionTimeoutMs / 3;
    this.#breaks = isQuick ? this.#breaks + 1 : 0;
    this.#lastMs = nowMs;
    if (this.#breaks < breaksMax) return;
    const detail = `the connection broke ${breaksMax} times in a row; is the request too large?`;
    throw new ZkError('CONNECTION_LOSS', this.#path, detail, error);
  }
}

/**
 * Makes a call again for as long as connections break under it. For calls that may be carried
 * out twice without harm: reads, and writes whose second refusal the caller understands.
 *
 * @throws ZkError what the servers refuse; as {@link Retries.judge}; the signal's reason.
 */
export async function retried<T>(
  zk: ZooKeeper,
  signal: AbortSignal | null,
  call: () => Promise<T>,
): Promise<T> {
  const retries = new Retries(zk, null);
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await (signal === null ? call() : raced(call(), signal));
    } catch (error) {
      retries.judge(error);
    }
  }
}
