import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ZooKeeper } from '../../../client/index.ts';
import {
  Counter,
  DoubleBarrier,
  Election,
  Group,
  Lock,
  PriorityQueue,
  Queue,
  ReadWriteLock,
  Semaphore,
  Sequence,
} from '../../../client/recipes/index.ts';
import type { Tenure } from '../../../client/recipes/index.ts';
import { randomOf } from './recipe-world.ts';
import type { RecipeWorld } from './recipe-world.ts';

const clientCount = 3;
const rounds = 5;

/** Known when the tests run. */
type WorldOf = () => { readonly world: RecipeWorld; readonly plain: ZooKeeper };

/** All mixtures, each for every seed. `worldOf` is asked when they run. */
export function stormTests(seeds: readonly number[], worldOf: WorldOf): void {
  for (const seed of seeds) {
    lockStorm(seed, worldOf);
    queueStorm(seed, worldOf);
    otherStorm(seed, worldOf);
  }
}

/** Each client does it so many times, all at once. */
async function inStorm(
  world: RecipeWorld,
  seed: number,
  work: (zk: ZooKeeper, client: number, round: number) => Promise<void>,
): Promise<void> {
  const crowd = await Promise.all(Array.from({ length: clientCount }, () => world.faultyClient()));
  const run = async (client: number): Promise<void> => {
    const { zk, proxies } = crowd[client] as (typeof crowd)[number];
    const random = randomOf(seed * 101 + client);
    for (const proxy of proxies) proxy.storm(random);
    for (let round = 0; round < rounds; round += 1) await work(zk, client, round);
    for (const proxy of proxies) proxy.storm(null);
  };
  await Promise.all(crowd.map((_, client) => run(client)));
  for (const { zk } of crowd) {
    assert.notEqual(zk.state, 'expired', 'no session is lost in this storm');
    await zk.close();
  }
}

/** Fails as soon as more are inside than may be. */
class Room {
  #inside = 0;
  #lastFence = 0;

  async visit(tenure: Tenure, zk: ZooKeeper, most: number): Promise<void> {
    this.#inside += 1;
    assert(this.#inside <= most, `${this.#inside} inside, at most ${most} may be`);
    if (most === 1) {
      assert(tenure.fence > this.#lastFence);
      this.#lastFence = tenure.fence;
    }
    await zk.exists('/').catch(() => undefined);
    this.#inside -= 1;
    assert.equal(tenure.lost.aborted, false);
    await tenure.release();
  }
}

async function namesBelow(zk: ZooKeeper, path: string): Promise<string[]> {
  await zk.sync();
  return zk.children(path).catch(() => []);
}

function lockStorm(seed: number, worldOf: WorldOf): void {
  test(`locks of all kinds (seed ${seed})`, async () => {
    const { world, plain } = worldOf();
    const [room, leases] = [new Room(), new Room()];
    let writers = 0;
    let readers = 0;
    await inStorm(world, seed, async (zk, client, round) => {
      await room.visit(await new Lock(zk, `/lock-${seed}`).acquire(), zk, 1);
      const semaphore = new Semaphore(zk, `/semaphore-${seed}`, 2);
      await leases.visit(await semaphore.acquire(), zk, 2);
      const shared = new ReadWriteLock(zk, `/shared-${seed}`);
      const isWriter = (client + round) % 2 === 0;
      const held = await (isWriter ? shared.write() : shared.read());
      if (isWriter) writers += 1;
      else readers += 1;
      assert(writers === 0 || (writers === 1 && readers === 0), `${writers} with ${readers}`);
      await zk.exists('/').catch(() => undefined);
      if (isWriter) writers -= 1;
      else readers -= 1;
      await held.release();
      await new Lock(zk, `/lock-${seed}`).acquire({ timeoutMs: 1 }).then(
        (tenure) => tenure.release(),
        (error: unknown) => assert.equal((error as { code: string }).code, 'OPERATION_TIMEOUT'),
      );
    });
    for (const path of [`/lock-${seed}`, `/shared-${seed}`, `/semaphore-${seed}/leases`]) {
      assert.deepEqual(await namesBelow(plain, path), []);
    }
  });
}

function queueStorm(seed: number, worldOf: WorldOf): void {
  test(`queues: every item once (seed ${seed})`, async () => {
    const { world, plain } = worldOf();
    await plain.create(`/done-${seed}`);
    const taken: string[] = [];
    const urgent: string[] = [];
    await inStorm(world, seed, async (zk, client, round) => {
      const item = `${client}-${round}`;
      await new Queue(zk, `/taken-${seed}`).put(item);
      await new PriorityQueue(zk, `/urgent-${seed}`).put(item, round);
      await new Queue(zk, `/received-${seed}`).put(item);
      taken.push(String(await new Queue(zk, `/taken-${seed}`).take()));
      urgent.push(String(await new PriorityQueue(zk, `/urgent-${seed}`).take()));
      await using received = await new Queue(zk, `/received-${seed}`).receive();
      await received.done([{ op: 'create', path: `/done-${seed}/${String(received.data)}` }]);
    });
    const all = Array.from({ length: clientCount * rounds }, (_, index) => {
      return `${Math.floor(index / rounds)}-${index % rounds}`;
    });
    assert.deepEqual(taken.toSorted(), all);
    assert.deepEqual(urgent.toSorted(), all);
    assert.deepEqual((await namesBelow(plain, `/done-${seed}`)).toSorted(), all);
    for (const name of ['taken', 'urgent', 'received']) {
      assert.deepEqual(await namesBelow(plain, `/${name}-${seed}/items`), []);
      assert.deepEqual(await namesBelow(plain, `/${name}-${seed}/claims`), []);
    }
  });
}

function otherStorm(seed: number, worldOf: WorldOf): void {
  test(`counters, numbers, leaders, members and barriers (seed ${seed})`, async () => {
    const { world, plain } = worldOf();
    const room = new Room();
    const numbers: number[] = [];
    const entered = [0, 0, 0];
    await inStorm(world, seed, async (zk, client) => {
      await using counter = new Counter(zk, `/counter-${seed}`);
      await counter.add(client + 1);
      await counter.add(1);
      numbers.push(await new Sequence(zk, `/numbers-${seed}`).next());
      await new Election(zk, `/leader-${seed}`).run((term) => room.visit(term, zk, 1));
      const member = await new Group(zk, `/members-${seed}`).join(`member-${client}`, 'a');
      await member.update('b');
      await member.release();
      const barrier = new DoubleBarrier(zk, `/double-${seed}`, clientCount);
      await barrier.enter();
      entered[client] = (entered[client] ?? 0) + 1;
      await barrier.leave();
      assert(entered.every((count) => count === entered[client]));
    });
    const added = rounds * ((clientCount * (clientCount + 1)) / 2 + clientCount);
    assert.equal(await new Counter(plain, `/counter-${seed}`).value(), added);
    assert.equal(new Set(numbers).size, clientCount * rounds);
    assert.deepEqual(await namesBelow(plain, `/members-${seed}`), []);
    assert.deepEqual(await namesBelow(plain, `/counter-${seed}`), []);
  });
}
