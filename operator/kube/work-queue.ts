import { backoffMs } from './clock.ts';
import type { Clock } from './clock.ts';

/** What became of one key: when to look again, or why it failed. */
export type Work = (key: string) => Promise<{ readonly againAfterMs: number | null }>;

export interface QueueOptions {
  readonly clock: Clock;
  readonly workersMax: number;
  readonly backoffMsMin?: number;
  readonly backoffMsMax?: number;
  readonly onError: (key: string, error: unknown) => void;
  readonly onDone?: (key: string, tookMs: number, result: 'success' | 'error') => void;
}

/**
 * Keys waiting for work. A key is never worked on twice at once; added again meanwhile, it runs
 * once more afterwards. Failures come back with a doubling delay, success forgets them.
 */
export class WorkQueue {
  readonly #options: QueueOptions;
  readonly #work: Work;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, { cancel(): void; dueMs: number }>();
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(options: QueueOptions, work: Work) {
    this.#options = options;
    this.#work = work;
  }

  get depth(): number {
    return this.#waiting.size;
  }

  get running(): number {
    return this.#running.size;
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
    this.#waiting.add(key);
    this.#start();
  }

  /** Adds the key later. The earlier of two times wins. */
  addAfter(key: string, afterMs: number): void {
    if (this.#stopped) return;
    const dueMs = this.#options.clock.nowMs() + afterMs;
    const present = this.#timers.get(key);
    if (present !== undefined && present.dueMs <= dueMs) return;
    present?.cancel();
    const timer = this.#options.clock.timer(afterMs, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { cancel: () => timer.cancel(), dueMs });
  }

  /** Takes nothing new; resolves when what runs has ended. */
  stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#waiting.clear();
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #start(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#options.workersMax) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.nowMs();
    let result: 'success' | 'error' = 'success';
    try {
      const { againAfterMs } = await this.#work(key);
      this.#failures.delete(key);
      if (againAfterMs !== null) this.addAfter(key, againAfterMs);
    } catch (error) {
      result = 'error';
      const failures = this.#failures.get(key) ?? 0;
      this.#failures.set(key, failures + 1);
      const { backoffMsMin = 200, backoffMsMax = 30_000 } = this.#options;
      this.addAfter(key, backoffMs(clock, failures, backoffMsMin, backoffMsMax));
      this.#options.onError(key, error);
    }
    this.#running.delete(key);
    this.#options.onDone?.(key, clock.nowMs() - startedMs, result);
    this.#start();
    if (this.#stopped && this.#running.size === 0) {
      for (const resolve of this.#idle) resolve();
      this.#idle = [];
    }
  }
}
