import fastify from 'fastify';
import type { OperatorMetrics } from './metrics.ts';

export interface OperatorHttpOptions {
  /** `::` falls back to IPv4 where a machine has no IPv6. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly metrics: OperatorMetrics;
  /** Caches are filled. Does not ask for the lease: a standby is ready too. */
  readonly isReady: () => boolean;
}

export interface OperatorHttp {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves `/livez`, `/healthz`, `/readyz` and `/metrics`. */
export async function startOperatorHttp(options: OperatorHttpOptions): Promise<OperatorHttp> {
  const app = fastify({ forceCloseConnections: true });
  app.get('/livez', () => 'ok');
  app.get('/healthz', () => 'ok');
  app.get('/readyz', (_request, reply) =>
    options.isReady() ? reply.send('ok') : reply.code(503).send('caches are not filled yet'),
  );
  app.get('/metrics', async (_request, reply) => {
    const { registry } = options.metrics;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    if (options.host !== '::' || codeOf(error) !== 'EAFNOSUPPORT') throw error;
    await app.listen({ host: '0.0.0.0', port: options.port });
  }
  const address = app.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: async () => {
      await app.close();
    },
  };
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
}
