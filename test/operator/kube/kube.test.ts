import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { backoffMs, realClock } from '../../../operator/kube/clock.ts';
import type { Clock } from '../../../operator/kube/clock.ts';
import { Informer } from '../../../operator/kube/informer.ts';
import { KubeClient } from '../../../operator/kube/kube-client.ts';
import { isConflict, isNotFound, KubeError } from '../../../operator/kube/kube-error.ts';
import { LeaseElector } from '../../../operator/kube/lease.ts';
import { configMaps, leases, pathOf, pods } from '../../../operator/kube/resources.ts';
import { WorkQueue } from '../../../operator/kube/work-queue.ts';
import { FakeApi } from '../fake-api.ts';

// Goal: nothing that goes wrong between the operator and the API server is lost on the operator.
// Method: the real parts against a small API server that is made to fail; waits run 50 times
// faster, and where time itself matters the test turns the clock by hand.

const hurried: Clock = {
  ...realClock,
  timer: (afterMs, run) => realClock.timer(afterMs / 50, run),
};

async function client(t: TestContext): Promise<{ api: FakeApi; client: KubeClient }> {
  const api = new FakeApi();
  const kube = new KubeClient(await api.start());
  t.after(async () => {
    kube.close();
    await api.stop();
  });
  return { api, client: kube };
}

function configMap(name: string, value = ''): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } };
}

async function informer(t: TestContext) {
  const { api, client: kube } = await client(t);
  const seen: string[] = [];
  const causes: string[] = [];
  let drift = 0;
  const watched = new Informer({
    client: kube,
    clock: hurried,
    resource: configMaps,
    namespace: null,
    onChange: (object, change) => seen.push(`${change} ${object.metadata.name}`),
    onRestart: (cause) => causes.push(cause),
    onDrift: (count) => (drift += count),
  });
  t.after(() => watched.stop());
  return { api, watched, seen, causes, drift: () => drift };
}

test('an informer lists, then follows', async (t) => {
  const { api, watched, seen } = await informer(t);
  api.put('configmaps', configMap('a') as never);
  await watched.start();
  assert.deepEqual(seen, ['set a']);
  api.put('configmaps', configMap('b') as never);
  api.remove('configmaps', 'a');
  await api.until(() => api.watchCount === 1);
  api.put('configmaps', configMap('c') as never);
  await settled(() => watched.get('default', 'c') !== undefined);
  assert.deepEqual(seen, ['set a', 'set b', 'gone a', 'set c']);
});

for (const [what, harm, cause] of [
  ['a broken connection', (api: FakeApi) => api.breakWatches(), 'connection'],
  [
    'an error of the server',
    (api: FakeApi) => {
      api.fail(/watch/, 500, 2);
      api.breakWatches();
    },
    'http500',
  ],
  [
    'being refused for a while',
    (api: FakeApi) => {
      api.fail(/watch/, 429, 2);
      api.breakWatches();
    },
    'http429',
  ],
  [
    'a version that is gone',
    (api: FakeApi) => {
      api.breakWatches();
      api.put('configmaps', configMap('missed') as never);
      api.forgetHistory();
    },
    'gone',
  ],
  [
    'a list that fails after the version is gone',
    (api: FakeApi) => {
      api.breakWatches();
      api.put('configmaps', configMap('missed') as never);
      api.forgetHistory();
      api.fail(/GET .*configmaps$/, 503, 2);
    },
    'http503',
  ],
] as const) {
  test(`an informer heals after ${what}`, async (t) => {
    const { api, watched, causes } = await informer(t);
    api.put('configmaps', configMap('a') as never);
    await watched.start();
    await api.until(() => api.watchCount === 1);
    harm(api);
    api.put('configmaps', configMap('after') as never);
    await settled(() => watched.get('default', 'after') !== undefined);
    assert.ok(causes.includes(cause), causes.join());
    assert.equal([...watched.all()].length, api.all('configmaps').length);
  });
}

test('an informer that cannot list at first keeps trying', async (t) => {
  const { api, watched } = await informer(t);
  api.fail(/configmaps/, 404, 3);
  api.put('configmaps', configMap('a') as never);
  await watched.start();
  assert.notEqual(watched.get('default', 'a'), undefined);
});

test('what only a new list shows is counted', async (t) => {
  const { api, watched, drift } = await informer(t);
  api.put('configmaps', configMap('a') as never);
  await watched.start();
  await api.until(() => api.watchCount === 1);
  api.breakWatches();
  api.remove('configmaps', 'a');
  api.forgetHistory();
  await settled(() => drift() === 1);
  assert.equal(watched.get('default', 'a'), undefined);
});

/** Looks once each turn of the loop; the runner's own limit ends a wait in vain. */
async function settled(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A clock that stands still until it is turned. */
class HandClock implements Clock {
  #nowMs = 0;
  #timers: { dueMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return 0.5;
  }

  timer(afterMs: number, run: () => void): { cancel(): void } {
    const timer = { dueMs: this.#nowMs + afterMs, run };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((each) => each !== timer)) };
  }

  turn(ms: number): void {
    this.#nowMs += ms;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#nowMs);
    this.#timers = this.#timers.filter(({ dueMs }) => dueMs > this.#nowMs);
    for (const { run } of due) run();
  }
}

test('a key is worked on once at a time and again when it was added meanwhile', async () => {
  const runs: string[] = [];
  const release: (() => void)[] = [];
  const queue = new WorkQueue(
    { clock: new HandClock(), workersMax: 4, onError: () => {} },
    async (key) => {
      runs.push(key);
      await new Promise<void>((resolve) => release.push(resolve));
      return { againAfterMs: null };
    },
  );
  queue.add('a');
  queue.add('a');
  queue.add('b');
  queue.add('a');
  assert.deepEqual(runs, ['a', 'b']);
  release.shift()?.();
  await settled(() => runs.length === 3);
  assert.deepEqual(runs, ['a', 'b', 'a']);
  release.forEach((each) => each());
  await queue.stop();
});

test('a failure comes back later each time, success forgets it', async () => {
  const clock = new HandClock();
  let fails = true;
  let runs = 0;
  const errors: unknown[] = [];
  const queue = new WorkQueue(
    { clock, workersMax: 1, backoffMsMin: 1000, onError: (_key, error) => errors.push(error) },
    () => {
      runs += 1;
      return fails ? Promise.reject(new Error('no')) : Promise.resolve({ againAfterMs: 5000 });
    },
  );
  queue.add('a');
  await settled(() => errors.length === 1);
  clock.turn(750);
  await settled(() => errors.length === 2);
  clock.turn(750);
  assert.equal(runs, 2, 'the second pause is longer');
  fails = false;
  clock.turn(750);
  await settled(() => runs === 3 && queue.running === 0);
  clock.turn(4999);
  assert.equal(runs, 3);
  clock.turn(1);
  assert.equal(runs, 4, 'as often as the work asks for');
  await queue.stop();
});

test('the earlier of two times wins, and adding now wins over both', async () => {
  const clock = new HandClock();
  let runs = 0;
  const queue = new WorkQueue({ clock, workersMax: 1, onError: () => {} }, () => {
    runs += 1;
    return Promise.resolve({ againAfterMs: null });
  });
  queue.addAfter('a', 1000);
  queue.addAfter('a', 5000);
  clock.turn(1000);
  assert.equal(runs, 1);
  await settled(() => queue.running === 0);
  queue.addAfter('a', 1000);
  queue.add('a');
  await settled(() => queue.running === 0);
  clock.turn(10_000);
  assert.equal(runs, 2);
});

test('the delay doubles up to its bound', () => {
  const clock = new HandClock();
  const delays = [0, 1, 2, 3, 50].map((failures) => backoffMs(clock, failures, 100, 1000));
  assert.deepEqual(delays, [75, 150, 300, 600, 750]);
});

async function elector(t: TestContext, kube: KubeClient, identity: string, clock: HandClock) {
  const events: string[] = [];
  const lease = new LeaseElector({
    client: kube,
    clock,
    namespace: 'default',
    name: 'lease',
    identity,
    durationMs: 15_000,
    renewMs: 3000,
    onLeading: () => events.push('leads'),
    onLost: () => events.push('lost'),
  });
  t.after(() => lease.stop());
  return { lease, events };
}

test('one of two leads; the other takes over when the lease is given back', async (t) => {
  const { api, client: kube } = await client(t);
  const clock = new HandClock();
  const first = await elector(t, kube, 'first', clock);
  const second = await elector(t, kube, 'second', clock);
  first.lease.start();
  await settled(() => first.lease.leading);
  second.lease.start();
  const asked = api.requests.length;
  await settled(() => api.requests.length > asked);
  assert.equal(second.lease.leading, false);

  await first.lease.stop();
  assert.deepEqual(first.events, ['leads'], 'giving it back is no loss');
  clock.turn(3000);
  await settled(() => second.lease.leading);
  assert.deepEqual(second.events, ['leads']);
});

test('a silent holder is waited for by the own clock, whatever its times say', async (t) => {
  const { api, client: kube } = await client(t);
  const clock = new HandClock();
  api.put('leases', {
    metadata: { name: 'lease' },
    spec: {
      holderIdentity: 'gone',
      leaseDurationSeconds: 15,
      renewTime: '1999-01-01T00:00:00.000000Z',
    },
  });
  const { lease } = await elector(t, kube, 'second', clock);
  lease.start();
  const rounds = (): number => api.requests.filter((line) => line.startsWith('GET')).length;
  for (let round = 1; round <= 5; round += 1) {
    await settled(() => rounds() === round);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(lease.leading, false, `after ${(round - 1) * 3} s`);
    await turned(clock, () => rounds() > round, 3000);
  }
  await turned(clock, () => lease.leading, 3000);
  assert.equal(lease.leading, true);
});

/** Turns the clock once what came before has set its timer, then waits for the condition. */
async function turned(clock: HandClock, condition: () => boolean, ms: number): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  clock.turn(ms);
  await settled(condition);
}

test('a holder that cannot renew stops acting before others may begin', async (t) => {
  const { api, client: kube } = await client(t);
  const clock = new HandClock();
  const { lease, events } = await elector(t, kube, 'first', clock);
  lease.start();
  await settled(() => lease.leading);
  api.fail(/leases/, 500, 1000);
  clock.turn(10_001);
  assert.equal(lease.leading, false);
  assert.deepEqual(events, ['leads', 'lost']);
});

test('a lease that was taken by another is a loss', async (t) => {
  const { api, client: kube } = await client(t);
  const clock = new HandClock();
  const { lease, events } = await elector(t, kube, 'first', clock);
  lease.start();
  await settled(() => lease.leading);
  api.edit('leases', 'lease', (object) => {
    object['spec'] = { holderIdentity: 'second', leaseDurationSeconds: 15 };
  });
  await turned(clock, () => !lease.leading, 3000);
  assert.deepEqual(events, ['leads', 'lost']);
});

test('refusals carry status, reason and subject', async (t) => {
  const { api, client: kube } = await client(t);
  const notFound = await kube.get(pods, 'default', 'a').catch((error: unknown) => error);
  assert.ok(notFound instanceof KubeError && isNotFound(notFound));
  assert.equal(notFound.subject, 'GET /api/v1/namespaces/default/pods/a');
  assert.equal(notFound.reason, 'NotFound');
  api.put('pods', { metadata: { name: 'a' } });
  const conflict = await kube.delete(pods, 'default', 'a', 'other').catch((e: unknown) => e);
  assert.ok(isConflict(conflict));
});

test('nobody there is an error, too', async (t) => {
  const { api, client: kube } = await client(t);
  await api.stop();
  const error = await kube.get(pods, 'default', 'a').catch((e: unknown) => e);
  assert.ok(error instanceof KubeError);
  assert.equal(error.code, 0);
  await api.start();
});

test('paths follow group, namespace, name and subresource', () => {
  assert.equal(pathOf(pods, null, null), '/api/v1/pods');
  assert.equal(
    pathOf(leases, 'a', 'b', 'status'),
    '/apis/coordination.k8s.io/v1/namespaces/a/leases/b/status',
  );
});
