import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { readFileSync } from 'node:fs';
import type { KubeConfig } from '@kubernetes/client-node';

export type Json = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly code: number;
  readonly body: Json;
}

/** One API, local or real, as a contract case uses it: in a namespace of its own. */
export interface Subject {
  readonly namespace: string;
  /** Path of a resource in the namespace: `v1/configmaps/c` or `apps/v1/statefulsets/s`. */
  readonly ask: (method: string, path: string, body?: unknown, type?: string) => Promise<Answer>;
  /** As `ask`, for what must succeed. */
  readonly must: (method: string, path: string, body?: unknown, type?: string) => Promise<Json>;
  /** Asks until the answer satisfies; the controllers of a cluster take their time. */
  readonly until: (
    path: string,
    what: string,
    holds: (answer: Answer) => boolean,
  ) => Promise<Answer>;
}

export const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const patienceMs = 60_000;
const pauseMs = 100;

/** Value at a path of keys. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (found, key) => (found as Record<string | number, unknown> | undefined)?.[key],
    value,
  );
}

export function contractSubject(config: KubeConfig, namespace: string): Subject {
  const server = config.getCurrentCluster()?.server ?? '';
  const credentials = credentialsOf(config);
  const ask = (method: string, path: string, body?: unknown, type = 'application/json') =>
    send(`${server}${fullPath(path, namespace)}`, { method, ...credentials }, body, type);
  return {
    namespace,
    ask,
    must: async (method, path, body, type) => {
      const answer = await ask(method, path, body, type);
      if (answer.code < 300) return answer.body;
      throw new Error(`${method} ${path}: ${answer.code} ${JSON.stringify(answer.body)}`);
    },
    until: async (path, what, holds) => {
      const deadline = Date.now() + patienceMs;
      for (;;) {
        const answer = await ask('GET', path);
        if (holds(answer)) return answer;
        if (Date.now() > deadline) {
          throw new Error(`in vain waited for ${what}: ${JSON.stringify(answer.body)}`);
        }
        await new Promise((done) => setTimeout(done, pauseMs));
      }
    },
  };
}

function fullPath(path: string, namespace: string): string {
  if (path.startsWith('/')) return path;
  const [first = '', ...rest] = path.split('/');
  const isCore = first === 'v1';
  const version = isCore ? 'v1' : `${first}/${rest.shift() ?? ''}`;
  return `/${isCore ? 'api' : 'apis'}/${version}/namespaces/${namespace}/${rest.join('/')}`;
}

function credentialsOf(config: KubeConfig): RequestOptions {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  const bytes = (data?: string, file?: string): Buffer | undefined => {
    if (data !== undefined) return Buffer.from(data, 'base64');
    return file === undefined ? undefined : readFileSync(file);
  };
  const ca = bytes(cluster?.caData, cluster?.caFile);
  const cert = bytes(user?.certData, user?.certFile);
  const key = bytes(user?.keyData, user?.keyFile);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(user?.token === undefined ? {} : { headers: { authorization: `Bearer ${user.token}` } }),
  };
}

function send(url: string, options: RequestOptions, body: unknown, type: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      ...(options.headers as Record<string, string>),
      'content-type': type,
      'content-length': Buffer.byteLength(text),
    };
    const outgoing = request(url, { ...options, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const whole = Buffer.concat(chunks).toString();
        // A watch answers with many lines.
        const isObject = whole.startsWith('{') && !whole.includes('\n{');
        resolve({
          code: response.statusCode ?? 0,
          body: isObject ? (JSON.parse(whole) as Json) : { text: whole },
        });
      });
    });
    outgoing.once('error', reject);
    outgoing.end(text);
  });
}
