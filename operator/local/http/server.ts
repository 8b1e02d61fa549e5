import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { timingSafeEqual } from 'node:crypto';
import { ApiError, notImplemented } from '../api/api-error.ts';
import type { Api } from '../resources/api.ts';
import { sendJson, sendText } from './answer.ts';
import {
  aggregatedDiscovery,
  coreVersions,
  groupList,
  oneGroup,
  resourceList,
  versionDocument,
} from './discovery.ts';
import { openApiDocument, openApiIndex } from './openapi.ts';
import { parseResourcePath } from './path.ts';
import type { Call } from './call.ts';
import { serveObjects } from './verbs.ts';

/** Answers a subresource that is no state of an object, such as a pod's log. */
export type SubresourceHandler = (call: Call) => Promise<void>;

export interface ApiServerOptions {
  readonly api: Api;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
  /** What a client must show as bearer token. */
  readonly token: string;
  /** By `plural/subresource`. */
  readonly subresources: Readonly<Record<string, SubresourceHandler>>;
  readonly nowMs: () => number;
  readonly log: (message: string) => void;
}

export interface ApiServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const openPaths: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz', '/version']);

const unsupportedSubresources: Readonly<Record<string, string>> = {
  exec: 'exec: pods are local processes, use your own shell',
  attach: 'attach: read the log instead',
  portforward: 'port-forward: pods already listen on ports of this machine',
  proxy: 'proxy: pods already listen on ports of this machine',
  ephemeralcontainers: 'ephemeral containers: there are no containers to join',
  token: 'service account tokens: pods get none',
};

function hasToken(request: IncomingMessage, token: string): boolean {
  const shown = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return shown.length === wanted.length && timingSafeEqual(shown, wanted);
}

class Router {
  readonly #options: ApiServerOptions;
  #address = '';

  constructor(options: ApiServerOptions) {
    this.#options = options;
  }

  set address(address: string) {
    this.#address = address;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#fail(error, request, response);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://localhost');
    if (openPaths.has(url.pathname)) {
      if (url.pathname === '/version') sendJson(response, 200, versionDocument());
      else sendText(response, 200, 'ok');
      return;
    }
    if (!hasToken(request, this.#options.token)) {
      throw new ApiError(401, 'Unauthorized', 'Unauthorized: show the token of the kubeconfig');
    }
    if (request.method === 'GET' && this.#serveDocument(url, request, response)) return;
    const { api, subresources, nowMs } = this.#options;
    const path = parseResourcePath(url.pathname, api.catalog);
    if (path === null) {
      throw new ApiError(404, 'NotFound', 'the server could not find the requested resource');
    }
    const call: Call = { api, path, query: url.searchParams, request, response, nowMs };
    const { subresource, definition } = path;
    const own = subresources[`${definition.plural}/${subresource}`];
    if (subresource !== '' && own !== undefined) return own(call);
    const why = unsupportedSubresources[subresource];
    if (why !== undefined) throw notImplemented(why);
    const isState =
      subresource === '' ||
      (subresource === 'status' && definition.hasStatus) ||
      (subresource === 'scale' && definition.scale !== null);
    if (!isState) {
      throw new ApiError(404, 'NotFound', 'the server could not find the requested resource');
    }
    return serveObjects(call);
  }

  /** Discovery and OpenAPI; false for a path that is neither. */
  #serveDocument(url: URL, request: IncomingMessage, response: ServerResponse): boolean {
    const { catalog } = this.#options.api;
    const parts = url.pathname.split('/').filter((part) => part !== '');
    const [root = '', first = '', second = '', third = '', fourth = ''] = parts;
    if (root === 'api' || root === 'apis') {
      const isCore = root === 'api';
      if (parts.length === 1) {
        const accept = request.headers.accept ?? '';
        const aggregated = /g=apidiscovery\.k8s\.io;v=v2(;|,|$)/.exec(accept);
        if (aggregated !== null) {
          const type = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
          const document = aggregatedDiscovery(catalog, isCore);
          sendJson(response, 200, document, { 'content-type': type, vary: 'Accept' });
        } else {
          sendJson(response, 200, isCore ? coreVersions(this.#address) : groupList(catalog));
        }
        return true;
      }
      const document = isCore
        ? parts.length === 2 && resourceList(catalog, '', first)
        : (parts.length === 2 && oneGroup(catalog, first)) ||
          (parts.length === 3 && resourceList(catalog, first, second));
      if (document === false || document === null) return false;
      sendJson(response, 200, document);
      return true;
    }
    if (root === 'openapi' && first === 'v2') {
      // Old clients fall back to this one. An empty document says: judge on the server.
      const type = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
      response.writeHead(200, { 'content-type': type, 'content-length': 0 });
      response.end();
      return true;
    }
    if (root !== 'openapi' || first !== 'v3') return false;
    if (parts.length === 2) {
      sendJson(response, 200, openApiIndex(catalog));
      return true;
    }
    const document =
      second === 'api'
        ? openApiDocument(catalog, '', third)
        : openApiDocument(catalog, third, fourth);
    if (document === null) return false;
    sendJson(response, 200, document);
    return true;
  }

  #fail(error: unknown, request: IncomingMessage, response: ServerResponse): void {
    let refusal: ApiError;
    if (error instanceof ApiError) {
      refusal = error;
    } else {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.log(`${request.method} ${request.url} failed: ${text}`);
      refusal = new ApiError(500, 'InternalError', `Internal error occurred: ${String(error)}`);
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const seconds = refusal.options.retryAfterSeconds;
    const headers: Record<string, string> = {};
    if (seconds !== undefined) headers['retry-after'] = String(seconds);
    sendJson(response, refusal.httpCode, refusal.toStatus(), headers);
  }
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/**
 * Starts the API server over HTTPS on a loopback address.
 * @throws Error of node:net when the port cannot be had.
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const router = new Router(options);
  const server = createServer({ cert: options.certificate, key: options.key });
  server.on('request', (request, response) => {
    void router.serve(request, response);
  });
  server.on('upgrade', (request, socket) => {
    const status = JSON.stringify(notImplemented('exec, attach and port-forward').toStatus());
    socket.end(
      'HTTP/1.1 501 Not Implemented\r\ncontent-type: application/json\r\n' +
        `content-length: ${Buffer.byteLength(status)}\r\nconnection: close\r\n\r\n${status}`,
    );
    options.log(`refused to upgrade ${request.url}`);
  });
  // Watches are long and quiet.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 60_000;
  const port = await listen(server, options.port, options.host);
  router.address = `${options.host}:${port}`;
  return {
    url: `https://${options.host}:${port}`,
    port,
    async close() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await closed;
    },
  };
}
