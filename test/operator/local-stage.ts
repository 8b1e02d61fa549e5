import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { Json, ZkEnsembleStatus } from '../../operator/api/zk-ensemble.ts';
import { KubeClient } from '../../operator/kube/kube-client.ts';
import { pathOf, zkEnsembles } from '../../operator/kube/resources.ts';
import { startLocalControlPlane } from '../../operator/local/control-plane.ts';
import type { LocalControlPlane, PodMode } from '../../operator/local/control-plane.ts';
import { startOperator } from '../../operator/main.ts';
import type { OperatorOptions } from '../../operator/main.ts';

export interface LocalStage {
  readonly plane: LocalControlPlane;
  readonly client: KubeClient;
  readonly create: (name: string, spec: Json) => Promise<Json>;
  readonly patch: (name: string, spec: Json) => Promise<Json>;
  readonly statusOf: (name: string) => Promise<ZkEnsembleStatus>;
  /** Resolves with the first status for which the condition holds. */
  readonly until: (
    name: string,
    condition: (status: ZkEnsembleStatus) => boolean,
  ) => Promise<ZkEnsembleStatus>;
}

const crdUrl = new URL('../../crds/zkensembles.yaml', import.meta.url);

/** The local control plane with the CRD installed; the operator beside it unless told otherwise. */
export async function localStage(
  t: TestContext,
  options: {
    readonly pods: PodMode;
    readonly operator?: Partial<OperatorOptions> | null;
    readonly stateDir?: string;
  },
): Promise<LocalStage> {
  const plane = await startLocalControlPlane({
    stateDir: options.stateDir ?? null,
    pods: options.pods,
  });
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(plane.kubeconfig);
  const client = new KubeClient(kubeConfig);
  await client.json({
    method: 'POST',
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    body: parse(readFileSync(crdUrl, 'utf8')),
  });
  const operator =
    options.operator === null
      ? null
      : await startOperator({
          kubeConfig,
          memberAddress: (pod, port) =>
            plane.addressOf(pod.metadata.namespace ?? '', pod.metadata.name ?? '', port),
          ...options.operator,
        });
  t.after(async () => {
    await operator?.stop();
    client.close();
    await plane.stop(5000);
  });
  await operator?.ready;
  return { plane, client, ...verbsOf(client) };
}

function verbsOf(client: KubeClient): Pick<LocalStage, 'create' | 'patch' | 'statusOf' | 'until'> {
  const { apiVersion, kind } = zkEnsembles;
  return {
    create: (name, spec) =>
      client.create(zkEnsembles, 'default', { apiVersion, kind, metadata: { name }, spec }),
    patch: (name, spec) =>
      client.mergePatch(zkEnsembles, 'default', name, { spec }, { fieldManager: 'test' }),
    statusOf: async (name) => (await client.get(zkEnsembles, 'default', name))['status'] ?? {},
    until: (name, condition) => statusUntil(client, name, condition),
  };
}

async function statusUntil(
  client: KubeClient,
  name: string,
  condition: (status: ZkEnsembleStatus) => boolean,
): Promise<ZkEnsembleStatus> {
  for (;;) {
    const found: ZkEnsembleStatus[] = [];
    const stop = new AbortController();
    const take = (object: { metadata: { name?: string }; [key: string]: unknown }): void => {
      const status: ZkEnsembleStatus = object['status'] ?? {};
      if (object.metadata.name !== name || !condition(status)) return;
      found.push(status);
      stop.abort();
    };
    const list = await client.list(zkEnsembles, 'default', {});
    for (const item of list.items) take(item);
    if (found[0] !== undefined) return found[0];
    await client.watch(
      {
        path: pathOf(zkEnsembles, 'default', null),
        query: { watch: 'true', resourceVersion: list.resourceVersion, timeoutSeconds: '30' },
        silenceMsMax: 60_000,
        signal: stop.signal,
      },
      ({ object }) => take(object),
    );
    if (found[0] !== undefined) return found[0];
  }
}

export function conditionOf(status: ZkEnsembleStatus, type: string): string {
  const found = status.conditions?.find((each) => each.type === type);
  return found === undefined ? '' : `${found.status} ${found.reason}`;
}
