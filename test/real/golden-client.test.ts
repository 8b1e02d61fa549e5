import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { digestIdOf } from '../../server/auth/auth.ts';
import type { Member } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import type { Standalone } from '../support/standalone.ts';
import { startStandalone } from '../support/standalone.ts';
import { Player } from './golden/player.ts';
import { playMove, playReadOnly, scripts } from './golden/scripts.ts';
import { Translation } from './golden/translation.ts';

// Goal: a client sees the bytes that the reference would have sent it.
// Method: every recorded request, in the recorded order, over a real socket; every reply, event and
// close against the recorded one. Times, session ids and what follows from them may differ.

/** Vectors that are answered otherwise on purpose, and why. */
const onPurpose: Readonly<Record<string, string>> = {
  'deleteContainer/from-client':
    'a client may delete only a container that is due (semantics, section 4)',
  'readonly-global/connect':
    'the reference answers with a bare header and no session comes up (client-protocol, section 3)',
};

/** Zxids of multis that could not be decoded: refused here before they take one (same section). */
const unusedZxids: readonly bigint[] = [132n, 133n, 134n];

/** Bound to what the recording's machine drew or had. */
const notPlayed: Readonly<Record<string, string>> = {
  reconfig: 'its replies are texts with the addresses of the recorded ensemble',
  sasl: 'its proofs hold for the recorded nonce alone: replayed in test/sasl, lived in client-sasl.test.ts',
};

const translation = new Translation(unusedZxids);
let server: Standalone;

before(async () => {
  server = await startStandalone([
    'tickTime=2000',
    'extendedTypesEnabled=true',
    'enforceQuota=true',
    '4lw.commands.whitelist=*',
    `DigestAuthenticationProvider.superDigest=${digestIdOf(Buffer.from('super:secret'))}`,
  ]);
});

after(() => server[Symbol.asyncDispose]());

function assertPlayed(player: Player): void {
  const unexpected = [...player.differences].filter(([name]) => !(name in onPurpose));
  assert.deepEqual(Object.fromEntries(unexpected), {});
  assert.deepEqual(player.unplayed, [], 'every vector is played');
}

for (const [file, script] of Object.entries(scripts)) {
  test(`${file}: every reply as recorded`, async (t) => {
    using player = new Player(file, translation);
    await script(player, server.port);
    assertPlayed(player);
    const reasons = [...player.differences.keys()].map((name) => `; ${name}: ${onPurpose[name]}`);
    t.diagnostic(`${file}: ${player.vectorCount} vectors as recorded${reasons.join('')}`);
  });
}

test('session-move: every reply as recorded, over three servers', async () => {
  const ours = { kind: 'ours' } as const;
  await using ensemble = await RealEnsemble.started({ members: [ours, ours, ours] });
  const leader = await ensemble.leader();
  const followers = ensemble.members.filter((member) => member !== leader);
  using player = new Player('session-move', new Translation([]));
  await playMove(
    player,
    followers.map(({ clientPort }) => clientPort),
  );
  assertPlayed(player);
});

/** One of three members, with nobody to make a quorum with, that serves reads. */
async function alone(localSessionsEnabled: boolean): Promise<RealEnsemble> {
  const ours = { kind: 'ours' } as const;
  const ensemble = await RealEnsemble.create({
    members: [ours, ours, ours],
    settings: { localSessionsEnabled: String(localSessionsEnabled) },
    properties: { 'readonlymode.enabled': 'true' },
  });
  const member = ensemble.member(1);
  member.start();
  await until('read-only mode', 20_000, async () => (await member.ask('isro')) === 'ro');
  return ensemble;
}

test('read-only: every reply as recorded, of a member without a quorum', async () => {
  await using ensemble = await alone(true);
  const member: Member = ensemble.member(1);
  using player = new Player('read-only', new Translation([]));
  await playReadOnly(player, member.clientPort);
  assertPlayed(player);
  assert.equal(await member.mode(), 'read-only');
});

test('read-only-global: a session comes up where the reference leaves its client hanging', async () => {
  await using ensemble = await alone(false);
  const port = ensemble.member(1).clientPort;
  using player = new Player('read-only-global', new Translation([]));
  player.dial('c', port);
  await player.play('c', 'readonly-global/connect');
  assertPlayed(player);
  assert.deepEqual([...player.differences.keys()], ['readonly-global/connect']);
  using reader = new Player('read-only', new Translation([]));
  await playReadOnly(reader, port);
  assertPlayed(reader);
});

test('what differs on purpose still does', async () => {
  using player = new Player('crud', new Translation([]));
  await player.hello('c', server.port);
  await player.play('c', 'deleteContainer/from-client');
  assert.deepEqual([...player.differences.keys()], ['deleteContainer/from-client']);
});

test('every recorded file is played, or it is known why not', () => {
  const files = readdirSync(join(import.meta.dirname, '../golden/client'))
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.replace(/\.json$/, ''));
  const others = ['session-move', 'read-only', 'read-only-global'];
  const known = [...Object.keys(scripts), ...Object.keys(notPlayed), ...others];
  assert.deepEqual(files.sort(), known.sort());
});
