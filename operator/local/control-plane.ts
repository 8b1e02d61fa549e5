import { join } from 'node:path';
import { Api } from './resources/api.ts';
import { Catalog } from './resources/catalog.ts';
import { startApiServer } from './http/server.ts';
import { kubeconfigText, keptCredentials, writePrivateFile } from './kubeconfig.ts';
import { makeCredentials } from './http/certificate.ts';
import { seed } from './seed.ts';
import { Journal } from './store/journal.ts';
import { Store } from './store/store.ts';

export interface LocalControlPlaneOptions {
  /** Where objects, volumes and logs live; `null`: objects in memory only. */
  readonly stateDir: string | null;
  /** Port of the API server on the loopback address; 0: any free one. */
  readonly port?: number;
  readonly log?: (message: string) => void;
}

export interface LocalControlPlane {
  readonly url: string;
  /** Text of a kubeconfig. */
  readonly kubeconfig: string;
  /** Where that text stands; `null` without a state directory. */
  readonly kubeconfigPath: string | null;
  readonly api: Api;
  stop(): Promise<void>;
}

export async function startLocalControlPlane(
  options: LocalControlPlaneOptions,
): Promise<LocalControlPlane> {
  const { stateDir } = options;
  const log = options.log ?? (() => {});
  const nowMs = (): number => Date.now();
  const store = new Store(stateDir === null ? null : new Journal(join(stateDir, 'objects.jsonl')));
  const api = new Api(store, new Catalog(store), nowMs);
  seed(api, nowMs());
  const credentials =
    stateDir === null
      ? makeCredentials(nowMs())
      : keptCredentials(join(stateDir, 'credentials.json'), nowMs());
  const server = await startApiServer({
    ...credentials,
    api,
    host: '127.0.0.1',
    port: options.port ?? 0,
    subresources: {},
    nowMs,
    log,
  });
  const kubeconfig = kubeconfigText(server.url, credentials);
  const kubeconfigPath = stateDir === null ? null : join(stateDir, 'kubeconfig');
  if (kubeconfigPath !== null) writePrivateFile(kubeconfigPath, kubeconfig);
  return {
    url: server.url,
    kubeconfig,
    kubeconfigPath,
    api,
    async stop() {
      await server.close();
      store.close();
    },
  };
}
