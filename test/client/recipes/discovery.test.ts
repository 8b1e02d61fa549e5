import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ZooKeeper } from '../../../client/index.ts';
import {
  byKey,
  byWeight,
  leastLoaded,
  randomly,
  roundRobin,
  ServiceRegistry,
  sticky,
} from '../../../client/recipes/index.ts';
import type { Choice, ServiceInstance, Strategy } from '../../../client/recipes/index.ts';
import { until } from '../../support/real-ensemble.ts';
import { aborted, RecipeWorld } from './recipe-world.ts';

// Goal: consumers know the producers that are there, choose among them as they were told to, and
// get along with those that fail.
// Method: a real server for producers and consumers; the strategies by themselves, with random
// numbers that are counted out.

let world: RecipeWorld;
let zk: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start();
  zk = await world.client();
});

after(() => world[Symbol.asyncDispose]());

const idsOf = (instances: readonly ServiceInstance[]): string =>
  instances.map(({ id }) => id).join();

test('producers come, change and go, and consumers know', async () => {
  const registry = new ServiceRegistry(zk, '/services');
  assert.deepEqual(await registry.services(), []);
  using consumer = await registry.consume('mail');
  assert.equal(consumer.choose(), null);
  await assert.rejects(
    consumer.call(() => Promise.resolve()),
    { code: 'NO_NODE' },
  );
  const heard: string[] = [];
  consumer.onChange((instances) => heard.push(idsOf(instances)));
  const producing = await world.client();
  const theirs = new ServiceRegistry(producing, '/services');
  const a = await theirs.register('mail', { id: 'a', address: '10.0.0.1', port: 25 });
  const b = await registry.register('mail', {
    id: 'b',
    address: '10.0.0.2',
    port: 25,
    weight: 3,
    payload: { tls: true },
  });
  await until('both', 90_000, () => heard.at(-1) === 'a,b');
  assert.deepEqual(consumer.instances, await registry.instances('mail'));
  assert.deepEqual(consumer.instances[1], b.instance);
  await b.update({ weight: 0 });
  await until('the weight', 90_000, () => consumer.instances[1]?.weight === 0);
  assert.deepEqual(consumer.instances[1]?.payload, { tls: true });
  await zk.create('/services/mail/foreign', 'no json');
  await zk.create('/services/mail/number', '5');
  await producing.close();
  await aborted(a.lost);
  await until('the end of a', 90_000, () => heard.at(-1) === 'b');
  await b.release();
  await until('the end of b', 90_000, () => heard.at(-1) === '');
  assert.deepEqual(await registry.services(), ['mail']);
});

test('a consumer that is cut off goes on with what it knew, and catches up', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const registry = new ServiceRegistry(zk, '/cut-off');
  const a = await registry.register('s', { id: 'a', address: 'h', port: 1 });
  using consumer = await new ServiceRegistry(other, '/cut-off').consume('s');
  proxy.close();
  await until('the break', 90_000, () => !consumer.isLive);
  await a.release();
  await using b = await registry.register('s', { id: 'b', address: 'h', port: 2 });
  assert.equal(consumer.choose()?.id, 'a');
  proxy.open();
  await until('the return', 90_000, () => consumer.isLive);
  assert.deepEqual(consumer.instances, [b.instance]);
});

test('a call goes to another instance when one fails, and avoids that for a while', async () => {
  const registry = new ServiceRegistry(zk, '/failing');
  for (const id of ['a', 'b', 'c']) {
    await registry.register('s', { id, address: 'h', port: 1 });
  }
  using consumer = await registry.consume('s', { failurePauseMs: 60_000 });
  const called: string[] = [];
  const work = ({ id }: ServiceInstance): Promise<string> => {
    called.push(id);
    return id === 'b' ? Promise.reject(new Error('b is down')) : Promise.resolve(id);
  };
  assert.equal(await consumer.call(work), 'a');
  assert.equal(await consumer.call(work), 'c');
  assert.deepEqual(called, ['a', 'b', 'c']);
  for (let count = 0; count < 4; count += 1) assert.notEqual(await consumer.call(work), 'b');
  await assert.rejects(
    consumer.call(({ id }) => Promise.reject(new Error(`${id} is down`))),
    /is down/,
  );
  assert.notEqual(consumer.choose(), null, 'when all have failed, any is better than none');
  let count = 0;
  await assert.rejects(
    consumer.call(
      () => {
        count += 1;
        return Promise.reject(new Error('down'));
      },
      { attempts: 2 },
    ),
    /down/,
  );
  assert.equal(count, 2);
});

function instance(id: string, weight: number = 1): ServiceInstance {
  return { id, address: 'h', port: 1, weight, payload: null };
}

const unloaded: Choice = { loadOf: () => 0 };

function choices(strategy: Strategy, instances: readonly ServiceInstance[], count: number): string {
  return Array.from({ length: count }, () => strategy(instances, unloaded).id).join('');
}

const abc = [instance('a'), instance('b'), instance('c')];

test('round robin goes on behind the last one, also when that has gone', () => {
  const strategy = roundRobin();
  assert.equal(choices(strategy, abc, 5), 'abcab');
  assert.equal(choices(strategy, [instance('a'), instance('c')], 3), 'cac');
});

test('random choices are even, weighted ones in proportion', () => {
  let step = 0;
  const evenly = (): number => ((step += 1) % 100) / 100;
  const count = (text: string, id: string): number => text.split(id).length - 1;
  const even = choices(randomly(evenly), abc, 300);
  assert.deepEqual([count(even, 'a'), count(even, 'b'), count(even, 'c')], [102, 99, 99]);
  const weighted = [instance('a', 1), instance('b', 3), instance('c', 0)];
  const chosen = choices(byWeight(evenly), weighted, 100);
  assert.deepEqual([count(chosen, 'a'), count(chosen, 'b'), count(chosen, 'c')], [25, 75, 0]);
  assert.equal(choices(byWeight(evenly), [instance('a', 0)], 2), 'aa');
});

test('the least loaded for its weight is chosen', () => {
  const loads: Record<string, number> = { a: 2, b: 4, c: 0 };
  const loaded: Choice = { loadOf: ({ id }) => loads[id] ?? 0 };
  const strategy = leastLoaded();
  assert.equal(strategy([instance('a'), instance('b', 2)], loaded).id, 'b');
  assert.equal(strategy([instance('a'), instance('b')], loaded).id, 'a');
  assert.equal(strategy([instance('a'), instance('c', 0)], loaded).id, 'a');
});

test('a sticky choice stays until its instance goes', () => {
  const strategy = sticky(roundRobin());
  assert.equal(choices(strategy, abc, 3), 'aaa');
  assert.equal(choices(strategy, abc.slice(1), 3), 'bbb');
  assert.equal(choices(strategy, abc, 2), 'bb');
});

test('keys spread over the instances, and only those of one that goes move', () => {
  const strategy = byKey();
  const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);
  const of = (instances: readonly ServiceInstance[]): string[] =>
    keys.map((key) => byKey()(instances, { ...unloaded, key }).id);
  const before = of(abc);
  for (const id of ['a', 'b', 'c']) {
    const share = before.filter((chosen) => chosen === id).length;
    assert(share > 60 && share < 140, `${id} has ${share} of 300`);
  }
  const after = of(abc.slice(0, 2));
  for (const [index, id] of before.entries()) {
    if (id !== 'c') assert.equal(after[index], id);
  }
  assert.equal(strategy(abc, unloaded).id, strategy(abc, unloaded).id);
});

test('what is chosen knows how many calls are on their way', async () => {
  const registry = new ServiceRegistry(zk, '/loaded');
  for (const id of ['a', 'b']) await registry.register('s', { id, address: 'h', port: 1 });
  using consumer = await registry.consume('s', { strategy: leastLoaded() });
  const gate = Promise.withResolvers<void>();
  const called: string[] = [];
  const work = async ({ id }: ServiceInstance): Promise<void> => {
    called.push(id);
    await gate.promise;
  };
  const calls = [consumer.call(work), consumer.call(work), consumer.call(work)];
  gate.resolve();
  await Promise.all(calls);
  assert.deepEqual(called, ['a', 'b', 'a']);
});
