import type { Zxid } from '../protocol/zxid.ts';

/** A digest is remembered at every zxid that this divides. */
const zxidStep = 128;

const digestsMax = 1024;

interface Remembered {
  readonly zxid: Zxid;
  readonly digest: bigint;
}

/**
 * What `hash` shows: digests of the tree at certain zxids, alike at every member whose tree is
 * alike. The last {@link digestsMax} of this run.
 *
 * Source: four-letter-words, section 2.
 */
export class Digests {
  readonly #remembered: Remembered[] = [];
  /** Where the oldest is, once all places are taken. */
  #oldest = 0;

  /** After a transaction was applied. The digest is asked for only where it is remembered. */
  applied(zxid: Zxid, tree: { readonly digest: bigint }): void {
    if (zxid % zxidStep !== 0) return;
    const entry = { zxid, digest: tree.digest };
    if (this.#remembered.length < digestsMax) {
      this.#remembered.push(entry);
    } else {
      this.#remembered[this.#oldest] = entry;
      this.#oldest = (this.#oldest + 1) % digestsMax;
    }
  }

  /** Oldest first. */
  list(): readonly Remembered[] {
    return [...this.#remembered.slice(this.#oldest), ...this.#remembered.slice(0, this.#oldest)];
  }
}
