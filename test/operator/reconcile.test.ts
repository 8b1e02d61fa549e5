import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootstrapOf, configName, configOf, edit, setSpecOf, stage } from './stage.ts';

// Goal: the whole loop, from a custom resource to running members and back to its status, does
// what the user asked for and never takes two members at once.
// Method: the real operator against a small API server and members in this process, both over
// HTTP; the test waits for states, never for time. Waits inside the operator run 20 times faster.

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

test('a spec that cannot be is refused by name and leaves everything as it is', async (t) => {
  const { api, members, condition, untilCondition } = await stage(t, { replicas: 3 });
  await untilCondition('Ready', 'True');
  edit(api, (spec) => (spec['config'] = { properties: { 'server.9': 'x' } }));
  await untilCondition('Stalled', 'True', 'InvalidSpec');
  assert.match(condition('Stalled')?.message ?? '', /server\.9.*set by the operator/);
  assert.deepEqual(members.stopped, []);
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
