// Goal: a session and what it owns end together, everywhere, and never too early.
// Method: whole simulated servers; clients that send what they like on one connection, beside
// others at work whose every answer is checked.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import type { JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { closeSession, create, createRequest, getData } from '../sim/client-ops.ts';
import { epilogue } from '../sim/epilogue.ts';
import type { SimEnsemble } from '../sim/sim-ensemble.ts';
import { RawClient } from './raw-client.ts';
import { cutOff, followersOf, leaderOf, openClient, servingWithin, settled } from './stage.ts';

const ephemeral = CreateMode.EPHEMERAL;

function writeEphemeral(path: string): (writer: JuteWriter) => void {
  return (writer) => writeCreateRequest(writer, createRequest(path, 'e', ephemeral));
}

/** Nodes that end with a session, by the history. */
function ephemeralsOf(stage: SimEnsemble): string[] {
  const { tree } = stage.model;
  return tree.paths().filter((path) => (tree.now(path)?.owner ?? 0n) !== 0n);
}

test('ZOOKEEPER-1496, ZOOKEEPER-1208: no ephemeral is made behind the end of its session, in whatever order both arrive', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const stage = settled(seed, { clients: 1 });
    for (const sid of stage.sids) {
      const client = openClient(stage, sid);
      for (let count = 0; count < 5; count += 1) {
        client.call(create(`/s${sid}-${count}`, 'x', ephemeral));
      }
      client.call(closeSession);
      for (let count = 5; count < 9; count += 1) {
        client.call(create(`/s${sid}-${count}`, 'x', ephemeral));
      }
      // A connection of the same session at another server, in the middle of that.
      const { sessionId } = client;
      const other = stage.sids.find((one) => one !== sid) ?? sid;
      stage.run(seed * 0.3);
      const raw = new RawClient(stage, other, { sessionId, password: new Uint8Array(16) });
      if (seed % 2 === 0) client.stop();
      stage.run(200);
      assert.notEqual(raw.session?.timeoutMs ?? 0, 4_000, 'no session for a wrong password');
      raw.destroy();
      client.stop();
    }
    // What was asked for and never arrived ends with the timeout.
    stage.run(5_000);
    const left = ephemeralsOf(stage).filter((path) => path.startsWith('/s'));
    assert.deepEqual(left, [], `seed ${seed}`);
    epilogue(stage);
  }
});

test('ZOOKEEPER-2355: a follower that fails in the middle of the proposals about an ephemeral ends with its session too', () => {
  for (let moment = 0; moment < 20; moment += 1) {
    const stage = settled(moment + 1, { clients: 1 });
    const [sid] = followersOf(stage);
    const leader = leaderOf(stage);
    const client = openClient(stage, leader);
    client.call(create('/short', 'x', ephemeral));
    client.call(closeSession);
    stage.run(moment * 0.25);
    // Bytes of a proposal are cut anywhere.
    stage.network.reset(stage.hostOf(leader), stage.hostOf(sid));
    stage.run(200);
    client.stop();
    servingWithin(stage, 10_000, ...stage.sids);
    const reader = openClient(stage, sid);
    let error: number | undefined;
    reader.call(getData('/short'), (result) => (error = result?.error));
    stage.run(100);
    assert.equal(error, -101, `cut after ${moment * 0.25} ms`);
    epilogue(stage);
  }
});

test('ZOOKEEPER-1367: sessions and their ephemerals come back with the ensemble, and end when nobody comes for them', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = settled(seed, { clients: 2, config: { snapCount: 30 } });
    const [sid] = followersOf(stage);
    const kept = openClient(stage, sid);
    const left = openClient(stage, leaderOf(stage));
    kept.call(create('/kept', 'x', ephemeral));
    left.call(create('/left', 'x', ephemeral));
    stage.run(500);
    left.stop();
    for (const one of stage.sids) stage.crash(one, 'lost');
    for (const one of stage.sids) stage.start(one);
    stage.settle(10_000);
    assert.notEqual(stage.model.tree.now('/left'), null, 'a full timeout anew');
    stage.run(5_000);
    assert.equal(stage.model.tree.now('/left'), null, 'nobody came');
    assert.notEqual(stage.model.tree.now('/kept'), null, 'its client came back');
    epilogue(stage);
  }
});

test('ZOOKEEPER-4306, ZOOKEEPER-2101, ZOOKEEPER-3496: whatever was proposed can be logged, sent and read again, however much a session owned', () => {
  const frameBytesMax = 20_000;
  const stage = settled(2, { clients: 1, config: { frameBytesMax, snapCount: 100_000 } });
  const [sid, other] = followersOf(stage);
  const client = openClient(stage, sid, 10_000);
  const name = 'long-name-'.repeat(300);
  let made = 0;
  // Their names alone are far more than a frame may have, and than one transaction may list.
  for (let count = 0; count < 360; count += 1) {
    client.call(create(`/${name}${count}`, '', ephemeral), (result) => {
      made += result?.error === 0 ? 1 : 0;
    });
    if (count % 20 === 0) stage.run(20);
  }
  stage.run(200);
  assert.equal(made, 360);
  stage.crash(other, 'lost');
  client.call(closeSession);
  stage.run(500);
  client.stop();
  assert.deepEqual(
    ephemeralsOf(stage).filter((path) => path.includes(name)),
    [],
  );
  // One takes the end of the session from the others, and then all from their disks.
  stage.start(other);
  servingWithin(stage, 10_000, ...stage.sids);
  for (const one of stage.sids) stage.crash(one, 'lost');
  for (const one of stage.sids) stage.start(one);
  epilogue(stage);
});

test('ZOOKEEPER-1049, ZOOKEEPER-3072: hundreds of sessions that expire at once delay nobody’s pings or requests', () => {
  const stage = settled(6, { clients: 3, config: { clientConnectionsPerAddressMax: 0 } });
  const idle: RawClient[] = [];
  for (let count = 0; count < 300; count += 1) {
    const raw = RawClient.open(stage, stage.sids[count % 3] ?? 1, { timeoutMs: 2_000 });
    raw.request(OpCode.CREATE, writeEphemeral(`/of-${count}`));
    idle.push(raw);
    if (count % 50 === 0) stage.run(20);
  }
  const alive = stage.clients.map((client) => client.sessionId);
  stage.run(50);
  assert(ephemeralsOf(stage).length >= 200, 'they own something');
  for (const raw of idle) raw.destroy();
  stage.run(4_000);
  assert.deepEqual(
    ephemeralsOf(stage).filter((path) => path.startsWith('/of-')),
    [],
  );
  stage.clients.forEach((client, index) => {
    if (!stage.model.isClosing(alive[index] ?? 0n))
      assert(client.isOpen, `${client.name} is served`);
  });
  epilogue(stage);
});

test('Keeper-121361: a session that only reads at a follower lives as long as it asks', () => {
  const stage = settled(7, { clients: 1 });
  for (const sid of followersOf(stage)) {
    const raw = RawClient.open(stage, sid, { timeoutMs: 1_500 });
    raw.request(OpCode.CREATE, writeEphemeral(`/reader-${sid}`));
    for (let count = 0; count < 40; count += 1) {
      stage.run(250);
      const reply = raw.ask(OpCode.GET_CHILDREN, (writer) => {
        writer.string('/');
        writer.boolean(false);
      });
      assert.equal(reply?.error, 0, 'answered');
    }
    assert.notEqual(stage.model.tree.now(`/reader-${sid}`), null);
    raw.destroy();
  }
  epilogue(stage);
});

test('Keeper-116690: who comes back too late is told that its session is over, at every server', () => {
  const stage = settled(8, { clients: 1 });
  const raw = RawClient.open(stage, leaderOf(stage), { timeoutMs: 1_000 });
  const { session } = raw;
  assert(session !== null);
  raw.destroy();
  stage.run(3_000);
  for (const sid of stage.sids) {
    const again = new RawClient(stage, sid, session);
    stage.run(200);
    assert.deepEqual([again.session?.timeoutMs, again.session?.sessionId], [0, 0n], `s${sid}`);
    assert(again.isClosed);
  }
  epilogue(stage);
});

test('Keeper-114401: a session that is asked for while the leader changes is there, or refused, long before its timeout', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const stage = settled(seed, { clients: 1 });
    const leader = leaderOf(stage);
    const [sid] = followersOf(stage);
    const raws = [0, 1, 2, 3].map(() => new RawClient(stage, sid, { timeoutMs: 8_000 }));
    stage.run(0.2 * seed);
    if (seed % 2 === 0) cutOff(stage, leader);
    else stage.crash(leader, 'lost');
    const isOver = (raw: RawClient): boolean => raw.session !== null || raw.isClosed;
    assert(
      stage.world.runUntil(() => raws.every(isOver), 2_500),
      `seed ${seed}: an answer or an end`,
    );
    for (const raw of raws) raw.destroy();
    stage.network.healAll();
    if (stage.process(leader) === null) stage.start(leader);
    epilogue(stage);
  }
});

/** One of each write, as its record alone. */
