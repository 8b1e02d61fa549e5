// Goal: clients of the members that survive stay connected over an election, and every request of
// theirs is answered exactly once.
// Method: a loaded ensemble whose leader dies in many moments; seeds that once found a request
// committed twice, by what went wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { create, getData, setData, sync } from './client-ops.ts';
import { epilogue } from './epilogue.ts';
import { report, stormScenario } from './scenario.ts';
import type { SimClient } from './sim-client.ts';
import { SimEnsemble } from './sim-ensemble.ts';

interface Tally {
  sent: number;
  lost: number;
}

/** Writes, syncs and reads of one client, one every few ms, whether answered or not. */
function busy(client: SimClient, tally: Tally): void {
  const next = (): void => {
    const op = [setData('/r', `${tally.sent}`), sync('/'), getData('/r')][tally.sent % 3];
    if (client.isOpen && op !== undefined) {
      tally.sent += 1;
      client.call(op, (result) => {
        if (result === null) tally.lost += 1;
      });
    }
    client.process.after(3, next);
  };
  client.call(create('/r', 'first', CreateMode.PERSISTENT));
  next();
}

/** Clients at the survivors while the leader dies, or leaves as SIGTERM asks it to. */
function leaderGoes(seed: number, how: 'crash' | 'stop'): Tally {
  const tally: Tally = { sent: 0, lost: 0 };
  const ensemble = new SimEnsemble({ seed, voters: 3 });
  ensemble.run(1_000);
  const leader = ensemble.leader();
  assert(leader !== undefined, 'three servers elect within a second');
  const clients = ensemble.sids
    .filter((sid) => sid !== leader)
    .map((sid) => ensemble.client(`c${sid}`, [ensemble.hostOf(sid)]));
  ensemble.run(500);
  const connections = clients.map((client) => client.connectionCount);
  for (const client of clients) busy(client, tally);
  ensemble.run(300 + seed * 1.7);
  if (how === 'crash') ensemble.crash(leader, 'lost');
  else ensemble.stop(leader);
  ensemble.run(1_500);
  if (ensemble.process(leader) === null) ensemble.start(leader);
  ensemble.settle(20_000);
  ensemble.run(500);
  assert.deepEqual(
    clients.map((client) => client.connectionCount),
    connections,
    `seed ${seed}`,
  );
  return tally;
}

for (const how of ['crash', 'stop'] as const) {
  test(`ZOOKEEPER-2380, ZOOKEEPER-2687, ZOOKEEPER-2758: clients of the survivors lose nothing, not even their connection (leader: ${how})`, () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const { sent, lost } = leaderGoes(seed, how);
      assert.equal(lost, 0, `seed ${seed}`);
      assert(sent > 500, `seed ${seed}: ${sent} requests`);
    }
  });
}

test('a sync that waits in front of a write does not hide that the write is committed', () => {
  const result = stormScenario({ seed: 54, stormMs: 30_000, storms: 2 });
  assert.equal(result.violation, null, report(54, result));
});

test('a member that rejoins the same leader does not ask again in the same epoch', () => {
  const result = stormScenario({ seed: 10, stormMs: 30_000, storms: 2 });
  assert.equal(result.violation, null, report(10, result));
});

test('who comes late to an election takes no session back that has gone elsewhere (30 seeds)', () => {
  let moves = 0;
  for (let seed = 1; seed <= 30; seed += 1) {
    const ensemble = new SimEnsemble({ seed, voters: 3 });
    ensemble.run(1_000);
    const leader = ensemble.leader();
    assert(leader !== undefined, 'three servers elect within a second');
    const others = ensemble.sids.filter((sid) => sid !== leader);
    // The leader first, and the others once it is silent.
    const client = ensemble.client('mover', [ensemble.hostOf(leader)], 1_200);
    ensemble.world.runUntil(() => client.isOpen, 3_000);
    client.call(create('/moved', 'at first'));
    ensemble.run(200);
    const left = client.sessionId;
    for (const sid of others) {
      ensemble.network.cutBoth(ensemble.hostOf(leader), ensemble.hostOf(sid));
    }
    ensemble.run(100);
    ensemble.process(leader)?.pause();
    client.call(setData('/moved', 'late'));
    ensemble.run(20);
    // It does not learn that the client has gone.
    ensemble.network.cutBoth(client.process.host, ensemble.hostOf(leader));
    client.goTo(others.map((sid) => ensemble.hostOf(sid)));
    const isBack = (): boolean => client.isOpen && client.serverHost !== ensemble.hostOf(leader);
    ensemble.world.runUntil(isBack, 6_000, 5);
    if (isBack() && client.sessionId === left) {
      moves += 1;
      client.call(setData('/moved', 'after the move'));
      ensemble.run(30);
    }
    for (const sid of others) {
      ensemble.network.heal(ensemble.hostOf(leader), ensemble.hostOf(sid));
      ensemble.network.heal(ensemble.hostOf(sid), ensemble.hostOf(leader));
    }
    ensemble.process(leader)?.resume();
    ensemble.settle(10_000);
    ensemble.run(1_000);
    ensemble.network.healAll();
    if (client.sessionId === left && isBack()) {
      assert.equal(ensemble.model.tree.now('/moved')?.data, 'after the move', `seed ${seed}`);
    }
    epilogue(ensemble);
  }
  assert(moves > 10, `${moves} sessions moved`);
});
