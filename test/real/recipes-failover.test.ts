import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import {
  Counter,
  DoubleBarrier,
  Election,
  Group,
  Lock,
  Queue,
  ReadWriteLock,
  Semaphore,
  Sequence,
  ServiceRegistry,
  TreeCache,
} from '../../client/recipes/index.ts';
import type { Member } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: what the recipes promise holds while leaders die: one holder, one leader, every item
// once, every addition once, nobody left waiting.
// Method: three real servers; several clients work all the time, each with a session longer than
// an election; the leader is killed and started again three times, or frozen once.

const ours = { kind: 'ours' } as const;
const workers = 3;
let ensemble: RealEnsemble;
const clients: ZooKeeper[] = [];

before(async () => {
  ensemble = await RealEnsemble.started({
    members: [ours, ours, ours],
    tickMs: 500,
    settings: { maxSessionTimeout: 60_000 },
  });
  for (let index = 0; index < workers; index += 1) {
    clients.push(await ZooKeeper.connect(ensemble.connectString, { sessionTimeoutMs: 60_000 }));
  }
});

after(async () => {
  await Promise.all(clients.map((zk) => zk.close()));
  await ensemble[Symbol.asyncDispose]();
});

/** One kind of work: every worker goes round and round until told to stop. */
class Workload {
  rounds = 0;
  isStopped = false;
  done: Promise<unknown> = Promise.resolve();

  /** `round` is done again and again; the last ones are waited for. */
  start(count: number, round: (zk: ZooKeeper, worker: number, nth: number) => Promise<void>): this {
    const work = async (worker: number): Promise<void> => {
      const zk = clients[worker % clients.length] as ZooKeeper;
      for (let nth = 0; !this.isStopped; nth += 1) {
        await round(zk, worker, nth);
        this.rounds += 1;
      }
    };
    this.done = Promise.all(Array.from({ length: count }, (_, worker) => work(worker)));
    // Told when it is waited for.
    this.done.catch(() => undefined);
    return this;
  }
}

/** What happens to a leader, and how it comes back. */
interface Fault {
  readonly count: number;
  readonly strike: (leader: Member) => Promise<unknown> | void;
  readonly heal: (leader: Member) => void;
}

const killed: Fault = {
  count: 3,
  strike: (leader) => leader.kill('SIGKILL'),
  heal: (leader) => leader.start(),
};

/** It does not know that the others have gone on without it. */
const frozen: Fault = {
  count: 1,
  strike: (leader) => void process.kill(leader.pid, 'SIGSTOP'),
  heal: (leader) => void process.kill(leader.pid, 'SIGCONT'),
};

/** The leader is struck and comes back; all workloads get on before, meanwhile and after. */
async function under(
  fault: Fault,
  workloads: readonly Workload[],
  roundsEach: number,
): Promise<void> {
  const failed = Promise.all(workloads.map(({ done }) => done));
  const grown = async (what: string): Promise<void> => {
    const goals = workloads.map(({ rounds }) => rounds + roundsEach);
    const all = until(`work to go on ${what}`, 120_000, () =>
      workloads.every(({ rounds }, index) => rounds >= (goals[index] ?? 0)),
    );
    await Promise.race([all, failed.then(() => all)]);
  };
  try {
    await grown('at first');
    for (let nth = 1; nth <= fault.count; nth += 1) {
      const leader = await ensemble.leader();
      await fault.strike(leader);
      await grown(`without leader ${nth}`);
      fault.heal(leader);
      await ensemble.ready();
      await grown(`after leader ${nth}`);
    }
  } finally {
    for (const workload of workloads) workload.isStopped = true;
  }
  await failed;
  for (const zk of clients) assert.equal(zk.state, 'connected');
}

/** Whoever is inside alone, and the fences of those who were. */
class Room {
  #inside = 0;
  #lastFence = 0;

  enter(fence: number): void {
    this.#inside += 1;
    assert.equal(this.#inside, 1, 'one inside at a time');
    assert(fence > this.#lastFence, `fence ${fence} behind ${this.#lastFence}`);
    this.#lastFence = fence;
  }

  leave(): void {
    this.#inside -= 1;
  }
}

test('locks: one holder at a time, writers alone, leases never too many', async () => {
  await clients[0]?.create('/fenced', '0');
  const room = new Room();
  const locks = new Workload().start(4, async (zk) => {
    await using held = await new Lock(zk, '/lock').acquire();
    room.enter(held.fence);
    // The servers themselves check the order of the holders.
    const { data, stat } = await retriedGet(zk, '/fenced');
    assert(Number(String(data)) < held.fence, 'the servers saw a later holder');
    await zk.set('/fenced', String(held.fence), stat.version).catch(lostOnly);
    assert.equal(held.lost.aborted, false);
    room.leave();
  });
  let readers = 0;
  let writers = 0;
  const shared = new Workload().start(5, async (zk, worker) => {
    const lock = new ReadWriteLock(zk, '/shared');
    const isWriter = worker % 2 === 0;
    await using held = await (isWriter ? lock.write() : lock.read());
    if (isWriter) writers += 1;
    else readers += 1;
    assert(writers === 0 || (writers === 1 && readers === 0), `${writers} with ${readers}`);
    await zk.exists(held.path).catch(lostOnly);
    if (isWriter) writers -= 1;
    else readers -= 1;
  });
  let leases = 0;
  const semaphores = new Workload().start(4, async (zk) => {
    await using lease = await new Semaphore(zk, '/semaphore', 2).acquire();
    leases += 1;
    assert(leases <= 2, `${leases} hold 2 leases`);
    await zk.exists(lease.path).catch(lostOnly);
    leases -= 1;
  });
  await under(killed, [locks, shared, semaphores], 20);
  for (const path of ['/lock', '/shared', '/semaphore/leases']) {
    assert.deepEqual(await clients[0]?.children(path), [], `${path} is left as it was found`);
  }
});

test('queues: every item once; counters: every addition once; numbers: none twice', async () => {
  const zk = clients[0] as ZooKeeper;
  await zk.create('/seen');
  const put = new Set<string>();
  const taken: string[] = [];
  let received = 0;
  const producing = new Workload().start(3, async (client, worker, nth) => {
    const item = `${worker}-${nth}`;
    await new Queue(client, '/taken').put(item);
    await new Queue(client, '/received').put(item);
    put.add(item);
    // No faster than they are consumed.
    await until(
      'consumers',
      30_000,
      () => producing.isStopped || put.size < Math.min(taken.length, received) + 50,
    );
  });
  const takers = clients.map((client) => new Queue(client, '/taken'));
  const taking = new Workload().start(3, async (_, worker) => {
    const data = await takers[worker]?.take({ timeoutMs: 120_000 });
    taken.push(String(data));
  });
  const receiving = new Workload().start(3, async (client) => {
    await using item = await new Queue(client, '/received').receive({ timeoutMs: 120_000 });
    // Refused, and the test over, if any item were done twice.
    await item.done([{ op: 'create', path: `/seen/${String(item.data)}` }]);
    received += 1;
  });
  let added = 0;
  const counters = clients.map((client) => new Counter(client, '/counter'));
  const counting = new Workload().start(3, async (_, worker) => {
    await counters[worker]?.add(worker + 1);
    added += worker + 1;
  });
  const numbers: number[] = [];
  const numbering = new Workload().start(3, async (client) => {
    numbers.push(await new Sequence(client, '/numbers').next());
  });
  // What waits for items when all stop gets one.
  const refill = async (): Promise<void> => {
    await until('the producers to stop', 300_000, () => producing.isStopped);
    for (let index = 0; index < 3; index += 1) {
      await new Queue(zk, '/taken').put(`last-${index}`);
      await new Queue(zk, '/received').put(`last-${index}`);
      put.add(`last-${index}`);
    }
  };
  const refilled = refill();
  await under(killed, [producing, taking, receiving, counting, numbering], 10);
  await refilled;
  const rest = new Queue(zk, '/taken');
  for (let data = await rest.tryTake(); data !== undefined; data = await rest.tryTake()) {
    taken.push(String(data));
  }
  assert.deepEqual(taken.toSorted(), [...put].toSorted());
  const done = await zk.children('/seen');
  const left = await zk.children('/received/items');
  assert.equal(done.length + left.length, put.size, 'done or still there');
  assert(done.every((item) => put.has(item)));
  assert.equal(await counters[0]?.value(), added);
  assert.equal(new Set(numbers).size, numbers.length);
});

test('elections: one leader at a time; barriers: all or none; caches and views: level after all', async () => {
  const zk = clients[0] as ZooKeeper;
  const room = new Room();
  const leading = new Workload().start(3, async (client, worker) => {
    await new Election(client, '/leader', `${worker}`).run(async (term) => {
      room.enter(term.fence);
      await client.exists(term.path).catch(lostOnly);
      assert.equal(term.lost.aborted, false);
      room.leave();
    });
  });
  const rounds = [0, 0, 0];
  const gathering = new Workload();
  gathering.start(1, async () => {
    await Promise.all(
      clients.map(async (client, index) => {
        const barrier = new DoubleBarrier(client, '/double', workers);
        await barrier.enter();
        rounds[index] = (rounds[index] ?? 0) + 1;
        await barrier.leave();
        const [first = 0] = rounds;
        assert(rounds.every((round) => round === first));
      }),
    );
  });
  using cache = await TreeCache.open(clients[1] as ZooKeeper, '/tree');
  const changing = new Workload().start(3, async (client, worker, nth) => {
    const path = `/tree-${worker}-${nth % 10}`;
    await client.set(`/tree`, `${worker}-${nth}`).catch(ignoreRefusals);
    await client.create(`/tree${path}`, `${nth}`).catch(ignoreRefusals);
    if (nth % 3 === 0) await client.remove(`/tree${path}`).catch(ignoreRefusals);
  });
  await zk.create('/tree', null);
  const member = await new Group(zk, '/members').join('me');
  const registry = new ServiceRegistry(zk, '/services');
  const registration = await registry.register('s', { id: 'a', address: 'h', port: 1 });
  using consumer = await new ServiceRegistry(clients[2] as ZooKeeper, '/services').consume('s');
  await under(killed, [leading, gathering, changing], 10);
  assert.deepEqual([member.lost.aborted, registration.lost.aborted], [false, false]);
  assert.deepEqual(consumer.instances, [registration.instance]);
  await until('the cache to be level', 10_000, async () => {
    const names = await zk.children('/tree');
    return cache.isLive && names.sort().join() === cache.children('/tree').join();
  });
  for (const name of cache.children('/tree')) {
    const { data, stat } = await zk.get(`/tree/${name}`);
    assert.deepEqual(cache.get(`/tree/${name}`)?.data, data);
    assert.equal(cache.get(`/tree/${name}`)?.stat.mzxid, stat.mzxid);
  }
});

test('a leader that stands still: one holder at a time, every addition once', async () => {
  const own: ZooKeeper[] = [];
  for (let index = 0; index < workers; index += 1) {
    own.push(await ZooKeeper.connect(ensemble.connectString, { sessionTimeoutMs: 12_000 }));
  }
  const room = new Room();
  const locks = new Workload().start(3, async (_, worker) => {
    const zk = own[worker] as ZooKeeper;
    await using held = await new Lock(zk, '/still/lock').acquire();
    room.enter(held.fence);
    await zk.exists(held.path).catch(lostOnly);
    room.leave();
  });
  let added = 0;
  const counters = own.map((zk) => new Counter(zk, '/still/counter'));
  const counting = new Workload().start(3, async (_, worker) => {
    await counters[worker]?.add(1);
    added += 1;
  });
  await under(frozen, [locks, counting], 10);
  assert.equal(await counters[0]?.value(), added);
  await Promise.all(own.map((zk) => zk.close()));
});

async function retriedGet(zk: ZooKeeper, path: string): ReturnType<ZooKeeper['get']> {
  for (;;) {
    try {
      return await zk.get(path);
    } catch (error) {
      lostOnly(error);
    }
  }
}

/** A connection that breaks under a plain call is no matter here; anything else is. */
function lostOnly(error: unknown): void {
  if ((error as { code?: string }).code !== 'CONNECTION_LOSS') throw error;
}

function ignoreRefusals(error: unknown): void {
  const { code = '' } = error as { code?: string };
  if (!['CONNECTION_LOSS', 'NO_NODE', 'NODE_EXISTS'].includes(code)) throw error;
}
