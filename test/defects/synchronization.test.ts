// Goal: a member that is being brought level never promises, shows or hands on what its disk lacks.
// Method: whole simulated servers; the crash or the cut comes at every step of a synchronization,
// and then the one that was hit has to elect with each of the others, lead, and start again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacketType } from '../../server/protocol/packet-type.ts';
import { create, getData, setData } from '../sim/client-ops.ts';
import { epilogue } from '../sim/epilogue.ts';
import type { SimEnsemble } from '../sim/sim-ensemble.ts';
import {
  cutOff,
  followersOf,
  isServing,
  leaderOf,
  openClient,
  saidCount,
  servingWithin,
  settled,
  watched,
} from './stage.ts';

/** One of three is behind, and the two others have begun another epoch without it. */
function behindAnEpoch(
  stage: SimEnsemble,
  which: 0 | 1 = 0,
): { behind: number; other: number; leader: number } {
  const behind = followersOf(stage)[which];
  stage.crash(behind, 'lost');
  stage.run(200);
  const former = leaderOf(stage);
  stage.crash(former, 'lost');
  stage.run(50);
  stage.start(former);
  const rest = stage.sids.filter((sid) => sid !== behind);
  servingWithin(stage, 8_000, ...rest);
  stage.run(200);
  const leader = leaderOf(stage);
  const other = rest.find((sid) => sid !== leader) ?? leader;
  return { behind, other, leader };
}

/** Starts a member whose machine loses power at that step of its disk; `null`: it got through. */
function startAndDieAt(stage: SimEnsemble, sid: number, step: number): string | null {
  const disk = stage.disk(sid);
  let where: string | null = null;
  disk.crashAfterSteps = step;
  disk.crash = (what) => {
    where = what;
    stage.crash(sid, 'lost');
  };
  stage.start(sid);
  stage.world.runUntil(() => stage.process(sid) === null || isServing(stage, sid), 4_000, 5);
  disk.crashAfterSteps = 0;
  return where;
}

test('ZOOKEEPER-4643: a member that dies at any step between history, epoch and ack takes no transaction from those who elect with it', () => {
  const places: string[] = [];
  for (let step = 1, isThrough = false; !isThrough; step += 1) {
    const stage = settled(step, { workload: { thinkMs: 40 } });
    const { behind, other, leader } = behindAnEpoch(stage);
    const where = startAndDieAt(stage, behind, step);
    if (where !== null) places.push(where);
    isThrough = where === null;
    // The leader goes; the one that died must elect with the one that is left.
    const gone = step % 2 === 0 ? leader : other;
    stage.crash(gone, 'lost');
    if (stage.process(behind) === null) stage.start(behind);
    const left = gone === leader ? other : leader;
    servingWithin(stage, 10_000, behind, left);
    stage.run(200);
    stage.start(gone);
    epilogue(stage);
  }
  for (const part of ['/log.', 'acceptedEpoch', 'currentEpoch']) {
    assert(
      places.some((place) => place.includes(part)),
      `a crash at ${part}: ${places.join(', ')}`,
    );
  }
});

test('ZOOKEEPER-4646, ZOOKEEPER-3911: all followers lose power as the leader says UPTODATE, and what was served is still there', () => {
  let hits = 0;
  for (let seed = 1; seed <= 16; seed += 1) {
    let isArmed = false;
    let isHit = false;
    const stage = settled(seed, {
      parts: (sid, ensemble) =>
        watched({
          effect: (_, effect) => {
            if (!isArmed || effect.type !== 'send') return;
            if (effect.packet.type !== PacketType.UPTODATE) return;
            isArmed = false;
            isHit = true;
            ensemble.world.schedule((seed % 8) * 0.7, () => {
              for (const one of ensemble.sids) if (one !== sid) ensemble.crash(one, 'lost');
            });
          },
        })(sid, ensemble),
    });
    for (const sid of stage.sids) stage.disk(sid).faults.syncMsMax = 20;
    const { behind, other } = behindAnEpoch(stage);
    isArmed = true;
    stage.start(behind);
    stage.world.runUntil(() => isHit, 4_000, 1);
    stage.run(20);
    hits += isHit ? 1 : 0;
    for (const sid of [behind, other]) if (stage.process(sid) === null) stage.start(sid);
    servingWithin(stage, 10_000, behind, other);
    epilogue(stage);
  }
  assert(hits === 16, `${hits} of 16 were hit`);
});

test('ZOOKEEPER-3023: when the leader has the ack of a synchronization, every transaction of it is in the learner’s log and tree', () => {
  let acks = 0;
  for (let seed = 1; seed <= 10; seed += 1) {
    const stage = settled(seed, {
      parts: (sid, ensemble) =>
        watched({
          effect: (_, effect) => {
            if (effect.type !== 'send' || effect.packet.type !== PacketType.ACK) return;
            const member = ensemble.checker.members.get(sid);
            if (member === undefined || member.phase !== 'synchronization') return;
            acks += 1;
            // What the leader had committed when it said NEWLEADER.
            const target = member.syncTargetZxid;
            assert(member.promise.durableZxid >= target, `s${sid} acks what is not on its disk`);
          },
        })(sid, ensemble),
    });
    const { behind } = behindAnEpoch(stage);
    const before = stage.checker.committed.length;
    stage.start(behind);
    servingWithin(stage, 6_000, behind);
    const applied = stage.checker.members.get(behind)?.applied.length ?? 0;
    assert(applied >= before, `${applied} of ${before} are in the tree when it serves`);
    epilogue(stage);
  }
  assert(acks > 20, `${acks} acks`);
});

test('ZOOKEEPER-4785: the leader is lost right after UPTODATE, the learner leads next, and a restart finds the same', () => {
  let leads = 0;
  for (let seed = 1; seed <= 12; seed += 1) {
    const stage = settled(seed);
    const { behind, other, leader } = behindAnEpoch(stage, 1);
    stage.start(behind);
    servingWithin(stage, 6_000, behind);
    stage.run(seed % 4);
    stage.crash(leader, 'lost');
    servingWithin(stage, 10_000, behind, other);
    if (stage.leader() === behind) leads += 1;
    stage.crash(behind, 'lost');
    stage.start(behind);
    stage.start(leader);
    epilogue(stage);
  }
  assert(leads > 0, `the learner led ${leads} times`);
});

test('ZOOKEEPER-4712, ZOOKEEPER-4541: what an old leader still had under way reaches no log of the next epoch', () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    const stage = settled(seed, { workload: { thinkMs: 8 } });
    // Much waits for the disk whenever the leader changes.
    for (const sid of stage.sids) Object.assign(stage.disk(sid).faults, { syncMsMax: 60 });
    for (let round = 0; round < 3; round += 1) {
      const leader = leaderOf(stage);
      cutOff(stage, leader);
      stage.world.runUntil(() => (stage.leader() ?? leader) !== leader, 6_000, 10);
      stage.run(stage.world.random.between(0, 60));
      stage.network.healAll();
      stage.settle(10_000);
      stage.run(150);
    }
    epilogue(stage);
  }
});

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

/** A member with a new disk, whose tree is on its way from the leader. */
function streaming(stage: SimEnsemble): number {
  const [sid] = followersOf(stage);
  stage.crash(sid, 'lost');
  stage.wipe(sid);
  stage.run(100);
  stage.start(sid);
  return sid;
}

test('ZOOKEEPER-3642, ZOOKEEPER-2872: a whole tree that is cut off at any moment leaves nothing that counts', () => {
  let cuts = 0;
  for (let moment = 0; moment < 24; moment += 1) {
    const stage = settled(moment + 1, { workload: { valueBytesMax: 20_000 } });
    const sid = streaming(stage);
    stage.world.runUntil(
      () => saidCount(stage, 'how=snap') > 0 || isServing(stage, sid),
      4_000,
      0.2,
    );
    stage.run(moment * 0.4);
    if (!isServing(stage, sid)) cuts += 1;
    stage.network.reset(stage.hostOf(sid), stage.hostOf(leaderOf(stage)));
    cutOff(stage, sid);
    stage.run(300);
    stage.network.healAll();
    // Level again by whatever the leader thinks fit, then its disk alone speaks.
    servingWithin(stage, 10_000, sid);
    stage.crash(sid, 'lost');
    stage.start(sid);
    epilogue(stage);
  }
  assert(cuts > 5, `${cuts} of 24 streams were cut`);
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

/** A leader logs what nobody else gets, and its machine goes off; the others go on. */
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
  let handedOn = 0;
  for (let seed = 1; seed <= 8; seed += 1) {
    const stage = settled(seed, { config: { commitLogCount: 200, snapCount: 2_000 } });
    const [late] = followersOf(stage);
    for (let gap = 0; gap < 2; gap += 1) {
      stage.crash(late, 'lost');
      stage.run(150);
      stage.start(late);
      servingWithin(stage, 6_000, late);
      stage.run(100);
    }
    const [other] = stage.sids.filter((sid) => sid !== late && sid !== leaderOf(stage));
    // One more is far behind and will take from the late one what it lacks.
    if (other !== undefined) stage.crash(other, 'lost');
    stage.run(150);
    const former = leaderOf(stage);
    stage.crash(former, 'lost');
    if (other !== undefined) stage.start(other);
    servingWithin(stage, 10_000, late, other ?? late);
    if (stage.leader() === late) handedOn += 1;
    stage.run(200);
    stage.start(former);
    epilogue(stage);
  }
  assert(handedOn > 4, `the late one led ${handedOn} times`);
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
    exits += saidCount(stage, 'exit ') > 0 ? 1 : 0;
    servingWithin(stage, 10_000, ...stage.sids);
    stage.crash(sid, 'lost');
    stage.start(sid);
    epilogue(stage);
  }
  assert(exits > 6, `${exits} members ended for their disk`);
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
