import type { Core } from './core.ts';
import type { TimelessEvent } from './links.ts';

/**
 * A leader whose log write stalls holds up nobody who has a quorum without it, but its own reads
 * and the next proposals' order. With a limit it hands over instead: it resigns, what is under way
 * is committed by the others' disks, and it votes again when its own disk is done.
 */
export class Handover {
  readonly #core: Core;
  readonly #emit: (event: TimelessEvent) => void;
  readonly #limitMs: number;
  /** The write for which it resigned already. */
  #resignedFor: number | null = null;

  /** `limitMs` 0: never. */
  constructor(core: Core, limitMs: number, emit: (event: TimelessEvent) => void) {
    this.#core = core;
    this.#limitMs = core.config.ensemble === null ? 0 : limitMs;
    this.#emit = emit;
  }

  /** Once a turn of a leader, at latest with its next heartbeat. */
  check(): void {
    if (this.#limitMs <= 0) return;
    const { storage, nowMs, host } = this.#core;
    const sinceMs = storage.writingSinceMs;
    if (sinceMs === null || sinceMs === this.#resignedFor) return;
    if (nowMs - sinceMs <= this.#limitMs) return;
    this.#resignedFor = sinceMs;
    const ms = Math.round(nowMs - sinceMs);
    host.log('warn', 'the disk of this leader stalls: it hands over', {
      ms,
      limitMs: this.#limitMs,
    });
    this.#emit({ type: 'resign', reason: `its log write has taken ${ms} ms` });
  }
}
