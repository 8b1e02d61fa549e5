import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ZooKeeper } from '../../../client/index.ts';
import { Configuration, Lock, publish, TreeCache } from '../../../client/recipes/index.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import { until } from '../../support/real-ensemble.ts';
import { randomOf, RecipeWorld } from './recipe-world.ts';

// Goal: what is cached is what the ensemble has in the end, whatever was missed in between, and it
// says when it may be out of date.
// Method: a real server; one client changes the tree at random while the other is cut off and
// comes back; then both are compared.

let world: RecipeWorld;
let zk: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start();
  zk = await world.client();
});

after(() => world[Symbol.asyncDispose]());

const parse = (data: Buffer | null): unknown => JSON.parse(String(data)) as unknown;

test('what is published is heard, from the first on, and its end as well', async () => {
  using settings = await Configuration.open(zk, '/app/settings', parse);
  assert.deepEqual([settings.value, settings.version, settings.isLive], [null, null, true]);
  const heard: unknown[] = [];
  settings.onChange(({ value }) => heard.push(value));
  const publisher = await world.client();
  await publish(publisher, '/app/settings', '1');
  await until('the first', 90_000, () => settings.value === 1);
  const { version } = await publish(publisher, '/app/settings', '2', {
    version: settings.version ?? -1,
  });
  await until('the second', 90_000, () => settings.value === 2);
  assert.equal(settings.version, version);
  await assert.rejects(publish(publisher, '/app/settings', '3', { version: version - 1 }), {
    code: 'BAD_VERSION',
  });
  await publisher.remove('/app/settings');
  await until('the end', 90_000, () => settings.value === null);
  assert.deepEqual(heard, [1, 2, null]);
  await assert.rejects(publish(publisher, '/app/settings', '3', { version: 0 }), {
    code: 'NO_NODE',
  });
});

test('a value that cannot be parsed leaves the last good one, and is told', async () => {
  await publish(zk, '/bad', '{"a":1}');
  using settings = await Configuration.open(zk, '/bad', parse);
  await publish(zk, '/bad', 'not json');
  await until('the problem', 90_000, () => settings.problem instanceof SyntaxError);
  assert.deepEqual(settings.value, { a: 1 });
  await publish(zk, '/bad', '{"a":2}');
  await until('the next', 90_000, () => settings.problem === null);
  assert.deepEqual(settings.value, { a: 2 });
});

test('what was published while nobody could hear is read afterwards', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  await publish(zk, '/away', '1');
  using settings = await Configuration.open(other, '/away', parse);
  const heard: unknown[] = [];
  settings.onChange(({ value }) => heard.push(value));
  proxy.close();
  await until('the break', 90_000, () => !settings.isLive);
  assert.equal(settings.value, 1);
  await publish(zk, '/away', '2');
  await publish(zk, '/away', '3');
  proxy.open();
  await until('the latest', 90_000, () => settings.isLive && settings.value === 3);
  assert.deepEqual(heard, [3]);
  proxy.cut();
  await until('the break', 90_000, () => !settings.isLive);
  await until('the return without news', 90_000, () => settings.isLive);
  assert.deepEqual(heard, [3]);
  await other.close();
  assert.equal(settings.isLive, false);
});

test('a call that breaks the connection again and again costs the others nothing', async () => {
  const other = await world.client();
  await publish(zk, '/beside/settings', '1');
  using settings = await Configuration.open(other, '/beside/settings', parse);
  using cache = await TreeCache.open(other, '/beside');
  await using held = await new Lock(other, '/beside-lock').acquire();
  // Servers hang up on what is too large for them.
  await assert.rejects(publish(other, '/large', new Uint8Array(1_100_000)), {
    code: 'CONNECTION_LOSS',
  });
  await publish(zk, '/beside/settings', '2');
  await until('the settings', 90_000, () => settings.isLive && settings.value === 2);
  await until('the cache', 90_000, () => {
    return cache.isLive && String(cache.get('/beside/settings')?.data) === '2';
  });
  await other.sync();
  assert.deepEqual([held.isHeld, held.lost.aborted], [true, false]);
});

for (const fault of ['loseReply', 'loseRequest'] as const) {
  test(`publishing with a version is done once (${fault})`, async () => {
    const { zk: other, proxy } = await world.faultyClient();
    const { version } = await publish(other, `/publish-${fault}`, '1');
    const lost = proxy[fault](OpCode.SET_DATA);
    const stat = await publish(other, `/publish-${fault}`, '2', { version });
    await lost;
    assert.equal(stat.version, version + 1);
    assert.equal(String((await zk.get(`/publish-${fault}`)).data), '2');
  });
}

/** Everything below a path, read anew. */
async function readTree(path: string): Promise<Map<string, string>> {
  const tree = new Map<string, string>();
  const node = await zk.get(path).catch(() => null);
  if (node === null) return tree;
  tree.set(path, String(node.data));
  for (const name of await zk.children(path)) {
    for (const [key, value] of await readTree(`${path}/${name}`)) tree.set(key, value);
  }
  return tree;
}

function cached(cache: TreeCache): Map<string, string> {
  return new Map([...cache.entries()].map(([path, { data }]) => [path, String(data)]));
}

const sorted = (tree: ReadonlyMap<string, string>): unknown =>
  [...tree].toSorted(([a], [b]) => (a < b ? -1 : 1));

test('a tree is followed from before it exists to its end', async () => {
  using cache = await TreeCache.open(zk, '/grows');
  assert.deepEqual([cache.size, cache.isLive], [0, true]);
  const told: string[] = [];
  cache.onChange(({ type, path }) => told.push(`${type} ${path}`));
  await zk.create('/grows', 'root');
  await zk.create('/grows/a', '1');
  await until('a', 90_000, () => cache.size === 2);
  await zk.create('/grows/a/b', '2');
  await zk.set('/grows/a', '3');
  await until('the change', 90_000, () => String(cache.get('/grows/a')?.data) === '3');
  assert.deepEqual(cache.children('/grows'), ['a']);
  assert.deepEqual(cache.children('/grows/a'), ['b']);
  await zk.remove('/grows/a/b');
  await zk.remove('/grows/a');
  await zk.remove('/grows');
  await until('the end', 90_000, () => cache.size === 0);
  assert.deepEqual(told, [
    'added /grows',
    'added /grows/a',
    'added /grows/a/b',
    'changed /grows/a',
    'removed /grows/a/b',
    'removed /grows/a',
    'removed /grows',
  ]);
});

test('two caches of one session follow the same tree, and one may end', async () => {
  await zk.create('/twice', '0');
  using first = await TreeCache.open(zk, '/twice');
  const second = await TreeCache.open(zk, '/twice');
  second.close();
  using third = await TreeCache.open(zk, '/twice');
  await zk.set('/twice', '1');
  await until('the change', 90_000, () => [first, third].every((c) => sawOne(c)));
  assert.equal(String(second.get('/twice')?.data), '0');
});

const sawOne = (cache: TreeCache): boolean => String(cache.get('/twice')?.data) === '1';

async function changeAtRandom(random: () => number, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    const depth = 1 + Math.floor(random() * 3);
    const names = Array.from({ length: depth }, () => String(Math.floor(random() * 3)));
    const path = `/random/${names.join('/')}`;
    const change =
      random() < 0.5
        ? zk.create(path, String(done))
        : random() < 0.6
          ? zk.set(path, String(done))
          : zk.remove(path);
    // Refusals are part of the mixture: what counts is what the tree is then.
    await change.catch(() => undefined);
  }
}

test('whatever changes while the cache is here, away or on its way back, it ends up equal', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  await zk.create('/random', 'root');
  using cache = await TreeCache.open(other, '/random');
  const mirror = new Map<string, string>();
  for (const [path, { data }] of cache.entries()) mirror.set(path, String(data));
  cache.onChange(({ type, path, node }) => {
    assert.equal(mirror.has(path), type !== 'added', `${type} ${path}`);
    if (type === 'removed') mirror.delete(path);
    else mirror.set(path, String(node.data));
  });
  const random = randomOf(7);
  for (let round = 0; round < 6; round += 1) {
    await changeAtRandom(random, 40);
    proxy.close();
    await changeAtRandom(random, 40);
    proxy.open();
    if (round % 3 === 0) await until('the return', 90_000, () => other.state === 'connected');
    await changeAtRandom(random, 40);
    await until('the cache to be level', 90_000, async () => {
      if (!cache.isLive) return false;
      const tree = await readTree('/random');
      return JSON.stringify(sorted(tree)) === JSON.stringify(sorted(cached(cache)));
    });
    assert.deepEqual(sorted(mirror), sorted(cached(cache)));
  }
});
