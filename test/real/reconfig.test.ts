import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ZkError, ZooKeeper } from '../../client/index.ts';
import { changingEnsemble, lineOf, membersAt, SteadyWriter } from '../support/changing-ensemble.ts';
import { freePorts } from '../support/ports.ts';
import type { Member, RealEnsemble } from '../support/real-ensemble.ts';
import { until } from '../support/real-ensemble.ts';
import { differencesOf, dumpOf } from '../support/tree-dump.ts';

// Goal: an ensemble grows from three servers to five, shrinks to three and to one while it is
// written to, loses its leader on the way, and forgets nothing; its files bring it back.
// Method: real processes and the command-line client; every acknowledged write is looked for.

const ours = { kind: 'ours' } as const;
const root = join(import.meta.dirname, '../..');
let ensemble: RealEnsemble;
const writer = new SteadyWriter('load');

before(async () => {
  ensemble = await changingEnsemble({ members: [ours, ours, ours, ours, ours], tickMs: 500 }, 3);
  for (const sid of [1, 2, 3]) ensemble.member(sid).start();
  await ensemble.ready();
  await writer.start(ensemble.connectString);
});

after(async () => {
  await writer[Symbol.asyncDispose]();
  await ensemble[Symbol.asyncDispose]();
});

function cli(member: Member, ...words: string[]): string {
  const node = join(root, 'node_modules/.bin/node');
  const script = join(root, 'client/bin/zk-cli.js');
  const args = [script, '-server', member.address, ...words];
  const { stdout, stderr, status } = spawnSync(node, args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

async function askMode(port: number): Promise<string | null> {
  const socket = connect({ host: '127.0.0.1', port, timeout: 2000 });
  let answer = '';
  socket.on('connect', () => socket.write('srvr'));
  socket.on('data', (chunk) => (answer += chunk.toString('utf8')));
  socket.on('timeout', () => socket.destroy());
  socket.on('error', () => undefined);
  await new Promise((done) => socket.on('close', done));
  return /^Mode: (\S+)/m.exec(answer)?.[1] ?? null;
}

async function everyoneKnows(members: string, asked: readonly Member[]): Promise<void> {
  await until(`everybody to know ${members}`, 20_000, async () => {
    const known = await Promise.all(asked.map((member) => membersAt(member)));
    return known.every((one) => one === members);
  });
}

async function assertNothingLost(member: Member): Promise<void> {
  const acknowledged = [...writer.acknowledged];
  const dump = await dumpOf(member);
  for (const path of acknowledged) assert(dump.has(path), path);
}

test('the first epoch names the configured members, in files beside the configuration', async () => {
  await everyoneKnows('1 2 3', ensemble.members.slice(0, 3));
  const { directory } = ensemble.member(1);
  const files = readdirSync(directory);
  assert(files.includes('zoo.cfg.bak'));
  assert(!files.includes('zoo.cfg.dynamic.next'));
  const cfg = readFileSync(join(directory, 'zoo.cfg'), 'utf8');
  const dynamic = /dynamicConfigFile=(.*)/.exec(cfg)?.[1] ?? '';
  assert.match(dynamic, /zoo\.cfg\.dynamic\.[0-9a-f]00000000$/);
  assert.equal(
    readFileSync(dynamic, 'utf8'),
    ensemble.members
      .slice(0, 3)
      .map((member) => lineOf(member))
      .join('\n'),
  );
});

test('what cannot be is refused: no quorum there, a wrong version, one voter of none', async () => {
  await using zk = await ZooKeeper.connect(ensemble.member(2).address);
  const joining = [4, 5].map((sid) => lineOf(ensemble.member(sid))).join(',');
  const leaving = '1,2';
  const refusal = async (change: Parameters<ZooKeeper['reconfig']>[0]): Promise<string> => {
    const error = await zk.reconfig(change).catch((thrown: unknown) => thrown);
    return error instanceof ZkError ? error.code : 'accepted';
  };
  assert.equal(await refusal({ joining, leaving }), 'NEW_CONFIG_NO_QUORUM');
  assert.equal(await refusal({ leaving: '1,2,3' }), 'BAD_ARGUMENTS');
  assert.equal(await refusal({ joining: 'server.9=nowhere' }), 'BAD_ARGUMENTS');
  assert.equal(await refusal({ leaving: '3', version: 77 as never }), 'BAD_VERSION');
});

test('ZOOKEEPER-2172: two servers follow without a vote, then join; a watch on the members fires', async () => {
  await using zk = await ZooKeeper.connect(ensemble.member(3).address);
  const events: string[] = [];
  await zk.getConfig({ watch: (event) => void events.push(`${event.type} ${event.path}`) });
  for (const sid of [4, 5]) ensemble.member(sid).start();
  await ensemble.ready();
  await writer.grown(20);
  const add = [4, 5].map((sid) => lineOf(ensemble.member(sid))).join(',');
  const printed = cli(ensemble.member(1), 'reconfig', '-add', add);
  assert.match(printed, /^Committed new configuration:\nserver\.1=/m);
  await everyoneKnows('1 2 3 4 5', ensemble.members);
  await writer.grown(20);
  await until('the watch to fire', 5_000, () => events.length > 0);
  assert.deepEqual(events, ['NODE_DATA_CHANGED /zookeeper/config']);
});

test('five go on without two of them, as five do', async () => {
  const leader = await ensemble.leader();
  const [first, second] = ensemble.members.filter((member) => member !== leader) as [
    Member,
    Member,
  ];
  await Promise.all([first.kill(), second.kill()]);
  await writer.grown(20);
  first.start();
  second.start();
  await ensemble.ready();
  await everyoneKnows('1 2 3 4 5', ensemble.members);
});

test('a server moves to other ports, be it the leader', async () => {
  const leader = await ensemble.leader();
  const follower = ensemble.members.find((member) => member !== leader) as Member;
  for (const member of [follower, leader]) {
    const [quorum = 0, election = 0, client = 0] = await freePorts(3);
    const { sid } = member;
    const line = `server.${sid}=127.0.0.1:${quorum}:${election}:participant;127.0.0.1:${client}`;
    cli(member, 'reconfig', '-add', line);
    await until(`server ${sid} to serve at another port`, 20_000, async () => {
      const mode = await askMode(client);
      return mode === 'follower' || mode === 'leader';
    });
    assert.equal(await member.mode(), null, 'nobody listens at the old port');
    await writer.grown(20);
    cli(await ensemble.leader(), 'reconfig', '-add', lineOf(member));
    await until(`server ${sid} to serve at its old port`, 20_000, async () => {
      return (await member.mode()) !== null;
    });
  }
  await everyoneKnows('1 2 3 4 5', ensemble.members);
});

test('the leader and another leave: one of the others leads at once, nothing is lost', async () => {
  const leader = await ensemble.leader();
  const [other, ...rest] = ensemble.members.filter((member) => member !== leader);
  assert(other !== undefined);
  cli(leader, 'reconfig', '-remove', `${leader.sid},${other.sid}`);
  await everyoneKnows(rest.map((member) => member.sid).join(' '), ensemble.members);
  await writer.grown(20);
  const next = await ensemble.leader();
  assert(rest.includes(next), `server ${next.sid} leads`);
  await Promise.all([leader.kill('SIGTERM'), other.kill('SIGTERM')]);
  await writer.grown(20);
  await assertNothingLost(next);
});

test('one server is left, and keeps everything over a restart', async () => {
  const running = ensemble.members.filter((member) => member.isRunning);
  const leader = await ensemble.leader();
  const last = running.find((member) => member !== leader);
  assert(last !== undefined);
  const leaving = running.filter((member) => member !== last);
  cli(last, 'reconfig', '-remove', leaving.map((member) => member.sid).join(','));
  await everyoneKnows(String(last.sid), running);
  await Promise.all(leaving.map((member) => member.kill('SIGTERM')));
  await writer.grown(20);
  await writer.stop();
  await assertNothingLost(last);
  const before = await dumpOf(last);
  await last.kill('SIGKILL');
  last.start();
  await ensemble.ready();
  assert.equal(await last.mode(), 'leader');
  assert.equal(await membersAt(last), String(last.sid));
  assert.deepEqual(differencesOf(await dumpOf(last), before), []);
});
