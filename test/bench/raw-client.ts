import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { buffer, createFrame, frame, int32, string } from './frames.ts';

/** Error of the wire for a node that exists already. */
const nodeExists = -110;

/** And for a session that is not there any more. */
const sessionExpired = -112;

/** A session of before, to come back with. */
export interface RawSession {
  readonly id: Buffer;
  readonly password: Buffer;
}

const noSession: RawSession = { id: Buffer.alloc(8), password: Buffer.alloc(16) };

function handshakeOf(session: RawSession): Buffer {
  const parts = [int32(0), Buffer.alloc(8), int32(30_000), session.id, buffer(session.password)];
  return frameless(Buffer.concat([...parts, Buffer.from([0])]));
}

function frameless(body: Buffer): Buffer {
  return Buffer.concat([int32(body.length), body]);
}

/** A session on one connection, as little code as possible; it gives up instead of reconnecting. */
export class RawClient {
  /** A watch event came. */
  onEvent: () => void = () => undefined;
  /** The connection is gone. */
  onClose: () => void = () => undefined;
  /** Of this connection, once it is open. */
  session: RawSession = noSession;
  /** Of the last reply. */
  lastZxid = 0n;
  readonly #socket: Socket;
  readonly #waiting: { resolve: (error: number) => void; reject: (error: Error) => void }[] = [];
  #received: Buffer = Buffer.alloc(0);
  #isOpen = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      this.#fail(new Error('connection closed'));
      this.onClose();
    });
  }

  /** @throws also when the server does not know the session any more. */
  static async open(
    address: string,
    timeoutMs: number,
    session: RawSession = noSession,
  ): Promise<RawClient> {
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon);
    const port = Number(address.slice(colon + 1));
    const socket = connect({ host, port, noDelay: true, timeout: timeoutMs });
    const client = new RawClient(socket);
    socket.on('timeout', () => socket.destroy(new Error('no answer')));
    const opened = client.#wait();
    socket.write(handshakeOf(session));
    const error = await opened;
    if (error !== 0) throw new Error('the session is gone');
    socket.setTimeout(0);
    return client;
  }

  /** The error code of the reply. */
  request(bytes: Buffer): Promise<number> {
    this.#socket.write(bytes);
    return this.#wait();
  }

  create(path: string): Promise<number> {
    return this.request(createFrame(path));
  }

  /** getData with a watch. */
  watch(path: string): Promise<number> {
    return this.request(frame(4, [string(path), Buffer.from([1])]));
  }

  set(path: string, data: Buffer): Promise<number> {
    return this.request(frame(5, [string(path), buffer(data), int32(-1)]));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #wait(): Promise<number> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #take(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#received, chunk]);
    let at = 0;
    while (at + 4 <= bytes.length) {
      const length = bytes.readInt32BE(at);
      if (at + 4 + length > bytes.length) break;
      this.#takeFrame(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    this.#received = bytes.subarray(at);
  }

  #takeFrame(body: Buffer): void {
    if (!this.#isOpen) {
      this.#isOpen = true;
      const id = Buffer.from(body.subarray(8, 16));
      this.session = { id, password: Buffer.from(body.subarray(20, 36)) };
      this.#waiting.shift()?.resolve(id.equals(noSession.id) ? sessionExpired : 0);
    } else if (body.readInt32BE(0) === -1) {
      this.onEvent();
    } else {
      this.lastZxid = body.readBigInt64BE(4);
      this.#waiting.shift()?.resolve(body.readInt32BE(12));
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/**
 * Writes through any of the servers as soon as one lets it, and says when, ms of `performance.now`.
 *
 * @throws when none has within the time.
 */
export async function firstWrite(addresses: readonly string[], withinMs: number): Promise<number> {
  const endMs = performance.now() + withinMs;
  for (let attempt = 0; performance.now() < endMs; attempt += 1) {
    const address = addresses[attempt % addresses.length] ?? '';
    try {
      const client = await RawClient.open(address, 1000);
      const error = await within(client.create('/first-write'), 1000);
      client.destroy();
      if (error === 0 || error === nodeExists) return performance.now();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  throw new Error(`no write succeeded within ${withinMs} ms`);
}

function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
