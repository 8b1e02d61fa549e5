import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ZooKeeper } from '../../../client/index.ts';
import { Lock } from '../../../client/recipes/lock.ts';
import type { Tenure } from '../../../client/recipes/tenure.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import { until } from '../../support/real-ensemble.ts';
import { aborted, RecipeWorld } from './recipe-world.ts';

// Goal: a lock has one holder, whatever breaks between the clients and their server, and who may
// have lost it is told.
// Method: a real server; clients through proxies that break connections, lose replies and keep
// clients away until their sessions are over.

let world: RecipeWorld;
let zk: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start();
  zk = await world.client();
});

after(() => world[Symbol.asyncDispose]());

const inLine = async (path: string): Promise<number> => (await zk.exists(path))?.numChildren ?? 0;

test('one holds it at a time, in the order of asking, each with a larger fence', async () => {
  const clients = [zk, await world.client(), await world.client()];
  const order: number[] = [];
  const fences: number[] = [];
  let holders = 0;
  const work = async (client: ZooKeeper, index: number): Promise<void> => {
    await using held = await new Lock(client, '/order/lock').acquire();
    holders += 1;
    assert.equal(holders, 1);
    order.push(index);
    fences.push(held.fence);
    await client.sync('/');
    holders -= 1;
  };
  const gate = await new Lock(zk, '/order/lock').acquire();
  const works: Promise<void>[] = [];
  for (let index = 0; index < 12; index += 1) {
    works.push(work(clients[index % 3] as ZooKeeper, index));
    await until('the place', 90_000, async () => (await inLine('/order/lock')) === index + 2);
  }
  await gate.release();
  await Promise.all(works);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assert.deepEqual(
    fences.toSorted((a, b) => a - b),
    fences,
  );
  assert.equal(await inLine('/order/lock'), 0);
});

test('who does not get it in time leaves the line, and the next one is not kept waiting', async () => {
  const lock = new Lock(zk, '/timeout');
  const held = await lock.acquire();
  await assert.rejects(lock.acquire({ timeoutMs: 20 }), { code: 'OPERATION_TIMEOUT' });
  const stop = new AbortController();
  const refused = assert.rejects(lock.acquire({ signal: stop.signal }), /no more/);
  await until('the place', 90_000, async () => (await inLine('/timeout')) === 2);
  stop.abort(new Error('no more'));
  await refused;
  await until('the line to empty', 90_000, async () => (await inLine('/timeout')) === 1);
  await held.release();
  await using again = await lock.acquire({ timeoutMs: 90_000 });
  assert.equal(again.lost.aborted, false);
});

test('a release wakes the next one only, however many wait', async () => {
  const first = await new Lock(zk, '/herd').acquire();
  const crowd = await Promise.all(Array.from({ length: 12 }, () => world.faultyClient()));
  const places: Promise<Tenure>[] = [];
  for (const [index, { zk: other }] of crowd.entries()) {
    places.push(new Lock(other, '/herd').acquire());
    await until('the place', 90_000, async () => (await inLine('/herd')) === index + 2);
    // The watch is behind the place: what was asked before this is answered when this is.
    await until('the look', 90_000, async () => (await other.children('/herd')).length > index);
  }
  const before = crowd.map(({ proxy }) => proxy.requestCount);
  await first.release();
  const next = await places[0];
  await Promise.all(crowd.map(({ zk: other }) => other.exists('/herd')));
  const asked = crowd.map(({ proxy }, index) => proxy.requestCount - (before[index] ?? 0));
  assert(
    asked.slice(1).every((count) => count <= 1 + 1),
    `requests: ${asked.join()}`,
  );
  await next?.release();
  for (const place of places.slice(1)) await (await place).release();
});

test('below a chroot that is not there it is made, unless its parent is missing too', async () => {
  const below = await ZooKeeper.connect(`${world.address}/tenant`);
  const held = await new Lock(below, '/a/lock').acquire();
  assert.match(held.path, /^\/a\/lock\//);
  assert.notEqual(await zk.exists(`/tenant${held.path}`), null);
  await below.close();
  const lower = await ZooKeeper.connect(`${world.address}/no/tenant`);
  await assert.rejects(new Lock(lower, '/lock').acquire(), { code: 'NO_NODE' });
  await lower.close();
});

test('giving up before the place is there leaves none behind', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  proxy.close();
  await until('the break', 90_000, () => other.state === 'suspended');
  await assert.rejects(new Lock(other, '/early').acquire({ timeoutMs: 20 }), {
    code: 'OPERATION_TIMEOUT',
  });
  proxy.open();
  await until('the return', 90_000, () => other.state === 'connected');
  await other.sync('/');
  await until('the place to go', 90_000, async () => (await inLine('/early')) === 0);
  await using held = await new Lock(zk, '/early').acquire({ timeoutMs: 90_000 });
  assert.equal(held.lost.aborted, false);
});

test('trying is one look', async () => {
  const lock = new Lock(zk, '/try', { data: 'me' });
  const held = await lock.tryAcquire();
  assert(held !== null);
  assert.equal(await lock.tryAcquire(), null);
  assert.deepEqual(await lock.contenders(), [Buffer.from('me')]);
  await held.release();
  assert.deepEqual(await lock.contenders(), []);
});

test('a create whose reply is lost is found again: one place, and it is held', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const lock = new Lock(other, '/found');
  await (await lock.acquire()).release();
  const lost = proxy.loseReply(OpCode.CREATE2);
  const held = await lock.acquire();
  await lost;
  assert.equal(await inLine('/found'), 1);
  assert.equal((await zk.exists(held.path))?.czxid, held.fence);
  await held.release();
  assert.equal(await inLine('/found'), 0);
});

test('a create that never arrived is made again', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const lost = proxy.loseRequest(OpCode.CREATE2);
  await using held = await new Lock(other, '/again').acquire();
  await lost;
  assert.equal(await inLine('/again'), 1);
  assert.equal(held.lost.aborted, false);
});

test('a release whose reply is lost is done once', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const held = await new Lock(other, '/release').acquire();
  const lost = proxy.loseReply(OpCode.DELETE);
  await held.release();
  await lost;
  assert.equal(await inLine('/release'), 0);
});

test('a short break costs neither the lock nor the places behind it', async () => {
  const { zk: a, proxy: first } = await world.faultyClient();
  const { zk: b, proxy: second } = await world.faultyClient();
  const held = await new Lock(a, '/break').acquire();
  const next = new Lock(b, '/break').acquire();
  await until('the line', 90_000, async () => (await inLine('/break')) === 2);
  first.cut();
  second.cut();
  await until('the return', 90_000, () => a.state === 'connected' && b.state === 'connected');
  assert.equal(held.lost.aborted, false);
  await held.release();
  await (await next).release();
});

test('without a server for a session timeout it is lost before the session can be', async () => {
  const { zk: other, proxy } = await world.faultyClient({ sessionTimeoutMs: 1_000 });
  const held = await new Lock(other, '/silent').acquire();
  const next = new Lock(zk, '/silent').acquire();
  proxy.close();
  const first = await Promise.race([
    aborted(held.lost).then(() => 'lost'),
    next.then(() => 'next'),
  ]);
  assert.equal(first, 'lost');
  assert.equal(held.lost.reason.code, 'CONNECTION_LOSS');
  await using after = await next;
  assert(after.fence > held.fence);
  proxy.open();
  await until('the news', 90_000, () => other.state === 'expired');
  await held.release();
  await assert.rejects(new Lock(other, '/silent').acquire(), { code: 'SESSION_EXPIRED' });
});

test('waiting ends with the session', async () => {
  const other = await world.client();
  await using held = await new Lock(zk, '/over').acquire();
  const refused = assert.rejects(new Lock(other, '/over').acquire(), { code: 'SESSION_EXPIRED' });
  await until('the line', 90_000, async () => (await inLine('/over')) === 2);
  await other.close();
  await refused;
  assert.equal(held.lost.aborted, false);
});

test('closing the session is a loss to the holder', async () => {
  const other = await world.client();
  const held = await new Lock(other, '/closed').acquire();
  await other.close();
  assert.equal(((await aborted(held.lost)) as { code: string }).code, 'SESSION_EXPIRED');
});

test('a node that somebody removes is lost, and a place of a waiting one as well', async () => {
  const lock = new Lock(zk, '/removed');
  const held = await lock.acquire();
  const refused = assert.rejects(lock.acquire(), { code: 'NO_NODE' });
  await until('the line', 90_000, async () => (await inLine('/removed')) === 2);
  const [name] = (await zk.children('/removed')).filter((name) => !held.path.endsWith(name));
  await zk.remove(`/removed/${name}`);
  await zk.remove(held.path);
  assert.equal(((await aborted(held.lost)) as { code: string }).code, 'NO_NODE');
  await refused;
});
