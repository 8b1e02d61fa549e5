import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { FrameDecoder } from '../../../server/protocol/framing.ts';
import { JuteError } from '../../../server/protocol/jute.ts';

const frameBytesMax = 1 << 24;

/** Between clients and a server: forwards everything, until it is told to do damage. */
export class FaultyProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isOpen = true;
  /** Opcode whose next reply is lost, and what to do then. */
  #losing: { readonly opCode: number; readonly done: () => void } | null = null;
  /** Opcode whose next request is lost, and what to do then. */
  #swallowing: { readonly opCode: number; readonly done: () => void } | null = null;

  #storm: (() => number) | null = null;
  #forwarded = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#pair(client));
  }

  static async open(targetPort: number): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(targetPort);
    await new Promise<void>((done) => proxy.#server.listen(0, '127.0.0.1', done));
    return proxy;
  }

  get connectString(): string {
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return `127.0.0.1:${port}`;
  }

  /** Requests that clients have sent so far, pings among them. */
  get requestCount(): number {
    return this.#forwarded;
  }

  /**
   * From now on one request in thirty is lost with its connection, and of one in thirty the reply;
   * `null` ends it. `random` is uniform in [0, 1).
   */
  storm(random: (() => number) | null): void {
    this.#storm = random;
  }

  /** Breaks all connections; new ones are taken. */
  cut(): void {
    for (const [client, server] of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    this.#pairs.clear();
  }

  /** Breaks all connections and takes no new ones until {@link open}. */
  close(): void {
    this.#isOpen = false;
    this.cut();
  }

  open(): void {
    this.#isOpen = true;
  }

  /**
   * The next request of that opcode is carried out, but its connection breaks before the reply.
   * Resolves when it has.
   */
  loseReply(opCode: number): Promise<void> {
    return new Promise((done) => {
      this.#losing = { opCode, done };
    });
  }

  /** The next request of that opcode never arrives: its connection breaks. Resolves when it has. */
  loseRequest(opCode: number): Promise<void> {
    return new Promise((done) => {
      this.#swallowing = { opCode, done };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  #pair(client: Socket): void {
    if (!this.#isOpen) return void client.destroy();
    const server = connect({ host: '127.0.0.1', port: this.#targetPort, noDelay: true });
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    const end = (): void => {
      client.destroy();
      server.destroy();
      this.#pairs.delete(pair);
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    let lost: { readonly xid: number; readonly done: () => void } | null = null;
    eachFrame(client, (frame, isHandshake) => {
      const opCode = isHandshake ? null : frame.readInt32BE(8);
      if (!isHandshake) this.#forwarded += 1;
      const chance = isHandshake ? 1 : (this.#storm?.() ?? 1);
      if (chance < 1 / 30) return end();
      if (chance < 2 / 30) lost ??= { xid: frame.readInt32BE(4), done: () => undefined };
      if (this.#swallowing !== null && opCode === this.#swallowing.opCode) {
        const { done } = this.#swallowing;
        this.#swallowing = null;
        end();
        return done();
      }
      if (this.#losing !== null && opCode === this.#losing.opCode) {
        lost = { xid: frame.readInt32BE(4), done: this.#losing.done };
        this.#losing = null;
      }
      server.write(frame);
    });
    eachFrame(server, (frame, isHandshake) => {
      if (isHandshake || lost === null || frame.readInt32BE(4) !== lost.xid) {
        return void client.write(frame);
      }
      end();
      lost.done();
    });
  }
}

/**
 * Frames with their lengths in front; the first of a direction is the handshake. Who does not speak
 * the protocol (another test's server that looks for its peers here) is hung up on.
 */
function eachFrame(socket: Socket, listener: (frame: Buffer, isHandshake: boolean) => void): void {
  const decoder = new FrameDecoder(frameBytesMax);
  let isHandshake = true;
  socket.on('data', (chunk: Buffer) => {
    decoder.push(chunk);
    try {
      while (!socket.destroyed && decoder.next()) {
        listener(decoder.buffer.subarray(decoder.start - 4, decoder.end), isHandshake);
        isHandshake = false;
      }
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      socket.destroy();
    }
  });
}
