import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ZooKeeper } from '../../../client/index.ts';
import { PriorityQueue, Queue } from '../../../client/recipes/index.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import { until } from '../../support/real-ensemble.ts';
import { aborted, RecipeWorld } from './recipe-world.ts';

// Goal: no item is lost or given to two, whatever reply gets lost; the order is kept; what a dead
// consumer had comes back.
// Method: a real server; several producers and consumers; proxies that lose the reply or the
// request of each kind of call, and keep consumers away until their sessions are over.

let world: RecipeWorld;
let zk: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start();
  zk = await world.client();
});

after(() => world[Symbol.asyncDispose]());

test('items come out in the order they went in', async () => {
  const queue = new Queue(zk, '/fifo');
  assert.equal(await queue.tryTake(), undefined);
  for (const text of ['a', 'b', 'c']) await queue.put(text);
  await queue.put(null);
  assert.equal(await queue.size(), 4);
  const taken = [await queue.take(), await queue.take(), await queue.take()];
  assert.deepEqual(taken.map(String), ['a', 'b', 'c']);
  assert.equal(await queue.take(), null);
  assert.equal(await queue.size(), 0);
  assert.deepEqual(await zk.children('/fifo/claims'), []);
});

test('who takes from an empty queue waits for the next item, or for so long', async () => {
  const queue = new Queue(zk, '/empty');
  await assert.rejects(queue.take({ timeoutMs: 20 }), { code: 'OPERATION_TIMEOUT' });
  const waiting = [queue.take(), queue.take()];
  const producer = new Queue(await world.client(), '/empty');
  await producer.put('1');
  await producer.put('2');
  assert.deepEqual((await Promise.all(waiting)).map(String).toSorted(), ['1', '2']);
});

test('many producers and consumers: every item once', async () => {
  const clients = [zk, await world.client(), await world.client()];
  const taken: string[] = [];
  const consume = async (client: ZooKeeper, count: number): Promise<void> => {
    const queue = new Queue(client, '/many');
    for (let index = 0; index < count; index += 1) taken.push(String(await queue.take()));
  };
  const produce = async (client: ZooKeeper, name: string): Promise<void> => {
    const queue = new Queue(client, '/many');
    for (let index = 0; index < 20; index += 1) await queue.put(`${name}${index}`);
  };
  await Promise.all([
    ...clients.map((client) => consume(client, 20)),
    ...clients.map((client, index) => produce(client, `p${index}-`)),
  ]);
  assert.equal(new Set(taken).size, 60);
  assert.equal(await new Queue(zk, '/many').size(), 0);
});

test('the more urgent comes first, among equals the older', async () => {
  const queue = new PriorityQueue(zk, '/priority');
  await queue.put('late', 900);
  await queue.put('plain');
  await queue.put('first', 0);
  await queue.put('second', 0);
  assert.equal(String(await queue.take()), 'first');
  await queue.put('urgent', 0);
  const taken = [await queue.take(), await queue.take(), await queue.take(), await queue.take()];
  assert.deepEqual(taken.map(String), ['second', 'urgent', 'plain', 'late']);
  await assert.rejects(queue.put('x', 1000), { code: 'BAD_ARGUMENTS' });
  await assert.rejects(queue.put('x', 0.5), { code: 'BAD_ARGUMENTS' });
});

test('an item that was received is nobody else’s until given back, then the next one’s', async () => {
  const queue = new Queue(zk, '/received');
  await queue.put('job');
  const first = await queue.receive();
  assert.equal(String(first.data), 'job');
  const other = new Queue(await world.client(), '/received');
  assert.equal(await other.tryTake(), undefined);
  const waiting = other.receive();
  await first.giveBack();
  const second = await waiting;
  assert(second.fence > first.fence);
  await second.done();
  await second.giveBack();
  assert.equal(await queue.size(), 0);
});

test('being done carries other writes, all or nothing', async () => {
  const queue = new Queue(zk, '/done');
  await queue.put('job');
  await zk.create('/result');
  const item = await queue.receive();
  await assert.rejects(item.done([{ op: 'create', path: '/result' }]), { code: 'NODE_EXISTS' });
  assert.equal(await queue.size(), 1);
  assert.equal(item.lost.aborted, false);
  await item.done([{ op: 'set', path: '/result', data: 'job' }]);
  assert.equal(String((await zk.get('/result')).data), 'job');
  assert.equal(await queue.size(), 0);
});

test('what a consumer had whose session ends is given to the next', async () => {
  const { zk: dying, proxy } = await world.faultyClient({ sessionTimeoutMs: 1_000 });
  await new Queue(zk, '/dies').put('job');
  const item = await new Queue(dying, '/dies').receive();
  proxy.close();
  const next = new Queue(zk, '/dies').receive({ timeoutMs: 90_000 });
  await aborted(item.lost);
  const again = await next;
  assert.equal(String(again.data), 'job');
  proxy.open();
  await until('the news', 90_000, () => dying.state === 'expired');
  await assert.rejects(item.done(), { code: 'SESSION_EXPIRED' });
  await again.done();
  assert.equal(await new Queue(zk, '/dies').size(), 0);
});

for (const fault of ['loseReply', 'loseRequest'] as const) {
  test(`no item is put twice or not at all (${fault})`, async () => {
    const { zk: other, proxy } = await world.faultyClient();
    const queue = new Queue(other, `/put-${fault}`);
    await queue.put('1');
    const lost = proxy[fault](OpCode.MULTI);
    await queue.put('2');
    await lost;
    await queue.put('3');
    const taken = [await queue.take(), await queue.take(), await queue.take()];
    assert.deepEqual(taken.map(String), ['1', '2', '3']);
    assert.equal(await queue.tryTake(), undefined);
  });

  for (const step of ['claim', 'finish'] as const) {
    test(`no item is lost or taken twice (${fault} of the ${step})`, async () => {
      const { zk: other, proxy } = await world.faultyClient();
      const queue = new Queue(other, `/take-${fault}-${step}`);
      for (const text of ['1', '2', '3']) await queue.put(text);
      assert.equal(String(await queue.take()), '1');
      if (step === 'claim') {
        const lost = proxy[fault](OpCode.MULTI);
        assert.equal(String(await queue.take()), '2');
        await lost;
      } else {
        const item = await queue.receive();
        const lost = proxy[fault](OpCode.MULTI);
        await item.done([{ op: 'create', path: `/done-${fault}`, data: item.data }]);
        await lost;
        assert.equal(String((await zk.get(`/done-${fault}`)).data), '2');
      }
      assert.equal(String(await queue.take()), '3');
      assert.equal(await queue.tryTake(), undefined);
      assert.deepEqual(await zk.children(`/take-${fault}-${step}/claims`), []);
    });
  }
}

test('an item that is taken before its producer can look is not put again', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const producer = new Queue(other, '/quick');
  const consumer = new Queue(zk, '/quick');
  await producer.put('1');
  const lost = proxy.loseReply(OpCode.MULTI).then(() => proxy.close());
  const putting = producer.put('2');
  await lost;
  assert.equal(String(await consumer.take()), '1');
  assert.equal(String(await consumer.take()), '2');
  proxy.open();
  await putting;
  assert.equal(await consumer.tryTake(), undefined);
  await producer.put('3');
  assert.equal(String(await consumer.take()), '3');
});

test('many puts at once go together, in order, and one that is refused stands alone', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const queue = new Queue(other, '/batch');
  await queue.put('0');
  const before = proxy.requestCount;
  const texts = Array.from({ length: 100 }, (_, index) => String(index + 1));
  const puts = texts.map((text) => queue.put(text));
  await Promise.all(puts);
  assert(proxy.requestCount - before <= 5, `${proxy.requestCount - before} requests`);
  const large = new Uint8Array(700_000);
  const many = Array.from({ length: 4 }, () => queue.put(large));
  await Promise.all(many);
  assert.equal(await queue.size(), 105);
  const mixed = [
    queue.put('a'),
    queue.put('b'),
    queue.put(new Uint8Array(1_100_000)),
    queue.put('c'),
  ];
  // The servers hang up on what is too large; after some tries it is given up.
  await assert.rejects(mixed[2] as Promise<void>, { code: 'CONNECTION_LOSS' });
  const outcomes = await Promise.allSettled(mixed);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
  const taken: string[] = [];
  for (let count = 0; count < 101; count += 1) taken.push(String(await queue.take()));
  assert.deepEqual(taken, ['0', ...texts]);
});

test('handing over ends when somebody has taken it', async () => {
  const queue = new Queue(zk, '/hand-over');
  await assert.rejects(queue.handOver('1', { timeoutMs: 20 }), { code: 'OPERATION_TIMEOUT' });
  const handed = queue.handOver('2');
  const other = new Queue(await world.client(), '/hand-over');
  assert.equal(String(await other.take()), '1');
  assert.equal(String(await other.take()), '2');
  await handed;
});
