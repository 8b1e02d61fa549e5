// Goal: servers of both kinds agree where each has several addresses, and where votes count by
// groups and weights: the same sets of servers are a quorum to both.
// Method: real processes; every server has loopback addresses of its own; servers are stopped until
// what is left is a quorum by weight and not by number, and the other way round.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import type { EnsembleOptions, Kind, Member } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { differencesOf, dumpsOf } from '../support/tree-dump.ts';

const skip = apacheMissing() ?? false;

async function started(options: EnsembleOptions): Promise<RealEnsemble> {
  apacheClasspath();
  return RealEnsemble.started({ tickMs: 500, ...options });
}

async function assertAlike(ensemble: RealEnsemble): Promise<void> {
  const [first, ...others] = await dumpsOf(ensemble);
  assert(first !== undefined);
  for (const other of others) assert.deepEqual(differencesOf(first, other), []);
}

async function write(member: Member, path: string): Promise<void> {
  await using zk = await ZooKeeper.connect(member.address);
  await zk.create(path, path);
}

/** Leader and followers, of a quorum; not one server that looks for others. */
async function serving(members: readonly Member[]): Promise<boolean> {
  const modes = await Promise.all(members.map((member) => member.mode()));
  return modes.every((mode) => mode !== null);
}

function severalAddresses(kinds: readonly Kind[]): EnsembleOptions {
  return {
    members: kinds.map((kind, index) => ({
      kind,
      role: index < 3 ? 'participant' : 'observer',
      hosts: [`127.0.0.${index + 1}`, `127.0.1.${index + 1}`],
    })),
    // The reference heeds the property alone.
    properties: { 'zookeeper.multiAddress.enabled': 'true' },
  };
}

for (const kinds of [
  ['ours', 'apache', 'ours', 'apache'],
  ['apache', 'ours', 'apache', 'ours'],
] as const) {
  test(`several addresses for each of ${kinds.join(', ')}`, { skip }, async () => {
    await using ensemble = await started(severalAddresses(kinds));
    for (const member of ensemble.members) await write(member, `/by-${member.sid}`);
    const texts = await Promise.all(ensemble.members.map((member) => member.ask('conf')));
    const members = texts.map((text) => text?.slice(text.indexOf('membership:')));
    assert.equal(new Set(members).size, 1, members.join('\n'));
    assert.match(
      members[0] ?? '',
      /server\.1=127\.0\.0\.1:\d+:\d+\|127\.0\.1\.1:\d+:\d+:participant/,
    );
    const leader = await ensemble.leader();
    await leader.kill('SIGKILL');
    await ensemble.ready();
    leader.start();
    await ensemble.ready();
    await assertAlike(ensemble);
  });
}

/** Two of three groups: 1 alone, 3 alone and 5 alone count for theirs; 2 and 4 for nothing. */
const groups = {
  'group.1': '1:2',
  'group.2': '3:4',
  'group.3': '5',
  'weight.2': 0,
  'weight.4': 0,
};

for (const kinds of [
  ['ours', 'ours', 'apache', 'apache', 'ours'],
  ['apache', 'apache', 'ours', 'ours', 'apache'],
] as const) {
  test(`groups and weights: ${kinds.join(', ')}`, { skip }, async () => {
    const members = kinds.map((kind) => ({ kind }));
    await using ensemble = await started({ members, settings: groups });
    const [one, two, three, four, five] = ensemble.members as [
      Member,
      Member,
      Member,
      Member,
      Member,
    ];
    assert(![two, four].includes(await ensemble.leader()), 'nobody of weight 0 leads');
    for (const member of ensemble.members) await write(member, `/by-${member.sid}`);
    await assertAlike(ensemble);
    // Two of five, one of either kind.
    for (const member of [two, four, five]) await member.kill('SIGKILL');
    await until('two that are a quorum to serve', 30_000, () => serving([one, three]));
    await write(one, '/by-two-of-five');
    // Three of five, and of one group alone.
    two.start();
    four.start();
    await until('four to serve', 30_000, () => serving([one, two, three, four]));
    await three.kill('SIGKILL');
    await until('three that are no quorum to serve nobody', 30_000, async () => {
      const modes = await Promise.all([one, two, four].map((member) => member.mode()));
      return modes.every((mode) => mode === null);
    });
    three.start();
    five.start();
    await ensemble.ready();
    await assertAlike(ensemble);
  });
}
