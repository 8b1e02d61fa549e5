import type { TestContext } from 'node:test';
import type { ZkEnsembleStatus } from '../../operator/api/zk-ensemble.ts';
import { realClock } from '../../operator/kube/clock.ts';
import type { Clock } from '../../operator/kube/clock.ts';
import { startOperator } from '../../operator/main.ts';
import type { Operator, OperatorOptions } from '../../operator/main.ts';
import { FakeApi } from './fake-api.ts';
import { FakeMembers } from './fake-members.ts';

/** Waits inside the operator are 20 times shorter. */
export const hurried: Clock = {
  ...realClock,
  timer: (afterMs, run) => realClock.timer(afterMs / 20, run),
};

export interface Stage {
  readonly api: FakeApi;
  readonly members: FakeMembers;
  readonly operator: Operator;
  readonly status: () => ZkEnsembleStatus;
  readonly condition: (
    type: string,
  ) => { status: string; reason: string; message: string } | undefined;
  readonly untilCondition: (type: string, status: string, reason?: string) => Promise<void>;
}

export async function stage(
  t: TestContext,
  spec: object,
  options: Partial<OperatorOptions> = {},
  before: (api: FakeApi, members: FakeMembers) => void = () => {},
): Promise<Stage> {
  const api = new FakeApi();
  const kubeConfig = await api.start();
  const members = new FakeMembers(api);
  const { replicas = 3, observers } = spec as {
    replicas?: number;
    observers?: { replicas: number };
  };
  const names = Array.from({ length: replicas }, (_, i) => `zk-${i}`);
  const extra = Array.from({ length: observers?.replicas ?? 0 }, (_, i) => `zk-observer-${i}`);
  await members.prepare([...names, ...extra]);
  before(api, members);
  api.put('zkensembles', {
    apiVersion: 'zkensemble.io/v1',
    kind: 'ZkEnsemble',
    metadata: { name: 'zk' },
    spec: { updateStrategy: { minReadySeconds: 0 }, ...spec },
  });
  const operator = await startOperator({
    kubeConfig,
    clock: hurried,
    leaseEnabled: false,
    memberAddress: (pod) => members.address(pod),
    ...options,
  });
  t.after(async () => {
    await operator.stop();
    await members.stop();
    await api.stop();
  });
  const status = (): ZkEnsembleStatus => api.get('zkensembles', 'zk')?.['status'] ?? {};
  const condition = (type: string) => status().conditions?.find((each) => each.type === type);
  return {
    api,
    members,
    operator,
    status,
    condition,
    untilCondition: (type, wanted, reason) =>
      api.until(() => {
        const found = condition(type);
        return found?.status === wanted && (reason === undefined || found.reason === reason);
      }),
  };
}

/** Data of the configuration that new pods get. */
export function configOf(api: FakeApi): Record<string, string> {
  return (api.get('configmaps', configName(api))?.['data'] ?? {}) as Record<string, string>;
}

export function configName(api: FakeApi): string {
  const { template } = setSpecOf(api);
  return template.spec.volumes.find(({ name }) => name === 'config')?.configMap?.name ?? '';
}

export function bootstrapOf(api: FakeApi): string | undefined {
  const data = api.get('configmaps', 'zk-bootstrap')?.['data'] as
    | Record<string, string>
    | undefined;
  return data?.['bootstrap'];
}

export interface SetSpec {
  replicas: number;
  template: { spec: { volumes: { name: string; configMap?: { name: string } }[] } };
  volumeClaimTemplates: { spec: { resources: { requests: { storage: string } } } }[];
}

export function setSpecOf(api: FakeApi): SetSpec {
  return (api.get('statefulsets', 'zk')?.['spec'] ?? {}) as SetSpec;
}

export function edit(api: FakeApi, change: (spec: Record<string, unknown>) => void): void {
  api.edit('zkensembles', 'zk', (object) => change(object['spec'] as Record<string, unknown>));
}
