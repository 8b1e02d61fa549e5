const empty: Buffer = Buffer.alloc(0);

/**
 * Received chunks as one run of bytes with a cursor. What lies in one chunk is read in place;
 * chunks are joined only once enough of them are there, so each byte is copied at most twice and
 * memory grows only with bytes received.
 */
export class ChunkRun {
  /** Readable from {@link at} on. Views into it stay valid as long as they are held. */
  buffer: Buffer = empty;
  at = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  /** Takes a chunk over. */
  push(chunk: Buffer): void {
    if (this.#waiting.length === 0 && this.at === this.buffer.length) {
      this.buffer = chunk;
      this.at = 0;
    } else {
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
    }
  }

  /** Bytes readable in place. */
  get available(): number {
    return this.buffer.length - this.at;
  }

  /** Bytes received and not passed yet. */
  get pendingBytes(): number {
    return this.buffer.length - this.at + this.#waitingBytes;
  }

  /**
   * Makes `bytes` readable in place, if they were received and are not yet; false when they were
   * not. Nothing else may be asked for then before the next {@link push}.
   */
  gather(bytes: number): boolean {
    if (this.pendingBytes < bytes) {
      // An idle connection must not keep its last chunk alive.
      if (this.pendingBytes === 0) this.#clear();
      return false;
    }
    if (this.available < bytes) this.#join();
    return true;
  }

  /** Everything that was not passed yet; the run is empty then. */
  takeAll(): Buffer {
    if (this.#waiting.length > 0) this.#join();
    const bytes = this.buffer.subarray(this.at);
    this.#clear();
    return bytes;
  }

  #join(): void {
    const tail = this.buffer.subarray(this.at);
    const [only] = this.#waiting;
    this.buffer =
      tail.length === 0 && this.#waiting.length === 1 && only !== undefined
        ? only
        : Buffer.concat([tail, ...this.#waiting]);
    this.at = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #clear(): void {
    this.buffer = empty;
    this.at = 0;
  }
}
