import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { KubeObject, ZkEnsembleStatus } from '../../operator/api/zk-ensemble.ts';
import { realClock } from '../../operator/kube/clock.ts';
import type { Clock } from '../../operator/kube/clock.ts';
import { startOperator } from '../../operator/main.ts';
import type { Operator, OperatorOptions } from '../../operator/main.ts';
import { FakeApi } from './fake-api.ts';
import { FakeMembers } from './fake-members.ts';

// Goal: the whole loop, from a custom resource to running members and back to its status, does
// what the user asked for and never takes two members at once.
// Method: the real operator against a small API server and members in this process, both over
// HTTP; the test waits for states, never for time. Waits inside the operator run 20 times faster.

const hurried: Clock = {
  ...realClock,
  timer: (afterMs, run) => realClock.timer(afterMs / 20, run),
};

interface Stage {
  readonly api: FakeApi;
  readonly members: FakeMembers;
  readonly operator: Operator;
  readonly status: () => ZkEnsembleStatus;
  readonly condition: (
    type: string,
  ) => { status: string; reason: string; message: string } | undefined;
  readonly untilCondition: (type: string, status: string, reason?: string) => Promise<void>;
}

async function stage(
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
function configOf(api: FakeApi): Record<string, string> {
  return (api.get('configmaps', configName(api))?.['data'] ?? {}) as Record<string, string>;
}

function configName(api: FakeApi): string {
  const { template } = setSpecOf(api);
  return template.spec.volumes.find(({ name }) => name === 'config')?.configMap?.name ?? '';
}

function bootstrapOf(api: FakeApi): string | undefined {
  const data = api.get('configmaps', 'zk-bootstrap')?.['data'] as
    | Record<string, string>
    | undefined;
  return data?.['bootstrap'];
}

interface SetSpec {
  replicas: number;
  template: { spec: { volumes: { name: string; configMap?: { name: string } }[] } };
  volumeClaimTemplates: { spec: { resources: { requests: { storage: string } } } }[];
}

function setSpecOf(api: FakeApi): SetSpec {
  return (api.get('statefulsets', 'zk')?.['spec'] ?? {}) as SetSpec;
}

function edit(api: FakeApi, change: (spec: Record<string, unknown>) => void): void {
  api.edit('zkensembles', 'zk', (object) => change(object['spec'] as Record<string, unknown>));
}

test('a new ensemble becomes ready and says who leads', async (t) => {
  const { api, members, status, condition, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');

  assert.equal(status().phase, 'Ready');
  assert.equal(status().readyReplicas, 3);
  assert.equal(status().leader?.name, members.leader);
  assert.equal(status().observedGeneration, 1);
  assert.equal(status().endpoints?.client, 'zk-client.default.svc:2181');
  assert.deepEqual(
    status().members?.map(({ myid, inSync }) => [myid, inSync]),
    [1, 2, 3].map((id) => [id, true]),
  );
  assert.equal(condition('Available')?.status, 'True');
  assert.equal(condition('Stalled')?.status, 'False');
  for (const [plural, name] of [
    ['statefulsets', 'zk'],
    ['services', 'zk-peers'],
    ['services', 'zk-client'],
    ['configmaps', configName(api)],
    ['configmaps', 'zk-bootstrap'],
    ['poddisruptionbudgets', 'zk'],
  ] as const) {
    assert.notEqual(api.get(plural, name), undefined, `${plural} ${name} exists`);
  }
});

test('empty disks may vote until the ensemble was whole, and never again', async (t) => {
  const { api, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  await api.until(() => bootstrapOf(api) === 'false');
  const pod = api.get('pods', 'zk-0')?.['spec'] as { containers: { env: object[] }[] };
  assert.deepEqual(
    pod.containers[0]?.env.find((each) => 'name' in each && each.name === 'ZK_BOOTSTRAP'),
    {
      name: 'ZK_BOOTSTRAP',
      valueFrom: { configMapKeyRef: { name: 'zk-bootstrap', key: 'bootstrap', optional: true } },
    },
  );
});

test('a restart takes one member at a time and the leader last', async (t) => {
  const { api, members, status, untilCondition } = await stage(t, { replicas: 5 });
  await untilCondition('Ready', 'True');
  const leader = members.leader;
  const epoch = members.epoch;
  const budgetSaw: number[] = [];
  api.allowEviction = () => {
    budgetSaw.push(members.awayMax);
    return true;
  };

  edit(api, (spec) => (spec['restartedAt'] = '2026-11-25T12:00:00Z'));
  await api.until(() => members.stopped.length === 5 && status().updatedReplicas === 5);
  await untilCondition('Ready', 'True');

  assert.equal(new Set(members.stopped).size, 5, 'each member is restarted once');
  assert.equal(members.stopped.at(-1), leader, 'the leader goes last');
  assert.equal(members.awayMax, 1, 'never two at once');
  assert.equal(members.epoch, epoch + 1, 'exactly one change of leader');
});

test('a restart stops at the first member that does not come back, and a revert heals', async (t) => {
  const { api, members, status, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  const imageOf = (pod: KubeObject): string =>
    (pod['spec'] as { containers: { image: string }[] }).containers[0]?.image ?? '';
  members.startsWell = (pod) => !imageOf(pod).includes('broken');

  edit(api, (spec) => (spec['image'] = { tag: 'broken' }));
  await untilCondition('Degraded', 'True');
  await api.until(() => status().plan?.reason === 'MembersNotInSync');
  assert.equal(members.stopped.length, 1, 'only one member was tried');
  assert.equal(members.awayMax, 1);

  edit(api, (spec) => delete spec['image']);
  await untilCondition('RolloutComplete', 'True');
  await untilCondition('Ready', 'True');
  assert.equal(members.awayMax, 1);
});

test('a member keeps the configuration it was made with until it is restarted', async (t) => {
  const { api, members, status, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  const nameOf = (pod: string): string => {
    const spec = (api.get('pods', pod)?.['spec'] ?? {}) as Partial<SetSpec['template']['spec']>;
    return spec.volumes?.find(({ name }) => name === 'config')?.configMap?.name ?? '';
  };
  const before = configName(api);
  const data = configOf(api);
  api.allowEviction = () => false;
  edit(api, (spec) => (spec['config'] = { tickTime: 500 }));
  await api.until(() => status().plan?.reason === 'DisruptionBudget');
  assert.notEqual(configName(api), before);
  assert.equal(nameOf('zk-0'), before);
  assert.deepEqual(api.get('configmaps', before)?.['data'], data, 'nothing of it changed');
  assert.equal(api.get('configmaps', before)?.['immutable'], true);

  api.allowEviction = () => true;
  for (const tickTime of [501, 502, 503, 504]) {
    edit(api, (spec) => (spec['config'] = { tickTime }));
    const { generation } = api.get('zkensembles', 'zk')?.metadata ?? {};
    await api.until(
      () => status().observedGeneration === generation && status().updatedReplicas === 3,
    );
    await untilCondition('Ready', 'True');
  }
  assert.equal(members.awayMax, 1);
  const kept = (): number =>
    api.all('configmaps').filter(({ metadata }) => metadata.name?.startsWith('zk-config-')).length;
  await api.until(() => kept() === 3);
  assert.notEqual(
    api.get('configmaps', configName(api)),
    undefined,
    'the wanted one is among them',
  );
});

test('a disruption budget that says no is waited for', async (t) => {
  const { api, members, status, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  api.allowEviction = () => false;
  edit(api, (spec) => (spec['restartedAt'] = 'now'));
  await api.until(() => status().plan?.reason === 'DisruptionBudget');
  assert.deepEqual(members.stopped, []);

  api.allowEviction = () => true;
  await api.until(() => members.stopped.length === 3);
  await untilCondition('Ready', 'True');
  assert.equal(status().updatedReplicas, 3);
});

test('a changed number of voters is refused with a reason and changes nothing', async (t) => {
  const { api, condition, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  const before = configOf(api)['servers'];
  edit(api, (spec) => (spec['replicas'] = 5));
  await untilCondition('Stalled', 'True', 'ScaleUnsupported');
  assert.match(condition('Stalled')?.message ?? '', /3 voters.*set replicas back to 3/);
  assert.equal(setSpecOf(api).replicas, 3);
  assert.equal(configOf(api)['servers'], before);

  edit(api, (spec) => (spec['replicas'] = 3));
  await untilCondition('Ready', 'True');
});

test('a smaller ensemble is not made over the volumes of a larger one', async (t) => {
  const { api, condition, untilCondition } = await stage(t, { replicas: 1 }, {}, (fake) => {
    for (const i of [0, 1, 2]) {
      fake.put('persistentvolumeclaims', {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name: `data-zk-${i}`,
          creationTimestamp: '2020-01-01T00:00:00Z',
          labels: { 'app.kubernetes.io/name': 'zkensemble', 'app.kubernetes.io/instance': 'zk' },
        },
      });
    }
  });
  await untilCondition('Stalled', 'True', 'ScaleUnsupported');
  assert.match(condition('Stalled')?.message ?? '', /at least 3 voters/);
  assert.equal(api.get('statefulsets', 'zk'), undefined);

  for (const i of [0, 1, 2]) api.remove('persistentvolumeclaims', `data-zk-${i}`);
  await untilCondition('Ready', 'True');
});

test('a scaled StatefulSet is put back', async (t) => {
  const { api, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  const replicas = () => setSpecOf(api).replicas;
  api.edit('statefulsets', 'zk', (set) => ((set['spec'] as { replicas: number }).replicas = 1));
  await api.until(() => replicas() === 3);
  assert.equal(replicas(), 3);
});

test('a spec that cannot be is refused by name and leaves everything as it is', async (t) => {
  const { api, members, condition, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  edit(api, (spec) => (spec['config'] = { properties: { 'server.9': 'x' } }));
  await untilCondition('Stalled', 'True', 'InvalidSpec');
  assert.match(condition('Stalled')?.message ?? '', /server\.9.*set by the operator/);
  assert.deepEqual(members.stopped, []);
});

test('an object of the same name that belongs to somebody else is left alone', async (t) => {
  const foreign = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'zk-client' }, spec: {} };
  const { api, condition, untilCondition } = await stage(t, { replicas: 1 }, {}, (fake) =>
    fake.put('services', foreign),
  );
  await untilCondition('Stalled', 'True', 'NameTaken');
  assert.match(condition('Stalled')?.message ?? '', /Service zk-client/);
  assert.deepEqual(api.get('services', 'zk-client')?.['spec'], {});
});

test('what an earlier ensemble of the same name left is waited out, not taken over', async (t) => {
  const owner = { apiVersion: 'zkensemble.io/v1', kind: 'ZkEnsemble', name: 'zk', uid: 'earlier' };
  const { api, status, condition, untilCondition } = await stage(t, { replicas: 3 }, {}, (fake) =>
    fake.put('statefulsets', {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: {
        name: 'zk',
        uid: 'earlier-set',
        labels: { 'app.kubernetes.io/name': 'zkensemble', 'app.kubernetes.io/instance': 'zk' },
        ownerReferences: [owner],
      },
      spec: {
        replicas: 3,
        template: {
          metadata: {
            labels: { 'app.kubernetes.io/name': 'zkensemble', 'app.kubernetes.io/instance': 'zk' },
          },
          spec: {},
        },
      },
    }),
  );
  await untilCondition('Available', 'False', 'Bootstrapping');
  assert.equal(condition('Stalled')?.status, 'False');
  assert.equal(status().bootstrapped, false, 'the pods of the earlier one prove nothing');
  assert.equal(api.get('statefulsets', 'zk')?.metadata.uid, 'earlier-set');

  // The cluster's garbage collection.
  api.remove('statefulsets', 'zk');
  for (const i of [0, 1, 2]) api.remove('pods', `zk-${i}`);
  await untilCondition('Ready', 'True');
  assert.equal(status().bootstrapped, true);
});

test('of two operators one acts, and the other goes on where it stopped', async (t) => {
  const lease = { leaseEnabled: true };
  const { api, members, operator, status, untilCondition } = await stage(t, {}, lease);
  const { kubeConfig } = api;
  const second = await startOperator({
    ...lease,
    kubeConfig,
    clock: hurried,
    memberAddress: (pod) => members.address(pod),
  });
  t.after(() => second.stop());
  await untilCondition('Ready', 'True');
  assert.equal(operator.leading, true);
  assert.equal(second.leading, false);

  edit(api, (spec) => (spec['restartedAt'] = 'now'));
  await api.until(() => members.stopped.length === 1);
  await operator.stop();
  await api.until(() => members.stopped.length === 3 && status().updatedReplicas === 3);
  await untilCondition('Ready', 'True');
  assert.equal(second.leading, true);
  assert.equal(members.awayMax, 1);
});

test('health and metrics tell what the operator knows', async (t) => {
  const http = { host: '127.0.0.1', port: 0 };
  const { members, operator, untilCondition } = await stage(t, { replicas: 3 }, { http });
  const ask = (path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${operator.httpPort}${path}`);
  await untilCondition('Ready', 'True');
  for (const path of ['/livez', '/healthz', '/readyz']) assert.equal((await ask(path)).status, 200);
  const text = await (await ask('/metrics')).text();
  for (const line of [
    'zke_condition{namespace="default",name="zk",type="Ready",status="True"} 1',
    'zke_spec_voters{namespace="default",name="zk"} 3',
    'zke_voters_in_sync{namespace="default",name="zk"} 3',
    `zke_member_role{namespace="default",name="zk",member="${members.leader}",role="Leader"} 1`,
    'workqueue_depth{name="zkensemble"} 0',
  ]) {
    assert.ok(text.includes(line), line);
  }
  assert.match(text, /rest_client_requests_total\{method="PATCH",code="200"\} [1-9]/);
});

test('a paused ensemble is watched and not touched', async (t) => {
  const { api, members, status, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  edit(api, (spec) => Object.assign(spec, { paused: true, restartedAt: 'now' }));
  await untilCondition('Paused', 'True');
  assert.equal(status().phase, 'Paused');
  assert.deepEqual(members.stopped, []);

  edit(api, (spec) => (spec['paused'] = false));
  await api.until(() => members.stopped.length === 3);
  await untilCondition('Ready', 'True');
});

test('observers are restarted before voters', async (t) => {
  const spec = { replicas: 3, observers: { replicas: 2 } };
  const { api, members, status, untilCondition } = await stage(t, spec);
  await untilCondition('Ready', 'True');
  assert.equal(status().observers, 2);
  edit(api, (changed) => (changed['restartedAt'] = 'now'));
  await api.until(() => members.stopped.length === 5);
  assert.deepEqual(members.stopped.slice(0, 2), ['zk-observer-1', 'zk-observer-0']);
});

test('hibernating keeps the membership, waking brings every pod back', async (t) => {
  const { api, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  edit(api, (spec) => (spec['hibernate'] = true));
  await untilCondition('Available', 'False', 'Hibernated');
  assert.equal(setSpecOf(api).replicas, 0);
  edit(api, (spec) => (spec['hibernate'] = false));
  await untilCondition('Ready', 'True');
});

test('volumes grow one after another and the StatefulSet keeps its template', async (t) => {
  const claim = (i: number) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: `data-zk-${i}`,
      labels: { 'app.kubernetes.io/name': 'zkensemble', 'app.kubernetes.io/instance': 'zk' },
    },
    spec: { resources: { requests: { storage: '1Gi' } } },
    status: { capacity: { storage: '1Gi' } },
  });
  const spec = { replicas: 3, storage: { data: { size: '1Gi' } } };
  const { api, untilCondition } = await stage(t, spec, {}, (fake) => {
    for (const i of [0, 1, 2]) fake.put('persistentvolumeclaims', claim(i));
  });
  await untilCondition('Ready', 'True');
  edit(api, (changed) => (changed['storage'] = { data: { size: '2Gi' } }));
  const sizes = (): string[] =>
    api
      .all('persistentvolumeclaims')
      .map((each) => (each['spec'] as ReturnType<typeof claim>['spec']).resources.requests.storage);
  await api.until(() => sizes().every((size) => size === '2Gi'));
  await untilCondition('StorageInSync', 'False', 'Expanding');
  const [template] = setSpecOf(api).volumeClaimTemplates;
  assert.equal(template?.spec.resources.requests.storage, '1Gi');
});

test('the loop survives failing requests, broken watches and forgotten history', async (t) => {
  const { api, members, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  api.fail(/GET .*pods watch/, 500, 3);
  api.fail(/PATCH /, 503, 2);
  api.forgetHistory();
  api.breakWatches();
  edit(api, (spec) => (spec['restartedAt'] = 'now'));
  await api.until(() => members.stopped.length === 3);
  await untilCondition('Ready', 'True');
  assert.equal(members.awayMax, 1);
});

test('an ensemble at rest costs no writes', async (t) => {
  const { api, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  await untilCondition('Reconciling', 'False');
  await api.until(() => bootstrapOf(api) === 'false');
  const writes = (): number => api.requests.filter((line) => !line.startsWith('GET')).length;
  // Two more passes: a pod that is touched makes a pass, a status that is unchanged no write.
  const settled = writes();
  for (const value of ['a', 'b']) {
    api.edit(
      'pods',
      'zk-0',
      (pod) =>
        (pod.metadata['annotations'] = {
          ...(pod.metadata['annotations'] as object),
          touched: value,
        }),
    );
  }
  edit(api, (spec) => (spec['paused'] = true));
  await untilCondition('Paused', 'True');
  const changed = api.requests
    .filter((line) => !line.startsWith('GET'))
    .slice(settled)
    .filter((line) => !line.includes('/status'));
  assert.deepEqual(changed, []);
});
