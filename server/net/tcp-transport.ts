import { connect as netConnect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { AddressBook } from './address-book.ts';
import { remoteOf, TcpConnection } from './tcp-connection.ts';
import type { Listener, ListenHandlers, SocketAddress, Transport } from './transport.ts';

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
      return listenOn(server, address, handlers);
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

/** A whole ensemble's clients may come back at once. */
const standardBacklogCount = 1024;

/** Binds a server of Node and says how that went. */
export function listenOn(
  server: Server,
  address: SocketAddress,
  handlers: ListenHandlers,
): Listener {
  server.on('error', (error) => {
    handlers.onFailure(`cannot listen on ${address.host}:${address.port}: ${error.message}`);
  });
  server.on('listening', () => {
    const bound = server.address();
    handlers.onListening(typeof bound === 'object' && bound !== null ? bound.port : 0);
  });
  const backlog = handlers.backlogCount ?? standardBacklogCount;
  server.listen({ host: address.host, port: address.port, backlog });
  return { close: () => void server.close() };
}
