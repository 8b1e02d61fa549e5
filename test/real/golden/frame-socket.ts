import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** Nothing that a server answers here takes longer. */
const waitMs = 5000;

/** A connection that hands out whole frames, with their lengths, and notices its end. */
export class FrameSocket {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** `null`: the server closed the connection first. @throws Error when nothing comes in time. */
  async frame(): Promise<Buffer | null> {
    const endMs = performance.now() + waitMs;
    for (;;) {
      const length = this.#bytes.length >= 4 ? this.#bytes.readInt32BE() : Infinity;
      if (this.#bytes.length >= 4 + length) {
        const frame = this.#bytes.subarray(0, 4 + length);
        this.#bytes = this.#bytes.subarray(4 + length);
        return frame;
      }
      if (this.#isClosed) return null;
      await this.#news(endMs);
    }
  }

  /** Everything until the server closes. */
  async all(): Promise<Buffer> {
    const endMs = performance.now() + waitMs;
    while (!this.#isClosed) await this.#news(endMs);
    return this.#bytes;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #news(endMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error('the server neither answers nor closes')),
        Math.max(0, endMs - performance.now()),
      );
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
