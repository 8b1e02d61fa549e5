import { beginFrame, endFrame } from '../protocol/framing.ts';
import { JuteWriter } from '../protocol/jute.ts';
import type { Connection } from './transport.ts';

/** Above this the buffer itself is handed to the socket instead of a copy. */
const handOverBytesMin = 16 * 1024;

/** Buffer that an outbox starts with. */
const idleBytes = 512;

/** Buffer that an outbox keeps at most once its bytes were handed over. */
const keptBytesMax = 128 * 1024;

/**
 * What waits for one connection: frames of a turn gather here and leave in one write. While the
 * socket is full they go on gathering; who produces without bound looks at {@link isBlocked}.
 */
export class Outbox {
  readonly writer: JuteWriter = new JuteWriter(idleBytes);
  /** The socket has more than its buffer's worth; set until it drains. */
  isBlocked = false;
  isDirty = false;
  readonly #connection: Connection;
  #frameAt = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get bytesWaiting(): number {
    return this.writer.offset;
  }

  /** Starts a length-prefixed frame; {@link endFrame} fills the length in. */
  beginFrame(): JuteWriter {
    this.#frameAt = beginFrame(this.writer);
    return this.writer;
  }

  endFrame(): void {
    endFrame(this.writer, this.#frameAt);
  }

  /** One write for all that has gathered. Returns its bytes. */
  flush(): number {
    const bytes = this.writer.offset;
    if (bytes === 0) return 0;
    if (!this.#connection.write(this.#takeBytes(bytes))) this.isBlocked = true;
    return bytes;
  }

  #takeBytes(bytes: number): Buffer {
    const writer = this.writer;
    if (bytes >= handOverBytesMin) return writer.handOver(keptBytesMax);
    // From the pool: most turns leave a few hundred bytes to each of many connections.
    const copy = Buffer.allocUnsafe(bytes);
    writer.buffer.copy(copy, 0, 0, bytes);
    writer.clear();
    return copy;
  }
}
