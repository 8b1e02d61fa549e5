import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ZooKeeper } from '../../../client/index.ts';
import { Counter, Naming, Sequence } from '../../../client/recipes/index.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import { RecipeWorld } from './recipe-world.ts';

// Goal: every addition counts once, every number is given once, every name stands for one thing,
// also when replies get lost.
// Method: a real server, several clients, proxies that lose the reply or the request.

let world: RecipeWorld;
let zk: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start();
  zk = await world.client();
});

after(() => world[Symbol.asyncDispose]());

test('additions of many clients all count, and each hears its own sum', async () => {
  const clients = [zk, await world.client(), await world.client()];
  const sums: number[] = [];
  assert.equal(await new Counter(zk, '/stats/counter').value(), 0);
  await Promise.all(
    clients.map(async (client) => {
      await using counter = new Counter(client, '/stats/counter');
      const adds = Array.from({ length: 10 }, () => counter.add(1));
      sums.push(...(await Promise.all(adds)));
    }),
  );
  assert.deepEqual(
    sums.toSorted((a, b) => a - b),
    Array.from({ length: 30 }, (_, index) => index + 1),
  );
  assert.equal(await new Counter(zk, '/stats/counter').value(), 30);
  assert.deepEqual(await zk.children('/stats/counter'), []);
});

test('replacing is for the value that was expected, and numbers stay exact', async () => {
  await using counter = new Counter(zk, '/exact');
  assert.equal(await counter.replace(0, 5), true);
  assert.equal(await counter.replace(0, 6), false);
  assert.equal(await counter.add(-7), -2);
  await assert.rejects(counter.add(0.5), { code: 'BAD_ARGUMENTS' });
  await assert.rejects(counter.add(Number.MAX_SAFE_INTEGER + 1), { code: 'BAD_ARGUMENTS' });
  assert.equal(await counter.add(2), 0);
  await zk.set('/exact', 'many');
  await assert.rejects(counter.add(1), { code: 'DATA_INCONSISTENCY' });
  await assert.rejects(counter.value(), { code: 'DATA_INCONSISTENCY' });
});

for (const fault of ['loseReply', 'loseRequest'] as const) {
  test(`an addition counts once (${fault})`, async () => {
    const { zk: other, proxy } = await world.faultyClient();
    await using counter = new Counter(other, `/once-${fault}`);
    assert.equal(await counter.add(1), 1);
    const lost = proxy[fault](OpCode.MULTI);
    const adding = counter.add(1);
    await lost;
    // Somebody else changes it before the first client can look.
    await using theirs = new Counter(zk, `/once-${fault}`);
    const sum = await theirs.add(10);
    assert([11, 12].includes(sum));
    await adding;
    assert.equal(await counter.value(), 12);
  });
}

test('a name stands for what it was given, until it is given anew or unbound', async () => {
  const names = new Naming(zk, '/names');
  assert.equal(await names.lookUp('db/primary'), undefined);
  await names.bind('db/primary', '10.0.0.1');
  await names.bind('db/primary', '10.0.0.1');
  await assert.rejects(names.bind('db/primary', '10.0.0.2'), { code: 'NODE_EXISTS' });
  assert.equal(String(await names.lookUp('db/primary')), '10.0.0.1');
  await names.rebind('db/primary', '10.0.0.2');
  await names.rebind('db/replica', '10.0.0.3');
  assert.equal(String(await names.lookUp('db/primary')), '10.0.0.2');
  assert.deepEqual(await names.list(), ['db']);
  assert.deepEqual(await names.list('db'), ['db/primary', 'db/replica']);
  assert.deepEqual(await names.list('mail'), []);
  await assert.rejects(names.unbind('db'), { code: 'NOT_EMPTY' });
  await names.unbind('db/primary');
  await names.unbind('db/primary');
  assert.equal(await names.lookUp('db/primary'), undefined);
});

test('a name is bound once when the reply is lost', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const names = new Naming(other, '/bound');
  await names.bind('a', '1');
  const lost = proxy.loseReply(OpCode.CREATE);
  await names.bind('b', '2');
  await lost;
  assert.equal(String(await names.lookUp('b')), '2');
});

test('numbers are given once, and grow', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const mine = new Sequence(zk, '/ids/next');
  const theirs = new Sequence(other, '/ids/next');
  assert.equal(await mine.next(), 1);
  const lost = proxy.loseReply(OpCode.SET_DATA);
  const numbers = await Promise.all([theirs.next(), mine.next(), mine.next(), mine.next()]);
  await lost;
  assert.equal(new Set(numbers).size, 4);
  const last = await theirs.next();
  assert(numbers.every((number) => number < last));
  assert.match(await mine.nextName('job-'), /^job-0000000\d{3}$/);
});
