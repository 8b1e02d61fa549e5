import { ChunkRun } from './chunks.ts';
import { JuteError } from './jute.ts';
import type { JuteWriter } from './jute.ts';

/** Default of `jute.maxbuffer`: the largest frame of a client, in bytes behind the length. */
export const frameBytesMaxDefault: number = 0xfffff;

/** Largest message of the election port. Source: election protocol, section 3. */
export const notificationBytesMax: number = 524_288;

const lengthBytes = 4;

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
  buffer: Buffer;
  start = 0;
  end = 0;

  readonly #frameBytesMax: number;
  readonly #run = new ChunkRun();

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
    this.buffer = this.#run.buffer;
  }

  /** Takes a chunk over; a view given out before stays valid as long as its buffer is held. */
  push(chunk: Buffer): void {
    this.#run.push(chunk);
  }

  /**
   * Moves to the next whole frame; false when its bytes are not all there.
   *
   * @throws JuteError on a negative or oversize length, before anything is allocated for it.
   */
  next(): boolean {
    const run = this.#run;
    if (!run.gather(lengthBytes) || !run.gather(lengthBytes + this.#lengthAt(run.at))) {
      this.buffer = run.buffer;
      this.start = this.end = 0;
      return false;
    }
    this.buffer = run.buffer;
    this.start = run.at + lengthBytes;
    this.end = this.start + this.#lengthAt(run.at);
    run.at = this.end;
    return true;
  }

  /** Bytes received that belong to no whole frame yet. */
  get pendingBytes(): number {
    return this.#run.pendingBytes;
  }

  #lengthAt(at: number): number {
    const bytes = this.#run.buffer;
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
