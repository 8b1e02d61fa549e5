import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import type { Json, JsonObject } from '../../../operator/local/api/json.ts';
import type { KubeObject } from '../../../operator/local/api/kube-object.ts';
import type {
  LocalControlPlane,
  LocalControlPlaneOptions,
} from '../../../operator/local/control-plane.ts';
import { startLocalControlPlane } from '../../../operator/local/control-plane.ts';
import type { Target } from '../../../operator/local/resources/target.ts';
import { Api } from '../../../operator/local/resources/api.ts';
import { builtin } from '../../../operator/local/resources/builtin.ts';
import { Catalog } from '../../../operator/local/resources/catalog.ts';
import { seed } from '../../../operator/local/seed.ts';
import { Store } from '../../../operator/local/store/store.ts';

/** Longest wait for something that must come. */
export const patienceMs = 30_000;

/** The rules of the API over an empty store, without HTTP and controllers. */
export function bareApi(): Api {
  const store = new Store(null);
  const api = new Api(store, new Catalog(store), () => Date.now());
  seed(api, Date.now());
  return api;
}

export const asTester = { manager: 'tester' } as const;

export function configMap(name: string, data: JsonObject = {}): JsonObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

export function target(plural: string, name: string, namespace = 'default'): Target {
  const definition = builtin(plural);
  return { definition, namespace: definition.isNamespaced ? namespace : '', name };
}

export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'zke-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A control plane that ends with the test. */
export async function controlPlane(
  t: TestContext,
  options: Partial<LocalControlPlaneOptions> = {},
): Promise<LocalControlPlane> {
  const plane = await startLocalControlPlane({ stateDir: null, pods: 'pretend', ...options });
  t.after(() => plane.stop(2000));
  return plane;
}

export function kubeConfigOf(plane: LocalControlPlane): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(plane.kubeconfig);
  return config;
}

/** The first answer that is not `undefined`; asked again after every write. */
export function until<T>(api: Api, what: string, ask: () => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const found = ask();
      if (found === undefined) return;
      clearTimeout(timer);
      clearInterval(again);
      unsubscribe();
      resolve(found);
    };
    const timer = setTimeout(() => {
      clearInterval(again);
      unsubscribe();
      reject(new Error(`in vain waited ${patienceMs} ms for ${what}`));
    }, patienceMs);
    // What happens outside the store, such as a file, is no write.
    const again = setInterval(look, 20);
    const unsubscribe = api.store.subscribe(() => setImmediate(look));
    look();
  });
}

export function isReady(object: KubeObject | undefined): boolean {
  const status = object?.['status'] as JsonObject | undefined;
  const conditions = (status?.['conditions'] ?? []) as JsonObject[];
  return conditions.some((one) => one['type'] === 'Ready' && one['status'] === 'True');
}

/** A stateful set whose pods are pretended, or run the given script in Node. */
export function statefulSet(
  name: string,
  spec: JsonObject = {},
  container: JsonObject = {},
  podSpec: JsonObject = {},
): JsonObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      replicas: 3,
      serviceName: `${name}-peers`,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 5,
          containers: [{ name: 'main', image: 'none', command: ['node', '-e', ''], ...container }],
          ...podSpec,
        },
      },
      ...spec,
    },
  };
}

/** The refusal that a call is answered with. */
export function refusal(call: () => unknown): { code: number; reason: string; message: string } {
  try {
    call();
  } catch (error) {
    const { httpCode, code, message } = error as {
      httpCode: number;
      code: string;
      message: string;
    };
    return { code: httpCode, reason: code, message };
  }
  throw new Error('the call was not refused');
}

export function at(object: Json | undefined, ...path: string[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (value, key) => (value as JsonObject | undefined)?.[key],
    object,
  );
}
