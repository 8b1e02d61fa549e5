import { createServer } from 'node:net';
import type { Server } from 'node:net';

/**
 * Where servers of tests listen: below the ports that systems give to outgoing connections, one of
 * which could otherwise take a port between the look and the use.
 */
const portMin = 15_000;
const portMax = 32_000;

/** Ports of the loopback that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    const server = await openOrNull(port);
    if (server === null) continue;
    servers.push(server);
    ports.push(port);
  }
  await Promise.all(servers.map(closeOne));
  return ports;
}

function openOrNull(port: number): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function closeOne(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
