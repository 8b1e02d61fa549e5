import type { SessionId } from '../protocol/session-id.ts';

/**
 * Sessions that ended a short while ago. A leader that takes writes of sessions that it does not
 * know, because they may be local ones of other servers, has to tell them from those.
 */
export class ClosedSessions {
  readonly #forMs: number;
  readonly #ids = new Set<SessionId>();
  /** In the order of their ends. */
  #ends: { readonly id: SessionId; readonly atMs: number }[] = [];
  #head = 0;

  /** @param forMs how long an end is remembered, ms. */
  constructor(forMs: number) {
    this.#forMs = forMs;
  }

  get count(): number {
    return this.#ids.size;
  }

  add(id: SessionId, nowMs: number): void {
    this.#forget(nowMs);
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    this.#ends.push({ id, atMs: nowMs });
  }

  has(id: SessionId): boolean {
    return this.#ids.has(id);
  }

  #forget(nowMs: number): void {
    for (;;) {
      const oldest = this.#ends[this.#head];
      if (oldest === undefined || nowMs - oldest.atMs <= this.#forMs) break;
      this.#ids.delete(oldest.id);
      this.#head += 1;
    }
    if (this.#head * 2 < this.#ends.length) return;
    this.#ends = this.#ends.slice(this.#head);
    this.#head = 0;
  }
}
