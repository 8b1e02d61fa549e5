import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { AdminTls } from './admin-tls.ts';
import type { ServerView } from './admin/server-view.ts';
import type { Host } from './shell/host.ts';

export interface AdminPort {
  /** Where it listens. */
  readonly port: number;
  /** Takes no more connections, and ends those there are. */
  close(): void;
}

export interface AdminAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Where the reference's commands are. Standard `/commands`. */
  readonly commandPath?: string;
  /** Idle connections are closed after this. Standard 30000. */
  readonly idleTimeoutMs?: number;
  /** It is the port of a metrics provider: `/metrics` and nothing else. */
  readonly isMetricsAlone?: boolean;
}

/**
 * The admin port: HTTP by fastify, which is loaded with the first connection. A server that
 * nobody asks over HTTP does without its fourteen megabytes.
 *
 * Rejects when the port cannot be bound.
 */
export async function openAdminPort(
  view: ServerView,
  address: AdminAddress,
  host: Host,
  tls: AdminTls | null = null,
): Promise<AdminPort> {
  const sockets = new Set<Socket>();
  let app: Promise<FastifyInstance> | null = null;
  const answer = (socket: Socket): void => {
    app ??= loadApp(view, address);
    app.then(
      (ready) => {
        ready.server.emit('connection', socket);
        if (socket.isPaused()) socket.resume();
      },
      (error: unknown) => {
        host.log('error', 'the admin port cannot answer', { reason: String(error) });
        socket.destroy();
      },
    );
  };
  const gate =
    tls === null ? answer : (await import('./admin-tls.ts')).createAdminGate(tls, answer);
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    gate(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
  server.on('error', (error) => host.log('error', 'admin port', { reason: error.message }));
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function loadApp(view: ServerView, options: AdminAddress): Promise<FastifyInstance> {
  const { createAdminApp, createMetricsApp } = await import('./admin/admin-http.ts');
  const app =
    options.isMetricsAlone === true
      ? createMetricsApp(view, options)
      : createAdminApp(view, options);
  await app.ready();
  return app;
}
