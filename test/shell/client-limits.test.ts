// Goal: limits that a zoo.cfg may set on clients hold each of them, and hold nobody else.
// Method: simulated servers with that zoo.cfg; a slow way to the leader keeps writes in process.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadServerConfig } from '../../server/config/load-config.ts';
import type { ServerSettings } from '../../server/config/server-settings.ts';
import { aclOpen } from '../../server/protocol/acl.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { readRequest } from '../../server/protocol/requests/read.ts';
import { Client } from '../../server/shell/client.ts';
import { RequestThrottle } from '../../server/shell/request-throttle.ts';
import { ClientConnection } from '../../server/net/client-connection.ts';
import { RawClient } from '../defects/raw-client.ts';
import { followersOf, leaderOf, settled } from '../defects/stage.ts';
import { FakeConnection } from '../net/fake-connection.ts';
import { report, stormScenario } from '../sim/scenario.ts';
import type { SimEnsemble } from '../sim/sim-ensemble.ts';

function settingsOf(...lines: readonly string[]): ServerSettings {
  const loaded = loadServerConfig({
    text: ['dataDir=/data', 'clientPort=2181', ...lines].join('\n'),
    myidText: null,
    dynamicText: null,
    systemProperties: new Map(),
  });
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  return loaded.settings;
}

/** Three servers with these lines, and a follower that a write takes 300 ms and more from. */
function slowStage(...lines: readonly string[]): { stage: SimEnsemble; sid: number } {
  const settings = settingsOf(...lines);
  const stage = settled(1, { clients: 0, parts: () => ({ settings }) });
  const [sid] = followersOf(stage);
  const [own, leader] = [stage.hostOf(sid), stage.hostOf(leaderOf(stage))];
  stage.network.slow(own, leader, 150, 150);
  stage.network.slow(leader, own, 150, 150);
  return { stage, sid };
}

function create(client: RawClient, path: string, bytes: number = 0): number {
  return client.request(OpCode.CREATE, (writer) =>
    writeCreateRequest(writer, {
      op: 'create',
      opCode: OpCode.CREATE,
      path,
      data: Buffer.alloc(bytes),
      acl: aclOpen,
      flags: 0,
      ttlMs: -1,
    }),
  );
}

function exists(client: RawClient): number {
  return client.request(OpCode.EXISTS, (writer) =>
    readRequest.write(writer, { path: '/', watch: false }),
  );
}

function isAnswered(client: RawClient, xid: number): boolean {
  return client.replies.some((reply) => reply.xid === xid);
}

/** Sends a write and waits until its server has it. */
function writeInProcess(stage: SimEnsemble, sid: number, client: RawClient, path: string): number {
  const xid = create(client, path);
  const has = (): boolean => (stage.server(sid)?.view.state().outstandingCount ?? 0) > 0;
  assert(stage.world.runUntil(has, 100, 1), 'the write is in process');
  return xid;
}

test('request_throttle_max_requests: while so many are in process, others wait, and go on at once after', () => {
  const { stage, sid } = slowStage('request_throttle_max_requests=1');
  const [writer, reader] = [RawClient.open(stage, sid), RawClient.open(stage, sid)];
  const write = writeInProcess(stage, sid, writer, '/a');
  const read = exists(reader);
  stage.run(100);
  assert.equal(isAnswered(reader, read), false, 'it waits');
  assert(stage.world.runUntil(() => isAnswered(writer, write), 2_000, 1));
  assert(
    stage.world.runUntil(() => isAnswered(reader, read), 20, 1),
    'it waits no longer',
  );
});

test('without request_throttle_max_requests reads of others do not wait', () => {
  const { stage, sid } = slowStage();
  const [writer, reader] = [RawClient.open(stage, sid), RawClient.open(stage, sid)];
  const write = writeInProcess(stage, sid, writer, '/a');
  const read = exists(reader);
  assert(stage.world.runUntil(() => isAnswered(reader, read), 100, 1));
  assert.equal(isAnswered(writer, write), false);
});

/** A throttle of one request, its client, and the timers that it has asked for. */
function throttled(...lines: readonly string[]): {
  readonly throttle: RequestThrottle;
  readonly client: Client;
  readonly timers: { readonly afterMs: number; readonly run: () => void }[];
} {
  const { throttleStallMs, throttleDropStale, staleLatencyCheck } = settingsOf(...lines).requests;
  const options = {
    countMax: 1,
    stallMs: throttleStallMs,
    dropsLate: throttleDropStale && staleLatencyCheck,
  };
  const timers: { readonly afterMs: number; readonly run: () => void }[] = [];
  const timer = (afterMs: number, run: () => void): { cancel(): void } => {
    timers.push({ afterMs, run });
    return { cancel: () => undefined };
  };
  const throttle = new RequestThrottle(options, { timer });
  const client = new Client(new ClientConnection(new FakeConnection(), 64), [], 0, 0);
  client.timeoutMs = 400;
  return { throttle, client, timers };
}

test('request_throttle_stall_time: who waits is looked at so often, as long as anybody waits', () => {
  const { throttle, client, timers } = throttled('request_throttle_stall_time=40');
  let looks = 0;
  client.connection.onInput = () => (looks += 1);
  for (let round = 1; round <= 3; round += 1) {
    assert.equal(throttle.ask(client, 1, round), 'held');
    assert.equal(timers.length, 1);
    const { afterMs, run } = timers.shift() ?? assert.fail('a timer');
    assert.equal(afterMs, 40);
    run();
    assert.equal(looks, round);
  }
  client.phase = 'closed';
  timers.shift()?.run();
  assert.deepEqual([timers.length, looks], [0, 3], 'it is gone, and nobody else waits');
});

test('request_stale_latency_check: what waited longer than its session may is dropped with its connection', () => {
  const { throttle, client } = throttled('request_stale_latency_check=true');
  for (const [waitedMs, outcome] of [
    [400, 'taken'],
    [401, 'late'],
  ] as const) {
    assert.equal(throttle.ask(client, 1, 1000), 'held');
    assert.equal(throttle.ask(client, 1, 1100), 'held', 'its wait began before');
    assert.equal(throttle.ask(client, 0, 1000 + waitedMs), outcome);
  }
});

test('without request_stale_latency_check, or without request_throttle_drop_stale, it is taken however late', () => {
  for (const lines of [
    [],
    ['request_stale_latency_check=true', 'request_throttle_drop_stale=false'],
  ]) {
    const { throttle, client } = throttled(...lines);
    assert.equal(throttle.ask(client, 1, 0), 'held');
    assert.equal(throttle.ask(client, 0, 100_000), 'taken');
  }
});

test('connection_throttle_tokens: so many sessions begin at once, the next when a token is back', () => {
  const settings = settingsOf('connection_throttle_tokens=2', 'connection_throttle_fill_time=1000');
  const stage = settled(1, { clients: 0, parts: () => ({ settings }) });
  const sid = leaderOf(stage);
  RawClient.open(stage, sid);
  RawClient.open(stage, sid);
  const third = new RawClient(stage, sid);
  assert(stage.world.runUntil(() => third.isClosed, 500, 1));
  assert.equal(third.session, null);
  assert.equal(stage.server(sid)?.view.counters().connectionsRejected, 1);
  stage.run(1_000);
  RawClient.open(stage, sid);
});

test('largeRequestThreshold, largeRequestMaxBytes: a large request without room costs its connection, and all room comes back', () => {
  const { stage, sid } = slowStage('largeRequestThreshold=100', 'largeRequestMaxBytes=500');
  for (const round of [1, 2, 3]) {
    const client = RawClient.open(stage, sid);
    const fits = create(client, `/fits${round}`, 200);
    const small = create(client, `/small${round}`, 20);
    assert(stage.world.runUntil(() => isAnswered(client, small), 3_000, 1));
    assert(isAnswered(client, fits));
    create(client, `/first${round}`, 200);
    create(client, `/second${round}`, 200);
    assert(
      stage.world.runUntil(() => client.isClosed, 200, 1),
      `round ${round}: 480 and more bytes in process`,
    );
  }
});

test('request_throttle_max_requests, largeRequestThreshold, connection_throttle_tokens: storms end well under narrow limits (6 seeds)', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const settings = settingsOf(
      `request_throttle_max_requests=${1 + (seed % 3)}`,
      'request_throttle_stall_time=50',
      'request_stale_latency_check=true',
      'largeRequestThreshold=200',
      'largeRequestMaxBytes=20000',
      'connection_throttle_tokens=3',
      'connection_throttle_fill_time=100',
    );
    const options = { parts: (): { settings: ServerSettings } => ({ settings }) };
    const result = stormScenario({ seed, stormMs: 6_000, storms: 2, options });
    assert.equal(result.violation, null, report(seed, result));
  }
});
