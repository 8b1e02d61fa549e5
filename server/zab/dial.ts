import type { Core } from './core.ts';

/**
 * Attempts to reach the elected leader. It may still be sitting out its wait for a better vote,
 * so the pauses between them grow: 10, 20, 40, 80, then 100 ms.
 */
export const connectAttemptsMax = 14;
const connectPauseMsMin = 10;
const connectPauseMsMax = 100;

/** A learner's way to its leader: one attempt at a time, for about a second. */
export class Dial {
  readonly #core: Core;
  readonly #leader: number;
  #attempts = 0;
  #retryMs = Number.POSITIVE_INFINITY;

  constructor(core: Core, leader: number) {
    this.#core = core;
    this.#leader = leader;
  }

  /** When {@link tick} is wanted; Infinity: not at all. */
  get retryMs(): number {
    return this.#retryMs;
  }

  start(): void {
    this.#attempts = 0;
    this.#again();
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#retryMs) this.#again();
  }

  stepConnected(): void {
    this.#retryMs = Number.POSITIVE_INFINITY;
  }

  /** False: that was the last attempt. */
  stepFailed(nowMs: number): boolean {
    if (this.#attempts >= connectAttemptsMax) return false;
    const pauseMs = connectPauseMsMin * 2 ** (this.#attempts - 1);
    this.#retryMs = nowMs + Math.min(pauseMs, connectPauseMsMax);
    return true;
  }

  #again(): void {
    this.#attempts += 1;
    this.#retryMs = Number.POSITIVE_INFINITY;
    this.#core.effects.push({ type: 'connectToLeader', sid: this.#leader });
  }
}
