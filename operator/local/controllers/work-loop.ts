import { ApiError } from '../api/api-error.ts';

/** Wait after a failure, doubled each time up to the maximum. */
const retryMsMin = 100;
const retryMsMax = 30_000;

/**
 * Reconciles keys one at a time: each key waits once however often it was asked for, a failure
 * is tried again later, and what a reconciliation asks for comes after it.
 */
export class WorkLoop {
  readonly #name: string;
  readonly #reconcile: (key: string) => number | null;
  readonly #log: (message: string) => void;
  readonly #waiting = new Set<string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #failures = new Map<string, number>();
  #isScheduled = false;
  #isStopped = false;

  /** `reconcile` answers after how many ms the key is due again, `null` for never. */
  constructor(
    name: string,
    reconcile: (key: string) => number | null,
    log: (message: string) => void,
  ) {
    this.#name = name;
    this.#reconcile = reconcile;
    this.#log = log;
  }

  enqueue(key: string): void {
    if (this.#isStopped) return;
    this.#waiting.add(key);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  enqueueAfter(key: string, delayMs: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timers.get(key));
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.enqueue(key);
    }, delayMs);
    this.#timers.set(key, timer);
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #run(): void {
    const keys = [...this.#waiting];
    this.#waiting.clear();
    for (const key of keys) {
      if (this.#isStopped) return;
      try {
        const delayMs = this.#reconcile(key);
        this.#failures.delete(key);
        if (delayMs !== null) this.enqueueAfter(key, delayMs);
      } catch (error) {
        this.#retry(key, error);
      }
    }
  }

  #retry(key: string, error: unknown): void {
    const count = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, count);
    const why = error instanceof ApiError ? error.message : String((error as Error).stack ?? error);
    if (count > 1) this.#log(`${this.#name}: ${key}: ${why}`);
    this.enqueueAfter(key, Math.min(retryMsMin * 2 ** (count - 1), retryMsMax));
  }
}
