// Goal: sessions that one server alone knows live and end there, become known to all in one step
// when they are to own a node, and outlive elections as others do.
// Method: one script each on whole simulated servers, several seeds for delays and what a crash
// keeps; then storms. No ephemeral may be committed under a session that is not everybody's (S8).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import type { SessionRules } from '../../server/shell/core.ts';
import {
  closeSession,
  create,
  createRequest,
  getData,
  multi,
  setData,
  sync,
} from './client-ops.ts';
import type { ClientOp, OpResult } from './client-ops.ts';
import { epilogue } from './epilogue.ts';
import { report, stormScenario, withSessions } from './scenario.ts';
import type { SimClient } from './sim-client.ts';
import { simTickMs } from './sim-config.ts';
import { SimEnsemble } from './sim-ensemble.ts';
import type { EnsembleOptions } from './sim-ensemble.ts';

const upgrading: SessionRules = {
  localSessionsEnabled: true,
  localSessionsUpgradingEnabled: true,
  readOnlyModeEnabled: false,
};
const fixed: SessionRules = { ...upgrading, localSessionsUpgradingEnabled: false };

function stageOf(
  seed: number,
  sessionRules: SessionRules = upgrading,
  options: Partial<EnsembleOptions> = {},
): SimEnsemble {
  const stage = new SimEnsemble({ seed, voters: 3, sessionRules, homed: true, ...options });
  stage.settle(5_000);
  stage.run(500);
  return stage;
}

function leaderOf(stage: SimEnsemble): number {
  const leader = stage.leader();
  assert(leader !== undefined, 'somebody leads');
  return leader;
}

function followerOf(stage: SimEnsemble): number {
  const leader = leaderOf(stage);
  return stage.sids.find((sid) => sid !== leader) ?? 0;
}

function clientAt(stage: SimEnsemble, sid: number, name: string = `x${sid}`): SimClient {
  const client = stage.client(name, [stage.hostOf(sid)]);
  assert(
    stage.world.runUntil(() => client.isOpen, 3_000),
    `a session at s${sid}`,
  );
  return client;
}

function answerOf(stage: SimEnsemble, client: SimClient, op: ClientOp): OpResult {
  let answer: OpResult | null | undefined;
  client.call(op, (result) => (answer = result));
  stage.world.runUntil(() => answer !== undefined, 5_000);
  assert(answer !== undefined && answer !== null, `an answer to ${op.kind}`);
  return answer;
}

function errorOf(stage: SimEnsemble, client: SimClient, op: ClientOp): number {
  return answerOf(stage, client, op).error;
}

function localCount(stage: SimEnsemble, sid: number): number {
  return stage.server(sid)?.view.state().localSessionCount ?? -1;
}

const ephemeral = (path: string): ClientOp => create(path, 'e', CreateMode.EPHEMERAL);

test('a local session is in no history, at a follower and at the leader', () => {
  const stage = stageOf(1);
  const before = stage.checker.lastCommitted;
  for (const sid of [leaderOf(stage), followerOf(stage)]) {
    const client = clientAt(stage, sid);
    assert.equal(localCount(stage, sid), 1);
    assert.equal(stage.checker.lastCommitted, before, 'no transaction');
    assert.equal(errorOf(stage, client, closeSession), ErrorCode.OK);
    assert.equal(localCount(stage, sid), 0);
  }
  assert.equal(stage.checker.lastCommitted, before);
  epilogue(stage);
});

test('writes of local sessions take effect; ephemerals are refused without upgrading', () => {
  const stage = stageOf(2, fixed);
  for (const sid of [leaderOf(stage), followerOf(stage)]) {
    const client = clientAt(stage, sid);
    assert.equal(errorOf(stage, client, create(`/p${sid}`, 'p')), ErrorCode.OK);
    const before = stage.checker.lastCommitted;
    const refused = ErrorCode.EPHEMERAL_ON_LOCAL_SESSION;
    assert.equal(errorOf(stage, client, ephemeral(`/e${sid}`)), refused);
    assert.equal(stage.checker.lastCommitted, before + 1, 'the refusal takes a zxid');
    const parts = [
      createRequest(`/m${sid}`, '', CreateMode.PERSISTENT),
      createRequest(`/me${sid}`, '', CreateMode.EPHEMERAL),
    ];
    const { results } = answerOf(stage, client, multi(parts));
    assert.equal(results?.[1]?.error, refused);
    assert.equal(stage.model.tree.now(`/m${sid}`), null, 'all or nothing');
    assert.equal(stage.model.isGlobal(client.sessionId), false);
  }
  epilogue(stage);
});

test('an upgraded session goes elsewhere with what it owns; a local one stays at home', () => {
  const stage = stageOf(3);
  const home = followerOf(stage);
  const both = stage.sids.map((sid) => stage.hostOf(sid));
  const traveller = stage.client('traveller', both);
  stage.world.runUntil(() => traveller.isOpen, 3_000);
  const id = traveller.sessionId;
  assert.equal(errorOf(stage, traveller, ephemeral('/mine')), ErrorCode.OK);
  assert.equal(stage.model.tree.now('/mine')?.owner, id);
  const local = clientAt(stage, home);
  const localId = local.sessionId;
  for (let count = 0; count < 6; count += 1) {
    stage.network.reset(traveller.process.host, traveller.serverHost);
    stage.network.reset(local.process.host, local.serverHost);
    stage.run(1_000);
    assert.deepEqual([traveller.isOpen, traveller.sessionId], [true, id]);
    assert.deepEqual([local.isOpen, local.sessionId], [true, localId]);
  }
  assert.equal(traveller.connectionCount > 6, true);
  epilogue(stage);
});

test('ZOOKEEPER-2725: a multi with an ephemeral upgrades its session, at leader and follower', () => {
  const stage = stageOf(4);
  for (const sid of [leaderOf(stage), followerOf(stage)]) {
    const client = clientAt(stage, sid);
    const parts = [
      createRequest(`/m${sid}`, '', CreateMode.PERSISTENT),
      createRequest(`/m${sid}/e`, '', CreateMode.EPHEMERAL_SEQUENTIAL),
    ];
    const { error, results } = answerOf(stage, client, multi(parts));
    assert.deepEqual([error, results?.map((part) => part.error)], [0, [0, 0]]);
    assert.equal(stage.model.isGlobal(client.sessionId), true);
    assert.equal(localCount(stage, sid), 0);
  }
  epilogue(stage);
});

test('ZOOKEEPER-3471: an end right behind an upgrade leaves nothing (24 seeds)', () => {
  for (let seed = 1; seed <= 24; seed += 1) {
    const stage = stageOf(seed);
    const sid = seed % 2 === 0 ? leaderOf(stage) : followerOf(stage);
    const client = clientAt(stage, sid);
    const id = client.sessionId;
    client.call(setData('/', 'x'));
    client.call(ephemeral('/lock'));
    client.call(closeSession);
    if (seed % 4 === 3) {
      // It comes back for the end while the upgrade may still be under way.
      stage.run(seed % 3);
      stage.network.reset(client.process.host, client.serverHost);
    } else {
      stage.run(1_000);
    }
    stage.world.runUntil(() => client.isOpen, 3_000);
    if (client.sessionId === id) client.call(closeSession);
    stage.run(1_500);
    assert.equal(stage.model.tree.now('/lock'), null, `seed ${seed}`);
    assert.equal(stage.model.tree.sessions.has(id), false, `seed ${seed}`);
    epilogue(stage);
  }
});

test('ZOOKEEPER-3471: an upgrade is whole or has not been, wherever the crash comes (36 crashes)', () => {
  let whole = 0;
  for (let seed = 1; seed <= 36; seed += 1) {
    const stage = stageOf(seed);
    const leader = leaderOf(stage);
    const home = seed % 3 === 0 ? leader : followerOf(stage);
    const victim = seed % 2 === 0 ? leader : home;
    const client = clientAt(stage, home);
    stage.disk(victim).crashAfterSteps = (seed % 5) + 1;
    stage.disk(victim).crash = () => stage.crash(victim, 'torn');
    client.call(ephemeral('/once'));
    client.call(setData('/', 'after'));
    stage.run(seed * 0.7);
    if (stage.process(victim) !== null) stage.crash(victim, 'lost');
    stage.run(1_500);
    stage.start(victim);
    stage.settle(10_000);
    const owner = stage.model.tree.now('/once')?.owner ?? 0n;
    if (owner !== 0n) {
      assert.equal(stage.model.tree.sessions.has(owner), true, `seed ${seed}`);
      whole += 1;
    }
    epilogue(stage);
  }
  assert(whole > 5 && whole < 36, `${whole} of 36 had their node`);
});

for (const how of ['crash', 'stop'] as const) {
  test(`clients with local sessions stay connected over an election (leader: ${how})`, () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const stage = stageOf(seed);
      const leader = leaderOf(stage);
      const clients = stage.sids.filter((sid) => sid !== leader).map((sid) => clientAt(stage, sid));
      const before = clients.map(({ connectionCount, sessionId }) => [connectionCount, sessionId]);
      let lost = 0;
      let sent = 0;
      const busy = (client: SimClient): void => {
        const isLast = sent > 800 + seed;
        const op = isLast ? ephemeral(`/e-${client.name}-${sent}`) : setData('/', `${sent}`);
        for (const each of [op, sync('/'), getData('/')]) {
          sent += 1;
          client.call(each, (result) => (lost += result === null ? 1 : 0));
        }
        client.process.after(4, () => busy(client));
      };
      for (const client of clients) busy(client);
      stage.run(300 + seed * 1.7);
      // Of some the upgrade is under way, and of some of those it never arrives.
      for (const sid of seed % 4 === 0 ? stage.sids : []) {
        if (sid !== leader) stage.network.cut(stage.hostOf(sid), stage.hostOf(leader));
      }
      for (const client of seed % 2 === 0 ? clients : []) {
        client.call(ephemeral(`/first-${client.name}`), (result) => {
          lost += result === null ? 1 : 0;
        });
      }
      stage.run(seed % 3);
      if (how === 'crash') stage.crash(leader, 'lost');
      else stage.stop(leader);
      stage.run(1_500);
      stage.network.healAll();
      if (stage.process(leader) === null) stage.start(leader);
      stage.settle(10_000);
      const after = clients.map(({ connectionCount, sessionId }) => [connectionCount, sessionId]);
      assert.deepEqual(after, before, `seed ${seed}`);
      assert.equal(lost, 0, `seed ${seed}`);
      for (const client of clients) assert(stage.model.isGlobal(client.sessionId), `seed ${seed}`);
    }
  });
}

test('a silent local session ends in time, and not before', () => {
  const stage = stageOf(5);
  const sid = followerOf(stage);
  const client = clientAt(stage, sid);
  stage.run(10_000);
  assert.equal(localCount(stage, sid), 1, 'pings keep it');
  client.stop();
  // It may have pinged a third of its timeout ago.
  stage.run(client.timeoutMs / 2);
  assert.equal(localCount(stage, sid), 1);
  stage.run(client.timeoutMs / 2 + simTickMs);
  assert.equal(localCount(stage, sid), 0);
});

for (const kind of ['local', 'fixed'] as const) {
  test(`storms end well with local sessions (${kind}, 12 seeds)`, () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const options = withSessions(kind, seed);
      const result = stormScenario({ seed, stormMs: 9_000, storms: 2, options });
      assert.equal(result.violation, null, report(seed, result));
    }
  });
}
