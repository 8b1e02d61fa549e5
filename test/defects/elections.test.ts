// Goal: elections end, roles change, and nobody is left waiting for what nobody will do any more.
// Method: whole simulated servers in the situations that held others up; votes by their bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeNotification,
  encodeNotificationFrame,
  ServerState,
} from '../../server/protocol/notification.ts';
import { counterOf, epochOf } from '../../server/protocol/zxid.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { create, getData, setData } from '../sim/client-ops.ts';
import { epilogue } from '../sim/epilogue.ts';
import type { SimEnsemble } from '../sim/sim-ensemble.ts';
import { World } from '../zab/world.ts';
import { cutOff, followersOf, leaderOf, openClient, servingWithin, settled } from './stage.ts';

test('ZOOKEEPER-2164, ZOOKEEPER-3829: with machines that are gone for good, every order of restarts ends in an election of a second or two', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = settled(seed, { voters: 5, clients: 2 });
    const gone = stage.world.random.shuffle([...stage.sids]).slice(0, 2);
    for (const sid of gone) {
      stage.crash(sid, 'lost');
      // No refusal: dials run into their timeout.
      stage.network.powerOff(stage.hostOf(sid));
    }
    const rest = stage.sids.filter((sid) => !gone.includes(sid));
    for (const sid of stage.world.random.shuffle(rest)) {
      stage.crash(sid, 'lost');
      stage.run(300);
      stage.start(sid);
      servingWithin(stage, 4_000, ...rest);
    }
    for (const sid of gone) {
      stage.network.powerOn(stage.hostOf(sid));
      stage.start(sid);
    }
    epilogue(stage);
  }
});

test('ZOOKEEPER-4787: the members in a vote are UTF-8 whatever the machine, and bytes that are none end nothing', () => {
  const config = 'server.1=zoo-ä-é-名:2888:3888:participant\nversion=100000000';
  const vote = {
    state: ServerState.LOOKING,
    leader: 1,
    zxid: 0,
    electionEpoch: 1,
    peerEpoch: 0,
    version: 2,
    config,
  };
  // Behind the length of the frame.
  const bytes = encodeNotificationFrame(vote).subarray(4);
  assert(bytes.includes(Buffer.from(config, 'utf8')));
  assert.equal(decodeNotification(bytes)?.config, config);
  const at = bytes.indexOf(Buffer.from('ä', 'utf8'));
  bytes[at] = 0xff;
  assert.notEqual(decodeNotification(bytes)?.config, config, 'read as far as it goes');
});

test('ZOOKEEPER-4352: the members of a new ensemble join one by one, with changes of leader in between, and all have all', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const world = new World({ seed, participants: 5, commitLogCount: 8 });
    world.start(1, 2, 3);
    for (const joiner of [4, 5]) {
      const leader = world.settle(5_000);
      for (let count = 0; count < seed; count += 1) world.write(leader, `w${joiner}.${count}`);
      world.run(50);
      world.crash(leader.sid);
      world.start(joiner);
      world.settle(5_000);
      world.start(leader.sid);
      const next = world.settle(5_000);
      world.write(next, `after ${joiner}`);
      world.run(100);
      world.assertLevel();
    }
    assert.equal(world.committed.length, 2 * seed + 2);
  }
});

test('ZOOKEEPER-1277, ZOOKEEPER-2789, ZOOKEEPER-4883: epochs that end with their counter under load lose nothing and keep their order', () => {
  const stage = settled(3, { counterMax: 120, clients: 4 });
  stage.run(8_000);
  epilogue(stage);
  const zxids = stage.checker.committed.map(({ zxid }) => zxid as Zxid);
  assert(zxids.every((zxid) => counterOf(zxid) <= 120));
  assert(epochOf(zxids.at(-1) ?? (0 as Zxid)) >= 5, 'several epochs');
});

interface Tally {
  asked: number;
  answered: number;
  lost: number;
  /** Nothing more is asked. */
  isOver: boolean;
}

/** Pipelines at every server; whoever stays connected must be answered. */
function busy(stage: SimEnsemble): Tally {
  const tally: Tally = { asked: 0, answered: 0, lost: 0, isOver: false };
  for (const sid of stage.sids) {
    const client = openClient(stage, sid, 6_000);
    client.call(create(`/busy${sid}`, ''));
    const more = (): void => {
      if (client.isOpen && client.outstanding < 30 && !tally.isOver) {
        tally.asked += 1;
        const path = `/busy${sid}`;
        // Reads wait behind the writes before them.
        const op = tally.asked % 3 === 0 ? getData(path) : setData(path, `${tally.asked}`);
        client.call(op, (result) => {
          if (result === null) tally.lost += 1;
          else tally.answered += 1;
        });
      }
      client.process.after(4, more);
    };
    more();
  }
  return tally;
}

test('ZOOKEEPER-4537, ZOOKEEPER-3470: commits before, with and after the server’s own disk are all answered', () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const stage = settled(seed, { clients: 0 });
    const leader = leaderOf(stage);
    for (const sid of stage.sids) {
      const isSlow = seed % 2 === 0 ? sid === leader : sid !== leader;
      Object.assign(stage.disk(sid).faults, isSlow ? { syncMsMin: 30, syncMsMax: 60 } : {});
    }
    const tally = busy(stage);
    stage.run(1_500);
    tally.isOver = true;
    stage.run(300);
    assert.deepEqual([tally.answered, tally.lost], [tally.asked, 0]);
    assert(tally.answered > 300, `${tally.answered} answers`);
    for (const client of stage.clients) client.stop();
    epilogue(stage);
  }
});

test('ZOOKEEPER-2380, ZOOKEEPER-2687: a leader that is stopped while no ack can come any more ends in bounded time', () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const stage = settled(seed, { clients: 0 });
    busy(stage);
    stage.run(200);
    const leader = leaderOf(stage);
    if (seed % 2 === 0) cutOff(stage, leader);
    else Object.assign(stage.disk(leader).faults, { syncMsMin: 300, syncMsMax: 500 });
    stage.run(seed * 3);
    let isOver = false;
    stage.process(leader)?.run(() => stage.server(leader)?.stop(() => (isOver = true)));
    assert(
      stage.world.runUntil(() => isOver, 3_000),
      `seed ${seed}: it ended`,
    );
    stage.crash(leader, 'kept');
    Object.assign(stage.disk(leader).faults, { syncMsMin: 0.1, syncMsMax: 1.5 });
    stage.network.healAll();
    for (const client of stage.clients) client.stop();
    stage.start(leader);
    epilogue(stage);
  }
});

test('ZOOKEEPER-3470: what waits at a server that loses its role in any way is answered, or its connection ends', () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const stage = settled(seed, { clients: 0 });
    const tally = busy(stage);
    for (let round = 0; round < 3; round += 1) {
      stage.run(150 + seed * 7);
      const sid = round % 2 === 0 ? leaderOf(stage) : followersOf(stage)[0];
      cutOff(stage, sid);
      stage.run(1_600);
      stage.network.healAll();
      stage.settle(10_000);
    }
    for (const client of stage.clients) client.stop();
    assert.equal(tally.lost + tally.answered, tally.asked, `seed ${seed}`);
    epilogue(stage);
  }
});

test('ZOOKEEPER-3072: whatever ends connections and roles, what is under way is counted down to nothing and holds nobody back', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = settled(seed, { clients: 0, config: { globalOutstandingMax: 5 } });
    const tally = busy(stage);
    for (let round = 0; round < 6; round += 1) {
      stage.run(150);
      const [sid] = followersOf(stage);
      for (const client of stage.clients) {
        stage.network.reset(
          client.process.host,
          stage.hostOf(round % 2 === 0 ? sid : leaderOf(stage)),
        );
      }
      if (round % 3 === 2) {
        cutOff(stage, leaderOf(stage));
        stage.run(1_500);
        stage.network.healAll();
        stage.settle(10_000);
      }
    }
    tally.isOver = true;
    stage.run(1_000);
    for (const sid of stage.sids) {
      assert.equal(stage.server(sid)?.view.state().outstandingCount, 0, `s${sid}, seed ${seed}`);
    }
    assert(tally.lost > 0, 'some were lost on the way');
    for (const client of stage.clients) client.stop();
    epilogue(stage);
  }
});
