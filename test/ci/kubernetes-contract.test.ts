import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { LocalControlPlane } from '../../operator/local/control-plane.ts';
import { startLocalControlPlane } from '../../operator/local/control-plane.ts';
import type { Answer, Json, Subject } from './contract-subject.ts';
import { at, contractSubject, patchTypes } from './contract-subject.ts';

// Goal: the local control plane cannot drift from Kubernetes: what the operator relies on is the
// same in both.
// Method: the same cases against the local control plane and, where CONTRACT_KUBECONFIG names a
// cluster whose nodes report pods as running and ready, against that. Objects are judged, not calls.

const root = resolve(import.meta.dirname, '../..');
const realConfig = process.env['CONTRACT_KUBECONFIG'] ?? '';

interface Case {
  readonly name: string;
  readonly run: (subject: Subject) => Promise<void>;
}

const map = (name: string, data: Json = {}, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

function set(name: string, spec: Json = {}): Json {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      replicas: 3,
      serviceName: name,
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: 'none', command: ['none'] }],
        },
      },
      ...spec,
    },
  };
}

const isGone = (answer: Answer): boolean => answer.code === 404;
const isReady = ({ body }: Answer): boolean => at(body, 'status', 'readyReplicas') === 3;

const apply = (manager: string, force = false): string =>
  `?fieldManager=${manager}${force ? '&force=true' : ''}`;

const cases: readonly Case[] = [
  {
    name: 'a stale resourceVersion is a conflict, and so is another uid',
    run: async ({ must, ask }) => {
      const made = await must('POST', 'v1/configmaps', map('c'));
      await must('PUT', 'v1/configmaps/c', map('c', { a: '1' }));
      const stale = await ask('PUT', 'v1/configmaps/c', { ...made, data: { a: '2' } });
      assert.equal(stale.code, 409);
      const preconditions = { preconditions: { uid: '00000000-0000-0000-0000-000000000000' } };
      assert.equal((await ask('DELETE', 'v1/configmaps/c', preconditions)).code, 409);
    },
  },
  {
    name: 'the same apply again is no write',
    run: async ({ must }) => {
      const path = `apps/v1/statefulsets/s${apply('one')}`;
      await must('PATCH', path, set('s', { replicas: 0 }), patchTypes.apply);
      const first = await must(
        'PATCH',
        `v1/configmaps/c${apply('one')}`,
        map('c'),
        patchTypes.apply,
      );
      const again = await must(
        'PATCH',
        `v1/configmaps/c${apply('one')}`,
        map('c'),
        patchTypes.apply,
      );
      assert.equal(
        at(again, 'metadata', 'resourceVersion'),
        at(first, 'metadata', 'resourceVersion'),
      );
    },
  },
  {
    name: 'two appliers of one field conflict, force decides, and what is let go disappears',
    run: async ({ must, ask }) => {
      const patch = (manager: string, data: Json, force = false): Promise<Answer> =>
        ask('PATCH', `v1/configmaps/c${apply(manager, force)}`, map('c', data), patchTypes.apply);
      await patch('one', { a: '1', b: '1' });
      const refused = await patch('two', { a: '2' });
      assert.equal(refused.code, 409);
      assert.equal(at(refused.body, 'details', 'causes', 0, 'reason'), 'FieldManagerConflict');
      assert.equal(at(refused.body, 'details', 'causes', 0, 'field'), '.data.a');
      assert.deepEqual((await patch('two', { a: '2' }, true)).body['data'], { a: '2', b: '1' });
      assert.deepEqual((await patch('one', {})).body['data'], { a: '2' });
      const found = await must('GET', 'v1/configmaps/c');
      assert.deepEqual(found['data'], { a: '2' });
    },
  },
  {
    name: 'an unknown field is refused when the client is strict',
    run: async ({ ask }) => {
      const body = { ...map('c'), dat: {} };
      const answer = await ask('POST', 'v1/configmaps?fieldValidation=Strict', body);
      assert.equal(answer.code, 400);
      assert.match(answer.body['message'] as string, /unknown field "dat"/);
    },
  },
  {
    name: 'the generation counts changes of the spec only',
    run: async ({ must }) => {
      const made = await must('POST', 'apps/v1/statefulsets', set('s', { replicas: 0 }));
      assert.equal(at(made, 'metadata', 'generation'), 1);
      const label = { metadata: { labels: { a: 'b' } } };
      const path = 'apps/v1/statefulsets/s';
      const labelled = await must('PATCH', path, label, patchTypes.merge);
      assert.equal(at(labelled, 'metadata', 'generation'), 1);
      const scaled = await must('PATCH', path, { spec: { minReadySeconds: 1 } }, patchTypes.merge);
      assert.equal(at(scaled, 'metadata', 'generation'), 2);
      const fixed = { spec: { serviceName: 'other' } };
      await assert.rejects(must('PATCH', path, fixed, patchTypes.merge), /422/);
    },
  },
  {
    name: 'an OnDelete set updates the pod that is deleted, and no other',
    run: async ({ must, until }) => {
      await must('POST', 'apps/v1/statefulsets', set('s'));
      await until('apps/v1/statefulsets/s', 'three pods', isReady);
      const before = await must('GET', 'v1/pods/s-1');
      const other = await must('GET', 'v1/pods/s-0');
      const change = { spec: { template: { metadata: { annotations: { v: '2' } } } } };
      await must('PATCH', 'apps/v1/statefulsets/s', change, patchTypes.merge);
      const updated = await until('apps/v1/statefulsets/s', 'a new revision', ({ body }) => {
        const revision = at(body, 'status', 'updateRevision');
        return revision !== at(before, 'metadata', 'labels', 'controller-revision-hash');
      });
      await must('DELETE', 'v1/pods/s-1');
      const after_ = await until('v1/pods/s-1', 'the successor', ({ code, body }) => {
        return code === 200 && at(body, 'metadata', 'uid') !== at(before, 'metadata', 'uid');
      });
      assert.equal(
        at(after_.body, 'metadata', 'labels', 'controller-revision-hash'),
        at(updated.body, 'status', 'updateRevision'),
      );
      const still = await must('GET', 'v1/pods/s-0');
      assert.equal(at(still, 'metadata', 'uid'), at(other, 'metadata', 'uid'));
    },
  },
  {
    name: 'pods of a set have their name, number and host name, and their claims outlive them',
    run: async ({ must, until }) => {
      const volumeClaimTemplates = [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ];
      await must('POST', 'apps/v1/statefulsets', set('s', { volumeClaimTemplates }));
      await until('apps/v1/statefulsets/s', 'three pods', isReady);
      const pod = await must('GET', 'v1/pods/s-2');
      assert.equal(at(pod, 'metadata', 'labels', 'apps.kubernetes.io/pod-index'), '2');
      assert.equal(at(pod, 'spec', 'hostname'), 's-2');
      assert.equal(at(pod, 'metadata', 'ownerReferences', 0, 'kind'), 'StatefulSet');
      await must('DELETE', 'apps/v1/statefulsets/s');
      await until('v1/pods/s-2', 'the pod to go', isGone);
      const claim = await must('GET', 'v1/persistentvolumeclaims/data-s-2');
      assert.equal(at(claim, 'metadata', 'name'), 'data-s-2');
    },
  },
  {
    name: 'a budget of one allows one eviction of many',
    run: async ({ must, ask, until }) => {
      await must('POST', 'apps/v1/statefulsets', set('s'));
      await must('POST', 'policy/v1/poddisruptionbudgets', {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'b' },
        spec: { maxUnavailable: 1, selector: { matchLabels: { app: 's' } } },
      });
      await until('policy/v1/poddisruptionbudgets/b', 'the budget', ({ body }) => {
        return at(body, 'status', 'disruptionsAllowed') === 1;
      });
      // Pods made from now on are not ready, so that who leaves stays missed.
      const annotations = { 'zk-kube.test/ready': 'false', 'zkensemble.io/pretend-ready': 'false' };
      const change = { spec: { template: { metadata: { annotations } } } };
      await must('PATCH', 'apps/v1/statefulsets/s', change, patchTypes.merge);
      const evict = (name: string): Promise<Answer> =>
        ask('POST', `v1/pods/${name}/eviction`, {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name },
        });
      assert.equal((await evict('s-0')).code, 201);
      const second = await evict('s-1');
      assert.equal(second.code, 429);
      assert.equal(at(second.body, 'details', 'causes', 0, 'reason'), 'DisruptionBudget');
    },
  },
  {
    name: 'what an owner owned goes with it, in the foreground before it',
    run: async ({ must, until }) => {
      const owner = await must('POST', 'v1/configmaps', map('owner'));
      const reference = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: 'owner',
        uid: at(owner, 'metadata', 'uid'),
        blockOwnerDeletion: true,
      };
      const held = { ownerReferences: [reference], finalizers: ['example.org/hold'] };
      await must('POST', 'v1/configmaps', map('owned', {}, held));
      await must('DELETE', 'v1/configmaps/owner', { propagationPolicy: 'Foreground' });
      await until('v1/configmaps/owned', 'the deletion to reach it', ({ body }) => {
        return at(body, 'metadata', 'deletionTimestamp') !== undefined;
      });
      const waiting = await must('GET', 'v1/configmaps/owner');
      assert.deepEqual(at(waiting, 'metadata', 'finalizers'), ['foregroundDeletion']);
      const free = [{ op: 'remove', path: '/metadata/finalizers' }];
      await must('PATCH', 'v1/configmaps/owned', free, patchTypes.json);
      await until('v1/configmaps/owner', 'the owner to go', isGone);
    },
  },
  {
    name: 'the custom resource has its defaults, rules, status and scale',
    run: async ({ must, ask }) => {
      const path = 'zkensemble.io/v1/zkensembles';
      const body = { apiVersion: 'zkensemble.io/v1', kind: 'ZkEnsemble', metadata: { name: 'e' } };
      const made = await must('POST', path, { ...body, spec: {} });
      assert.equal(at(made, 'spec', 'replicas'), 3);
      const even = await ask('POST', path, {
        ...body,
        metadata: { name: 'f' },
        spec: { replicas: 4 },
      });
      assert.equal(even.code, 422);
      assert.match(even.body['message'] as string, /replicas must be 1, 3, 5 or 7/);
      assert.equal(at(even.body, 'details', 'causes', 0, 'field'), 'spec.replicas');
      const moved = { spec: { memberIdOffset: 9 } };
      const fixed = await ask('PATCH', `${path}/e`, moved, patchTypes.merge);
      assert.equal(fixed.code, 422);
      const status = { status: { replicas: 3 }, spec: { paused: true } };
      const told = await must('PATCH', `${path}/e/status`, status, patchTypes.merge);
      assert.equal(at(told, 'status', 'replicas'), 3);
      assert.equal(at(told, 'spec', 'paused'), false);
      assert.equal(at(told, 'metadata', 'generation'), 1);
      const scale = await must('GET', `${path}/e/scale`);
      assert.equal(at(scale, 'spec', 'replicas'), 3);
    },
  },
  {
    name: 'a watch goes on where a list ended',
    run: async ({ must, ask }) => {
      const list = await must('GET', 'v1/configmaps');
      const since = at(list, 'metadata', 'resourceVersion') as string;
      await must('POST', 'v1/configmaps', map('c', {}, { labels: { mine: 'yes' } }));
      await must(
        'PATCH',
        'v1/configmaps/c',
        { metadata: { labels: { mine: null } } },
        patchTypes.merge,
      );
      const query = `watch=1&timeoutSeconds=1&resourceVersion=${since}&labelSelector=mine%3Dyes`;
      const { body } = await ask('GET', `v1/configmaps?${query}`);
      const lines = (body['text'] as string).trimEnd().split('\n');
      const types = lines.map((line) => (JSON.parse(line) as Json)['type']);
      assert.deepEqual(types, ['ADDED', 'DELETED']);
    },
  },
];

function contract(title: string, skip: string | false, config: () => Promise<KubeConfig>): void {
  describe(title, { skip }, () => {
    let loaded: KubeConfig;
    before(async () => {
      loaded = await config();
      const crd = parse(readFileSync(resolve(root, 'crds/zkensembles.yaml'), 'utf8')) as unknown;
      const name = 'zkensembles.zkensemble.io';
      const { must, until } = contractSubject(loaded, 'default');
      const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
      await must('PATCH', `${crds}/${name}${apply('contract', true)}`, crd, patchTypes.apply);
      await until('zkensemble.io/v1/zkensembles', 'the resource', ({ code }) => code === 200);
    });
    for (const [index, { name, run }] of cases.entries()) {
      test(name, async (t) => {
        const namespace = `contract-${process.pid}-${index}`;
        const subject = contractSubject(loaded, namespace);
        await subject.must('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
        t.after(() => subject.ask('DELETE', `/api/v1/namespaces/${namespace}`));
        await run(subject);
      });
    }
  });
}

let plane: LocalControlPlane | null = null;
after(() => plane?.stop(2000));

contract('the local control plane', false, async () => {
  plane = await startLocalControlPlane({ stateDir: null, pods: 'pretend' });
  const config = new KubeConfig();
  config.loadFromString(plane.kubeconfig);
  return config;
});

const noCluster = 'CONTRACT_KUBECONFIG names no cluster to compare with';
contract('a real cluster', realConfig === '' ? noCluster : false, () => {
  const config = new KubeConfig();
  config.loadFromFile(realConfig);
  return Promise.resolve(config);
});
