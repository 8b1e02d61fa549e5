import { JuteError } from './jute.ts';
import type { JuteWriter } from './jute.ts';

/** Default of `jute.maxbuffer`: the largest frame of a client, in bytes behind the length. */
export const frameBytesMaxDefault: number = 0xfffff;

/** Largest message of the election port. Source: election protocol, section 3. */
export const notificationBytesMax: number = 524_288;

const empty: Buffer = Buffer.alloc(0);

/**
 * Chunks of a stream in, frames of `int32 length` + bytes out. A frame that lies in one chunk is
 * a view into it; one that came in pieces is joined once, when its last byte is there, so memory
 * grows only with bytes received. Nothing is allocated for a frame.
 *
 * ```
 * decoder.push(chunk);
 * while (decoder.next()) use(decoder.buffer, decoder.start, decoder.end);
 * ```
 * Source: client-protocol, section 1; election protocol, section 3.
 */
export class FrameDecoder {
  /** The bytes that hold the frame found by the last {@link next}: from `start`, before `end`. */
  buffer: Buffer = empty;
  start = 0;
  end = 0;

  readonly #frameBytesMax: number;
  #at = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Takes a chunk over; a view given out before stays valid as long as its buffer is held. */
  push(chunk: Buffer): void {
    if (this.#waiting.length === 0 && this.#at === this.buffer.length) {
      this.buffer = chunk;
      this.#at = 0;
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  /**
   * Moves to the next whole frame; false when its bytes are not all there.
   *
   * @throws JuteError on a negative or oversize length, before anything is allocated for it.
   */
  next(): boolean {
    for (;;) {
      const available = this.buffer.length - this.#at;
      let needed = 4;
      if (available >= 4) {
        needed = 4 + this.#lengthAt(this.#at);
        if (available >= needed) {
          this.start = this.#at + 4;
          this.end = this.#at + needed;
          this.#at = this.end;
          return true;
        }
      }
      if (this.#waitingBytes === 0 || available + this.#waitingBytes < needed) {
        // An idle connection must not hold on to its last chunk.
        if (available === 0) this.buffer = empty;
        this.start = this.end = 0;
        if (available === 0) this.#at = 0;
        return false;
      }
      this.#join();
    }
  }

  /** Bytes received that belong to no whole frame yet. */
  get pendingBytes(): number {
    return this.buffer.length - this.#at + this.#waitingBytes;
  }

  #join(): void {
    const tail = this.buffer.subarray(this.#at);
    this.buffer =
      tail.length === 0 && this.#waiting.length === 1
        ? (this.#waiting[0] ?? empty)
        : Buffer.concat([tail, ...this.#waiting]);
    this.#at = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #lengthAt(at: number): number {
    const bytes = this.buffer;
    const length =
      ((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0);
    if (length < 0 || length > this.#frameBytesMax) {
      throw new JuteError(`frame of ${length} bytes is outside 0..${this.#frameBytesMax}`);
    }
    return length;
  }
}

/** Leaves room for a frame's length; give the result to {@link endFrame}. */
export function beginFrame(writer: JuteWriter): number {
  const at = writer.offset;
  writer.int32(0);
  return at;
}

/** Writes the length of what was written since {@link beginFrame}. */
export function endFrame(writer: JuteWriter, at: number): void {
  writer.int32At(at, writer.offset - at - 4);
}
