// Goal: where servers listen and which of them serve clients is what the configuration says.
// Method: real processes on loopback addresses of their own, dialled from outside.
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { freePorts } from '../support/ports.ts';
import { RawSession } from '../support/raw-session.ts';
import type { Member, MemberSpec } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

const tickMs = 500;

/** Server N is reached at 127.0.0.N. */
function members(count: number): MemberSpec[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'ours',
    hosts: [`127.0.0.${index + 1}`],
  }));
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port });
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

for (const listensOnAll of [true, false]) {
  test(`quorumListenOnAllIPs=${listensOnAll}: ports between servers`, async () => {
    const settings = { quorumListenOnAllIPs: String(listensOnAll) };
    await using ensemble = await RealEnsemble.started({ members: members(3), tickMs, settings });
    const leader = await ensemble.leader();
    const own = `127.0.0.${leader.sid}`;
    const elsewhere = '127.0.0.77';
    for (const port of [leader.electionPort, leader.quorumPort]) {
      assert.equal(await isOpen(own, port), true);
      assert.equal(await isOpen(elsewhere, port), listensOnAll);
    }
    const follower = ensemble.members.find((member) => member !== leader);
    assert(follower !== undefined);
    assert.equal(await isOpen(elsewhere, follower.electionPort), listensOnAll);
    assert.equal(await isOpen(elsewhere, follower.quorumPort), false, 'only a leader has it');
  });
}

test('leaderServes=no: a leader serves no clients, and one that becomes leader lets its own go', async () => {
  const properties = { 'zookeeper.leaderServes': 'no' };
  await using ensemble = await RealEnsemble.started({ members: members(3), tickMs, properties });
  const leader = await ensemble.leader();
  await assert.rejects(RawSession.open(leader.clientPort, { timeoutMs: 5_000 }), /closed/);
  const others = ensemble.members.filter((member) => member !== leader);
  const before = await Promise.all(
    others.map((member) => RawSession.open(member.clientPort, { timeoutMs: 10_000 })),
  );
  for (const [index, session] of before.entries()) {
    assert.equal(await session.create(`/before-${index}`, {}), 0);
  }
  await leader.kill('SIGKILL');
  await ensemble.ready();
  const next = await ensemble.leader();
  const left = before[others.indexOf(next)];
  assert(left !== undefined);
  await assert.rejects(left.exists('/before-0'), /closed/);
  // With the whole list a client comes to one that serves.
  await using zk = await ZooKeeper.connect(ensemble.connectString);
  await zk.create('/after');
  leader.start();
  await until('the old leader to serve', 30_000, async () => (await leader.mode()) === 'follower');
  const back = await RawSession.open(leader.clientPort, { timeoutMs: 5_000 });
  assert.equal(await back.exists('/before-1'), 0);
  await back.closeSession();
});

test('an election port that is taken at first is taken later', async () => {
  await using ensemble = await RealEnsemble.create({ members: members(3), tickMs });
  const [one, two, three] = ensemble.members;
  assert(one !== undefined && two !== undefined && three !== undefined);
  const occupant = createServer((socket) => socket.destroy());
  await new Promise<void>((done) => {
    occupant.listen(one.electionPort, '127.0.0.1', done);
  });
  ensemble.startAll();
  await until('an attempt to fail', 20_000, () => one.log().includes('cannot be had yet'));
  await new Promise((done) => occupant.close(done));
  await ensemble.ready();
});

test('an election port that stays taken ends the process, with code 14', async () => {
  const properties = { 'zookeeper.electionPortBindRetry': '2' };
  await using ensemble = await RealEnsemble.create({ members: members(3), tickMs, properties });
  const [one] = ensemble.members;
  assert(one !== undefined);
  const occupant = createServer((socket) => socket.destroy());
  await new Promise<void>((done) => {
    occupant.listen(one.electionPort, '127.0.0.1', done);
  });
  one.start();
  await until('the process to end', 20_000, () => !one.isRunning);
  assert.match(one.log(), /election port: cannot listen on 127\.0\.0\.1:\d+.*exitCode=14/);
  await new Promise((done) => occupant.close(done));
});

/** The server that an observer says it is connected to. */
async function masterOf(member: Member): Promise<number> {
  const line = /^zk_observer_master_id\t(\d+)/m.exec((await member.ask('mntr')) ?? '');
  return Number(line?.[1] ?? 0);
}

test('an observer comes to a follower, goes to another one when it must, and clients keep their sessions', async () => {
  const [observerMasterPort = 0] = await freePorts(1);
  const settings = { observerMasterPort, standaloneEnabled: 'false' };
  const specs = members(4).map((spec, index): MemberSpec => {
    return index < 3 ? spec : { ...spec, role: 'observer' };
  });
  await using ensemble = await RealEnsemble.started({ members: specs, tickMs, settings });
  const leader = await ensemble.leader();
  const observer = ensemble.member(4);
  const first = await masterOf(observer);
  assert.notEqual(first, leader.sid);
  await using zk = await ZooKeeper.connect(observer.address);
  await zk.create('/one', 'through a follower');
  await ensemble.member(first).kill('SIGKILL');
  await until('another follower to serve it', 30_000, async () => {
    return ![0, first, leader.sid].includes(await masterOf(observer));
  });
  await zk.create('/two', 'through the other');
  await zk.sync();
  assert.equal((await zk.get('/one')).data?.toString(), 'through a follower');
  ensemble.member(first).start();
  await ensemble.ready();
});

test('an observer of a lone voter goes to the leader', async () => {
  const [observerMasterPort = 0] = await freePorts(1);
  const settings = { observerMasterPort, standaloneEnabled: 'false' };
  const [voter, other] = members(2);
  assert(voter !== undefined && other !== undefined);
  const specs: MemberSpec[] = [voter, { ...other, role: 'observer' }];
  await using ensemble = await RealEnsemble.started({ members: specs, tickMs, settings });
  assert.equal(await masterOf(ensemble.member(2)), 1);
  await using zk = await ZooKeeper.connect(ensemble.member(2).address);
  assert.equal(await zk.create('/through'), '/through');
});
