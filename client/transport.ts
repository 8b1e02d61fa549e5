import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

import type { Host } from './hosts.ts';

/** Certificates and names for TLS, as `node:tls` takes them. */
export type TlsOptions = ConnectionOptions;

export interface LinkHandlers {
  readonly onOpen: () => void;
  readonly onChunk: (chunk: Buffer) => void;
  /** Once, however it ended; not after {@link Link.close}. */
  readonly onLost: (reason: string) => void;
}

/** One connection to one server. */
export interface Link {
  send(bytes: Buffer): void;
  /** Sends what waits, then closes. */
  close(): void;
}

/** How long an orderly close may take before the socket is destroyed. */
const closeMsMax = 2_000;

/** An address is no name that TLS may ask for; certificates are held against it all the same. */
function nameOf({ host }: Host): string {
  return isIP(host) === 0 ? host : '';
}

/** Opens a connection; success and failure come through the handlers, never from this call. */
export function openLink(host: Host, tls: TlsOptions | null, handlers: LinkHandlers): Link {
  const socket: Socket =
    tls === null
      ? connectTcp({ host: host.host, port: host.port, noDelay: true })
      : connectTls({ servername: nameOf(host), ...tls, host: host.host, port: host.port });
  let isOver = false;
  let reason = 'the server closed the connection';
  if (tls !== null) socket.setNoDelay(true);
  socket.on(tls === null ? 'connect' : 'secureConnect', () => {
    if (!isOver) handlers.onOpen();
  });
  socket.on('data', (chunk: Buffer) => {
    if (!isOver) handlers.onChunk(chunk);
  });
  socket.on('error', (error) => {
    reason = error.message === '' ? String((error as NodeJS.ErrnoException).code) : error.message;
  });
  socket.on('close', () => {
    if (isOver) return;
    isOver = true;
    handlers.onLost(`${host.host}:${host.port}: ${reason}`);
  });
  return {
    send: (bytes) => void socket.write(bytes),
    close() {
      isOver = true;
      if (socket.connecting) {
        socket.destroy();
        return;
      }
      socket.end();
      socket.resume();
      setTimeout(() => socket.destroy(), closeMsMax).unref();
    },
  };
}
