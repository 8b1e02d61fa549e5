// Goal: a member that is being brought level never promises, shows or hands on what its disk lacks.
// Method: whole simulated servers; the crash or the cut comes at every step of a synchronization,
// and then the one that was hit has to elect with each of the others, lead, and start again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacketType } from '../../server/protocol/packet-type.ts';
import { epilogue } from '../sim/epilogue.ts';
import type { SimEnsemble } from '../sim/sim-ensemble.ts';
import {
  cutOff,
  followersOf,
  isServing,
  leaderOf,
  saidCount,
  servingWithin,
  startAndDieAt,
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
    const stage = settled(seed, { observers: seed % 2, workload: { thinkMs: 8 } });
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

/** A member with a new disk, whose tree is on its way from the leader. */
function streaming(stage: SimEnsemble): number {
  const [sid] = followersOf(stage);
  stage.crash(sid, 'lost');
  // What it had acknowledged is on another disk as well before its own is gone.
  stage.run(100);
  stage.wipe(sid);
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

/** A leader logs what nobody else gets, and its machine goes off; the others go on. */
