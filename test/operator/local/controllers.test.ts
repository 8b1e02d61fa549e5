import assert from 'node:assert/strict';
import { test } from 'node:test';
import { request } from 'node:https';
import type { Json, JsonObject } from '../../../operator/local/api/json.ts';
import type { KubeObject } from '../../../operator/local/api/kube-object.ts';
import { isTerminating, labelsOf, ownersOf } from '../../../operator/local/api/kube-object.ts';
import { revisionLabel } from '../../../operator/local/controllers/stateful-pods.ts';
import type { LocalControlPlane } from '../../../operator/local/control-plane.ts';
import type { Api } from '../../../operator/local/resources/api.ts';
import {
  asTester,
  at,
  configMap,
  controlPlane,
  isReady,
  kubeConfigOf,
  statefulSet,
  target,
  until,
} from './world.ts';

// Goal: stateful sets, claims, budgets, endpoints and owners behave as the operator relies on.
// Method: pretended pods; a pod is unready by its annotation; the resulting objects are read.

function create(api: Api, plural: string, body: JsonObject): KubeObject {
  return api.create(target(plural, '').definition, 'default', body, asTester);
}

function pods(api: Api): string[] {
  return api.store.list('/pods', 'default').map((pod) => pod.metadata.name);
}

function pod(api: Api, name: string): KubeObject | undefined {
  return api.store.get('/pods', 'default', name);
}

function whenReady(api: Api, name: string, other = ''): Promise<KubeObject> {
  return until(api, `${name} to be ready`, () => {
    const found = pod(api, name);
    return isReady(found) && found?.metadata.uid !== other ? found : undefined;
  });
}

function change(api: Api, name: string, spec: JsonObject): void {
  api.modify(
    target('statefulsets', name),
    (old) => ({ ...old, spec: { ...(old['spec'] as JsonObject), ...spec } }),
    asTester,
  );
}

const claimTemplates = {
  volumeClaimTemplates: [
    {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ],
};

function withLabel(value: string): JsonObject {
  const base = statefulSet('s')['spec'] as JsonObject;
  const template = structuredClone(base['template']) as JsonObject;
  (template['metadata'] as JsonObject)['annotations'] = { v: value };
  return { template };
}

test('a parallel set makes all its pods and claims at once, with their names', async (t) => {
  const { api } = await controlPlane(t);
  create(api, 'statefulsets', statefulSet('s', claimTemplates));
  await whenReady(api, 's-2');
  assert.deepEqual(pods(api), ['s-0', 's-1', 's-2']);
  const claims = api.store.list('/persistentvolumeclaims', 'default');
  assert.deepEqual(
    claims.map((claim) => claim.metadata.name),
    ['data-s-0', 'data-s-1', 'data-s-2'],
  );
  const made = pod(api, 's-1');
  assert(made !== undefined, 's-1 is there');
  assert.equal(labelsOf(made)['statefulset.kubernetes.io/pod-name'], 's-1');
  assert.equal(at(made, 'spec', 'hostname'), 's-1');
  assert.equal(at(made, 'spec', 'subdomain'), 's-peers');
  const status = await until(api, 'the status', () => {
    const set = api.get(target('statefulsets', 's'));
    return at(set, 'status', 'readyReplicas') === 3 ? set : undefined;
  });
  assert.equal(at(status, 'status', 'updateRevision'), labelsOf(made)[revisionLabel]);
});

test('an ordered set waits for each pod before the next', async (t) => {
  const { api } = await controlPlane(t);
  const unready = {
    metadata: { labels: { app: 's' }, annotations: { 'zkensemble.io/pretend-ready': 'false' } },
  };
  const spec = statefulSet('s')['spec'] as JsonObject;
  const template = { ...(spec['template'] as JsonObject), ...unready };
  create(api, 'statefulsets', statefulSet('s', { podManagementPolicy: 'OrderedReady', template }));
  await until(
    api,
    's-0 to run',
    () => at(pod(api, 's-0'), 'status', 'phase') === 'Running' || undefined,
  );
  assert.deepEqual(pods(api), ['s-0']);
  api.modify(
    target('pods', 's-0'),
    (old) => ({ ...old, metadata: { ...old.metadata, annotations: {} } }),
    asTester,
  );
  await until(api, 's-1', () => pod(api, 's-1'));
  assert.deepEqual(pods(api), ['s-0', 's-1']);
});

test('OnDelete changes nothing until a pod is deleted, then that pod alone', async (t) => {
  const { api } = await controlPlane(t);
  create(api, 'statefulsets', statefulSet('s', { updateStrategy: { type: 'OnDelete' } }));
  const before = await whenReady(api, 's-1');
  change(api, 's', withLabel('2'));
  const updated = await until(api, 'the new revision', () => {
    const set = api.get(target('statefulsets', 's'));
    const revision = at(set, 'status', 'updateRevision');
    return revision === labelsOf(before)[revisionLabel] ? undefined : set;
  });
  assert.equal(at(updated, 'status', 'updatedReplicas'), 0);
  api.delete(target('pods', 's-1'), {});
  const after = await whenReady(api, 's-1', before.metadata.uid);
  assert.equal(labelsOf(after)[revisionLabel], at(updated, 'status', 'updateRevision'));
  const other = pod(api, 's-0');
  assert(other !== undefined, 's-0 stays');
  assert.equal(labelsOf(other)[revisionLabel], labelsOf(before)[revisionLabel]);
});

test('RollingUpdate goes from the highest ordinal down and never has two away', async (t) => {
  const { api } = await controlPlane(t);
  create(api, 'statefulsets', statefulSet('s'));
  await whenReady(api, 's-0');
  await whenReady(api, 's-2');
  const order: string[] = [];
  let fewest = 3;
  t.after(
    api.store.subscribe(({ resource, type, object }) => {
      if (resource !== '/pods') return;
      if (type === 'DELETED') order.push(object.metadata.name);
      const present = api.store
        .list('/pods', 'default')
        .filter((one) => isReady(one) && !isTerminating(one));
      fewest = Math.min(fewest, present.length);
    }),
  );
  change(api, 's', withLabel('2'));
  await until(api, 'the rollout', () => {
    const set = api.get(target('statefulsets', 's'));
    const isDone =
      at(set, 'status', 'currentRevision') === at(set, 'status', 'updateRevision') &&
      at(set, 'status', 'readyReplicas') === 3 &&
      order.length === 3;
    return isDone || undefined;
  });
  assert.deepEqual(order, ['s-2', 's-1', 's-0']);
  assert.equal(fewest, 2);
});

for (const [policy, left] of [
  ['Retain', ['data-s-0', 'data-s-1', 'data-s-2']],
  ['Delete', ['data-s-0']],
] as const) {
  test(`scaling down takes the highest pods, and claims with policy ${policy}`, async (t) => {
    const { api } = await controlPlane(t);
    const retention = { persistentVolumeClaimRetentionPolicy: { whenScaled: policy } };
    create(api, 'statefulsets', statefulSet('s', { ...claimTemplates, ...retention }));
    await whenReady(api, 's-2');
    change(api, 's', { replicas: 1 });
    await until(api, 'one pod', () => pods(api).length === 1 || undefined);
    assert.deepEqual(pods(api), ['s-0']);
    const claims = await until(api, 'claims', () => {
      const names = api.store.list('/persistentvolumeclaims').map((one) => one.metadata.name);
      return names.length === left.length ? names : undefined;
    });
    assert.deepEqual(claims, left);
  });
}

test('a set takes over pods that an orphaning deletion left behind', async (t) => {
  const { api } = await controlPlane(t);
  create(api, 'statefulsets', statefulSet('s'));
  const before = await whenReady(api, 's-0');
  api.delete(target('statefulsets', 's'), { propagation: 'Orphan' });
  await until(
    api,
    'the set to go',
    () => api.store.get('apps/statefulsets', 'default', 's') === undefined || undefined,
  );
  assert.equal(ownersOf(api.get(target('pods', 's-0'))).length, 0);
  const set = create(api, 'statefulsets', statefulSet('s'));
  const adopted = await until(api, 'the adoption', () => {
    const found = pod(api, 's-0');
    return found !== undefined && ownersOf(found)[0]?.uid === set.metadata.uid ? found : undefined;
  });
  assert.equal(adopted.metadata.uid, before.metadata.uid);
});

test('what a deleted owner owned is deleted, in the foreground before the owner', async (t) => {
  const { api } = await controlPlane(t);
  create(api, 'statefulsets', statefulSet('s'));
  await whenReady(api, 's-2');
  const order: string[] = [];
  t.after(
    api.store.subscribe(({ type, object }) => {
      if (type === 'DELETED' && object.kind !== 'ControllerRevision') order.push(object.kind);
    }),
  );
  api.delete(target('statefulsets', 's'), { propagation: 'Foreground' });
  await until(
    api,
    'everything to go',
    () => (order.includes('StatefulSet') && pods(api).length === 0) || undefined,
  );
  assert.deepEqual(order, ['Pod', 'Pod', 'Pod', 'StatefulSet']);
});

test('an object whose owner was never there is deleted', async (t) => {
  const { api } = await controlPlane(t);
  const body = configMap('c');
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'none', uid: 'nobody' };
  body['metadata'] = { name: 'c', ownerReferences: [owner] };
  create(api, 'configmaps', body);
  await until(
    api,
    'it to go',
    () => api.store.get('/configmaps', 'default', 'c') === undefined || undefined,
  );
});

test('a finalizer holds an object until it is taken off', async (t) => {
  const { api } = await controlPlane(t);
  const body = configMap('c');
  body['metadata'] = { name: 'c', finalizers: ['example.org/hold'] };
  create(api, 'configmaps', body);
  assert.equal(api.delete(target('configmaps', 'c'), {}).isGone, false);
  assert(isTerminating(api.get(target('configmaps', 'c'))), 'it waits');
  api.modify(
    target('configmaps', 'c'),
    (old) => ({ ...old, metadata: { ...old.metadata, finalizers: [] } }),
    asTester,
  );
  assert.equal(api.store.get('/configmaps', 'default', 'c'), undefined);
});

test('a namespace goes with all that is in it, and takes nothing new meanwhile', async (t) => {
  const { api } = await controlPlane(t);
  api.create(target('namespaces', '').definition, '', { metadata: { name: 'n' } }, asTester);
  const held = configMap('c');
  held['metadata'] = { name: 'c', finalizers: ['example.org/hold'] };
  api.create(target('configmaps', '').definition, 'n', held, asTester);
  api.delete(target('namespaces', 'n'), {});
  await until(api, 'the deletion to reach it', () => {
    const found = api.store.get('/configmaps', 'n', 'c');
    return (found !== undefined && isTerminating(found)) || undefined;
  });
  assert.throws(
    () => api.create(target('configmaps', '').definition, 'n', configMap('d'), asTester),
    { httpCode: 403 },
  );
  api.modify(
    target('configmaps', 'c', 'n'),
    (old) => ({ ...old, metadata: { ...old.metadata, finalizers: [] } }),
    asTester,
  );
  await until(
    api,
    'the namespace to go',
    () => api.store.get('/namespaces', '', 'n') === undefined || undefined,
  );
});

function evict(plane: LocalControlPlane, name: string): Promise<number> {
  const token = kubeConfigOf(plane).getCurrentUser()?.token ?? '';
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${plane.url}/api/v1/namespaces/default/pods/${name}/eviction`,
      {
        method: 'POST',
        rejectUnauthorized: false,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      },
    );
    outgoing.once('error', reject);
    outgoing.end(JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } }));
  });
}

test('of many evictions at once a budget allows one', async (t) => {
  const plane = await controlPlane(t);
  const { api } = plane;
  create(api, 'statefulsets', statefulSet('s'));
  const selector = { matchLabels: { app: 's' } };
  create(api, 'poddisruptionbudgets', {
    metadata: { name: 'b' },
    spec: { maxUnavailable: 1, selector },
  });
  await whenReady(api, 's-0');
  await whenReady(api, 's-2');
  const budget = await until(api, 'the budget', () => {
    const found = api.get(target('poddisruptionbudgets', 'b'));
    return at(found, 'status', 'disruptionsAllowed') === 1 ? found : undefined;
  });
  assert.equal(at(budget, 'status', 'desiredHealthy'), 2);
  // Pods that stay away keep the budget spent.
  change(api, 's', {
    template: {
      ...(at(api.get(target('statefulsets', 's')), 'spec', 'template') as JsonObject),
      metadata: { labels: { app: 's' }, annotations: { 'zkensemble.io/pretend-ready': 'false' } },
    },
    updateStrategy: { type: 'OnDelete' },
  });
  assert.equal(await evict(plane, 's-0'), 201);
  assert.equal(await evict(plane, 's-1'), 429);
  assert.equal(await evict(plane, 's-2'), 429);
});

test('endpoints follow readiness, and peers are found before they are ready', async (t) => {
  const { api } = await controlPlane(t);
  const ports = [{ name: 'client', containerPort: 2181 }];
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }, { ports }));
  const service = (name: string, isEarly: boolean): JsonObject => ({
    metadata: { name },
    spec: {
      selector: { app: 's' },
      ports: [{ name: 'client', port: 2181, targetPort: 'client' }],
      publishNotReadyAddresses: isEarly,
    },
  });
  create(api, 'services', service('ready', false));
  create(api, 'services', service('peers', true));
  const subsetsOf = (name: string): Json[] =>
    (at(api.store.get('/endpoints', 'default', name), 'subsets') ?? []) as Json[];
  await until(api, 'an endpoint', () => at(subsetsOf('ready')[0], 'addresses'));
  api.modify(
    target('pods', 's-0'),
    (old) => ({
      ...old,
      metadata: { ...old.metadata, annotations: { 'zkensemble.io/pretend-ready': 'false' } },
    }),
    asTester,
  );
  await until(api, 'the endpoint to be unready', () =>
    at(subsetsOf('ready')[0], 'notReadyAddresses'),
  );
  assert(at(subsetsOf('peers')[0], 'addresses') !== undefined, 'peers see it still');
});

test('a claim is bound, grows at once, never shrinks, and stays while a pod uses it', async (t) => {
  const { api } = await controlPlane(t);
  create(api, 'statefulsets', statefulSet('s', { replicas: 1, ...claimTemplates }));
  await whenReady(api, 's-0');
  const name = 'data-s-0';
  const sized = (storage: string) => (old: KubeObject) => ({
    ...old,
    spec: { ...(old['spec'] as JsonObject), resources: { requests: { storage } } },
  });
  const claims = target('persistentvolumeclaims', name);
  await until(
    api,
    'the claim',
    () => at(api.get(claims), 'status', 'phase') === 'Bound' || undefined,
  );
  api.modify(claims, sized('2Gi'), asTester);
  await until(
    api,
    'growth',
    () => at(api.get(claims), 'status', 'capacity', 'storage') === '2Gi' || undefined,
  );
  assert.throws(() => api.modify(claims, sized('1Gi'), asTester), { httpCode: 422 });
  api.delete(claims, {});
  assert(isTerminating(api.get(claims)), 'it waits for its pod');
  api.delete(target('statefulsets', 's'), {});
  await until(
    api,
    'it to go',
    () => api.store.get('/persistentvolumeclaims', 'default', name) === undefined || undefined,
  );
});

test('a cordoned node takes no pods until it is open again', async (t) => {
  const { api } = await controlPlane(t);
  const cordon = (unschedulable: boolean): void => {
    api.modify(target('nodes', 'local'), (old) => ({ ...old, spec: { unschedulable } }), asTester);
  };
  cordon(true);
  create(api, 'statefulsets', statefulSet('s', { replicas: 1 }));
  const held = await until(api, 'the reason', () => {
    const conditions = at(pod(api, 's-0'), 'status', 'conditions') as JsonObject[] | undefined;
    return conditions?.find((one) => one['reason'] === 'Unschedulable');
  });
  assert.equal(held['type'], 'PodScheduled');
  assert(api.delete(target('pods', 's-0'), {}).isGone, 'nothing runs that would have to end');
  cordon(false);
  await whenReady(api, 's-0');
});

test('a pod whose claim was deleted comes back with a new one', async (t) => {
  const { api } = await controlPlane(t);
  create(api, 'statefulsets', statefulSet('s', { replicas: 1, ...claimTemplates }));
  const before = await whenReady(api, 's-0');
  const claims = target('persistentvolumeclaims', 'data-s-0');
  const old = await until(api, 'the claim', () => {
    const claim = api.get(claims);
    return at(claim, 'status', 'phase') === 'Bound' ? claim : undefined;
  });
  api.delete(claims, {});
  api.delete(target('pods', 's-0'), {});
  await whenReady(api, 's-0', before.metadata.uid);
  const next = await until(api, 'a new claim', () => {
    const claim = api.store.get('/persistentvolumeclaims', 'default', 'data-s-0');
    return claim !== undefined && claim.metadata.uid !== old.metadata.uid ? claim : undefined;
  });
  assert(!isTerminating(next), 'it stays');
});
