import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { AcknowledgedWriter } from '../support/acknowledged-writer.ts';
import type { Member } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { RawSession } from '../support/raw-session.ts';
import { differencesOf, dumpOf, dumpsOf, sessionsGone } from '../support/tree-dump.ts';

// Goal: three servers as processes keep what they acknowledged, and the sessions, whatever ends.
// Method: real processes, sockets and disks on the loopback; kills, restarts, then every member's
// tree is read out and compared.

const ours = { kind: 'ours' } as const;
const inOrder = { random: () => 0.999 };
let ensemble: RealEnsemble;

before(async () => {
  ensemble = await RealEnsemble.started({ members: [ours, ours, ours], tickMs: 500 });
});

after(() => ensemble[Symbol.asyncDispose]());

async function assertAlike(): Promise<void> {
  const [first, ...others] = await dumpsOf(ensemble);
  assert(first !== undefined);
  for (const other of others) assert.deepEqual(differencesOf(first, other), []);
}

test('a leader that is killed under load takes no acknowledged write with it', async () => {
  await using zk = await ZooKeeper.connect(ensemble.connectString);
  await zk.create('/load');
  const writers = ['a', 'b', 'c', 'd'].map((name) => new AcknowledgedWriter('/load', name));
  await using all = new AsyncDisposableStack();
  for (const writer of writers) all.use(writer);
  for (const writer of writers) await writer.start(ensemble.connectString);
  const grown = async (by: number): Promise<void> => {
    await Promise.all(writers.map((writer) => writer.grows(by, 20_000)));
  };
  await grown(50);
  const leader = await ensemble.leader();
  await leader.kill('SIGKILL');
  await grown(50);
  leader.start();
  await ensemble.ready();
  await grown(20);
  for (const writer of writers) await writer.stop();

  const dump = await dumpOf(leader);
  for (const writer of writers) assert.deepEqual(writer.missingIn(dump), []);
  await assertAlike();
});

test('requests of one session are answered in order, and a read sees the writes before it', async () => {
  for (const member of ensemble.members) {
    await using zk = await ZooKeeper.connect(member.address);
    const path = `/order-${member.sid}`;
    // Replies of 12 MB in all: more than one turn may gather.
    await zk.create(path, Buffer.alloc(30_000));
    const sets: number[] = [];
    const gets: number[] = [];
    const calls: Promise<unknown>[] = [];
    for (let number = 1; number <= 100; number += 1) {
      calls.push(zk.set(path, Buffer.alloc(30_000, number)).then(() => sets.push(number)));
      for (let read = 0; read < number % 7; read += 1) {
        const get = zk.get(path).then(({ data, stat }) => {
          assert.equal(stat.version, number);
          assert.equal(data?.[0], number);
          gets.push(number);
        });
        calls.push(get);
      }
      if (number % 10 === 0) calls.push(zk.sync(path));
    }
    await Promise.all(calls);
    for (const numbers of [sets, gets]) {
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      );
    }
  }
});

test('two members of three go on, one alone does not, and two do again', async () => {
  const leader = await ensemble.leader();
  const [first, second] = ensemble.members.filter((member) => member !== leader) as [
    Member,
    Member,
  ];
  await first.kill('SIGKILL');
  await using zk = await ZooKeeper.connect(leader.address, { connectTimeoutMs: 10_000 });
  await zk.create('/two-of-three');
  await second.kill('SIGKILL');
  await until('the last one to stop serving', 10_000, async () => (await leader.mode()) === null);
  await assert.rejects(ZooKeeper.connect(leader.address, { connectTimeoutMs: 300 }), {
    code: 'CONNECTION_LOSS',
  });
  first.start();
  await ensemble.ready();
  await zk.create('/two-of-three/again');
  second.start();
  await ensemble.ready();
  await assertAlike();
});

test('all members killed at once come back with everything', async () => {
  await using zk = await ZooKeeper.connect(ensemble.connectString);
  await zk.create('/kept', 'before', {});
  await zk.set('/kept', 'after');
  await zk.multi([
    { op: 'create', path: '/kept/child', data: 'multi' },
    { op: 'check', path: '/kept', version: 1 },
  ]);
  await zk.create('/kept/container', null, { container: true });
  await zk.create('/kept/number-', null, { sequential: true });
  const before = await dumpOf(ensemble.member(1));
  await Promise.all(ensemble.members.map((member) => member.kill('SIGKILL')));
  ensemble.startAll();
  await ensemble.ready();
  for (const dump of await dumpsOf(ensemble)) assert.deepEqual(differencesOf(dump, before), []);
});

test('SIGUSR2 makes a leader hand over: it follows, and nobody at the others is disconnected', async () => {
  const leader = await ensemble.leader();
  const others = ensemble.members.filter((member) => member !== leader);
  const sessions = await Promise.all(
    others.map((member) => RawSession.open(member.clientPort, { timeoutMs: 5000 })),
  );
  leader.signal('SIGUSR2');
  await until('another leader', 10_000, async () => {
    const modes = await Promise.all(others.map((member) => member.mode()));
    return modes.includes('leader');
  });
  await until('the old one to follow', 10_000, async () => (await leader.mode()) === 'follower');
  for (const session of sessions) {
    assert.equal(await session.create(`/handed-over-${session.sessionId}`, {}), 0);
    await session.closeSession();
  }
  // A follower has nothing to hand over.
  leader.signal('SIGUSR2');
  await until('it to say so', 10_000, () => /does not lead/.test(leader.log()));
  await ensemble.ready();
  assert.equal(await leader.mode(), 'follower');
  await assertAlike();
});

test('SIGTERM ends a member with exit code 0, and a restart keeps everything', async () => {
  const before = await dumpOf(ensemble.member(1));
  for (const member of ensemble.members) {
    assert.equal(await member.kill('SIGTERM'), 0);
    member.start();
    await ensemble.ready();
  }
  const codes = await Promise.all(ensemble.members.map((member) => member.kill('SIGTERM')));
  assert.deepEqual(codes, [0, 0, 0]);
  ensemble.startAll();
  await ensemble.ready();
  for (const dump of await dumpsOf(ensemble)) assert.deepEqual(differencesOf(dump, before), []);
});

test('a session outlives its member: the client moves, ephemerals and watches stay', async () => {
  const leader = await ensemble.leader();
  const [home, other] = ensemble.members.filter((member) => member !== leader) as [Member, Member];
  await using zk = await ZooKeeper.connect(`${home.address},${other.address}`, {
    ...inOrder,
    sessionTimeoutMs: 10_000,
  });
  const { sessionId } = zk;
  await zk.create('/session');
  await zk.create('/session/mine', 'alive', { ephemeral: true });
  const events: string[] = [];
  await zk.children('/session', { watch: (event) => events.push(`${event.type} ${event.path}`) });
  await home.kill('SIGKILL');
  await until('the move', 10_000, () => zk.state === 'connected');
  const node = await zk.get('/session/mine');
  assert.equal(zk.sessionId, sessionId);
  assert.equal(node.stat.ephemeralOwner, sessionId);
  await zk.create('/session/seen');
  assert.deepEqual(events, ['NODE_CHILDREN_CHANGED /session']);
  home.start();
  await ensemble.ready();
});

test('a session belongs to the connection that took it last, wherever that is', async () => {
  const [a, b] = [ensemble.member(1), ensemble.member(2)];
  const old = await RawSession.open(a.clientPort, { timeoutMs: 10_000 });
  await old.create('/moved', { ephemeral: true });
  const taken = await RawSession.open(b.clientPort, {
    timeoutMs: 10_000,
    sessionId: old.sessionId,
    password: old.password,
    lastZxid: old.lastZxid,
  });
  assert.equal(taken.sessionId, old.sessionId);
  assert.equal(await taken.create('/moved-2', { ephemeral: true }), 0);
  await assert.rejects(old.create('/moved-3', {}), /closed/, 'the old connection writes no more');
  assert.equal(await taken.exists('/moved-3'), -101);
  assert.equal(await taken.exists('/moved'), 0);
  await taken.closeSession();
  await using zk = await ZooKeeper.connect(a.address);
  await zk.sync();
  assert.equal(await zk.exists('/moved'), null);
  assert.equal(await zk.exists('/moved-2'), null);
});

test('an ephemeral goes with its session: closed at once, silent after its timeout', async () => {
  const [a, b] = [ensemble.member(1), ensemble.member(3)];
  await using witness = await ZooKeeper.connect(b.address);
  const gone: string[] = [];
  await witness.addWatch('/', (event) => gone.push(`${event.type} ${event.path}`), {
    recursive: true,
  });
  const closing = await ZooKeeper.connect(a.address);
  await closing.create('/brief', null, { ephemeral: true });
  await closing.close();
  await until('the closed one', 5000, () => gone.includes('NODE_DELETED /brief'));

  const silent = await RawSession.open(a.clientPort, { timeoutMs: 1000 });
  assert.equal(silent.timeoutMs, 1000);
  await silent.create('/silent', { ephemeral: true });
  const sinceMs = performance.now();
  silent.destroy();
  await until('the silent one', 5000, () => gone.includes('NODE_DELETED /silent'));
  const livedMs = performance.now() - sinceMs;
  // Not before its timeout, which the last request re-armed, less what the request took.
  assert(livedMs > 900, `${livedMs} ms`);
});

test('a session whose client pings lives on at every member', async () => {
  const sessions: RawSession[] = [];
  for (const { clientPort } of ensemble.members) {
    sessions.push(await RawSession.open(clientPort, { timeoutMs: 1000 }));
  }
  const endMs = performance.now() + 2500;
  await until('two timeouts and more to pass', 5000, () => {
    for (const session of sessions) session.ping();
    return performance.now() > endMs;
  });
  for (const session of sessions) {
    assert.equal(await session.exists('/'), 0);
    await session.closeSession();
  }
  await sessionsGone(ensemble.member(1), 10_000);
});
