import type { Connection, SocketAddress } from '../../server/net/transport.ts';

/** A connection whose other end is the test. */
export class FakeConnection implements Connection {
  readonly remote: SocketAddress = { host: '10.0.0.1', port: 4711 };
  onConnect: () => void = () => undefined;
  onData: (chunk: Buffer) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  onDrain: () => void = () => undefined;
  readonly writes: Buffer[] = [];
  isFull = false;
  ended = false;
  destroyed = false;
  paused = false;

  get written(): Buffer {
    return Buffer.concat(this.writes);
  }

  write(bytes: Uint8Array): boolean {
    this.writes.push(Buffer.from(bytes));
    return !this.isFull;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }
}
