// Goal: a member without a quorum answers reads, of clients that are content with that, and nothing
// else; a quorum takes it back as if it had not, and clients return with their sessions.
// Method: members cut off from the others, with and without a tail of their own, on whole simulated
// servers; every read against the history; then storms in which some clients read without quorum.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import type { SessionRules } from '../../server/shell/core.ts';
import { readOnlyAfterMsMin } from '../../server/shell/read-only.ts';
import {
  closeSession,
  create,
  createRequest,
  exists,
  getChildren,
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

const globalSessions: SessionRules = {
  localSessionsEnabled: false,
  localSessionsUpgradingEnabled: false,
  readOnlyModeEnabled: true,
};
const localSessions: SessionRules = {
  localSessionsEnabled: true,
  localSessionsUpgradingEnabled: true,
  readOnlyModeEnabled: true,
};
const kinds = Object.entries({ global: globalSessions, local: localSessions });

function stageOf(
  seed: number,
  sessionRules: SessionRules = globalSessions,
  options: Partial<EnsembleOptions> = {},
): SimEnsemble {
  const stage = new SimEnsemble({ seed, voters: 3, sessionRules, ...options });
  stage.settle(5_000);
  stage.run(500);
  return stage;
}

function leaderOf(stage: SimEnsemble): number {
  const leader = stage.leader();
  assert(leader !== undefined, 'somebody leads');
  return leader;
}

function isolate(stage: SimEnsemble, sid: number): void {
  for (const other of stage.sids) {
    if (other !== sid) stage.network.cutBoth(stage.hostOf(sid), stage.hostOf(other));
  }
}

function isReadOnly(stage: SimEnsemble, sid: number): boolean {
  return stage.server(sid)?.view.state().readOnly === true;
}

/** Cut off, for long enough to serve reads. */
function becomeReadOnly(stage: SimEnsemble, sid: number): void {
  isolate(stage, sid);
  assert(
    stage.world.runUntil(() => isReadOnly(stage, sid), 10_000),
    `s${sid} serves reads`,
  );
}

function clientAt(stage: SimEnsemble, sid: number, name: string, readOnly: boolean): SimClient {
  const client = stage.client(name, [stage.hostOf(sid)], 3_000, false, readOnly);
  assert(
    stage.world.runUntil(() => client.isOpen, 5_000),
    `${name} has a session at s${sid}`,
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

const needsQuorum: readonly ClientOp[] = [
  create('/new', 'x'),
  create('/new', 'x', CreateMode.EPHEMERAL),
  setData('/here', 'x'),
  multi([createRequest('/new', 'x', CreateMode.PERSISTENT)]),
  sync('/'),
];

for (const [kind, sessionRules] of kinds) {
  test(`without a quorum reads are answered and nothing else, ${kind} sessions`, () => {
    const stage = stageOf(1, sessionRules);
    const sid = stage.sids.find((each) => each !== leaderOf(stage)) ?? 0;
    assert.equal(answerOf(stage, clientAt(stage, sid, 'w', false), create('/here', 'x')).error, 0);
    becomeReadOnly(stage, sid);
    const client = clientAt(stage, sid, 'r', true);
    assert.equal(client.isReadOnly, true);
    for (const op of [getData('/here'), exists('/here', true), getChildren('/')]) {
      assert.equal(answerOf(stage, client, op).error, ErrorCode.OK);
    }
    for (const op of needsQuorum) {
      assert.equal(answerOf(stage, client, op).error, ErrorCode.NOT_READ_ONLY);
    }
    const state = stage.server(sid)?.view.state();
    assert.deepEqual([state?.serving, state?.localSessionCount], [false, 1]);
    assert.equal(answerOf(stage, client, closeSession).error, ErrorCode.OK);
    assert.equal(stage.server(sid)?.view.state().localSessionCount, 0);
    client.stop();
    epilogue(stage);
  });

  test(`a client comes back from reading with the session it had, ${kind} sessions (10 seeds)`, () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const stage = stageOf(seed, sessionRules);
      const sid = seed % 2 === 0 ? leaderOf(stage) : (leaderOf(stage) % 3) + 1;
      const owner = clientAt(stage, sid, 'owner', true);
      assert.equal(answerOf(stage, owner, create('/mine', 'x', CreateMode.EPHEMERAL)).error, 0);
      becomeReadOnly(stage, sid);
      const late = clientAt(stage, sid, 'late', true);
      stage.world.runUntil(() => owner.isOpen, 3_000);
      assert.deepEqual([owner.isReadOnly, late.isReadOnly], [true, true]);
      assert.equal(answerOf(stage, owner, getData('/mine')).error, ErrorCode.OK);
      const sessions = [owner.sessionId, late.sessionId];
      const refused = answerOf(stage, owner, closeSession);
      assert.equal(refused.error, ErrorCode.NOT_READ_ONLY, 'its end is for a quorum to decide');
      // Within the timeout that the others give it.
      stage.network.healAll();
      stage.settle(10_000);
      stage.world.runUntil(() => owner.isOpen && late.isOpen, 5_000);
      assert.deepEqual([owner.isReadOnly, late.isReadOnly], [false, false]);
      assert.equal(late.sessionId, sessions[1], `seed ${seed}: begun without a quorum`);
      if (stage.model.closedAt(sessions[0] ?? 0n) === null) {
        assert.equal(owner.sessionId, sessions[0], `seed ${seed}: begun with one`);
      }
      assert.equal(answerOf(stage, late, create('/late', 'x', CreateMode.EPHEMERAL)).error, 0);
      assert.equal(stage.model.tree.now('/late')?.owner, late.sessionId);
      epilogue(stage);
    }
  });
}

test('reads begin two seconds after the quorum is lost, for those alone who asked for them', () => {
  const stage = stageOf(2);
  const sid = leaderOf(stage);
  isolate(stage, sid);
  stage.world.runUntil(() => stage.server(sid)?.view.state().role === 'looking', 5_000);
  stage.run(readOnlyAfterMsMin - 100);
  assert.equal(isReadOnly(stage, sid), false);
  stage.run(200);
  assert.equal(isReadOnly(stage, sid), true);
  assert(simTickMs < readOnlyAfterMsMin, 'a longer tick would be waited for');
  const other = stage.client('other', [stage.hostOf(sid)], 3_000);
  stage.run(3_000);
  assert.equal(other.isOpen, false, 'it did not say that it is content with reads');
  assert.equal(other.connectionCount > 3, true, 'it has tried');
  epilogue(stage);
});

test('without the setting nobody is served without a quorum', () => {
  const stage = stageOf(3, { ...localSessions, readOnlyModeEnabled: false });
  const sid = leaderOf(stage);
  const client = clientAt(stage, sid, 'r', true);
  isolate(stage, sid);
  stage.run(8_000);
  assert.deepEqual([client.isOpen, isReadOnly(stage, sid)], [false, false]);
  epilogue(stage);
});

test('ZOOKEEPER-3526: who has served reads is cut back and levelled like anybody (20 seeds)', () => {
  let cuts = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    // Behind a later epoch's writes nobody is cut back: it gets the whole tree.
    const clients = seed % 4 === 0 ? 3 : 0;
    const stage = stageOf(seed, seed % 2 === 0 ? localSessions : globalSessions, { clients });
    const sid = leaderOf(stage);
    const last = clientAt(stage, sid, 'last', false);
    isolate(stage, sid);
    // Logged here and nowhere else; never committed.
    for (let count = 0; count < 5; count += 1) last.call(create(`/tail-${count}`, 'x'));
    assert(
      stage.world.runUntil(() => isReadOnly(stage, sid), 10_000),
      `s${sid} serves reads`,
    );
    last.stop();
    const reader = clientAt(stage, sid, 'reader', true);
    for (let round = 0; round < 3; round += 1) {
      for (const op of [getChildren('/'), getData('/r0'), exists('/tail-0')]) {
        answerOf(stage, reader, op);
      }
      assert.equal(answerOf(stage, reader, setData('/', 'x')).error, ErrorCode.NOT_READ_ONLY);
      stage.run(300);
    }
    stage.network.healAll();
    stage.settle(10_000);
    assert.equal(isReadOnly(stage, sid), false);
    const lines = stage.world.trace.lines.map(({ text }) => text);
    cuts += lines.some((text) => text.includes('how=trunc')) ? 1 : 0;
    assert.equal(stage.model.tree.now('/tail-0'), null);
    epilogue(stage);
  }
  assert(cuts > 5, `${cuts} of 20 logs were cut`);
});

test('members are cut off and come back while clients read wherever they are let in (10 seeds)', () => {
  let reads = 0;
  for (let seed = 1; seed <= 10; seed += 1) {
    const sessionRules = seed % 2 === 0 ? localSessions : globalSessions;
    const stage = stageOf(seed, sessionRules, { clients: 4, readOnlyClients: 3, voters: 3 });
    const { random } = stage.world;
    for (let round = 0; round < 4; round += 1) {
      for (const sid of random.chance(0.3) ? stage.sids : [random.pick(stage.sids)]) {
        isolate(stage, sid);
      }
      stage.run(random.between(2_000, 7_000));
      stage.network.healAll();
      stage.run(random.between(200, 2_000));
    }
    epilogue(stage);
    reads += stage.clientChecker.counts.readOnlyReads;
  }
  assert(reads > 500, `${reads} reads without a quorum`);
});

for (const kind of ['readOnly', 'readOnlyLocal'] as const) {
  test(`storms end well with members that serve reads alone (${kind}, 10 seeds)`, () => {
    let reads = 0;
    for (let seed = 1; seed <= 10; seed += 1) {
      const options = withSessions(kind, seed);
      const result = stormScenario({ seed, stormMs: 9_000, storms: 2, options });
      assert.equal(result.violation, null, report(seed, result));
      reads += result.ensemble.clientChecker.counts.readOnlyReads;
    }
    assert(reads > 10, `${reads} reads without a quorum`);
  });
}
