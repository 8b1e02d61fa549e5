import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ZooKeeper } from '../../../client/index.ts';
import { Election, Group } from '../../../client/recipes/index.ts';
import { OpCode } from '../../../server/protocol/op-code.ts';
import { until } from '../../support/real-ensemble.ts';
import { aborted, RecipeWorld } from './recipe-world.ts';

// Goal: there is one leader at a time and everyone can know it; who is in a group is known to all,
// and who has gone is gone.
// Method: a real server; clients that close, crash without a word and lose replies.

let world: RecipeWorld;
let zk: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start();
  zk = await world.client();
});

after(() => world[Symbol.asyncDispose]());

const inLine = async (path: string): Promise<number> => (await zk.exists(path))?.numChildren ?? 0;

test('the next in line leads when the leader goes, and followers hear of each', async () => {
  const stop = new AbortController();
  const heard: (string | null)[] = [];
  const hearing = (async () => {
    for await (const id of new Election(zk, '/leader').leaders({ signal: stop.signal })) {
      heard.push(id === null ? null : id.toString());
    }
  })();
  await until('the news that nobody leads', 90_000, () => heard.length === 1);
  const clients = [await world.client(), await world.client(), await world.client()];
  const terms = [];
  for (const [index, client] of clients.entries()) {
    terms.push(new Election(client, '/leader', `${index}`).lead());
    await until('the candidate', 90_000, async () => (await inLine('/leader')) === index + 1);
  }
  const candidates = await new Election(zk, '/leader').candidates();
  assert.deepEqual(candidates.map(String), ['0', '1', '2']);
  let lastFence = 0;
  for (const [index, term] of terms.entries()) {
    const { fence, lost } = await term;
    assert(fence > lastFence && !lost.aborted);
    lastFence = fence;
    assert.equal(String(await new Election(zk, '/leader').leader()), `${index}`);
    await until(`the news of ${index}`, 90_000, () => heard.at(-1) === `${index}`);
    await clients[index]?.close();
    await aborted(lost);
  }
  await until('the news that nobody leads', 90_000, () => heard.at(-1) === null);
  stop.abort();
  await hearing;
  assert.deepEqual(heard, [null, '0', '1', '2', null]);
});

test('work under a leadership that is lost is begun anew, and ends when it is done', async () => {
  const election = new Election(zk, '/work', 'worker');
  const fences: number[] = [];
  const result = await election.run(async (term) => {
    fences.push(term.fence);
    if (fences.length === 3) return 'done';
    await zk.remove(term.path);
    await aborted(term.lost);
    if (fences.length === 1) throw new Error('what a lost leader says does not count');
    return 'too late';
  });
  assert.equal(result, 'done');
  assert.deepEqual(
    fences.toSorted((a, b) => a - b),
    fences,
  );
  await assert.rejects(
    election.run(() => Promise.reject(new Error('broken'))),
    /broken/,
  );
  assert.equal(await inLine('/work'), 0);
});

test('running ends with the signal while it waits', async () => {
  await using term = await new Election(zk, '/busy').lead();
  const stop = new AbortController();
  const refused = assert.rejects(
    new Election(zk, '/busy').run(() => Promise.resolve(), { signal: stop.signal }),
    /enough/,
  );
  await until('the candidate', 90_000, async () => (await inLine('/busy')) === 2);
  stop.abort(new Error('enough'));
  await refused;
  assert.equal(await new Election(zk, '/busy').tryLead(), null);
  assert.equal(term.lost.aborted, false);
});

test('members are known to all, with what they say, until they leave or close', async () => {
  const group = new Group(zk, '/cluster/members');
  using view = await group.view();
  const seen: string[] = [];
  view.onChange(({ members }) => {
    seen.push([...members].map(([name, data]) => `${name}=${String(data)}`).join(' '));
  });
  const other = await world.client();
  const a = await group.join('a', 'one');
  const b = await new Group(other, '/cluster/members').join('b', 'two');
  await a.update('three');
  await until('all changes', 90_000, () => seen.at(-1) === 'a=three b=two');
  assert.deepEqual(await group.members(), view.members);
  await other.close();
  await aborted(b.lost);
  await until('b to go', 90_000, () => seen.at(-1) === 'a=three');
  await a.release();
  await until('a to go', 90_000, () => seen.at(-1) === '');
  assert.deepEqual(await group.members(), new Map());
  assert.equal(view.isLive, true);
  await assert.rejects(b.update('x'), { code: 'SESSION_EXPIRED' });
});

test('a name of a session that has died is free after its timeout, and waited for', async () => {
  const { zk: dying, proxy } = await world.faultyClient({ sessionTimeoutMs: 1_000 });
  const before = await new Group(dying, '/names').join('server-1');
  proxy.close();
  const group = new Group(zk, '/names');
  await assert.rejects(group.join('server-1', null, { timeoutMs: 20 }), {
    code: 'OPERATION_TIMEOUT',
  });
  await using again = await group.join('server-1', 'again', { timeoutMs: 90_000 });
  assert(again.fence > before.fence);
  assert.equal(before.lost.aborted, true);
  await assert.rejects(group.join('server-1'), { code: 'NODE_EXISTS' });
  assert.deepEqual([...(await group.members()).keys()], ['server-1']);
});

test('joining whose reply is lost is joining', async () => {
  const { zk: other, proxy } = await world.faultyClient();
  const group = new Group(other, '/joined');
  await (await group.join('x')).release();
  const lost = proxy.loseReply(OpCode.CREATE2);
  await using member = await group.join('me', 'here');
  await lost;
  assert.equal((await zk.exists('/joined/me'))?.czxid, member.fence);
});
