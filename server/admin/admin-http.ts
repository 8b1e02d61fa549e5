import type { FastifyInstance, FastifyReply } from 'fastify';
import { fastify } from 'fastify';
import { commands, runCommand } from './commands.ts';
import type { Health } from './health.ts';
import { liveness, readiness } from './health.ts';
import { createMetrics } from './metrics.ts';
import { prettyJson } from './pretty-json.ts';
import type { ServerView } from './server-view.ts';

export interface AdminHttpOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Where the reference's commands are. Default `/commands`. */
  readonly commandPath?: string;
  /** Idle connections are closed after this. Default 30000. */
  readonly idleTimeoutMs?: number;
  /** `process_*` and `nodejs_*` among the metrics: once a process. Default true. */
  readonly processMetrics?: boolean;
}

export interface AdminHttp {
  /** Resolves to the port; rejects when it cannot be had. */
  listen(): Promise<number>;
  /** Answers what has begun, then closes. */
  close(): Promise<void>;
}

/** No request here has a body worth reading. */
const bodyBytesMax = 1024;

/**
 * The HTTP side of a server: `/livez /readyz /metrics /state` and the reference's `/commands`. It
 * answers all the time, with quorum or without.
 *
 * Source: four-letter-words, sections 3 and 4.
 */
export function createAdminHttp(view: ServerView, options: AdminHttpOptions): AdminHttp {
  const app = createAdminApp(view, options);
  return {
    async listen() {
      await app.listen({ host: options.host, port: options.port });
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : options.port;
    },
    close: () => app.close(),
  };
}

/** The port of the reference's Prometheus provider: `/metrics`, and nothing else. */
export function createMetricsApp(view: ServerView, options: AdminHttpOptions): FastifyInstance {
  const app = createApp(options);
  serveMetrics(app, view, options);
  refuseOtherMethods(app, '/metrics');
  return app;
}

function createApp(options: AdminHttpOptions): FastifyInstance {
  return fastify({
    bodyLimit: bodyBytesMax,
    keepAliveTimeout: options.idleTimeoutMs ?? 30_000,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true },
    // No route has a schema: the compilers for them, six megabytes of memory, stay unloaded.
    schemaController: {
      compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas },
    },
  });
}

/** The routes without a socket. */
export function createAdminApp(view: ServerView, options: AdminHttpOptions): FastifyInstance {
  const app = createApp(options);
  const { commandPath = '/commands' } = options;
  const paths = ['/livez', '/readyz', '/metrics', '/state', commandPath, `${commandPath}/:name`];

  app.get('/livez', (_, reply) => sendHealth(reply, liveness()));
  app.get('/readyz', (_, reply) => sendHealth(reply, readiness(view.state())));
  serveMetrics(app, view, options);
  app.get('/state', (_, reply) => reply.header('cache-control', 'no-store').send(view.state()));
  app.get(commandPath, (_, reply) => reply.type('text/html').send(commandList(commandPath)));
  app.get<{ Params: { name: string } }>(`${commandPath}/:name`, (request, reply) =>
    reply.type('application/json').send(prettyJson(runCommand(request.params.name, view))),
  );
  for (const url of paths) refuseOtherMethods(app, url);
  return app;
}

function serveMetrics(app: FastifyInstance, view: ServerView, options: AdminHttpOptions): void {
  const metrics = createMetrics(view, { processMetrics: options.processMetrics ?? true });
  app.get('/metrics', async (_, reply) => {
    const text = await metrics.text();
    return reply.type(metrics.contentType).send(text);
  });
}

function noSchemas(): never {
  throw new Error('a route of the admin port has a schema');
}

function refuseOtherMethods(app: FastifyInstance, url: string): void {
  app.route({
    method: ['POST', 'PUT', 'DELETE', 'PATCH'],
    url,
    handler: (_, reply) => reply.code(405).header('allow', 'GET, HEAD').send(),
  });
  app.route({ method: 'TRACE', url, handler: (_, reply) => reply.code(403).send() });
}

function sendHealth(reply: FastifyReply, { ok, reason }: Health): FastifyReply {
  return reply
    .code(ok ? 200 : 503)
    .type('text/plain')
    .send(`${reason}\n`);
}

function commandList(commandPath: string): string {
  return commands
    .map(({ name }) => name)
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => `<a href="${commandPath}/${name}">${name}</a>\n<br/>\n`)
    .join('');
}
