import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { RawSession } from '../support/raw-session.ts';
import type { Member, MemberSpec } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { differencesOf, dumpsOf } from '../support/tree-dump.ts';

// Goal: servers of both kinds hold sessions of their own beside each other: either kind leads, and
// takes the other's local writes, refusals and upgrades for what they are.
// Method: real processes; the same steps through every member, by their replies, by what the leader's
// `dump` and `mntr` say of sessions, and by the trees of all members at the end.

const skip = apacheMissing() ?? false;
const ours: MemberSpec = { kind: 'ours' };
const apache: MemberSpec = { kind: 'apache' };
const timeoutMs = 6_000;
const ephemeralOnLocalSession = -120;

/** Led by the last member: the largest id wins among equals. */
async function started(
  members: readonly MemberSpec[],
  localSessionsUpgradingEnabled: boolean,
): Promise<RealEnsemble> {
  if (members.some(({ kind }) => kind === 'apache')) apacheClasspath();
  const ensemble = await RealEnsemble.create({
    members,
    tickMs: 1000,
    settings: {
      localSessionsEnabled: 'true',
      localSessionsUpgradingEnabled: String(localSessionsUpgradingEnabled),
    },
    properties: { 'zookeeper.extendedTypesEnabled': 'true' },
  });
  ensemble.member(2).start();
  ensemble.member(3).start();
  await ensemble.ready();
  ensemble.member(1).start();
  await ensemble.ready();
  assert.equal((await ensemble.leader()).sid, 3);
  return ensemble;
}

function open(member: Member, of?: RawSession): Promise<RawSession> {
  const old = of === undefined ? {} : { sessionId: of.sessionId, password: of.password };
  return RawSession.open(member.clientPort, { timeoutMs, ...old });
}

async function value(member: Member, key: string): Promise<number> {
  const text = (await member.ask('mntr')) ?? '';
  return Number(new RegExp(`^zk_${key}\t(\\d+)$`, 'm').exec(text)?.[1] ?? -1);
}

async function sessionCounts(member: Member): Promise<readonly [number, number]> {
  return [await value(member, 'local_sessions'), await value(member, 'global_sessions')];
}

async function assertAlike(ensemble: RealEnsemble): Promise<void> {
  const [first, ...others] = await dumpsOf(ensemble);
  assert(first !== undefined);
  for (const other of others) assert.deepEqual(differencesOf(first, other), []);
}

/** A session that its server alone knows, until it owns a node. */
async function liveThrough(member: Member, other: Member): Promise<void> {
  const path = `/through-${member.sid}-${other.sid}`;
  assert.deepEqual(await sessionCounts(member), [0, 0], 'nobody is connected');
  const session = await open(member);
  assert.deepEqual(await sessionCounts(member), [1, 0]);
  assert.equal(await session.create(path, {}), 0);
  const before = session.lastZxid;
  await assert.rejects(open(other, session), /refused/, 'it is known nowhere else');
  assert.equal(await session.create(`${path}/e`, { ephemeral: true }), 0);
  assert.equal(session.lastZxid, before + 2, 'the session, then the node');
  assert.deepEqual(await sessionCounts(member), [0, 1]);
  await until('the other to hear of it', 5_000, async () => {
    return (await value(other, 'global_sessions')) === 1;
  });
  const moved = await open(other, session);
  assert.equal(moved.sessionId, session.sessionId);
  assert.equal(await moved.create(`${path}/f`, { ephemeral: true }), 0);
  await assert.rejects(session.create(`${path}/g`, {}), /closed/, 'it has moved');
  assert.equal(await moved.closeSession(), 0);
  const next = await open(member);
  assert.equal(await next.exists(`${path}/e`), -101);
  const zxid = next.lastZxid;
  assert.equal(await next.closeSession(), 0);
  assert.equal(next.lastZxid, zxid, 'no transaction ends what none has begun');
  await until('the ends of all', 5_000, async () => {
    return (await sessionCounts(member)).every((count) => count === 0);
  });
}

/** Upgrades that come with a multi, and ends that come right behind an upgrade. */
async function upgradeAtOnce(member: Member): Promise<void> {
  const path = `/at-once-${member.sid}`;
  await using zk = await ZooKeeper.connect(member.address);
  await zk.multi([
    { op: 'create', path },
    { op: 'create', path: `${path}/s-`, ephemeral: true, sequential: true },
    { op: 'create', path: `${path}/ttl` },
  ]);
  const [name] = (await zk.children(path)).filter((child) => child.startsWith('s-'));
  assert.equal((await zk.exists(`${path}/${name}`))?.ephemeralOwner, zk.sessionId);
  const hasty = await ZooKeeper.connect(member.address);
  const created = hasty.create(`${path}/hasty`, null, { ephemeral: true });
  await Promise.all([created, hasty.close()]);
  await zk.sync('/');
  assert.equal(await zk.exists(`${path}/hasty`), null, 'nothing of it stays');
}

for (const members of [
  [apache, ours, apache],
  [ours, apache, ours],
  [ours, ours, ours],
] as const) {
  const names = members.map(({ kind }) => kind).join(', ');
  const isMixed = members.some(({ kind }) => kind === 'apache');
  const options = { skip: isMixed ? skip : false };

  test(
    `${names}: local sessions live at home, and become everybody's in one step`,
    options,
    async () => {
      await using ensemble = await started(members, true);
      for (const member of ensemble.members) {
        for (const other of ensemble.members)
          if (other !== member) await liveThrough(member, other);
        await upgradeAtOnce(member);
      }
      await assertAlike(ensemble);
    },
  );

  test(`${names}: without upgrading, ephemerals are refused everywhere`, options, async () => {
    await using ensemble = await started(members, false);
    for (const member of ensemble.members) {
      const session = await open(member);
      assert.equal(await session.create(`/p-${member.sid}`, {}), 0);
      const before = session.lastZxid;
      const error = await session.create(`/e-${member.sid}`, { ephemeral: true });
      assert.deepEqual([error, session.lastZxid], [ephemeralOnLocalSession, before + 1]);
      await using zk = await ZooKeeper.connect(member.address);
      const failed = await zk
        .multi([
          { op: 'create', path: `/m-${member.sid}` },
          { op: 'create', path: `/m-${member.sid}/e`, ephemeral: true },
        ])
        .then(() => '', String);
      assert.match(failed, /EPHEMERAL_ON_LOCAL_SESSION|SESSION_EXPIRED/);
      assert.equal(await zk.exists(`/m-${member.sid}`), null);
      await zk.create(`/t-${member.sid}`, null, { ttlMs: 3_600_000 });
      await zk.create(`/c-${member.sid}`, null, { container: true });
      assert.equal(await session.closeSession(), 0);
    }
    await assertAlike(ensemble);
  });
}

for (const [members, home] of [
  [[apache, ours, apache], 2],
  [[ours, apache, apache], 1],
] as const) {
  const next = members[1].kind;
  test(`a local session of ours outlives its leader; ${next} leads then`, { skip }, async () => {
    await using ensemble = await started(members, true);
    const member = ensemble.member(home);
    const session = await open(member);
    assert.equal(await session.create('/before', {}), 0);
    await ensemble.member(3).kill();
    await until('the next leader', 30_000, async () => {
      return ['leader', 'follower'].includes((await member.mode()) ?? '');
    });
    assert.equal((await ensemble.leader()).sid, 2);
    const back = session.isClosed ? await open(member, session) : session;
    assert.equal(back.sessionId, session.sessionId);
    assert.deepEqual(await sessionCounts(member), [1, 0]);
    assert.equal(await back.create('/before/e', { ephemeral: true }), 0);
    assert.deepEqual(await sessionCounts(member), [0, 1]);
    ensemble.member(3).start();
    await ensemble.ready();
    await assertAlike(ensemble);
    assert.equal(await back.closeSession(), 0);
  });
}

test('apache, ours, apache: dump names local and global sessions alike', { skip }, async () => {
  await using ensemble = await started([apache, ours, apache], true);
  const shapes: string[][] = [];
  for (const sid of [1, 2] as const) {
    const member = ensemble.member(sid);
    const local = await open(member);
    const own = await open(member);
    await own.create(`/e-${sid}`, { ephemeral: true });
    const text = ((await member.ask('dump')) ?? '').split('ephemeral nodes dump')[0] ?? '';
    shapes.push(
      text
        .replace(/expire at .*:/g, 'expire at T:')
        .replace(/0x[0-9a-f]+/g, '0xS')
        .split('\n'),
    );
    assert.equal(await local.closeSession(), 0);
    assert.equal(await own.closeSession(), 0);
  }
  const [theirs, ourShape] = shapes;
  assert.deepEqual(ourShape, theirs);
});

test('apache, ours, apache: cons shows a fresh session alike', { skip }, async () => {
  await using ensemble = await started([apache, ours, apache], true);
  const shapes: string[] = [];
  for (const sid of [1, 2] as const) {
    const member = ensemble.member(sid);
    // One zxid, and local sessions add none.
    const zk = await ZooKeeper.connect(member.address);
    if ((await zk.exists('/first')) === null) await zk.create('/first');
    await zk.sync('/');
    await zk.close();
    const session = await open(member);
    const lines = ((await member.ask('cons')) ?? '').split('\n');
    const line = lines.find((each) => each.includes('sid=')) ?? '';
    const shape = /queued=.*,to=\d+,lcxid=0x\d+,lzxid=0x[0-9a-f]+/.exec(line)?.[0] ?? line;
    shapes.push(shape.replace(/(sid|est)=[^,]+/g, '$1=…'));
    assert.equal(await session.closeSession(), 0);
  }
  assert.equal(shapes[1], shapes[0]);
});
