import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../operator/api/zk-ensemble.ts';
import { KubeError } from '../../operator/kube/kube-error.ts';
import { statefulSets } from '../../operator/kube/resources.ts';
import { conditionOf, localStage } from './local-stage.ts';

// Goal: the CRD takes what is right, refuses what is wrong with a sentence, and lets nobody
// change what must not change.
// Method: the CRD itself in the local control plane, over its HTTP API; one table for creating
// and one for changing.

async function refusalOf(attempt: Promise<unknown>): Promise<string | null> {
  try {
    await attempt;
    return null;
  } catch (error) {
    assert.ok(error instanceof KubeError && error.code === 422, String(error));
    return error.message;
  }
}

test('what is wrong is refused when it is created', async (t) => {
  const { create } = await localStage(t, { pods: 'none', operator: null });
  for (const [spec, message] of [
    [{ replicas: 2 }, /replicas must be 1, 3, 5 or 7/],
    [{ replicas: 9 }, /7/],
    [{ observers: { replicas: 65 } }, /64/],
    [{ memberIdOffset: 91 }, /90/],
    [{ config: { tickTime: 5 } }, /100/],
    [{ config: { minSessionTimeout: 2, maxSessionTimeout: 1 } }, /must not exceed/],
    [{ config: { properties: { 'server.1': 'x' } } }, /set by the operator/],
    [{ config: { properties: { skipACL: 'yes' } } }, /set by the operator/],
    [{ config: { properties: { 'a b': 'x' } } }, /letters, digits/],
    [{ config: { properties: { a: 'x\ny' } } }, /one line/],
    [{ storage: {} }, /exactly one of/],
    [{ storage: { data: {}, ephemeral: {} } }, /exactly one of/],
    [{ replicas: 1, storage: { ephemeral: {} } }, /at least 3 replicas/],
    [{ storage: { ephemeral: {}, log: {} } }, /storage\.log needs storage\.data/],
    [{ storage: { data: { size: 'big' } } }, /size/],
    [{ podTemplate: { env: [{ name: 'ZK_DATA_DIR', value: '/' }] } }, /belong to the operator/],
    [{ updateStrategy: { type: 'AllAtOnce' } }, /LeaderLast/],
    [{ image: { digest: 'latest' } }, /digest/],
  ] satisfies [Json, RegExp][]) {
    assert.match((await refusalOf(create('a', spec))) ?? 'taken', message, JSON.stringify(spec));
  }
  assert.match((await refusalOf(create('a'.repeat(41), {}))) ?? 'taken', /at most 40 characters/);
});

test('what is right is taken and filled in', async (t) => {
  const { create } = await localStage(t, { pods: 'none', operator: null });
  const made = await create('a', {});
  const spec = made['spec'] as Record<string, unknown>;
  assert.equal(spec['replicas'], 3);
  assert.deepEqual(spec['storage'], {
    data: { size: '10Gi' },
    retention: { onDelete: 'Retain', onScaleDown: 'Retain' },
  });
  for (const [index, each] of [
    { replicas: 1 },
    { replicas: 7, observers: { replicas: 64 } },
    { storage: { ephemeral: { medium: 'Memory' } } },
    { storage: { data: { size: '1Gi' }, log: { size: '500Mi', storageClassName: 'fast' } } },
    { config: { properties: { forceSync: 'no', 'fsync.warningthresholdms': '50' } } },
  ].entries()) {
    assert.equal(await refusalOf(create(`b${index}`, each)), null, JSON.stringify(each));
  }
});

test('what must not change is kept', async (t) => {
  const { create, patch } = await localStage(t, { pods: 'none', operator: null });
  await create('a', { storage: { data: { size: '10Gi' } } });
  for (const [spec, message] of [
    [{ replicas: 5 }, /membership change is not supported yet/],
    [{ memberIdOffset: 1 }, /keeps its id for life/],
    [{ storage: { data: null, ephemeral: {} } }, /cannot change between/],
    [{ storage: { log: {} } }, /cannot be added or removed/],
    [{ storage: { data: { size: '9Gi' } } }, /can grow, not shrink/],
    [{ storage: { data: { storageClassName: 'x' } } }, /storageClassName cannot change/],
  ] satisfies [Json, RegExp][]) {
    assert.match((await refusalOf(patch('a', spec))) ?? 'taken', message, JSON.stringify(spec));
  }
  for (const spec of [
    { storage: { data: { size: '10240Mi' } } },
    { storage: { data: { size: '11Gi' } } },
    { observers: { replicas: 2 } },
    { restartedAt: '2026-11-25T12:00:00Z' },
    { paused: true },
    { hibernate: true },
  ]) {
    assert.equal(await refusalOf(patch('a', spec)), null, JSON.stringify(spec));
  }
});

test('every object of the operator is taken as it is, and applied once', async (t) => {
  const { client, create, until } = await localStage(t, { pods: 'none' });
  await create('a', { observers: { replicas: 1 }, storage: { data: {}, log: {} } });
  const status = await until('a', ({ observedGeneration }) => observedGeneration === 1);
  assert.equal(conditionOf(status, 'Stalled'), 'False Progressing');
  const set = await client.get(statefulSets, 'default', 'a');
  const observers = await client.get(statefulSets, 'default', 'a-observer');
  assert.equal(set.metadata.generation, 1);
  assert.equal(observers.metadata.generation, 1);
});
