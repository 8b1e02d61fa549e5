import type { Socket } from 'node:net';
import type { Connection, SocketAddress } from './transport.ts';

/** Whoever was sent its last bytes has so long to take them and to close, ms. */
export const lingerMsMax = 10_000;

/** A byte stream over a socket of Node, plain or TLS. */
export class TcpConnection implements Connection {
  readonly remote: SocketAddress;
  onConnect: () => void = ignore;
  onData: (chunk: Buffer) => void = ignore;
  onClose: (reason: string) => void = ignore;
  onDrain: () => void = ignore;
  readonly proves?: (host: string) => boolean;
  readonly subject?: string;
  readonly #socket: Socket;
  #closed = false;
  /** The last bytes were handed over. */
  #hasEnded = false;

  /** @param shown what the peer's certificate says */
  constructor(
    socket: Socket,
    remote: SocketAddress,
    shown: Pick<Connection, 'proves' | 'subject'> = {},
  ) {
    this.#socket = socket;
    this.remote = remote;
    if (shown.proves !== undefined) this.proves = shown.proves;
    if (shown.subject !== undefined) this.subject = shown.subject;
    socket.on('data', (chunk) => this.onData(chunk));
    socket.on('drain', () => this.onDrain());
    socket.on('error', (error) => this.#closeWith(error.message));
    socket.on('end', () => this.#closeWith('closed by the peer'));
    socket.on('close', () => this.#closeWith('closed'));
  }

  write(bytes: Uint8Array): boolean {
    return this.#closed ? true : this.#socket.write(bytes);
  }

  keepAlive(): void {
    this.#socket.setKeepAlive(true);
  }

  pause(): void {
    // The peer's end is seen only by reading: a socket that is paused now would never be closed.
    if (!this.#hasEnded) this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const timer = setTimeout(() => this.#socket.destroy(), lingerMsMax);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end();
    this.#socket.resume();
  }

  destroy(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  fail(reason: string): void {
    this.#socket.destroy();
    this.#closeWith(reason);
  }

  #closeWith(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onClose(reason);
  }
}

export function remoteOf(socket: Socket): SocketAddress {
  const host = socket.remoteAddress ?? '';
  // A dual-stack listener shows IPv4 peers in their mapped form; access lists want the plain one.
  return {
    host: host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host,
    port: socket.remotePort ?? 0,
  };
}

function ignore(): void {
  return undefined;
}
