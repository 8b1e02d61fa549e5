import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { Server, WorldOptions } from './world.ts';
import { World } from './world.ts';

// Goal: whatever crashes and is cut, no acknowledged write is lost, all trees stay prefixes of
// one history, and once a quorum can talk again everybody comes level.
// Method: many seeds; each moves delays, crashes, cuts and writes, then heals and waits.

const seedCount = Number(process.env['ZAB_SEEDS'] ?? 60);
const seedFirst = Number(process.env['ZAB_SEED'] ?? 1);

for (let seed = seedFirst; seed < seedFirst + seedCount; seed += 1) {
  test(`a storm loses nothing that was acknowledged (seed ${seed})`, () => storm(seed));
}

for (let seed = seedFirst; seed < seedFirst + seedCount; seed += 1) {
  test(`nor where groups vote and followers serve observers (seed ${seed})`, () => {
    storm(seed, { ...groups, observers: 2, observerMaster: true });
  });
}

/** Two of three groups, each by its own weights; two servers count for nothing. */
const groups: Partial<WorldOptions> = {
  participants: 6,
  groups: new Map([
    [1, [1, 2]],
    [2, [3, 4]],
    [3, [5, 6]],
  ]),
  weights: new Map([
    [2, 0],
    [3, 2],
    [6, 0],
  ]),
};

function storm(seed: number, shape: Partial<WorldOptions> = {}): void {
  const world = new World({
    seed,
    participants: seed % 4 === 0 ? 5 : 3,
    observers: seed % 3 === 0 ? 1 : 0,
    networkMs: [1, 5, 20][seed % 3] ?? 1,
    diskMs: [1, 10, 60, 250][seed % 5] ?? 2,
    commitLogCount: seed % 2 === 0 ? 5 : 500,
    ...shape,
  });
  const acked: Zxid[] = [];
  world.startAll();
  for (let step = 0; step < 120; step += 1) {
    disturb(world);
    for (const leader of world.leaders()) writeSome(world, leader);
    world.run(world.random() * 150);
    collect(world, acked);
  }
  world.heal();
  world.startAll();
  const leader = world.settle(60_000);
  const last = world.write(leader, 'last');
  const running = [...world.servers.values()];
  world.runUntil('everybody is level', 10_000, () => {
    return running.every((server) => server.last === last);
  });
  world.assertLevel();
  assert(
    world.committed.some((proposal) => proposal.zxid === last),
    'the last write is committed',
  );
  const zxids = new Set(world.committed.map((proposal) => proposal.zxid));
  for (const zxid of acked) assert(zxids.has(zxid), `${zxid} was acknowledged`);
}

function disturb(world: World): void {
  const sids = [...world.servers.keys()];
  const pick = (): number => sids[Math.floor(world.random() * sids.length)] ?? 1;
  const dice = world.random();
  if (dice < 0.12) world.crash(pick());
  else if (dice < 0.3) world.start(pick());
  else if (dice < 0.36) {
    const [a, b] = [pick(), pick()];
    if (a !== b) world.cut(a, b);
  } else if (dice < 0.45) world.heal();
}

function writeSome(world: World, leader: Server): void {
  const count = Math.floor(world.random() * 6);
  for (let index = 0; index < count; index += 1) world.write(leader, `${index}`);
}

/** A leader answers its client when it delivers: from then on the write is acknowledged. */
function collect(world: World, acked: Zxid[]): void {
  for (const leader of world.leaders()) {
    for (const proposal of leader.tree) {
      if (!acked.includes(proposal.zxid)) acked.push(proposal.zxid);
    }
  }
}
