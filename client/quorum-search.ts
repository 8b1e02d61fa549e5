/** Pause before a first look for a server with a quorum; doubles with every look. */
export const searchMsMin = 500;
export const searchMsMax = 30_000;

/** One look takes no longer than this, ms. */
export const lookMsMax = 2_000;

/**
 * When a client that is served by a server without a quorum looks for one that has it: one host
 * after another, ever more seldom.
 */
export class QuorumSearch {
  /** When the next look is due, ms; Infinity: none. */
  dueMs: number = Infinity;
  #pauseMs = searchMsMin;

  begin(nowMs: number): void {
    this.#pauseMs = searchMsMin;
    this.dueMs = nowMs + searchMsMin;
  }

  end(): void {
    this.dueMs = Infinity;
  }

  /** A look begins; nothing more is due until it has failed. */
  look(): void {
    this.dueMs = Infinity;
  }

  failed(nowMs: number): void {
    this.#pauseMs = Math.min(this.#pauseMs * 2, searchMsMax);
    this.dueMs = nowMs + this.#pauseMs;
  }
}
