import { readFileSync, statSync } from 'node:fs';
import type { RequestOptions } from 'node:http';
import { Agent as HttpAgent } from 'node:http';
import type { AgentOptions } from 'node:https';
import { Agent as HttpsAgent } from 'node:https';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { KubeError } from './kube-error.ts';

/** The way to an API server: where it is, and how a request proves who sends it. */
export interface ClusterAccess {
  readonly server: string;
  /** Asked for each request, since tokens and certificates rotate. */
  credentials(): Promise<Credentials>;
}

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  /** Stays the same object while the identity does. */
  readonly agent: HttpAgent | HttpsAgent;
}

const accountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The usual places: KUBECONFIG, the pod's service account, ~/.kube/config. A pod's own account
 * needs no client library, which would cost 90 MB and half a second.
 * @throws KubeError when none of them names a cluster.
 */
export async function defaultAccess(env: NodeJS.ProcessEnv = process.env): Promise<ClusterAccess> {
  const own = (env['KUBECONFIG'] ?? '') === '' ? accountAccess(env) : null;
  if (own !== null) return own;
  const { KubeConfig: Config } = await import('@kubernetes/client-node');
  const config = new Config();
  config.loadFromDefault();
  return accessOf(config);
}

/** Access by the service account of the pod that this runs in; `null` elsewhere. */
export function accountAccess(
  env: Readonly<Record<string, string | undefined>>,
  directory: string = accountDir,
): ClusterAccess | null {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  const token = freshFile(join(directory, 'token'));
  if (host === undefined || port === undefined || token() === null) return null;
  const ca = freshFile(join(directory, 'ca.crt'));
  const agentOf = agentByIdentity();
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    credentials: () => {
      const authority = ca();
      return Promise.resolve({
        headers: { Authorization: `Bearer ${(token() ?? '').trim()}` },
        agent: agentOf(authority === null ? {} : { ca: authority }),
      });
    },
  };
}

/** Access as a kubeconfig says it. @throws KubeError when its context names no cluster. */
export function accessOf(config: KubeConfig): ClusterAccess {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) {
    throw new KubeError('kubeconfig', 0, 'NoCluster', 'the current context names no cluster');
  }
  if (server.startsWith('http:')) return plainAccess(config, server);
  const agentOf = agentByIdentity();
  return {
    server,
    credentials: async () => {
      const options: RequestOptions & AgentOptions = {};
      await config.applyToHTTPSOptions(options);
      const headers = { ...(options.headers as Record<string, string> | undefined) };
      if (typeof options.auth === 'string') {
        headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
      }
      const proxied = config.getCurrentCluster()?.proxyUrl !== undefined;
      if (proxied && options.agent instanceof HttpsAgent) return { headers, agent: options.agent };
      return { headers, agent: agentOf(identityOf(options)) };
    },
  };
}

/** Without TLS: for an API server on this machine. */
function plainAccess(config: KubeConfig, server: string): ClusterAccess {
  const agent = new HttpAgent({ keepAlive: true });
  return {
    server,
    credentials: () => {
      const token = config.getCurrentUser()?.token;
      const headers: Record<string, string> =
        token === undefined ? {} : { Authorization: `Bearer ${token}` };
      return Promise.resolve({ headers, agent });
    },
  };
}

function identityOf(options: RequestOptions & AgentOptions): AgentOptions {
  const identity: AgentOptions = {};
  for (const key of ['ca', 'cert', 'key', 'passphrase', 'servername'] as const) {
    const value = options[key];
    if (value !== undefined) Object.assign(identity, { [key]: value });
  }
  if (options.rejectUnauthorized === false) identity.rejectUnauthorized = false;
  return identity;
}

/** One agent, and its open connections, for as long as the identity stays. */
function agentByIdentity(): (identity: AgentOptions) => HttpsAgent {
  let agent: HttpsAgent | null = null;
  let known = '';
  return (identity) => {
    const key = [identity.ca, identity.cert, identity.key].map(String).join('\n');
    if (agent === null || key !== known) {
      // What runs over the old one ends by itself.
      agent = new HttpsAgent({ ...identity, keepAlive: true });
      known = key;
    }
    return agent;
  };
}

/** Text of a file that the kubelet replaces now and then; `null` where there is none. */
function freshFile(path: string): () => string | null {
  let text: string | null = null;
  let readAtMs = Number.NaN;
  return () => {
    try {
      const { mtimeMs } = statSync(path);
      if (mtimeMs !== readAtMs) text = readFileSync(path, 'utf8');
      readAtMs = mtimeMs;
    } catch {
      text = null;
      readAtMs = Number.NaN;
    }
    return text;
  };
}
