// Goal: the situations that history has shown to be dangerous, one by one and on purpose.
// Method: one script each, several seeds for delays and what a crash keeps; every script ends with
// the epilogue, which demands everything back and holds every answer against the history.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeSession, create, setData, sync, getData } from './client-ops.ts';
import { epilogue } from './epilogue.ts';
import { HastySync } from './mutants/elections.ts';
import { leaderWithTail } from './mutants/scripts.ts';
import { SimEnsemble } from './sim-ensemble.ts';
import type { EnsembleOptions } from './sim-ensemble.ts';
import type { SimClient } from './sim-client.ts';

function ensemble(seed: number, options: Partial<EnsembleOptions> = {}): SimEnsemble {
  const made = new SimEnsemble({ seed, voters: 3, clients: 3, ...options });
  made.settle(5_000);
  made.run(500);
  return made;
}

function leaderOf(stage: SimEnsemble): number {
  const leader = stage.leader();
  assert(leader !== undefined, 'somebody leads');
  return leader;
}

function followersOf(stage: SimEnsemble): number[] {
  const leader = leaderOf(stage);
  return stage.sids.filter((sid) => sid !== leader);
}

function openClient(stage: SimEnsemble, sid: number): SimClient {
  const client = stage.client(`x${sid}`, [stage.hostOf(sid)]);
  assert(
    stage.world.runUntil(() => client.isOpen, 3_000),
    `a session at s${sid}`,
  );
  return client;
}

for (const unsynced of ['kept', 'lost', 'torn'] as const) {
  test(`acked writes outlive the leader, unsynced pages ${unsynced} (10 seeds)`, () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const stage = ensemble(seed);
      for (let round = 0; round < 3; round += 1) {
        const leader = leaderOf(stage);
        stage.crash(leader, unsynced);
        stage.run(1_500);
        stage.start(leader);
        stage.settle(10_000);
        stage.run(300);
      }
      epilogue(stage);
    }
  });
}

test('acked writes outlive power losses of everyone at any moment (10 seeds)', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const stage = ensemble(seed);
    for (let round = 0; round < 8; round += 1) {
      for (const sid of stage.sids) stage.crash(sid, 'torn');
      stage.run(20);
      for (const sid of stage.sids) stage.start(sid);
      // Sometimes in the middle of the election or of the synchronization.
      stage.run(stage.world.random.between(1, 900));
    }
    epilogue(stage);
  }
});

test('a follower that dies at every step of its synchronization keeps its promises (60 crashes)', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = ensemble(seed);
    for (let round = 0; round < 10; round += 1) {
      const [sid = 1] = followersOf(stage);
      stage.crash(sid, 'lost');
      stage.run(stage.world.random.pick([50, 700]));
      stage.disk(sid).crashAfterSteps = stage.world.random.int(1, 30);
      stage.disk(sid).crash = () => {
        if (stage.process(sid) !== null) stage.crash(sid, 'torn');
      };
      stage.start(sid);
      stage.run(600);
      stage.disk(sid).crashAfterSteps = 0;
      if (stage.process(sid) === null) stage.start(sid);
      stage.settle(10_000);
    }
    epilogue(stage);
  }
});

test('a leader that comes back with a tail of its own is cut back (10 seeds)', () => {
  let cuts = 0;
  for (let seed = 1; seed <= 10; seed += 1) {
    const stage = ensemble(seed);
    leaderWithTail(stage);
    cuts += stage.world.trace.lines.filter((line) => line.text.includes('how=trunc')).length;
    epilogue(stage);
  }
  assert(cuts > 0, `${cuts} logs were cut`);
});

/** The leader is cut off from the others, and somebody goes on asking it. */
function staleReads(stage: SimEnsemble, leader: number, isBothWays: boolean): number {
  const client = openClient(stage, leader);
  client.call(create('/r0', 'first'));
  stage.run(50);
  for (const sid of followersOf(stage)) {
    stage.network.cut(stage.hostOf(leader), stage.hostOf(sid));
    if (isBothWays) stage.network.cut(stage.hostOf(sid), stage.hostOf(leader));
  }
  let answers = 0;
  for (let count = 0; count < 150; count += 1) {
    if (client.isOpen && client.outstanding < 6) {
      client.call(sync('/'), (result) => (answers += result === null ? 0 : 1));
      client.call(getData('/r0'));
    }
    stage.run(20);
  }
  return answers;
}

test('ZOOKEEPER-1675, ZOOKEEPER-3600: a leader that is cut off shows nothing stale behind a sync (20 seeds)', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const stage = ensemble(seed);
    const leader = leaderOf(stage);
    const answers = staleReads(stage, leader, seed % 2 === 0);
    assert(stage.leader() !== leader, 'the others have a leader of their own');
    assert(answers < 140, 'not every sync was answered');
    epilogue(stage);
  }
});

test('ZOOKEEPER-1675, ZOOKEEPER-3600: a leader whose clock is slow shows nothing stale behind a sync either (20 seeds)', () => {
  // It takes itself for a leader long after the others have another one.
  const slow = { rate: 0.3, skewMs: 0 };
  for (let seed = 1; seed <= 20; seed += 1) {
    const stage = ensemble(seed, { clockOf: (sid) => (sid === 3 ? slow : undefined) });
    const leader = leaderOf(stage);
    assert.equal(leader, 3);
    staleReads(stage, leader, seed % 2 === 0);
    epilogue(stage);
  }
});

test('such a leader is found out when it answers syncs without asking the others', () => {
  const slow = { rate: 0.3, skewMs: 0 };
  let found = '';
  for (let seed = 1; seed <= 20 && found === ''; seed += 1) {
    const stage = ensemble(seed, {
      clockOf: (sid) => (sid === 3 ? slow : undefined),
      parts: () => ({ createPeer: (options) => new HastySync(options) }),
    });
    try {
      staleReads(stage, leaderOf(stage), false);
    } catch (error) {
      found = error instanceof Error ? error.message : '';
    }
  }
  assert.match(found, /^C4 sync/);
});

test('what a client sent by a connection it has left comes to nothing (20 seeds)', () => {
  let moves = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const stage = ensemble(seed, { clients: 1 });
    const client = stage.client(
      'mover',
      stage.sids.map((sid) => stage.hostOf(sid)),
      1_500,
    );
    assert(
      stage.world.runUntil(() => client.isOpen, 3_000),
      'a session',
    );
    client.call(create('/moved', 'at first'));
    stage.run(50);
    const { host } = client.process;
    const left = client.serverHost;
    // Its bytes wait in the network; the server goes on knowing the connection.
    stage.network.cut(host, left);
    for (let count = 0; count < 3; count += 1) client.call(setData('/moved', `late ${count}`));
    const before = client.connectionCount;
    stage.world.runUntil(() => client.isOpen && client.connectionCount > before, 6_000);
    if (client.serverHost !== left && client.isOpen) {
      moves += 1;
      client.call(setData('/moved', 'after the move'));
      stage.run(50);
    }
    stage.network.heal(host, left);
    stage.run(500);
    if (client.serverHost !== left) {
      assert.equal(stage.model.tree.now('/moved')?.data, 'after the move', `seed ${seed}`);
    }
    epilogue(stage);
  }
  assert(moves > 5, `${moves} sessions moved`);
});

test('ZOOKEEPER-4907: nothing is answered behind the end of a session', () => {
  const stage = ensemble(1, { clients: 0 });
  for (const sid of stage.sids) {
    const client = openClient(stage, sid);
    const answers: string[] = [];
    client.call(create('/a', 'x'), (result) => answers.push(`create ${result?.error}`));
    client.call(closeSession, (result) => answers.push(`close ${result?.error}`));
    stage.run(0.4);
    for (let count = 0; count < 3; count += 1) {
      client.call(setData('/a', `${count}`), (result) => answers.push(`set ${result?.error}`));
      if (count === 0) stage.run(0.3);
    }
    stage.run(200);
    assert.equal(answers[1], 'close 0');
    assert.deepEqual(answers.slice(2), ['set undefined', 'set undefined', 'set undefined']);
    client.stop();
  }
});

test('ZOOKEEPER-3104: a large tree that is streamed while writes go on arrives whole (6 seeds)', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = ensemble(seed, { workload: { valueBytesMax: 200_000, thinkMs: 30 } });
    const [sid = 1] = followersOf(stage);
    stage.crash(sid, 'lost');
    stage.run(1_500);
    stage.start(sid);
    stage.settle(10_000);
    stage.run(500);
    epilogue(stage);
  }
});

test('a member whose disk is new takes everything over from the others (6 seeds)', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = ensemble(seed, { voters: seed % 2 === 0 ? 5 : 3 });
    const [sid = 1] = followersOf(stage);
    stage.crash(sid, 'lost');
    stage.wipe(sid);
    stage.run(300);
    stage.start(sid);
    stage.settle(10_000);
    stage.run(500);
    epilogue(stage);
  }
});

test('a flipped bit is noticed and repaired from the others, or changes nothing (60 seeds)', () => {
  let repaired = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    const stage = ensemble(seed);
    stage.run(800);
    const { random } = stage.world;
    const [sid = 1] = followersOf(stage);
    stage.crash(sid, 'lost');
    const disk = stage.disk(sid);
    const files = disk.files().filter((path) => !path.endsWith('.tmp') && disk.size(path) > 0);
    const path = random.pick(files);
    disk.flipBit(path, random.int(0, disk.size(path) - 1), random.int(0, 7));
    stage.checker.damaged(sid);
    stage.start(sid);
    if (stage.server(sid)?.view.state().lacking !== null) repaired += 1;
    stage.settle(10_000);
    assert.equal(stage.server(sid)?.view.state().lacking, null, 'what serves counts');
    epilogue(stage);
  }
  assert(repaired > 5, `${repaired} of 60 were repaired`);
});

test('ZOOKEEPER-3829: members are restarted one by one while clients work, and nothing is lost (4 seeds)', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = ensemble(seed, { voters: 3, observers: 1 });
    const order = [...followersOf(stage), leaderOf(stage)];
    for (const sid of order) {
      stage.stop(sid);
      stage.run(1_200);
      stage.settle(10_000);
    }
    epilogue(stage);
  }
});

test('two of five may be gone for good', () => {
  const stage = ensemble(1, { voters: 5 });
  const [a = 1, b = 2] = followersOf(stage);
  stage.crash(a, 'lost');
  stage.crash(b, 'lost');
  const before = stage.checker.committed.length;
  stage.run(2_000);
  assert(stage.checker.committed.length > before + 50, 'three of five go on');
  stage.start(a);
  stage.start(b);
  epilogue(stage);
});
