import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject, ZkEnsembleSpec } from '../../../operator/api/zk-ensemble.ts';
import { plan } from '../../../operator/plan/plan.ts';
import type { Observed } from '../../../operator/plan/observed.ts';
import { observedOf, serversOf } from './views.ts';

// Goal: the objects of an ensemble are what members need to find each other, keep their volumes
// and be restarted by nobody but the planner; a revision changes exactly when a pod must.
// Method: plan an ensemble and look at the objects as values.

const defaults = {
  image: 'registry.example:5000/zkensemble:1.2.3',
  version: '1.2.3',
  command: ['node', 'server/pod-main.ts'],
};

interface Container {
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
}

interface SetSpec {
  readonly replicas: number;
  readonly podManagementPolicy: string;
  readonly updateStrategy: { readonly type: string };
  readonly serviceName: string;
  readonly persistentVolumeClaimRetentionPolicy: Readonly<Record<string, string>>;
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly template: {
    readonly metadata: { readonly labels: object; readonly annotations: Record<string, string> };
    readonly spec: {
      readonly containers: readonly Container[];
      readonly affinity: object;
      readonly automountServiceAccountToken: boolean;
      readonly volumes: readonly { readonly name: string }[];
    };
  };
  readonly volumeClaimTemplates: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly resources: { readonly requests: { readonly storage: string } } };
  }[];
}

function objectsOf(spec: ZkEnsembleSpec, change: Partial<Observed> = {}): readonly KubeObject[] {
  const servers = serversOf({ voters: spec.replicas ?? 3 });
  return plan(observedOf(spec, servers, { voters: null, ...change }), defaults).objects;
}

function find(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((each) => each.kind === kind && each.metadata.name === name);
  assert.ok(found !== undefined, `${kind} ${name} is planned`);
  return found;
}

function setOf(spec: ZkEnsembleSpec, change: Partial<Observed> = {}, name = 'zk'): SetSpec {
  return find(objectsOf(spec, change), 'StatefulSet', name)['spec'] as SetSpec;
}

function fileOf(spec: ZkEnsembleSpec, name: string): string {
  const config = objectsOf(spec).find(
    ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name?.startsWith('zk-config-'),
  );
  const data = (config?.['data'] ?? {}) as Record<string, string>;
  return data[name] ?? '';
}

test('every object belongs to its ensemble and is labelled so', () => {
  for (const object of objectsOf({ replicas: 3, observers: { replicas: 1 } })) {
    assert.deepEqual(object.metadata.ownerReferences, [
      {
        apiVersion: 'zkensemble.io/v1',
        kind: 'ZkEnsemble',
        name: 'zk',
        uid: 'uid-zk',
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    const { labels } = object.metadata;
    assert.equal(labels?.['app.kubernetes.io/instance'], 'zk');
    assert.equal(labels['app.kubernetes.io/managed-by'], 'zkensemble-operator');
  }
});

test('restarts belong to the planner, starts need no order', () => {
  const set = setOf({});
  assert.equal(set.replicas, 3);
  assert.equal(set.updateStrategy.type, 'OnDelete');
  assert.equal(set.podManagementPolicy, 'Parallel');
  assert.equal(set.serviceName, 'zk-peers');
  assert.deepEqual(set.persistentVolumeClaimRetentionPolicy, {
    whenDeleted: 'Retain',
    whenScaled: 'Retain',
  });
});

test('the selector holds nothing that can change', () => {
  const before = setOf({ image: { tag: '1' } }).selector;
  const after = setOf({ image: { tag: '2' }, podTemplate: { labels: { team: 'a' } } }).selector;
  assert.deepEqual(before, after);
});

test('members are listed with their ids, names and roles', () => {
  assert.equal(
    fileOf({ replicas: 3, observers: { replicas: 1 } }, 'servers'),
    'server.1=zk-0.zk-peers.default.svc:2888:3888:participant;2181\n' +
      'server.2=zk-1.zk-peers.default.svc:2888:3888:participant;2181\n' +
      'server.3=zk-2.zk-peers.default.svc:2888:3888:participant;2181\n' +
      'server.101=zk-observer-0.zk-peers.default.svc:2888:3888:observer;2181\n',
  );
});

test('an offset moves every id, a domain ends every name', () => {
  const spec = { replicas: 1, memberIdOffset: 10, services: { clusterDomain: 'cluster.local' } };
  assert.equal(
    fileOf(spec, 'servers'),
    'server.11=zk-0.zk-peers.default.svc.cluster.local:2888:3888:participant;2181\n',
  );
});

test('the pod gets the offset that makes ordinal and server list agree', () => {
  const offsetOf = (set: SetSpec): string | undefined =>
    set.template.spec.containers[0]?.env.find(({ name }) => name === 'ZK_MYID_OFFSET')?.value;
  const spec = { memberIdOffset: 10, observers: { replicas: 1 } };
  assert.equal(offsetOf(setOf(spec)), '10');
  assert.equal(offsetOf(setOf(spec, {}, 'zk-observer')), '110');
});

test('zoo.cfg holds what was asked for beside what the operator decides', () => {
  const text = fileOf(
    { config: { tickTime: 500, properties: { 'a.path': 'C:\\x', fsync: 'y' } } },
    'zoo.cfg',
  );
  for (const line of [
    'tickTime=500',
    'initLimit=10',
    'clientPort=2181',
    'standaloneEnabled=false',
    'db.autocreate=false',
    'admin.serverPort=8080',
    'autopurge.purgeInterval=1',
    'a.path=C:\\\\x',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
  assert.ok(!text.includes('minSessionTimeout'), 'what is unset is left to the server');
});

test('the size of a request cannot stand in the file', () => {
  assert.equal(
    fileOf({ config: { juteMaxBuffer: 4096 } }, 'system.properties'),
    'jute.maxbuffer=4096\n',
  );
});

const revisionOf = (spec: ZkEnsembleSpec, change: Partial<Observed> = {}): string =>
  setOf(spec, change).template.metadata.annotations['zkensemble.io/revision'] ?? '';

for (const [what, spec] of [
  ['an image', { image: { tag: '2' } }],
  ['a key of the configuration', { config: { tickTime: 1000 } }],
  ['a request to restart', { restartedAt: 'now' }],
  ['an annotation', { podTemplate: { annotations: { a: 'b' } } }],
  ['resources', { podTemplate: { resources: { limits: { memory: '1Gi' } } } }],
  ['observers', { observers: { replicas: 1 } }],
] satisfies [string, ZkEnsembleSpec][]) {
  test(`${what} changes the revision`, () => {
    assert.notEqual(revisionOf(spec), revisionOf({}));
  });
}

for (const [what, spec, change] of [
  ['nothing', {}, {}],
  ['pause', { paused: true, updateStrategy: { minReadySeconds: 1 } }, {}],
  ['the client service', { services: { client: { type: 'NodePort' } } }, {}],
  ['a history', {}, { status: { bootstrapped: true } }],
  ['the budget', { disruptionBudget: { enabled: false } }, {}],
] satisfies [string, ZkEnsembleSpec, Partial<Observed>][]) {
  test(`${what} leaves the revision`, () => {
    const unpaused = { ...spec, paused: false };
    assert.equal(revisionOf(unpaused, change), revisionOf({}));
  });
}

for (const [what, image, wanted] of [
  ['nothing', {}, 'registry.example:5000/zkensemble:1.2.3'],
  ['a tag', { tag: '9' }, 'registry.example:5000/zkensemble:9'],
  ['a repository', { repository: 'my/zk' }, 'my/zk'],
  ['both', { repository: 'my/zk', tag: '9' }, 'my/zk:9'],
] as const) {
  test(`an image given by ${what}`, () => {
    assert.equal(setOf({ image }).template.spec.containers[0]?.image, wanted);
  });
}

test('an image given by digest', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const { template } = setOf({ image: { digest } });
  assert.equal(template.spec.containers[0]?.image, `registry.example:5000/zkensemble@${digest}`);
  assert.equal(template.metadata.annotations['zkensemble.io/version'], 'a'.repeat(12));
});

test('servers hold no token of the API', () => {
  assert.equal(setOf({}).template.spec.automountServiceAccountToken, false);
});

test('the peer service names pods that are not ready', () => {
  const spec = find(objectsOf({}), 'Service', 'zk-peers')['spec'] as Record<string, unknown>;
  assert.equal(spec['clusterIP'], 'None');
  assert.equal(spec['publishNotReadyAddresses'], true);
});

test('a budget guards three or more, and only while it is wanted', () => {
  const budgets = (spec: ZkEnsembleSpec): number =>
    objectsOf(spec).filter(({ kind }) => kind === 'PodDisruptionBudget').length;
  assert.equal(budgets({ replicas: 3 }), 1);
  assert.equal(budgets({ replicas: 1 }), 0);
  assert.equal(budgets({ replicas: 3, disruptionBudget: { enabled: false } }), 0);
});

test('a budget that has no reason any more is removed', () => {
  const spec = { disruptionBudget: { enabled: false } };
  const servers = serversOf({ voters: 3 });
  const observed = observedOf(spec, servers, { hasDisruptionBudget: true });
  assert.equal(plan(observed, defaults).removeDisruptionBudget, true);
});

test('ephemeral storage has no claims', () => {
  const set = setOf({ storage: { ephemeral: { sizeLimit: '1Gi' } } });
  assert.deepEqual(set.volumeClaimTemplates, []);
  assert.ok(set.template.spec.volumes.some(({ name }) => name === 'data'));
});

test('a separate log gets its own claim', () => {
  const set = setOf({ storage: { data: {}, log: { size: '2Gi' } } });
  assert.deepEqual(
    set.volumeClaimTemplates.map(({ metadata, spec }) => [
      metadata.name,
      spec.resources.requests.storage,
    ]),
    [
      ['data', '10Gi'],
      ['log', '2Gi'],
    ],
  );
});

test('hibernating takes the pods and keeps membership and volumes', () => {
  const objects = objectsOf({ replicas: 3, hibernate: true });
  const object = find(objects, 'StatefulSet', 'zk');
  assert.equal((object['spec'] as SetSpec).replicas, 0);
  assert.equal(object.metadata.annotations?.['zkensemble.io/members'], '3');
  assert.match(fileOf({ replicas: 3, hibernate: true }, 'servers'), /server\.3=/);
});

test('observers have a set of their own, which stays empty when they are taken away', () => {
  assert.equal(setOf({ observers: { replicas: 2 } }, {}, 'zk-observer').replicas, 2);
  const live = { uid: 'u', replicas: 2, members: 2, memberIdOffset: 0, claimSizes: {} };
  assert.equal(setOf({}, { observers: live }, 'zk-observer').replicas, 0);
});

test('paused or deleting plans nothing', () => {
  assert.deepEqual(objectsOf({ paused: true }), []);
  const servers = serversOf({ voters: 3 });
  const metadata = { deletionTimestamp: '2026-11-25T12:00:00Z' };
  assert.deepEqual(plan(observedOf({}, servers, { metadata }), defaults).objects, []);
});
