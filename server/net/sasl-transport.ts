import type { QuorumSasl } from './quorum-sasl.ts';
import type { Connection, SocketAddress, Transport } from './transport.ts';

/** Connections that are being authenticated. A server does it at once, so the oldest may go. */
export const authenticatingMax = 64;

/**
 * A transport whose connections are authenticated before anybody hears of them.
 *
 * @param onRefused who was not let in, and why; or whom this side did not believe
 */
export function createSaslTransport(
  inner: Transport,
  sasl: QuorumSasl,
  onRefused: (remote: SocketAddress, reason: string) => void,
): Transport {
  return {
    listen(address, handlers) {
      const waiting = new Set<Connection>();
      return inner.listen(address, {
        onListening: handlers.onListening,
        onFailure: handlers.onFailure,
        onConnection(connection) {
          waiting.add(connection);
          if (waiting.size > authenticatingMax) dropOldest(waiting);
          sasl.accept(connection, Buffer.alloc(0), {
            onDone(rest) {
              waiting.delete(connection);
              handlers.onConnection(connection);
              if (rest.length > 0) connection.onData(rest);
            },
            onRefused(reason) {
              waiting.delete(connection);
              onRefused(connection.remote, reason);
            },
          });
        },
      });
    },
    connect(address, timeoutMs) {
      return new DialledConnection(inner.connect(address, timeoutMs), sasl, onRefused);
    },
  };
}

function dropOldest(waiting: Set<Connection>): void {
  for (const oldest of waiting) {
    waiting.delete(oldest);
    return oldest.destroy();
  }
}

/** Is connected once it is authenticated. */
class DialledConnection implements Connection {
  readonly remote: SocketAddress;
  onConnect: () => void = ignore;
  onData: (chunk: Buffer) => void = ignore;
  onClose: (reason: string) => void = ignore;
  onDrain: () => void = ignore;
  readonly #inner: Connection;

  constructor(
    inner: Connection,
    sasl: QuorumSasl,
    onRefused: (remote: SocketAddress, reason: string) => void,
  ) {
    this.#inner = inner;
    this.remote = inner.remote;
    inner.onClose = (reason) => this.onClose(reason);
    inner.onDrain = () => this.onDrain();
    inner.onConnect = () =>
      sasl.initiate(inner, {
        onDone: (rest) => {
          inner.onData = (chunk) => this.onData(chunk);
          inner.onClose = (reason) => this.onClose(reason);
          this.onConnect();
          if (rest.length > 0) this.onData(rest);
        },
        onRefused: (reason) => {
          onRefused(this.remote, reason);
          this.onClose(`authentication failed: ${reason}`);
        },
      });
  }

  write(bytes: Uint8Array): boolean {
    return this.#inner.write(bytes);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }
}

function ignore(): void {
  return undefined;
}
