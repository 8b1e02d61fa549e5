import type { StorageOptions } from './storage-options.ts';

/** Fewer transactions between snapshots are never asked for. */
const snapCountMin = 2;

/**
 * Decides when enough was logged for a snapshot. The thresholds lie at random between half and all
 * of what is configured, so that not every server of an ensemble is busy at once.
 *
 * Source: storage, section 9.
 */
export class SnapshotPace {
  readonly #options: StorageOptions;
  #count = 0;
  #bytes = 0;
  #countMax = 0;
  #bytesMax = 0;

  constructor(options: StorageOptions) {
    this.#options = options;
    this.begun();
  }

  /** True once a threshold is passed. */
  get isDue(): boolean {
    return this.#count > this.#countMax || this.#bytes > this.#bytesMax;
  }

  logged(bytes: number): void {
    this.#count += 1;
    this.#bytes += bytes;
  }

  /** One is due at once: the newest was damaged. */
  demand(): void {
    this.#countMax = -1;
  }

  /** A snapshot begins: counts from zero, with new thresholds. */
  begun(): void {
    const { snapCount, snapBytesMax, host } = this.#options;
    const halfCount = Math.floor(Math.max(snapCount, snapCountMin) / 2);
    this.#count = 0;
    this.#bytes = 0;
    this.#countMax = halfCount + Math.floor(host.random() * halfCount);
    this.#bytesMax = snapBytesMax <= 0 ? Infinity : (snapBytesMax / 2) * (1 + host.random());
  }
}
