import type { Client } from './client.ts';
import type { Host } from './host.ts';

export interface RequestThrottleOptions {
  /** Requests in process from which on others wait in their sockets. */
  readonly countMax: number;
  /** Who waits is looked at so often at least, ms. */
  readonly stallMs: number;
  /** A request that has waited for longer than its session's timeout costs its connection. */
  readonly dropsLate: boolean;
}

/** taken: go on; held: not now, it is called again; late: too late for its session. */
export type Throttled = 'taken' | 'held' | 'late';

/**
 * Holds clients back while too many requests are in process; the one that waits longest goes on
 * first. What waits is not read, so nothing is kept of a connection that closes meanwhile.
 *
 * Source: semantics, section 14: request_throttle_*, request_stale_*.
 */
export class RequestThrottle {
  readonly #options: RequestThrottleOptions;
  readonly #host: Pick<Host, 'timer'>;
  /** Since when each waits, ms; the oldest first. */
  readonly #waiting = new Map<Client, number>();
  #isArmed = false;

  constructor(options: RequestThrottleOptions, host: Pick<Host, 'timer'>) {
    this.#options = options;
    this.#host = host;
  }

  ask(client: Client, inProcessCount: number, nowMs: number): Throttled {
    const sinceMs = this.#waiting.get(client);
    if (inProcessCount >= this.#options.countMax) {
      if (sinceMs === undefined) this.#waiting.set(client, nowMs);
      this.#arm();
      return 'held';
    }
    if (sinceMs === undefined) return 'taken';
    this.#waiting.delete(client);
    const isLate = this.#options.dropsLate && nowMs - sinceMs > client.timeoutMs;
    return isLate ? 'late' : 'taken';
  }

  /** Requests are done: who may go on is looked at again. */
  released(inProcessCount: number): void {
    this.#wake(this.#options.countMax - inProcessCount);
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#host.timer(this.#options.stallMs, () => this.#stalled());
  }

  #stalled(): void {
    this.#isArmed = false;
    this.#wake(this.#waiting.size);
    if (this.#waiting.size > 0) this.#arm();
  }

  #wake(countMax: number): void {
    let left = countMax;
    for (const client of this.#waiting.keys()) {
      if (left <= 0) return;
      if (client.phase === 'closed') {
        this.#waiting.delete(client);
        continue;
      }
      client.connection.onInput();
      left -= 1;
    }
  }
}
