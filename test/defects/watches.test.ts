// Goal: a watch hears of every change once, at its place among the replies, and of nothing else;
// also when its client was away, moved, or came back to a server that restarted meanwhile.
// Method: whole simulated servers; clients with watches on one path by hand, and clients that want
// to hear of everything, whose every event is held against the history.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { EventType } from '../../server/protocol/event-type.ts';
import type { JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { readRequest } from '../../server/protocol/requests/read.ts';
import { setDataRequest } from '../../server/protocol/requests/set-data.ts';
import {
  AddWatchMode,
  addWatchRequest,
  setWatchesRequest,
} from '../../server/protocol/requests/watch.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { createRequest } from '../sim/client-ops.ts';
import { epilogue } from '../sim/epilogue.ts';
import type { SimEnsemble } from '../sim/sim-ensemble.ts';
import { RawClient } from './raw-client.ts';
import { cutOff, followersOf, leaderOf, servingWithin, settled } from './stage.ts';

const setWatchesXid = -8;

function made(client: RawClient, path: string, mode: number = CreateMode.PERSISTENT): number {
  const reply = client.ask(OpCode.CREATE, (w) =>
    writeCreateRequest(w, createRequest(path, '', mode)),
  );
  assert.equal(reply?.error, 0, path);
  return reply.zxid;
}

function setTo(client: RawClient, path: string, value: string): number {
  const data = Buffer.from(value);
  const reply = client.ask(OpCode.SET_DATA, (w) =>
    setDataRequest.write(w, { op: 'setData', path, data, version: -1 }),
  );
  assert.equal(reply?.error, 0, path);
  return reply.zxid;
}

function watching(client: RawClient, opCode: number, path: string): void {
  const reply = client.ask(opCode, (w) => readRequest.write(w, { path, watch: true }));
  assert.equal(reply?.error, 0, path);
}

interface Wanted {
  readonly relativeZxid: number;
  readonly data?: readonly string[];
  readonly children?: readonly string[];
}

function setAgain(client: RawClient, wanted: Wanted): void {
  const write = (w: JuteWriter): void =>
    setWatchesRequest.write(w, {
      relativeZxid: wanted.relativeZxid as Zxid,
      dataWatches: [...(wanted.data ?? [])],
      existWatches: [],
      childWatches: [...(wanted.children ?? [])],
      persistentWatches: [],
      persistentRecursiveWatches: [],
    });
  const reply = client.ask(OpCode.SET_WATCHES, write, { xid: setWatchesXid });
  assert.equal(reply?.error, 0, 'set again');
}

function moved(stage: SimEnsemble, client: RawClient, sid: number): RawClient {
  assert(client.session !== null);
  return RawClient.open(stage, sid, { ...client.session, lastZxid: client.lastZxid });
}

test('ZOOKEEPER-4698, ZOOKEEPER-3145: child watches that are set again hear of children that came, went or ended with their session', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = settled(seed, { clients: 1, config: { snapCount: 20 } });
    const [sid, other] = followersOf(stage);
    const owner = RawClient.open(stage, sid, { timeoutMs: 1_000 });
    const writer = RawClient.open(stage, leaderOf(stage), { timeoutMs: 8_000 });
    const client = RawClient.open(stage, sid, { timeoutMs: 8_000 });
    const parents = ['/comes', '/goes', '/ends', '/quiet'];
    for (const path of parents) made(writer, path);
    made(writer, '/goes/child');
    made(owner, '/ends/child', CreateMode.EPHEMERAL);
    stage.run(50);
    for (const path of parents) watching(client, OpCode.GET_CHILDREN, path);
    client.destroy();
    made(writer, '/comes/child');
    writer.ask(OpCode.DELETE, (w) => {
      w.string('/goes/child');
      w.int32(-1);
    });
    owner.destroy();
    stage.run(3_000);
    // The server it comes to has all that from a snapshot and a replay.
    stage.crash(other, 'lost');
    stage.start(other);
    servingWithin(stage, 10_000, other);
    stage.run(100);
    const again = moved(stage, client, other);
    setAgain(again, { relativeZxid: client.lastZxid, children: parents });
    assert.deepEqual(
      again.events.map(({ type, path }) => `${type} ${path}`).sort(),
      ['/comes', '/ends', '/goes'].map((path) => `${EventType.NODE_CHILDREN_CHANGED} ${path}`),
    );
    for (const one of [again, writer]) one.destroy();
    epilogue(stage);
  }
});

test('ZOOKEEPER-1412: watches that are set again do not fire for what their client has seen', () => {
  const stage = settled(5, { clients: 1 });
  const [sid, other] = followersOf(stage);
  const client = RawClient.open(stage, sid, { timeoutMs: 8_000 });
  made(client, '/seen');
  setTo(client, '/seen', 'by itself');
  made(client, '/seen/child');
  watching(client, OpCode.GET_DATA, '/seen');
  watching(client, OpCode.GET_CHILDREN, '/seen');
  client.destroy();
  stage.run(100);
  const again = moved(stage, client, other);
  setAgain(again, { relativeZxid: client.lastZxid, data: ['/seen'], children: ['/seen'] });
  stage.run(200);
  assert.deepEqual(again.events, []);
  const zxid = setTo(again, '/seen', 'now');
  assert.deepEqual(again.events, [{ type: EventType.NODE_DATA_CHANGED, path: '/seen', zxid }]);
  epilogue(stage);
});

test('ZOOKEEPER-4655: an event names the transaction that fired it, at leader and follower', () => {
  const stage = settled(6, { clients: 1 });
  const writer = RawClient.open(stage, leaderOf(stage), { timeoutMs: 8_000 });
  made(writer, '/named');
  stage.run(50);
  for (const sid of stage.sids) {
    const client = RawClient.open(stage, sid, { timeoutMs: 8_000 });
    watching(client, OpCode.GET_DATA, '/named');
    watching(client, OpCode.GET_CHILDREN, '/named');
    const data = setTo(writer, '/named', `for ${sid}`);
    const child = made(writer, `/named/${sid}`);
    stage.run(50);
    assert.deepEqual(client.events, [
      { type: EventType.NODE_DATA_CHANGED, path: '/named', zxid: data },
      { type: EventType.NODE_CHILDREN_CHANGED, path: '/named', zxid: child },
    ]);
    client.destroy();
  }
  epilogue(stage);
});

test('ZOOKEEPER-4475: a recursive watch hears of each node by itself and never of a list of children', () => {
  const stage = settled(7, { clients: 1 });
  const client = RawClient.open(stage, followersOf(stage)[0], { timeoutMs: 8_000 });
  made(client, '/top');
  client.ask(OpCode.ADD_WATCH, (w) =>
    addWatchRequest.write(w, { path: '/top', mode: AddWatchMode.PERSISTENT_RECURSIVE }),
  );
  const zxids = ['/top/a', '/top/a/b'].map((path) => made(client, path));
  assert.deepEqual(
    client.events,
    ['/top/a', '/top/a/b'].map((path, index) => {
      return { type: EventType.NODE_CREATED, path, zxid: zxids[index] };
    }),
  );
  epilogue(stage);
});

test('ZOOKEEPER-706: tens of thousands of watches are set again in as many requests as it takes', () => {
  const stage = settled(8, { clients: 1 });
  const client = RawClient.open(stage, followersOf(stage)[0], { timeoutMs: 8_000 });
  const name = 'a-path-of-some-length-'.repeat(4);
  const writer = RawClient.open(stage, leaderOf(stage), { timeoutMs: 8_000 });
  const zxid = stage.checker.lastCommitted;
  for (let part = 0; part < 5; part += 1) {
    const paths = Array.from({ length: 10_000 }, (_, index) => `/${name}${part}-${index}`);
    const write = (w: JuteWriter): void =>
      setWatchesRequest.write(w, {
        relativeZxid: zxid as Zxid,
        dataWatches: [],
        existWatches: paths,
        childWatches: [],
        persistentWatches: [],
        persistentRecursiveWatches: [],
      });
    client.request(OpCode.SET_WATCHES, write, { xid: setWatchesXid });
    stage.run(50);
  }
  const answers = client.replies.filter(({ xid, error }) => xid === setWatchesXid && error === 0);
  assert.equal(answers.length, 5);
  made(writer, `/${name}3-77`);
  stage.run(50);
  assert.deepEqual(
    client.events.map(({ path }) => path),
    [`/${name}3-77`],
  );
  epilogue(stage);
});

test('ZOOKEEPER-1863: replies of one connection come in the order of its requests, whatever they wait for', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = settled(seed, { clients: 2 });
    for (const sid of stage.sids) Object.assign(stage.disk(sid).faults, { syncMsMax: 12 });
    const clients = stage.sids.map((sid) => RawClient.open(stage, sid, { timeoutMs: 8_000 }));
    const { random } = stage.world;
    const asked = clients.map(() => [] as number[]);
    for (let count = 0; count < 200; count += 1) {
      clients.forEach((client, index) => {
        const dice = random.int(0, 3);
        const path = '/zookeeper';
        let xid = 0;
        if (dice === 0) {
          const write = createRequest(`/o${seed}-${index}-${count}`, '', CreateMode.PERSISTENT);
          xid = client.request(OpCode.CREATE, (w) => writeCreateRequest(w, write));
        } else if (dice === 1) xid = client.request(OpCode.SYNC, (w) => w.string(path));
        else {
          xid = client.request(OpCode.EXISTS, (w) => readRequest.write(w, { path, watch: false }));
        }
        asked[index]?.push(xid);
      });
      if (random.chance(0.2)) stage.run(random.between(0, 8));
    }
    stage.run(1_000);
    clients.forEach((client, index) => {
      assert.deepEqual(
        client.replies.map(({ xid }) => xid),
        asked[index],
      );
      const zxids = client.replies.map(({ zxid }) => zxid);
      assert.deepEqual(
        zxids,
        zxids.toSorted((a, b) => a - b),
        'and none shows an older state',
      );
      client.destroy();
    });
    epilogue(stage);
  }
});

test('etcd-15271: a watch that moves to another member in a partition neither goes back nor leaves out', () => {
  let moves = 0;
  for (let seed = 1; seed <= 10; seed += 1) {
    const stage = settled(seed, { clients: 2 });
    const hosts = stage.sids.map((sid) => stage.hostOf(sid));
    // It wants to hear of everything: the checker holds each event against the history.
    const client = stage.client('all', hosts, 2_000, true);
    for (let round = 0; round < 3; round += 1) {
      stage.world.runUntil(() => client.isOpen, 5_000);
      const sid = stage.sids.find((one) => stage.hostOf(one) === client.serverHost) ?? 1;
      const before = client.connectionCount;
      cutOff(stage, sid);
      stage.world.runUntil(() => client.isOpen && client.connectionCount > before, 8_000);
      if (client.serverHost !== stage.hostOf(sid)) moves += 1;
      stage.run(200);
      stage.network.healAll();
      stage.settle(10_000);
      stage.run(200);
    }
    epilogue(stage);
  }
  assert(moves > 10, `${moves} moves`);
});

test('etcd-18089, etcd-19179: deletions are heard of while snapshots replace the log and old files go', () => {
  let events = 0;
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = settled(seed, {
      clients: 3,
      workload: { thinkMs: 8 },
      config: { snapCount: 15, commitLogCount: 10, purgeIntervalHours: 0.2 / 3_600 },
    });
    const hosts = stage.sids.map((sid) => stage.hostOf(sid));
    stage.client('all', hosts, 3_000, true);
    for (let round = 0; round < 4; round += 1) {
      stage.run(600);
      const sid = stage.sids[round % 3] ?? 1;
      stage.crash(sid, 'lost');
      stage.run(100);
      stage.start(sid);
      stage.settle(10_000);
    }
    events += stage.clientChecker.counts.events;
    epilogue(stage);
  }
  assert(events > 1_000, `${events} events`);
});

test('etcd-20221: who names a state that is still to come is told of nothing older, or is not served', () => {
  const stage = settled(9, { clients: 1 });
  const [sid] = followersOf(stage);
  const client = RawClient.open(stage, sid, { timeoutMs: 8_000 });
  made(client, '/future');
  setTo(client, '/future', 'old');
  setAgain(client, {
    relativeZxid: stage.checker.lastCommitted + 1_000,
    data: ['/future'],
    children: ['/future'],
  });
  stage.run(100);
  assert.deepEqual(client.events, [], 'nothing of the past');
  const zxid = setTo(client, '/future', 'new');
  assert.deepEqual(client.events, [{ type: EventType.NODE_DATA_CHANGED, path: '/future', zxid }]);
  assert(client.session !== null);
  const early = new RawClient(stage, sid, { ...client.session, lastZxid: 2 ** 40 });
  stage.run(200);
  assert(early.isClosed && early.session === null, 'not before this server is that far');
  epilogue(stage);
});
