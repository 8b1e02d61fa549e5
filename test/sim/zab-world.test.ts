// Goal: the agreement alone, without shell and disk formats, keeps its promises under storms.
// Method: bare peers over the simulated network with disks that keep histories; many short seeds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPeer } from '../../server/zab/peer.ts';
import { ZabWorld } from './zab-world.ts';

function storm(seed: number, voters: number, observers: number): ZabWorld {
  const world = new ZabWorld({ seed, voters, observers, createPeer });
  world.world.run(800);
  for (let round = 0; round < 2; round += 1) {
    world.storm.start();
    world.world.run(4_000);
    world.storm.calm();
    world.settle(20_000);
  }
  return world;
}

for (const [voters, observers] of [
  [1, 1],
  [2, 0],
  [3, 0],
  [3, 2],
  [5, 0],
  [7, 1],
] as const) {
  test(`${voters} voters and ${observers} observers agree (20 seeds)`, () => {
    let committed = 0;
    for (let seed = 1; seed <= 20; seed += 1) {
      committed += storm(seed, voters, observers).checker.committed.length;
    }
    assert(committed > 20 * 100, `${committed} transactions in 20 seeds`);
  });
}
