// Goal: observers of either kind come to followers of either kind, write, read, watch and keep
// their sessions through them, and find another way when a follower goes.
// Method: real processes; every voter has a loopback address of its own, so that one port serves
// observers on all followers; at the end the trees of all members, node by node.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { AcknowledgedWriter } from '../support/acknowledged-writer.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { KeyFiles, quorumStores } from '../support/key-files.ts';
import { freePorts } from '../support/ports.ts';
import { RawSession } from '../support/raw-session.ts';
import type { EnsembleOptions, Kind, Member, MemberSpec } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { differencesOf, dumpsOf } from '../support/tree-dump.ts';

const skip = apacheMissing() ?? false;
const tickMs = 500;

/** Three voters and two observers; the third voter leads. */
async function started(
  kinds: readonly Kind[],
  more: Pick<EnsembleOptions, 'settings' | 'properties'> = {},
): Promise<RealEnsemble> {
  apacheClasspath();
  const [observerMasterPort = 0] = await freePorts(1);
  const members: MemberSpec[] = kinds.map((kind, index) => ({
    kind,
    role: index < 3 ? 'participant' : 'observer',
    hosts: [`127.0.0.${index + 1}`],
    settings: { observerMasterPort },
  }));
  const ensemble = await RealEnsemble.create({ members, tickMs, ...more });
  ensemble.member(2).start();
  ensemble.member(3).start();
  await ensemble.ready();
  for (const member of ensemble.members) if (!member.isRunning) member.start();
  await ensemble.ready();
  return ensemble;
}

/** A number of `mntr`; `null`: it is not there. */
async function monitored(member: Member, key: string): Promise<number | null> {
  const line = new RegExp(`^zk_${key}\\t(\\d+)`, 'm').exec((await member.ask('mntr')) ?? '');
  return line?.[1] === undefined ? null : Number(line[1]);
}

/** How many observers each running voter serves. */
async function servedBy(ensemble: RealEnsemble): Promise<number[]> {
  const voters = ensemble.members.slice(0, 3).filter((member) => member.isRunning);
  const counts = await Promise.all(voters.map((member) => monitored(member, 'synced_observers')));
  return counts.map((count) => count ?? 0);
}

function untilServed(ensemble: RealEnsemble): Promise<void> {
  return until('followers to serve both observers', 30_000, async () => {
    const served = await servedBy(ensemble);
    return served.reduce((sum, count) => sum + count, 0) === 2;
  });
}

/** What one writes is read by the other behind a sync, and a watch tells of it. */
async function writeAndWatch(from: Member, to: Member, path: string): Promise<void> {
  await using writer = await ZooKeeper.connect(from.address);
  await using reader = await ZooKeeper.connect(to.address);
  await writer.create(path, 'one');
  await reader.sync(path);
  const events: string[] = [];
  await reader.get(path, { watch: (event) => events.push(event.type) });
  await writer.set(path, 'two');
  await until('the watch to fire', 10_000, () => events.length > 0);
  assert.equal((await reader.get(path)).data?.toString(), 'two');
  await writer.create(`${path}/own`, null, { ephemeral: true });
}

/** A session goes from one to the other with what is its own, and back. */
async function move(from: Member, to: Member): Promise<void> {
  const path = `/moved-${from.sid}-${to.sid}`;
  const first = await RawSession.open(from.clientPort, { timeoutMs: 10_000 });
  const { sessionId, password, lastZxid } = first;
  assert.equal(await first.create(path, { ephemeral: true }), 0);
  const again = { timeoutMs: 10_000, sessionId, password, lastZxid: 0 as typeof lastZxid };
  const second = await RawSession.open(to.clientPort, again);
  assert.equal(await second.create(`${path}-2`, { ephemeral: true }), 0);
  const third = await RawSession.open(from.clientPort, again);
  assert.equal(await third.create(`${path}-3`, { ephemeral: true }), 0);
  assert.equal(await third.exists(`${path}-2`), 0);
  await third.closeSession();
}

/** A client that only pings keeps its session through an observer, for some timeouts. */
async function outlives(member: Member, other: Member): Promise<void> {
  const timeoutMs = 2 * tickMs;
  await using quiet = await ZooKeeper.connect(member.address, { sessionTimeoutMs: timeoutMs });
  await quiet.create('/quiet', null, { ephemeral: true });
  await using busy = await ZooKeeper.connect(other.address);
  const endMs = performance.now() + 4 * timeoutMs;
  while (performance.now() < endMs) await busy.create('/busy-', null, { sequential: true });
  assert.notEqual(await busy.exists('/quiet'), null);
}

async function assertAlike(ensemble: RealEnsemble): Promise<void> {
  const [first, ...others] = await dumpsOf(ensemble);
  assert(first !== undefined);
  for (const other of others) assert.deepEqual(differencesOf(first, other), []);
}

for (const kinds of [
  ['ours', 'apache', 'ours', 'apache', 'ours'],
  ['apache', 'ours', 'apache', 'ours', 'apache'],
] as const) {
  test(
    `voters ${kinds.slice(0, 3).join(', ')}; observers ${kinds.slice(3).join(', ')}`,
    { skip },
    async () => {
      await using ensemble = await started(kinds);
      const [one, two, three, four, five] = ensemble.members as [
        Member,
        Member,
        Member,
        Member,
        Member,
      ];
      assert.equal((await ensemble.leader()).sid, 3);
      await untilServed(ensemble);
      assert.equal(await monitored(three, 'synced_observers'), 0, 'the leader serves none');
      await writeAndWatch(four, five, '/through-4');
      await writeAndWatch(five, four, '/through-5');
      await writeAndWatch(one, four, '/through-1');
      for (const [from, to] of [
        [four, five],
        [five, four],
        [four, one],
        [two, five],
        [five, three],
      ] as const) {
        await move(from, to);
      }
      await outlives(four, three);
      await assertAlike(ensemble);
      // Each follower is away for a while: the other one serves both, and both miss nothing.
      for (const follower of [one, two]) {
        await follower.kill('SIGKILL');
        await untilServed(ensemble);
        await using writer = new AcknowledgedWriter('', `without-${follower.sid}`);
        await writer.start(`${four.address},${five.address}`);
        await writer.grows(20, 30_000);
        await writer.stop();
        follower.start();
        await ensemble.ready();
      }
      await three.kill('SIGKILL');
      await untilServed(ensemble);
      await writeAndWatch(four, five, '/after-the-leader');
      three.start();
      await ensemble.ready();
      await assertAlike(ensemble);
    },
  );
}

const digest = 'org.apache.zookeeper.server.auth.DigestLoginModule';
const jaas =
  `QuorumServer { ${digest} required user_zkq="s3cret"; };\n` +
  `QuorumLearner { ${digest} required username="zkq" password="s3cret"; };\n`;

for (const kinds of [
  ['ours', 'apache', 'ours', 'apache', 'ours'],
  ['apache', 'ours', 'apache', 'ours', 'apache'],
] as const) {
  test(`over TLS, with SASL: ${kinds.join(', ')}`, { skip }, async () => {
    using files = new KeyFiles();
    const authority = new CertificateAuthority();
    const names = [1, 2, 3, 4, 5].map((number) => `127.0.0.${number}`);
    const own = authority.issue({ commonName: 'member', names });
    const stores = quorumStores(
      files.keyStore('member', own, 'pem'),
      files.trustStore('trust', [authority.certificate], 'pem'),
    );
    await using ensemble = await started(kinds, {
      settings: {
        sslQuorum: 'true',
        'ssl.quorum.allowReverseDnsLookup': 'false',
        ...stores,
        'quorum.auth.enableSasl': 'true',
        'quorum.auth.learnerRequireSasl': 'true',
        'quorum.auth.serverRequireSasl': 'true',
      },
      properties: {
        'zookeeper.fips-mode': 'false',
        'java.security.auth.login.config': files.text('jaas.conf', jaas),
      },
    });
    await untilServed(ensemble);
    const [four, five] = ensemble.members.slice(3) as [Member, Member];
    await writeAndWatch(four, five, '/through-4');
    await writeAndWatch(five, four, '/through-5');
    await assertAlike(ensemble);
  });
}
