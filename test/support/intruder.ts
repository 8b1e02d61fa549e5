import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { until } from './real-ensemble.ts';

/** A connection that says what it likes and watches what becomes of it. */
export class Intruder {
  static readonly #all = new Set<Intruder>();
  readonly #socket: Socket;
  receivedBytes = 0;
  isConnected = false;
  isClosed = false;

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    Intruder.#all.add(this);
    this.#socket.on('connect', () => (this.isConnected = true));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.isClosed = true;
      Intruder.#all.delete(this);
    });
    this.#socket.on('data', (chunk) => (this.receivedBytes += chunk.length));
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Says that it will send no more, and goes on reading. */
  endSending(): void {
    this.#socket.end();
  }

  closedWithin(ms: number): Promise<void> {
    return until('the connection to be closed', ms, () => this.isClosed);
  }

  /** Ends those that are left. */
  static destroyAll(): void {
    for (const intruder of Intruder.#all) intruder.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** One port, these bytes: resolves when the server has closed. */
export async function intrude(port: number, bytes: Uint8Array, withinMs: number): Promise<void> {
  const intruder = new Intruder(port);
  intruder.send(bytes);
  try {
    await intruder.closedWithin(withinMs);
  } finally {
    intruder.destroy();
  }
}

export function int32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeInt32BE(value | 0, index * 4));
  return bytes;
}
