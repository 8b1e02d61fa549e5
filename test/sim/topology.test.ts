// Goal: nothing is lost, and everything comes back, where votes weigh differently, where servers
// watch without a vote, and where those are served by followers.
// Method: whole servers on simulated machines; quorums are counted by the configuration; many seeds
// of storms, and scripts for what only happens behind a follower.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerSettings } from '../../server/config/server-settings.ts';
import { ChangingEnsemble } from './changing-ensemble.ts';
import { create, setData } from './client-ops.ts';
import { epilogue } from './epilogue.ts';
import { SimEnsemble } from './sim-ensemble.ts';
import { report, stormScenario } from './scenario.ts';
import { masters, settingsOf, topologies } from './topologies.ts';

for (const [name, options] of Object.entries(topologies)) {
  test(`storms end well: ${name} (5 seeds)`, () => {
    let transactions = 0;
    let followers = 0;
    for (let seed = 501; seed <= 505; seed += 1) {
      const result = stormScenario({ seed, stormMs: 6_000, storms: 2, options });
      assert.equal(result.violation, null, report(seed, result));
      transactions += result.ensemble.checker.committed.length;
      followers += servedByFollowers(result.ensemble);
    }
    const isWanted = options.parts !== undefined && options.voters > 1;
    assert.equal(followers > 0, isWanted, `${followers} observers were served by followers`);
    assert(transactions > 600, `${transactions} transactions`);
  });
}

test('members change in storms while followers serve observers (8 seeds)', () => {
  let changes = 0;
  let followers = 0;
  for (let seed = 1; seed <= 8; seed += 1) {
    const parts = (): { settings: ServerSettings } => ({ settings: masters });
    const ensemble = new ChangingEnsemble({ seed, clients: 2, parts }, seed % 2 === 0);
    const { sim } = ensemble;
    sim.run(2_000);
    sim.storm.start();
    sim.run(6_000);
    sim.storm.calm();
    sim.settle(20_000);
    followers += servedByFollowers(sim);
    ensemble.quiet();
    epilogue(sim);
    changes += ensemble.changesCount;
  }
  assert(changes > 12, `${changes} changes`);
  assert(followers > 2, `${followers} observers were served by followers`);
});

function servedByFollowers(ensemble: SimEnsemble): number {
  return ensemble.sids.filter((sid) => {
    const state = ensemble.server(sid)?.view.state();
    const master = state?.observerMaster;
    return master !== undefined && ensemble.server(master)?.view.state().role === 'following';
  }).length;
}

test('what a client sent by an observer it has left comes to nothing, behind one follower too (20 seeds)', () => {
  let moves = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const stage = new SimEnsemble({
      seed,
      voters: 2,
      observers: 2,
      parts: () => ({ settings: masters }),
    });
    stage.settle(5_000);
    const follower = stage.leader() === 1 ? 2 : 1;
    assert.equal(servedByFollowers(stage), 2);
    const [left, taken] = [stage.hostOf(3), stage.hostOf(4)];
    const client = stage.client('mover', [left, taken]);
    assert(stage.world.runUntil(() => client.isOpen, 5_000));
    const before = client.serverHost;
    const after = before === left ? taken : left;
    client.call(create('/register', 'at first'));
    assert(stage.world.runUntil(() => client.outstanding === 0, 5_000));
    // Its server's word reaches the follower late, while the client goes on at the other one.
    stage.network.slow(before, stage.hostOf(follower), 400, 400);
    client.call(setData('/register', 'late'));
    stage.run(20);
    stage.network.cutBoth(client.process.host, before);
    stage.network.reset(client.process.host, before);
    const hasMoved = (): boolean => client.isOpen && client.serverHost === after;
    const isInTime = stage.world.runUntil(hasMoved, 300, 1);
    if (isInTime) {
      moves += 1;
      client.call(setData('/register', 'after'));
    }
    stage.run(1_000);
    if (isInTime) assert.equal(stage.model.tree.now('/register')?.data, 'after', `seed ${seed}`);
    stage.network.healAll();
    epilogue(stage);
  }
  assert(moves > 5, `${moves} sessions moved in time`);
});

test('an observer that takes too little comes again, and misses nothing', () => {
  const settings = settingsOf('observerMasterPort=2191\nobserverMaster.sizeLimit=300000');
  const config = { syncLimitTicks: 50 };
  const stage = new SimEnsemble({
    seed: 3,
    voters: 2,
    observers: 1,
    config,
    parts: () => ({ settings }),
  });
  stage.settle(5_000);
  const follower = stage.server(3)?.view.state().observerMaster ?? 0;
  const isTold = (): boolean =>
    stage.world.trace.lines.some(({ text }) => text.includes('takes too little'));
  const client = stage.client('writer', [stage.hostOf(follower)]);
  assert(stage.world.runUntil(() => client.isOpen, 5_000));
  client.call(create('/large', 'x'));
  stage.network.cut(stage.hostOf(follower), stage.hostOf(3));
  for (let count = 0; count < 5; count += 1) {
    client.call(setData('/large', String(count).repeat(100_000)));
    stage.run(100);
  }
  assert(!isTold(), 'what the network takes, and as much as the limit says, may wait');
  for (let count = 5; count < 8; count += 1) {
    client.call(setData('/large', String(count).repeat(100_000)));
    stage.run(100);
  }
  assert(isTold(), 'more may not');
  stage.network.healAll();
  epilogue(stage);
});
