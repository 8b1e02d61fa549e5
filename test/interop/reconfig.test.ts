import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ZkError, ZooKeeper } from '../../client/index.ts';
import { changingEnsemble, lineOf, membersAt, SteadyWriter } from '../support/changing-ensemble.ts';
import type { Kind, Member, RealEnsemble } from '../support/real-ensemble.ts';
import { until } from '../support/real-ensemble.ts';
import { differencesOf, dumpOf } from '../support/tree-dump.ts';

// Goal: members change in ensembles of both kinds of servers, whoever leads, until one is left;
// the other kind takes over step by step, and nothing acknowledged is lost.
// Method: three servers of one kind under load, two of the other join, the leader and others
// leave; every member's membership, files and tree are compared.

interface Mix {
  readonly name: string;
  readonly first: Kind;
  readonly joining: Kind;
}

const mixes: readonly Mix[] = [
  { name: 'ours join an ensemble of Apache’s and take it over', first: 'apache', joining: 'ours' },
  { name: 'Apache’s join an ensemble of ours and take it over', first: 'ours', joining: 'apache' },
];

async function everyoneKnows(members: readonly Member[], asked: readonly Member[]): Promise<void> {
  const wanted = members.map((member) => member.sid).join(' ');
  await until(`everybody to know ${wanted}`, 60_000, async () => {
    const known = await Promise.all(asked.map((member) => membersAt(member).catch(() => '?')));
    return known.every((one) => one === wanted);
  });
}

/** A server of Apache's closes the connection when the leader changes, before it has answered. */
async function change(
  at: Member,
  asked: Parameters<ZooKeeper['reconfig']>[0],
): Promise<string | null> {
  await using zk = await ZooKeeper.connect(at.address, { sessionTimeoutMs: 20_000 });
  try {
    const { data } = await zk.reconfig(asked);
    return Buffer.from(data ?? []).toString('utf8');
  } catch (error) {
    if (error instanceof ZkError && error.code === 'CONNECTION_LOSS') return null;
    throw error;
  }
}

/** Version of the active members by the file that a server has written. */
function versionOnDisk(member: Member): string | undefined {
  const cfg = readFileSync(join(member.directory, 'zoo.cfg'), 'utf8');
  return /dynamicConfigFile=.*\.dynamic\.([0-9a-f]+)/.exec(cfg)?.[1];
}

async function assertAlike(ensemble: RealEnsemble, writer: SteadyWriter): Promise<void> {
  const [first, ...others] = ensemble.members as [Member, ...Member[]];
  const dump = await dumpOf(first);
  for (const path of writer.acknowledged) assert(dump.has(path), path);
  for (const other of others) {
    assert.deepEqual(differencesOf(await dumpOf(other), dump), [], `server ${other.sid}`);
    assert.equal(versionOnDisk(other), versionOnDisk(first), `server ${other.sid}`);
  }
}

for (const { name, first, joining } of mixes) {
  test(name, async () => {
    const kinds = [first, first, first, joining, joining];
    const members = kinds.map((kind) => ({ kind }));
    await using ensemble = await changingEnsemble({ members, tickMs: 1000 }, 3);
    for (const member of ensemble.members.slice(0, 3)) member.start();
    await ensemble.ready();
    await everyoneKnows(ensemble.members.slice(0, 3), ensemble.members.slice(0, 3));
    await using writer = new SteadyWriter('mixed');
    await writer.start(ensemble.connectString);
    await writer.grown(20);

    const newcomers = ensemble.members.slice(3);
    for (const member of newcomers) member.start();
    await ensemble.ready();
    const lines = newcomers.map((member) => lineOf(member)).join(',');
    const text = await change(ensemble.member(1), { joining: lines });
    assert.match(text ?? '', /^server\.5=.*\nversion=1[0-9a-f]{8}$/m);
    await everyoneKnows(ensemble.members, ensemble.members);
    await writer.grown(20);

    const leader = await ensemble.leader();
    assert.equal(leader.spec.kind, first, 'a member that joins does not lead yet');
    const [leaving, ...rest] = ensemble.members.filter((member) => member !== leader);
    assert(leaving !== undefined);
    await change(leaving, { leaving: `${leader.sid},${leaving.sid}` });
    await everyoneKnows(rest, ensemble.members);
    await writer.grown(20);

    const last = newcomers[0] as Member;
    const others = rest.filter((member) => member !== last).map((member) => member.sid);
    await change(last, { leaving: others.join(',') });
    await everyoneKnows([last], ensemble.members);
    await writer.grown(20);
    await writer.stop();
    assert.equal(await last.mode(), 'leader');
    await assertAlike(ensemble, writer);
  });
}

test('every server of a mixed ensemble watches for a while and votes again', async () => {
  const kinds: readonly Kind[] = ['apache', 'apache', 'ours'];
  const members = kinds.map((kind) => ({ kind }));
  await using ensemble = await changingEnsemble({ members, tickMs: 1000 }, 3);
  ensemble.startAll();
  await ensemble.ready();
  await using writer = new SteadyWriter('roles');
  await writer.start(ensemble.connectString);
  for (const member of ensemble.members) {
    const at = ensemble.members.find((other) => other !== member) as Member;
    const isObserving = async (): Promise<boolean> => (await member.mode()) === 'observer';
    await change(at, { joining: lineOf(member, 'observer') });
    await until(`server ${member.sid} to observe`, 60_000, isObserving);
    await writer.grown(10);
    await change(at, { joining: lineOf(member, 'participant') });
    await until(`server ${member.sid} to vote`, 60_000, async () => {
      return ['follower', 'leader'].includes((await member.mode()) ?? '');
    });
    await everyoneKnows(ensemble.members, ensemble.members);
    await writer.grown(10);
  }
  await writer.stop();
  await assertAlike(ensemble, writer);
});
