// Goal: a member that comes back has the history of the others: no tail of its own, no hole, and
// nothing older for clients who have seen more.
// Method: whole simulated servers whose members leave with a tail, over gaps, or for their disk,
// and come back in every way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { create, createRequest, getData, setData } from '../sim/client-ops.ts';
import { epilogue } from '../sim/epilogue.ts';
import type { SimEnsemble } from '../sim/sim-ensemble.ts';
import { RawClient } from './raw-client.ts';
import {
  cutOff,
  followersOf,
  isServing,
  leaderOf,
  openClient,
  saidCount,
  servingWithin,
  startAndDieAt,
  settled,
} from './stage.ts';

test('ZOOKEEPER-2845: after each return of a leader with a tail of its own its tree is its log', () => {
  let cuts = 0;
  for (let seed = 1; seed <= 8; seed += 1) {
    const stage = settled(seed);
    for (let round = 0; round < 2; round += 1) {
      const former = leaderOf(stage);
      withTail(stage, former, round);
      if (seed % 2 === 0) stage.start(former);
      else startAndDieAt(stage, former, 1_000);
      stage.settle(10_000);
    }
    cuts += saidCount(stage, 'how=trunc');
    epilogue(stage);
  }
  assert(cuts > 0, `${cuts} logs were cut`);
});

test('ZOOKEEPER-5094: a member that dies or loses its leader at any step of a cut has neither a gap nor what was cut away', () => {
  let places = 0;
  let cuts = 0;
  for (let step = 1; step <= 40; step += 1) {
    const stage = settled(step);
    const former = leaderOf(stage);
    withTail(stage, former);
    const dies = startAndDieAt(stage, former, step);
    if (saidCount(stage, 'how=trunc') > 0) cuts += 1;
    if (dies !== null) places += 1;
    else stage.network.reset(stage.hostOf(former), stage.hostOf(leaderOf(stage)));
    stage.run(50);
    if (stage.process(former) === null) stage.start(former);
    servingWithin(stage, 10_000, former);
    const reader = openClient(stage, former);
    reader.call(getData('/tail-0'), (result) =>
      assert.equal(result?.error, -101, 'not in its tree'),
    );
    stage.run(50);
    reader.stop();
    stage.crash(former, 'lost');
    stage.start(former);
    stage.settle(10_000);
    for (let count = 0; count < 3; count += 1) {
      assert.equal(stage.model.tree.now(`/tail-${count}`), null, 'cut away for good');
    }
    epilogue(stage);
  }
  assert(places > 12 && cuts > 12, `${places} crashes, ${cuts} of 40 were to cut`);
});

function withTail(stage: SimEnsemble, leader: number, round: number = 0): void {
  // Nothing may be proposed in the next epoch before it is back: then there is a common end to cut to.
  stage.quiet();
  stage.run(100);
  const client = openClient(stage, leader, 8_000);
  cutOff(stage, leader);
  for (let count = 0; count < 3; count += 1) client.call(create(`/tail-${round + count}`, 'x'));
  stage.run(30);
  stage.crash(leader, 'kept');
  client.stop();
  servingWithin(stage, 10_000, ...stage.sids.filter((sid) => sid !== leader));
  stage.network.healAll();
  stage.run(200);
}

test('ZOOKEEPER-4925: a member that was brought level twice over a gap hands the whole history on when it leads', () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const stage = settled(seed, {
      voters: 5,
      workload: { thinkMs: 40 },
      config: { commitLogCount: 500, snapCount: 2_000 },
    });
    const [far] = followersOf(stage);
    const former = leaderOf(stage);
    const late = Math.max(...stage.sids.filter((sid) => sid !== former));
    stage.crash(far, 'lost');
    for (let gap = 0; gap < 2; gap += 1) {
      stage.run(300);
      stage.crash(late, 'lost');
      stage.run(300);
      stage.start(late);
      servingWithin(stage, 6_000, late);
      stage.run(100);
    }
    // The late one leads by its id, and all that the far one lacks comes from its memory.
    stage.crash(former, 'lost');
    stage.world.runUntil(() => stage.leader() === late, 10_000, 10);
    assert.equal(stage.leader(), late);
    const [diffs, snaps] = ['diff', 'snap'].map((how) => saidCount(stage, `sid=${far} how=${how}`));
    stage.start(far);
    servingWithin(stage, 6_000, far);
    assert.equal(saidCount(stage, `sid=${far} how=diff`), (diffs ?? 0) + 1, 'one DIFF is enough');
    assert.equal(saidCount(stage, `sid=${far} how=snap`), snaps);
    stage.run(100);
    stage.start(former);
    epilogue(stage);
  }
});

test('ZOOKEEPER-4882: a member whose disk fails while the others go on has no hole when it is back', () => {
  let exits = 0;
  for (let seed = 1; seed <= 12; seed += 1) {
    const stage = settled(seed, { storm: { diskErrors: true } });
    const [sid] = followersOf(stage);
    const { faults } = stage.disk(sid);
    if (seed % 2 === 0) faults.writeErrorChance = 0.3;
    else faults.syncErrorChance = 0.3;
    stage.run(400);
    Object.assign(faults, { writeErrorChance: 0, syncErrorChance: 0 });
    // It ends, or leaves until its disk takes something again.
    const left = saidCount(stage, 'exit ') + saidCount(stage, 'the disk takes no more');
    exits += left > 0 ? 1 : 0;
    servingWithin(stage, 10_000, ...stage.sids);
    stage.crash(sid, 'lost');
    stage.start(sid);
    epilogue(stage);
  }
  assert(exits > 6, `${exits} members left for their disk`);
});

test('ZOOKEEPER-4503: a member that is back answers nothing older than what its clients have seen', () => {
  let reads = 0;
  for (let seed = 1; seed <= 8; seed += 1) {
    const stage = settled(seed, { clients: 2 });
    const hosts = stage.sids.map((sid) => stage.hostOf(sid));
    const client = stage.client('rolling', hosts, 3_000);
    stage.world.runUntil(() => client.isOpen, 3_000);
    client.call(create('/own', '0'));
    let written = 0;
    for (const sid of stage.sids) {
      stage.crash(sid, 'lost');
      stage.start(sid);
      for (let count = 0; count < 40; count += 1) {
        stage.run(15);
        if (!client.isOpen || client.outstanding > 4) continue;
        const value = (written += 1);
        client.call(setData('/own', `${value}`));
        client.call(getData('/own'), (result) => {
          if (result?.data === null || result?.data === undefined) return;
          reads += 1;
          assert(Number(Buffer.from(result.data)) >= value, 'its own write is seen');
        });
      }
      stage.settle(10_000);
    }
    epilogue(stage);
  }
  assert(reads > 200, `${reads} reads`);
});

test('ZOOKEEPER-4503: a member that is behind serves nobody who has seen more than it has', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = settled(seed, { clients: 1 });
    const [sid] = followersOf(stage);
    const leader = leaderOf(stage);
    const ahead = RawClient.open(stage, leader);
    // It hears nothing new from its leader, and has not given it up yet.
    stage.network.cut(stage.hostOf(leader), stage.hostOf(sid));
    const made = createRequest('/ahead', '', CreateMode.PERSISTENT);
    const reply = ahead.ask(OpCode.CREATE, (writer) => writeCreateRequest(writer, made));
    assert.equal(reply?.error, 0);
    assert(isServing(stage, sid), 'it serves still');
    assert(ahead.session !== null);
    const moved = new RawClient(stage, sid, { ...ahead.session, lastZxid: ahead.lastZxid });
    stage.run(100);
    assert(moved.isClosed && moved.session === null, 'not served');
    stage.network.healAll();
    servingWithin(stage, 10_000, ...stage.sids);
    stage.run(300);
    const again = RawClient.open(stage, sid, { ...ahead.session, lastZxid: ahead.lastZxid });
    again.destroy();
    epilogue(stage);
  }
});
