import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../operator/api/zk-ensemble.ts';
import { podAddress } from '../../../operator/observe/observe.ts';
import { claimViewOf, podViewOf, statefulSetViewOf } from '../../../operator/observe/views.ts';

// Goal: what Kubernetes says about pods, claims and sets is read rightly, and what is absent is
// not taken for something.
// Method: objects as the API server writes them, and their views.

const waiting = (reason: string, message?: string) => ({ state: { waiting: { reason, message } } });

for (const [what, status, trouble] of [
  ['nothing yet', undefined, null],
  ['the ordinary way up', { containerStatuses: [waiting('ContainerCreating')] }, null],
  ['a running container', { containerStatuses: [{ state: { running: {} } }] }, null],
  [
    'an image that cannot be had',
    { containerStatuses: [waiting('ImagePullBackOff', 'not found')] },
    { reason: 'ImagePullBackOff', message: 'not found' },
  ],
  [
    'a server that ends again and again, with its last words',
    {
      containerStatuses: [
        {
          ...waiting('CrashLoopBackOff', 'back-off 10s'),
          lastState: { terminated: { message: 'starts\nthe volume belongs to another member\n' } },
        },
      ],
    },
    { reason: 'CrashLoopBackOff', message: 'the volume belongs to another member' },
  ],
  [
    'a container that ended',
    { containerStatuses: [{ state: { terminated: { reason: 'OOMKilled', exitCode: 137 } } }] },
    { reason: 'OOMKilled', message: 'exit code 137' },
  ],
  [
    'no node that takes it',
    {
      conditions: [
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no zone' },
      ],
    },
    { reason: 'Unschedulable', message: 'no zone' },
  ],
  [
    'a failed pod',
    { phase: 'Failed', message: 'evicted' },
    { reason: 'Failed', message: 'evicted' },
  ],
] as const) {
  test(`trouble of a pod: ${what}`, () => {
    const pod = { metadata: { name: 'zk-0' }, status } as unknown as KubeObject;
    assert.deepEqual(podViewOf(pod).trouble, trouble);
  });
}

test('a pod says which revision it has, since when it is ready, and how often it began', () => {
  const view = podViewOf({
    metadata: {
      uid: 'u',
      creationTimestamp: '2026-11-25T12:00:00Z',
      deletionTimestamp: '2026-11-25T13:00:00Z',
      annotations: { 'zkensemble.io/revision': 'r', 'zkensemble.io/version': '1' },
    },
    spec: { nodeName: 'n', volumes: [{ name: 'config', configMap: { name: 'c' } }] },
    status: {
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-11-25T12:00:09Z' }],
      containerStatuses: [{ restartCount: 2 }],
    },
  });
  assert.deepEqual(view, {
    uid: 'u',
    revision: 'r',
    version: '1',
    terminating: true,
    ready: true,
    readyChangedMs: Date.parse('2026-11-25T12:00:09Z'),
    createdMs: Date.parse('2026-11-25T12:00:00Z'),
    node: 'n',
    configMap: 'c',
    restarts: 2,
    trouble: null,
  });
});

for (const [name, wanted] of [
  ['data-zk-2', ['data', 2, true]],
  ['log-zk-0', ['log', 0, true]],
  ['data-zk-observer-1', ['data', 1, false]],
  ['data-other-0', null],
  ['data-zk-x-0', null],
  ['cache-zk-0', null],
] as const) {
  test(`claim ${name} is ${wanted === null ? "somebody else's" : wanted.join(' ')}`, () => {
    const view = claimViewOf({ metadata: { name } }, 'zk');
    assert.deepEqual(view === null ? null : [view.volume, view.ordinal, view.voter], wanted);
  });
}

test('the size of a membership stands in its set, also while it has no pods', () => {
  const annotations = { 'zkensemble.io/members': '3', 'zkensemble.io/member-id-offset': '10' };
  const resources = { requests: { storage: '1Gi' } };
  const view = statefulSetViewOf({
    metadata: { uid: 'u', annotations },
    spec: {
      replicas: 0,
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { resources } }],
    },
  });
  assert.deepEqual(view, {
    uid: 'u',
    replicas: 0,
    members: 3,
    memberIdOffset: 10,
    claimSizes: { data: '1Gi' },
  });
});

test('a member is reached at its pod, once that has an address', () => {
  const spec = { containers: [{ ports: [{ name: 'admin', containerPort: 8080 }] }] };
  assert.equal(podAddress({ metadata: {}, spec }, 'admin'), null);
  const pod = { metadata: {}, spec, status: { podIP: '10.0.0.9' } };
  assert.deepEqual(podAddress(pod, 'admin'), { host: '10.0.0.9', port: 8080 });
  assert.equal(podAddress(pod, 'other'), null);
});
