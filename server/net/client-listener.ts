import { ClientConnection } from './client-connection.ts';
import type { Connection, Listener, SocketAddress, Transport } from './transport.ts';

/** How many clients may be connected, and how large a request may be. */
export interface ClientLimits {
  /** Connections from one address; 0: any number. */
  readonly perAddressMax: number;
  /** Connections in all; 0: any number. */
  readonly totalMax: number;
  /** Payload bytes of a request frame. */
  readonly frameBytesMax: number;
  /** Connections that the system queues before they are taken; unset: its standard. */
  readonly backlogCount?: number | null;
  /** The system finds out which silent clients are gone. */
  readonly keepAlive?: boolean;
}

export interface ClientListenerHandlers {
  readonly onListening: (port: number) => void;
  readonly onFailure: (reason: string) => void;
  readonly onClient: (connection: ClientConnection) => void;
  readonly onRejected: (remote: SocketAddress, reason: string) => void;
}

/** Takes clients in, up to the limits, and counts them per address. */
export class ClientListener {
  readonly #limits: ClientLimits;
  readonly #handlers: ClientListenerHandlers;
  readonly #countByAddress = new Map<string, number>();
  readonly #transport: Transport;
  #listener: Listener | null;
  #secure: Listener | null = null;
  #count = 0;

  /** @param address `null`: clients come to {@link alsoAt} alone */
  constructor(
    transport: Transport,
    address: SocketAddress | null,
    limits: ClientLimits,
    handlers: ClientListenerHandlers,
  ) {
    this.#transport = transport;
    this.#limits = limits;
    this.#handlers = handlers;
    this.#listener = address === null ? null : this.#listen(address);
  }

  /** New clients come to another address; those that are here stay. */
  moveTo(address: SocketAddress): void {
    this.#listener?.close();
    this.#listener = this.#listen(address);
  }

  /** A second port, which counts to the same limits. */
  alsoAt(transport: Transport, address: SocketAddress, onListening: (port: number) => void): void {
    this.#secure = this.#listenBy(transport, address, onListening);
  }

  close(): void {
    this.#listener?.close();
    this.#secure?.close();
  }

  /** The caller says when a client that it was given is gone. */
  released(remote: SocketAddress): void {
    this.#count -= 1;
    const left = (this.#countByAddress.get(remote.host) ?? 1) - 1;
    if (left === 0) this.#countByAddress.delete(remote.host);
    else this.#countByAddress.set(remote.host, left);
  }

  #listen(address: SocketAddress): Listener {
    return this.#listenBy(this.#transport, address, this.#handlers.onListening);
  }

  #listenBy(
    transport: Transport,
    address: SocketAddress,
    onListening: (port: number) => void,
  ): Listener {
    const { backlogCount = null } = this.#limits;
    return transport.listen(address, {
      onListening,
      onFailure: this.#handlers.onFailure,
      onConnection: (connection) => this.#take(connection),
      ...(backlogCount === null ? {} : { backlogCount }),
    });
  }

  #take(connection: Connection): void {
    const { host } = connection.remote;
    const fromHost = this.#countByAddress.get(host) ?? 0;
    const reason = this.#refusal(fromHost);
    if (reason !== null) {
      connection.destroy();
      return this.#handlers.onRejected(connection.remote, reason);
    }
    this.#count += 1;
    this.#countByAddress.set(host, fromHost + 1);
    if (this.#limits.keepAlive === true) connection.keepAlive?.();
    this.#handlers.onClient(new ClientConnection(connection, this.#limits.frameBytesMax));
  }

  #refusal(fromHost: number): string | null {
    const { perAddressMax, totalMax } = this.#limits;
    if (perAddressMax > 0 && fromHost >= perAddressMax) {
      return `more than ${perAddressMax} connections from one address; see maxClientCnxns`;
    }
    if (totalMax > 0 && this.#count >= totalMax) {
      return `more than ${totalMax} connections; see maxCnxns`;
    }
    return null;
  }
}
