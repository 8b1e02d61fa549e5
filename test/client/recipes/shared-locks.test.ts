import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ZooKeeper } from '../../../client/index.ts';
import { ReadWriteLock, Semaphore } from '../../../client/recipes/index.ts';
import type { Tenure } from '../../../client/recipes/index.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import { until } from '../../support/real-ensemble.ts';
import { aborted, RecipeWorld } from './recipe-world.ts';

// Goal: readers share and writers do not, a semaphore has as many holders as leases, nobody
// starves, and what a broken client had comes back.
// Method: a real server, several clients, proxies that lose replies and keep clients away.

let world: RecipeWorld;
let zk: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start();
  zk = await world.client();
});

after(() => world[Symbol.asyncDispose]());

const inLine = async (path: string): Promise<number> => (await zk.exists(path))?.numChildren ?? 0;

/** What has happened so far, by the names of those to whom it did. */
function recorder(): {
  readonly seen: string[];
  readonly add: (name: string, tenure: Promise<Tenure>) => Promise<Tenure>;
} {
  const seen: string[] = [];
  return {
    seen,
    add: async (name, tenure) => {
      const held = await tenure;
      seen.push(name);
      return held;
    },
  };
}

test('readers read together, a writer writes alone, and the order of asking counts', async () => {
  const lock = new ReadWriteLock(zk, '/shared');
  const { seen, add } = recorder();
  const asks = ['read 1', 'read 2', 'write 1', 'read 3', 'read 4', 'write 2'];
  const tenures: Promise<Tenure>[] = [];
  for (const [index, name] of asks.entries()) {
    tenures.push(add(name, name.startsWith('read') ? lock.read() : lock.write()));
    await until(name, 90_000, async () => (await inLine('/shared')) === index + 1);
  }
  const [r1, r2, w1, r3, r4, w2] = tenures as [
    Promise<Tenure>,
    Promise<Tenure>,
    Promise<Tenure>,
    Promise<Tenure>,
    Promise<Tenure>,
    Promise<Tenure>,
  ];
  await Promise.all([r1, r2]);
  await (await r1).release();
  await zk.sync();
  assert.deepEqual(seen.toSorted(), ['read 1', 'read 2']);
  await (await r2).release();
  await w1;
  assert.equal(seen.length, 3);
  await (await w1).release();
  await Promise.all([r3, r4]);
  assert.deepEqual(seen.slice(0, 5).toSorted(), asks.slice(0, 5).toSorted());
  await (await r4).release();
  await (await r3).release();
  const last = await w2;
  assert.deepEqual(seen.at(-1), 'write 2');
  await last.release();
  assert.equal(await inLine('/shared'), 0);
});

test('trying to read or write is one look', async () => {
  const lock = new ReadWriteLock(zk, '/try-shared');
  const reader = await lock.tryRead();
  assert(reader !== null);
  assert.equal(await lock.tryWrite(), null);
  const second = await lock.tryRead();
  assert(second !== null);
  await Promise.all([reader.release(), second.release()]);
  await using writer = await lock.tryWrite();
  assert(writer !== null);
  assert.equal(await lock.tryRead(), null);
});

test('a writer whose session ends lets the readers behind it go on', async () => {
  const other = await world.client();
  const held = await new ReadWriteLock(other, '/writer-dies').write();
  const lock = new ReadWriteLock(zk, '/writer-dies');
  const readers = [lock.read(), lock.read(), lock.read()];
  await until('the line', 90_000, async () => (await inLine('/writer-dies')) === 4);
  await other.close();
  for (const reader of readers) await (await reader).release();
  assert.equal(held.lost.aborted, true);
});

test('a semaphore has as many holders as leases, and never more', async () => {
  const clients = [zk, await world.client(), await world.client()];
  let holders = 0;
  let most = 0;
  const work = async (client: ZooKeeper): Promise<void> => {
    await using held = await new Semaphore(client, '/semaphore', 3).acquire();
    holders += 1;
    most = Math.max(most, holders);
    assert(holders <= 3, `${holders} hold 3 leases`);
    assert.equal(held.lost.aborted, false);
    await until('all leases to be taken once', 90_000, () => most === 3);
    await client.sync();
    holders -= 1;
  };
  await Promise.all(Array.from({ length: 18 }, (_, index) => work(clients[index % 3] ?? zk)));
  assert.equal(most, 3);
  assert.equal(await new Semaphore(zk, '/semaphore', 3).taken(), 0);
});

test('a lease comes back when its holder dies, and one is not taken twice by a lost reply', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const theirs = new Semaphore(other, '/leases', 2);
  const mine = new Semaphore(zk, '/leases', 2);
  await (await theirs.acquire()).release();
  const lost = proxy.loseReply(OpCode.CREATE2);
  const first = await theirs.acquire();
  await lost;
  assert.equal(await mine.taken(), 1);
  const second = await mine.tryAcquire();
  assert(second !== null);
  assert.equal(await mine.tryAcquire(), null);
  await assert.rejects(mine.acquire({ timeoutMs: 20 }), { code: 'OPERATION_TIMEOUT' });
  const third = mine.acquire();
  await other.close();
  await (await third).release();
  await aborted(first.lost);
  await second.release();
  assert.equal(await mine.taken(), 0);
});

test('a semaphore without leases is refused', () => {
  assert.throws(() => new Semaphore(zk, '/none', 0), { code: 'BAD_ARGUMENTS' });
});
