import { request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Json, KubeObject } from '../api/zk-ensemble.ts';
import { accessOf } from './cluster-access.ts';
import type { ClusterAccess, Credentials } from './cluster-access.ts';
import { KubeError } from './kube-error.ts';
import { pathOf } from './resources.ts';
import type { Resource } from './resources.ts';

export interface RequestOf {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ListOf {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  readonly continue: string;
}

/** Told of each request's end: for metrics. Code 0 when no answer came. */
export type RequestObserver = (method: string, code: number) => void;

const requestTimeoutMs = 30_000;
const responseBytesMax = 64 * 1024 * 1024;

/**
 * The part of the API that the operator uses, over raw JSON: nothing is converted, so no field
 * of a newer cluster is lost on the way.
 * @throws KubeError from every method when the answer is not a success.
 */
export class KubeClient {
  readonly #access: ClusterAccess;
  readonly #base: URL;
  readonly #observer: RequestObserver;
  #agent: Credentials['agent'] | null = null;

  constructor(to: KubeConfig | ClusterAccess, observer: RequestObserver = () => {}) {
    this.#access = 'credentials' in to ? to : accessOf(to);
    this.#base = new URL(this.#access.server);
    this.#observer = observer;
  }

  get(resource: Resource, namespace: string, name: string): Promise<KubeObject> {
    return this.json({ method: 'GET', path: pathOf(resource, namespace, name) });
  }

  async list(
    resource: Resource,
    namespace: string | null,
    query: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<ListOf> {
    const path = pathOf(resource, namespace, null);
    const answer = await this.json<Json>({
      method: 'GET',
      path,
      query,
      ...(signal === undefined ? {} : { signal }),
    });
    const metadata = (answer['metadata'] ?? {}) as { resourceVersion?: string; continue?: string };
    return {
      items: (answer['items'] ?? []) as KubeObject[],
      resourceVersion: metadata.resourceVersion ?? '',
      continue: metadata.continue ?? '',
    };
  }

  create(resource: Resource, namespace: string, body: Json): Promise<KubeObject> {
    return this.json({ method: 'POST', path: pathOf(resource, namespace, null), body });
  }

  replace(resource: Resource, namespace: string, name: string, body: Json): Promise<KubeObject> {
    return this.json({ method: 'PUT', path: pathOf(resource, namespace, name), body });
  }

  /** Server-side apply, forced: only for fields that belong to this manager alone. */
  apply(
    resource: Resource,
    namespace: string,
    name: string,
    body: Json,
    options: { readonly fieldManager: string; readonly subresource?: string },
  ): Promise<KubeObject> {
    return this.json({
      method: 'PATCH',
      path: pathOf(resource, namespace, name, options.subresource),
      query: { fieldManager: options.fieldManager, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body,
    });
  }

  mergePatch(
    resource: Resource,
    namespace: string,
    name: string,
    body: Json,
    options: { readonly fieldManager: string },
  ): Promise<KubeObject> {
    return this.json({
      method: 'PATCH',
      path: pathOf(resource, namespace, name),
      query: { fieldManager: options.fieldManager },
      contentType: 'application/merge-patch+json',
      body,
    });
  }

  /** Deletes exactly the object that was seen: the uid is a precondition. */
  delete(resource: Resource, namespace: string, name: string, uid: string): Promise<unknown> {
    return this.json({
      method: 'DELETE',
      path: pathOf(resource, namespace, name),
      body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } },
    });
  }

  async json<T = KubeObject>(request: RequestOf): Promise<T> {
    const response = await this.#send(request);
    const text = await textOf(response, subjectOf(request));
    const body = parsed(text);
    const code = response.statusCode ?? 0;
    if (code >= 200 && code < 300) return body as T;
    throw statusError(subjectOf(request), code, body, text);
  }

  /**
   * Reads a watch line by line until the server ends it, the signal fires, or nothing came for
   * `silenceMsMax`. @throws KubeError when it could not begin or broke off.
   */
  async watch(
    request: Omit<RequestOf, 'method'> & { readonly silenceMsMax: number },
    onLine: (event: { type: string; object: KubeObject }) => void,
  ): Promise<void> {
    const subject = `WATCH ${request.path}`;
    const response = await this.#send({ ...request, method: 'GET' });
    const code = response.statusCode ?? 0;
    if (code !== 200) {
      const text = await textOf(response, subject);
      throw statusError(subject, code, parsed(text), text);
    }
    response.socket.setTimeout(request.silenceMsMax, () => {
      response.destroy(new Error(`silent for ${request.silenceMsMax} ms`));
    });
    let rest = '';
    response.setEncoding('utf8');
    try {
      for await (const chunk of response) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          if (line.trim() !== '') onLine(JSON.parse(line) as { type: string; object: KubeObject });
        }
      }
    } catch (error) {
      if (request.signal?.aborted === true) return;
      if (error instanceof KubeError) throw error;
      throw new KubeError(subject, 0, 'Broken', messageOf(error), error);
    } finally {
      response.destroy();
    }
  }

  close(): void {
    this.#agent?.destroy();
    this.#agent = null;
  }

  async #send(request: RequestOf): Promise<IncomingMessage> {
    const subject = subjectOf(request);
    const { headers, agent } = await this.#access.credentials();
    this.#agent = agent;
    const payload = request.body === undefined ? null : JSON.stringify(request.body);
    const path = this.#base.pathname.replace(/\/$/, '') + request.path + queryOf(request.query);
    const options: RequestOptions = {
      method: request.method,
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port,
      path,
      agent,
      timeout: request.timeoutMs ?? requestTimeoutMs,
      headers: {
        ...headers,
        Accept: 'application/json',
        'User-Agent': 'zkensemble-operator',
        ...(payload === null
          ? {}
          : {
              'Content-Type': request.contentType ?? 'application/json',
              'Content-Length': Buffer.byteLength(payload),
            }),
      },
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    };
    return new Promise((resolve, reject) => {
      const send = this.#base.protocol === 'http:' ? httpRequest : httpsRequest;
      const outgoing = send(options, (response) => {
        outgoing.setTimeout(0);
        this.#observer(request.method, response.statusCode ?? 0);
        resolve(response);
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('error', (error) => {
        this.#observer(request.method, 0);
        reject(new KubeError(subject, 0, 'Unreachable', error.message, error));
      });
      outgoing.end(payload ?? undefined);
    });
  }
}

function subjectOf(request: RequestOf): string {
  return `${request.method} ${request.path}`;
}

function queryOf(query: Readonly<Record<string, string>> | undefined): string {
  if (query === undefined) return '';
  const text = new URLSearchParams(query).toString();
  return text === '' ? '' : `?${text}`;
}

async function textOf(response: IncomingMessage, subject: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      const piece = chunk as Buffer;
      bytes += piece.length;
      if (bytes > responseBytesMax) throw new Error(`more than ${responseBytesMax} bytes`);
      chunks.push(piece);
    }
  } catch (error) {
    throw new KubeError(subject, 0, 'Broken', messageOf(error), error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function statusError(subject: string, code: number, body: unknown, text: string): KubeError {
  const status = (body ?? {}) as { reason?: string; message?: string };
  const message = status.message ?? (text === '' ? `HTTP ${code}` : text.slice(0, 200));
  return new KubeError(subject, code, status.reason ?? '', message);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
