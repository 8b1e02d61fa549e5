import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import type { Json, KubeObject } from '../../operator/api/zk-ensemble.ts';

interface Where {
  readonly plural: string;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string | null;
  readonly query: URLSearchParams;
}

interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly plural: string;
  readonly object: KubeObject;
}

type Mutable = Record<string, unknown> & { metadata: Record<string, unknown> };

/**
 * Small stand-in for an API server: objects in memory, list, watch, server-side apply by one
 * manager, merge patch, preconditions, eviction. What a test makes it do wrong, it does wrong.
 */
export class FakeApi {
  readonly #objects = new Map<string, KubeObject>();
  readonly #changes: Change[] = [];
  readonly #watchers = new Set<{ where: Where; response: ServerResponse }>();
  readonly #waiting = new Set<() => void>();
  readonly #server: Server;
  #version = 0;
  #oldestKept = 0;
  #failures: { match: RegExp; code: number; left: number }[] = [];
  /** Asked before an eviction is carried out; false is a budget that says no. */
  allowEviction: (pod: KubeObject) => boolean = () => true;
  /** Runs after every change: a controller. */
  onChange: (change: { type: string; plural: string; object: KubeObject }) => void = () => {};
  /** Requests seen, as `METHOD /path`. */
  readonly requests: string[] = [];

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response);
    });
  }

  /** Of the running server. */
  get kubeConfig(): KubeConfig {
    const { port } = this.#server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: 'fake' },
    );
    return config;
  }

  async start(): Promise<KubeConfig> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.kubeConfig;
  }

  async stop(): Promise<void> {
    this.breakWatches();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get(plural: string, name: string, namespace = 'default'): KubeObject | undefined {
    return this.#objects.get(`${plural}/${namespace}/${name}`);
  }

  all(plural: string): KubeObject[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${plural}/`)).map(([, o]) => o);
  }

  /** Creates or replaces an object as a user or controller would. */
  put(plural: string, object: Json): KubeObject {
    const next = structuredClone(object) as Mutable;
    const { metadata } = next;
    metadata['namespace'] ??= 'default';
    const key = `${plural}/${String(metadata['namespace'])}/${String(metadata['name'])}`;
    const before = this.#objects.get(key);
    this.#version += 1;
    metadata['uid'] ??= before?.metadata.uid ?? `uid-${this.#version}`;
    metadata['creationTimestamp'] ??=
      before?.metadata.creationTimestamp ?? new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const same = JSON.stringify(before?.['spec']) === JSON.stringify(next['spec']);
    const generation = before?.metadata.generation ?? 0;
    metadata['generation'] = same ? generation : generation + 1;
    metadata['resourceVersion'] = String(this.#version);
    const stored = next as unknown as KubeObject;
    this.#objects.set(key, stored);
    this.#tell(before === undefined ? 'ADDED' : 'MODIFIED', plural, stored);
    return stored;
  }

  edit(plural: string, name: string, change: (object: Mutable) => void): KubeObject {
    const object = this.get(plural, name);
    if (object === undefined) throw new Error(`no ${plural} ${name}`);
    const copy = structuredClone(object) as unknown as Mutable;
    change(copy);
    return this.put(plural, copy);
  }

  remove(plural: string, name: string, namespace = 'default'): void {
    const key = `${plural}/${namespace}/${name}`;
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#objects.delete(key);
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    this.#tell('DELETED', plural, { ...object, metadata });
  }

  /** Resolves once the condition holds; looks after every change and every request. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** The next requests that match fail with that status. */
  fail(match: RegExp, code: number, times: number): void {
    this.#failures.push({ match, code, left: times });
  }

  /** No request fails any more. */
  calm(): void {
    this.#failures = [];
  }

  breakWatches(): void {
    for (const { response } of this.#watchers) response.destroy();
    this.#watchers.clear();
  }

  /** Watches from before now are told that their version is gone. */
  forgetHistory(): void {
    this.#oldestKept = this.#version;
    this.#changes.length = 0;
  }

  get watchCount(): number {
    return this.#watchers.size;
  }

  #tell(type: Change['type'], plural: string, object: KubeObject): void {
    const change = { version: this.#version, type, plural, object };
    this.#changes.push(change);
    for (const { where, response } of this.#watchers) {
      if (matches(where, change)) response.write(`${JSON.stringify({ type, object })}\n`);
    }
    this.onChange({ type, plural, object });
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const where = whereOf(url);
    const line = `${request.method} ${url.pathname}${url.searchParams.has('watch') ? ' watch' : ''}`;
    let text = '';
    for await (const chunk of request) text += String(chunk);
    this.requests.push(line);
    const failure = this.#failures.find(({ match, left }) => left > 0 && match.test(line));
    if (failure !== undefined) {
      failure.left -= 1;
      send(response, failure.code, status(failure.code, 'InternalError', 'made to fail'));
    } else if (request.method === 'GET' && where.name === null) {
      this.#listOrWatch(where, response);
    } else {
      const body = text === '' ? {} : (JSON.parse(text) as Json);
      const [code, answer] = this.#single(request.method ?? '', where, body, request.headers);
      send(response, code, answer);
    }
    this.#wake();
  }

  #listOrWatch(where: Where, response: ServerResponse): void {
    if (where.query.get('watch') !== 'true') {
      const items = this.all(where.plural).filter((object) => selects(where, object));
      const metadata = { resourceVersion: String(this.#version) };
      return send(response, 200, { kind: 'List', metadata, items });
    }
    const since = Number(where.query.get('resourceVersion') ?? 0);
    response.writeHead(200, { 'Content-Type': 'application/json' });
    if (since < this.#oldestKept) {
      const object = status(410, 'Expired', 'too old resource version');
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    response.flushHeaders();
    for (const change of this.#changes) {
      if (change.version > since && matches(where, change)) {
        response.write(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
      }
    }
    const watcher = { where, response };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }

  #single(
    method: string,
    where: Where,
    body: Json,
    headers: IncomingMessage['headers'],
  ): [number, unknown] {
    const { plural, namespace, subresource } = where;
    const name = where.name ?? nameOf(body, this.#version);
    const present = this.get(plural, name, namespace ?? 'default');
    if (method === 'POST' && subresource === 'eviction') return this.#evict(name, body);
    if (method === 'POST') {
      if (present !== undefined) return [409, status(409, 'AlreadyExists', 'exists')];
      const metadata = { ...(body['metadata'] as Json), name, namespace };
      return [201, this.put(plural, { ...body, metadata })];
    }
    if (method === 'PATCH' && headers['content-type'] === 'application/apply-patch+yaml') {
      return this.#applied(where, name, body, present);
    }
    if (present === undefined) return [404, status(404, 'NotFound', `${plural} ${name} not found`)];
    if (method === 'GET') return [200, present];
    if (method === 'DELETE') {
      if (!uidMatches(body, present)) return [409, status(409, 'Conflict', 'uid differs')];
      this.remove(plural, name);
      return [200, status(200, '', 'deleted')];
    }
    if (method === 'PATCH') return [200, this.put(plural, merged(present, body) as Json)];
    const { resourceVersion } = body['metadata'] as { resourceVersion?: string };
    if (resourceVersion !== undefined && resourceVersion !== present.metadata.resourceVersion) {
      return [409, status(409, 'Conflict', 'the object has been modified')];
    }
    return [200, this.put(plural, body)];
  }

  #applied(
    { plural, namespace, subresource }: Where,
    name: string,
    body: Json,
    present: KubeObject | undefined,
  ): [number, unknown] {
    if (subresource === 'status') {
      if (present === undefined) return [404, status(404, 'NotFound', 'not found')];
      return [200, this.put(plural, { ...present, status: body['status'] })];
    }
    const metadata = { ...present?.metadata, ...(body['metadata'] as Json), name, namespace };
    const next = { ...present, ...body, metadata };
    const unchanged = JSON.stringify(present) === JSON.stringify(next);
    return [200, unchanged ? present : this.put(plural, next)];
  }

  #evict(name: string, body: Json): [number, unknown] {
    const pod = this.get('pods', name);
    if (pod === undefined) return [404, status(404, 'NotFound', 'no such pod')];
    if (!uidMatches((body['deleteOptions'] ?? {}) as Json, pod)) {
      return [409, status(409, 'Conflict', 'uid differs')];
    }
    if (!this.allowEviction(pod)) {
      const message = "Cannot evict pod as it would violate the pod's disruption budget.";
      return [429, status(429, 'TooManyRequests', message)];
    }
    this.remove('pods', name);
    return [201, status(201, '', 'evicted')];
  }
}

function whereOf(url: URL): Where {
  const parts = url.pathname.split('/').filter((part) => part !== '');
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  const namespace = rest[0] === 'namespaces' ? (rest[1] ?? null) : null;
  const [plural = '', name = null, subresource = null] = namespace === null ? rest : rest.slice(2);
  return { plural, namespace, name, subresource, query: url.searchParams };
}

function selects(where: Where, object: KubeObject): boolean {
  if (where.namespace !== null && object.metadata.namespace !== where.namespace) return false;
  const selector = where.query.get('labelSelector') ?? '';
  return selector
    .split(',')
    .filter((each) => each !== '')
    .every((each) => {
      const [key = '', value] = each.split('=');
      return object.metadata.labels?.[key] === value;
    });
}

function matches(where: Where, change: Change): boolean {
  return where.plural === change.plural && selects(where, change.object);
}

function nameOf(body: Json, version: number): string {
  const metadata = (body['metadata'] ?? {}) as { name?: string; generateName?: string };
  return metadata.name ?? `${metadata.generateName ?? ''}${version}`;
}

function uidMatches(options: Json, object: KubeObject): boolean {
  const { uid } = (options['preconditions'] ?? {}) as { uid?: string };
  return uid === undefined || uid === object.metadata.uid;
}

function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(before as Record<string, unknown> | null) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

function status(code: number, reason: string, message: string): Json {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, code, reason, message };
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}
