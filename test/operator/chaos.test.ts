import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ZkEnsembleStatus } from '../../operator/api/zk-ensemble.ts';
import { realClock } from '../../operator/kube/clock.ts';
import type { Clock } from '../../operator/kube/clock.ts';
import { startOperator } from '../../operator/main.ts';
import { FakeApi } from './fake-api.ts';
import { FakeMembers } from './fake-members.ts';

// Goal: whatever breaks between the operator and its cluster, and however often the user changes
// his mind, no second member is taken, and in the end everything is as asked for.
// Method: two operators at once and without a lease, which is worse than any cluster allows; one
// script for each seed of failing requests, broken watches, forgotten history, dying members and
// changed specs; then peace, and the state that must follow.

const hurried: Clock = {
  ...realClock,
  timer: (afterMs, run) => realClock.timer(afterMs / 20, run),
};

/** Uniform numbers in [0, 1) from a seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Scene {
  readonly api: FakeApi;
  readonly members: FakeMembers;
  readonly random: () => number;
}

function pick<T>(random: () => number, list: readonly T[]): T {
  const found = list[Math.floor(random() * list.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

function edit(api: FakeApi, change: (spec: Record<string, unknown>) => void): void {
  api.edit('zkensembles', 'zk', (object) => change(object['spec'] as Record<string, unknown>));
}

/** Lets others do something. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const troubles: readonly ((scene: Scene) => void)[] = [
  ({ api, random }) => api.fail(/./, pick(random, [500, 503, 429]), Math.ceil(random() * 8)),
  ({ api, random }) => api.fail(/PATCH/, pick(random, [409, 500]), Math.ceil(random() * 5)),
  ({ api, random }) => api.fail(/eviction/, pick(random, [409, 429, 500]), 2),
  ({ api }) => api.breakWatches(),
  ({ api }) => {
    api.forgetHistory();
    api.breakWatches();
  },
  ({ members, random }) => members.crash(`zk-${Math.floor(random() * 3)}`),
  ({ api, random }) => edit(api, (spec) => (spec['restartedAt'] = String(random()))),
  ({ api }) => edit(api, (spec) => (spec['image'] = { tag: 'broken' })),
  ({ api }) => edit(api, (spec) => delete spec['image']),
  ({ api, random }) => edit(api, (spec) => (spec['paused'] = random() < 0.3)),
  ({ api }) => api.remove('services', 'zk-client'),
  ({ api }) => api.remove('poddisruptionbudgets', 'zk'),
];

for (let seed = 1; seed <= 12; seed += 1) {
  test(`two operators, one storm (seed ${seed})`, { timeout: 60_000 }, async (t) => {
    const random = randomOf(seed);
    const api = new FakeApi();
    const kubeConfig = await api.start();
    const members = new FakeMembers(api);
    await members.prepare(['zk-0', 'zk-1', 'zk-2']);
    members.startsWell = (pod) => !JSON.stringify(pod['spec']).includes(':broken');
    api.allowEviction = (pod) => members.mayGo(pod.metadata.name ?? '');
    api.put('zkensembles', {
      apiVersion: 'zkensemble.io/v1',
      kind: 'ZkEnsemble',
      metadata: { name: 'zk' },
      spec: { replicas: 3, updateStrategy: { minReadySeconds: 0 } },
    });
    const options = {
      kubeConfig,
      clock: hurried,
      leaseEnabled: false,
      memberAddress: members.address.bind(members),
    };
    const operators = [await startOperator(options), await startOperator(options)];
    t.after(async () => {
      for (const operator of operators) await operator.stop();
      await members.stop();
      await api.stop();
    });
    const status = (): ZkEnsembleStatus => api.get('zkensembles', 'zk')?.['status'] ?? {};
    await api.until(() => status().phase === 'Ready');

    for (let round = 0; round < 15; round += 1) {
      pick(random, troubles)({ api, members, random });
      await turns(Math.ceil(random() * 300));
    }
    api.calm();
    edit(api, (spec) => {
      delete spec['image'];
      Object.assign(spec, { paused: false, restartedAt: 'peace' });
    });
    const { generation } = api.get('zkensembles', 'zk')?.metadata ?? {};
    await api.until(
      () =>
        status().observedGeneration === generation &&
        status().phase === 'Ready' &&
        status().updatedReplicas === 3,
    );
    // What was removed is back as soon as a healed watch shows that it is gone.
    await api.until(
      () =>
        api.get('services', 'zk-client') !== undefined &&
        api.get('poddisruptionbudgets', 'zk') !== undefined,
    );
    assert.deepEqual(members.takenTogether, [], 'nobody was taken beside another');
  });
}
