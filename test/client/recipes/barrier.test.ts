import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ZooKeeper } from '../../../client/index.ts';
import { Barrier, DoubleBarrier, SynchronizingQueue } from '../../../client/recipes/index.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import { until } from '../../support/real-ensemble.ts';
import { RecipeWorld } from './recipe-world.ts';

// Goal: nobody passes a barrier too early, everybody passes it in the end, and who is gone neither
// counts nor is waited for.
// Method: a real server, several clients that come, go, close and lose replies.

let world: RecipeWorld;
let zk: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start();
  zk = await world.client();
});

after(() => world[Symbol.asyncDispose]());

const inLine = async (path: string): Promise<number> => (await zk.exists(path))?.numChildren ?? 0;

test('a barrier keeps everyone until it is lifted, whoever closed it', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const closing = await world.client();
  await new Barrier(closing, '/gates/barrier').close();
  await new Barrier(closing, '/gates/barrier').close();
  await closing.close();
  const barrier = new Barrier(zk, '/gates/barrier');
  assert.equal(await barrier.isClosed(), true);
  await assert.rejects(barrier.wait({ timeoutMs: 20 }), { code: 'OPERATION_TIMEOUT' });
  const passed: number[] = [];
  const waiting = [zk, other].map(async (client, index) => {
    await new Barrier(client, '/gates/barrier').wait();
    passed.push(index);
  });
  await zk.sync();
  await until('the wait', 90_000, async () => (await other.exists('/gates/barrier')) !== null);
  proxy.close();
  assert.deepEqual(passed, []);
  await barrier.lift();
  await barrier.lift();
  proxy.open();
  await Promise.all(waiting);
  await barrier.wait();
});

test('all begin together and end together, round after round', async () => {
  const clients = [zk, await world.client(), await world.client(), await world.client()];
  const inside = new Set<number>();
  let entered = 0;
  let left = 0;
  const work = async (client: ZooKeeper, index: number, round: number): Promise<void> => {
    const barrier = new DoubleBarrier(client, '/double', 4);
    await barrier.enter();
    inside.add(index);
    entered += 1;
    await until('all to be inside', 90_000, () => entered === 4 * (round + 1));
    left += 1;
    await barrier.leave();
    assert.equal(left, 4 * (round + 1), 'nobody goes on before all have left');
    inside.delete(index);
  };
  for (let round = 0; round < 3; round += 1) {
    const works = clients.slice(1).map((client, index) => work(client, index + 1, round));
    await until('three to wait', 90_000, async () => (await inLine('/double')) === 3);
    assert.equal(inside.size, 0);
    works.push(work(zk, 0, round));
    await Promise.all(works);
    assert.equal(await inLine('/double'), 0);
  }
});

test('who dies before the beginning does not count, who dies inside is not waited for', async () => {
  const [a, b] = [await world.client(), await world.client()];
  const gone = new DoubleBarrier(a, '/deaths', 3).enter();
  const refused = assert.rejects(gone, { code: 'SESSION_EXPIRED' });
  await until('the place', 90_000, async () => (await inLine('/deaths')) === 1);
  await a.close();
  await refused;
  await assert.rejects(new DoubleBarrier(zk, '/deaths', 3).enter({ timeoutMs: 20 }), {
    code: 'OPERATION_TIMEOUT',
  });
  await until('the places to go', 90_000, async () => (await inLine('/deaths')) === 0);
  const barriers = [zk, zk, b].map((client) => new DoubleBarrier(client, '/deaths', 3));
  await Promise.all(barriers.map((barrier) => barrier.enter()));
  const leaving = barriers.slice(0, 2).map((barrier) => barrier.leave());
  await b.close();
  await Promise.all(leaving);
  assert.equal(await inLine('/deaths'), 0);
});

test('nothing stays behind when the first who came dies inside', async () => {
  const first = await world.client();
  const isIn = new DoubleBarrier(first, '/first-dies', 3).enter();
  await until('the first place', 90_000, async () => (await inLine('/first-dies')) === 1);
  const others = [zk, zk].map((client) => new DoubleBarrier(client, '/first-dies', 3));
  await Promise.all([isIn, ...others.map((barrier) => barrier.enter())]);
  const leaving = others.map((barrier) => barrier.leave());
  // Both have given up their places and wait for the first one's.
  await until('two to go', 90_000, async () => (await inLine('/first-dies')) === 2);
  await first.close();
  await Promise.all(leaving);
  assert.equal(await inLine('/first-dies'), 0);
});

test('a lost reply to the create counts once, and the last one to leave leaves once', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const mine = new DoubleBarrier(other, '/once', 2);
  await assert.rejects(mine.enter({ timeoutMs: 20 }), { code: 'OPERATION_TIMEOUT' });
  await until('the place to go', 90_000, async () => (await inLine('/once')) === 0);
  const lost = proxy.loseReply(OpCode.CREATE2);
  const entering = mine.enter();
  await lost;
  await until('the place', 90_000, async () => (await inLine('/once')) === 1);
  const theirs = new DoubleBarrier(zk, '/once', 2);
  await Promise.all([entering, theirs.enter()]);
  const lostLeave = proxy.loseReply(OpCode.MULTI);
  await Promise.all([mine.leave(), theirs.leave(), lostLeave]);
  assert.equal(await inLine('/once'), 0);
});

test('a synchronizing queue lets all through with the last, each with the same list', async () => {
  const clients = [zk, await world.client(), await world.client()];
  const [queue, second, third] = clients.map(
    (client) => new SynchronizingQueue(client, '/together', 3),
  ) as [SynchronizingQueue, SynchronizingQueue, SynchronizingQueue];
  const complete = queue.whenComplete();
  const joins = [queue.join('a')];
  await until('a', 90_000, async () => (await queue.size()) === 1);
  joins.push(second.join('b'));
  await until('b', 90_000, async () => (await queue.size()) === 2);
  await assert.rejects(queue.whenComplete({ timeoutMs: 20 }), { code: 'OPERATION_TIMEOUT' });
  joins.push(third.join('c'));
  await complete;
  for (const join of joins) assert.deepEqual(await join, ['a', 'b', 'c']);
  assert.deepEqual(await third.join('late'), ['a', 'b', 'c']);
  await queue.clear();
  assert.equal(await inLine('/together'), 0);
  await assert.rejects(queue.join('a', { timeoutMs: 20 }), { code: 'OPERATION_TIMEOUT' });
});

test('gathering nobody is refused', () => {
  assert.throws(() => new DoubleBarrier(zk, '/none', 0), { code: 'BAD_ARGUMENTS' });
  assert.throws(() => new SynchronizingQueue(zk, '/none', 1.5), { code: 'BAD_ARGUMENTS' });
});
