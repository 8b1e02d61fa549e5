import { readFileSync } from 'node:fs';
import { connect as netConnect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { Connection, SocketAddress, Transport } from './transport.ts';

/** Where addresses of an ensemble are really found on this machine; see {@link createTcpTransport}. */
interface AddressMap {
  /** Port in the configuration → `host:port` to bind. */
  readonly listen?: Readonly<Record<string, string>>;
  /** `host:port` in the configuration → `host:port` to dial. */
  readonly connect?: Readonly<Record<string, string>>;
}

const emptyMap: AddressMap = {};

/**
 * Byte streams over TCP. With `addressMapPath`, a JSON file `{listen, connect}` translates the
 * addresses of the configuration: how members of a Kubernetes-like runtime share one machine. The
 * file is read again whenever an address is not in it.
 */
export function createTcpTransport(addressMapPath: string | null): Transport {
  const addresses = new AddressBook(addressMapPath);
  return {
    listen(configured, handlers) {
      const address = addresses.listen(configured);
      const server = createServer({ noDelay: true, allowHalfOpen: false }, (socket) => {
        handlers.onConnection(new TcpConnection(socket, remoteOf(socket)));
      });
      server.on('error', (error) => {
        handlers.onFailure(`cannot listen on ${address.host}:${address.port}: ${error.message}`);
      });
      server.on('listening', () => {
        const bound = server.address();
        handlers.onListening(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
      server.listen({ host: address.host, port: address.port, backlog: 1024 });
      return { close: () => void server.close() };
    },
    connect(configured, timeoutMs) {
      const address = addresses.connect(configured);
      const socket = netConnect({ host: address.host, port: address.port, noDelay: true });
      const connection = new TcpConnection(socket, address);
      const timer = setTimeout(() => connection.fail('connect timed out'), timeoutMs);
      socket.once('connect', () => {
        clearTimeout(timer);
        connection.onConnect();
      });
      socket.once('close', () => clearTimeout(timer));
      return connection;
    },
  };
}

class TcpConnection implements Connection {
  readonly remote: SocketAddress;
  onConnect: () => void = ignore;
  onData: (chunk: Buffer) => void = ignore;
  onClose: (reason: string) => void = ignore;
  onDrain: () => void = ignore;
  readonly #socket: Socket;
  #closed = false;

  constructor(socket: Socket, remote: SocketAddress) {
    this.#socket = socket;
    this.remote = remote;
    socket.on('data', (chunk) => this.onData(chunk));
    socket.on('drain', () => this.onDrain());
    socket.on('error', (error) => this.#closeWith(error.message));
    socket.on('end', () => this.#closeWith('closed by the peer'));
    socket.on('close', () => this.#closeWith('closed'));
  }

  write(bytes: Uint8Array): boolean {
    return this.#closed ? true : this.#socket.write(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
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

class AddressBook {
  readonly #path: string | null;
  #map: AddressMap = emptyMap;

  constructor(path: string | null) {
    this.#path = path;
  }

  listen(address: SocketAddress): SocketAddress {
    return this.#translate('listen', String(address.port), address);
  }

  connect(address: SocketAddress): SocketAddress {
    return this.#translate('connect', `${address.host}:${address.port}`, address);
  }

  #translate(side: 'listen' | 'connect', key: string, address: SocketAddress): SocketAddress {
    if (this.#path === null) return address;
    if (this.#map[side]?.[key] === undefined) this.#reload(this.#path);
    const found = this.#map[side]?.[key];
    return found === undefined ? address : splitAddress(found);
  }

  /** A missing or half-written file leaves the addresses as they were: the dial is tried again. */
  #reload(path: string): void {
    try {
      this.#map = JSON.parse(readFileSync(path, 'utf8')) as AddressMap;
    } catch {
      return;
    }
  }
}

function splitAddress(text: string): SocketAddress {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

function remoteOf(socket: Socket): SocketAddress {
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
