import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../operator/api/zk-ensemble.ts';
import { startOperator } from '../../operator/main.ts';
import { configName, configOf, edit, hurried, setSpecOf, stage } from './stage.ts';
import type { SetSpec } from './stage.ts';

// Goal: what others do to an ensemble and its objects, and what breaks meanwhile, is put back,
// waited out or refused, and never costs a second member.
// Method: as in reconcile.test.ts: the real operator, a small API server and members in this
// process, and a test that waits for states.

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

test('a missing CRD is named, and waited for', async (t) => {
  const said: string[] = [];
  const { untilCondition } = await stage(
    t,
    { replicas: 1 },
    { log: (level, message) => said.push(`${level} ${message}`) },
    (api) => api.fail(/GET .*\/zkensembles$/, 404, 3),
  );
  await untilCondition('Ready', 'True');
  assert.equal(
    said.find((line) => line.includes('CRD')),
    'error the CRD is missing: kubectl apply -f crds/zkensembles.yaml',
  );
});
