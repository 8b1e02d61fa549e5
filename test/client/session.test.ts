import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Call } from '../../client/calls.ts';
import { HostRing } from '../../client/hosts.ts';
import { ClientSession } from '../../client/session.ts';
import type { SessionEffect } from '../../client/session-events.ts';
import { WatchTable } from '../../client/watches.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { authRequest } from '../../server/protocol/requests/access.ts';
import { setWatches2Request, setWatchesRequest } from '../../server/protocol/requests/watch.ts';
import {
  connectedFrame,
  eventFrame,
  receivedHandshake,
  receivedRequests,
  replyFrame,
} from './wire.ts';

// Goal: a session answers every call once, keeps its identity over connections, tells a dead
// server from a quiet one, and asks a new one for what the old one knew.
// Method: the session alone, stepped by hand with bytes made by the codecs; no socket, no clock.

const hosts = [
  { host: 'a', port: 1 },
  { host: 'b', port: 2 },
];

interface Answer {
  readonly error: number;
  readonly text: string;
}

class World {
  readonly watches = new WatchTable();
  readonly session: ClientSession;
  readonly answers: Answer[] = [];
  nowMs = 1_000;

  constructor(sessionTimeoutMs: number = 9_000) {
    this.session = new ClientSession({
      hosts: new HostRing(hosts, () => 0.999),
      watches: this.watches,
      sessionTimeoutMs,
      isReadOnlyAllowed: false,
      frameBytesMax: 1_000_000,
      sasl: null,
      random: () => 0,
    });
  }

  effects(): SessionEffect[] {
    return this.session.takeEffects(this.nowMs);
  }

  /** What went out since the last look. */
  sent(): Buffer {
    return Buffer.concat(
      this.effects().flatMap((effect) => (effect.type === 'send' ? [effect.bytes] : [])),
    );
  }

  tick(afterMs: number = 0): void {
    this.nowMs += afterMs;
    this.session.step({ type: 'tick', nowMs: this.nowMs });
  }

  receive(...frames: readonly Buffer[]): void {
    this.session.step({ type: 'received', chunk: Buffer.concat(frames), nowMs: this.nowMs });
  }

  lose(): void {
    this.session.step({ type: 'lost', reason: 'cut', nowMs: this.nowMs });
  }

  /** Dials and greets. */
  greet(): Buffer {
    this.tick();
    this.effects();
    this.session.step({ type: 'opened', nowMs: this.nowMs });
    return this.sent();
  }

  connect(sessionId: bigint = 0x5n): void {
    this.greet();
    this.receive(connectedFrame(sessionId, 9_000));
  }

  submit(opCode: number = OpCode.SYNC, text: string = '/'): void {
    const call: Call = {
      opCode,
      write: (writer) => writer.string(text),
      settle: (error, reader) => {
        this.answers.push({ error, text: error === 0 ? reader.string() : '' });
      },
    };
    this.session.submit(call, this.nowMs);
  }
}

function states(effects: readonly SessionEffect[]): string[] {
  return effects.flatMap((effect) => (effect.type === 'state' ? [effect.state] : []));
}

const ok = (xid: number, text: string): Buffer =>
  replyFrame(xid, 0x100000000 + xid, 0, (writer) => writer.string(text));

test('a first handshake asks for a new session and takes what it is given', () => {
  const world = new World();
  const { lastZxidSeen, sessionId, timeoutMs, readOnly } = receivedHandshake(world.greet());
  assert.deepEqual([lastZxidSeen, sessionId, timeoutMs, readOnly], [0, 0n, 9_000, false]);
  world.receive(connectedFrame(0x77n, 6_000));
  assert.deepEqual(states(world.effects()), ['connected']);
  assert.equal(world.session.sessionId, 0x77n);
  assert.equal(world.session.timeoutMs, 6_000);
});

test('calls made before there is a server go out with the first one, in order', () => {
  const world = new World();
  world.submit(OpCode.SYNC, '/a');
  world.submit(OpCode.SYNC, '/b');
  world.connect();
  const requests = receivedRequests(world.sent());
  assert.deepEqual(
    requests.map(({ xid, reader }) => [xid, reader.string()]),
    [
      [1, '/a'],
      [2, '/b'],
    ],
  );
});

test('many calls may be outstanding, and each gets its own reply', () => {
  const world = new World();
  world.connect();
  for (const text of ['/a', '/b', '/c']) world.submit(OpCode.SYNC, text);
  assert.equal(receivedRequests(world.sent()).length, 3);
  world.receive(ok(1, 'A'), replyFrame(2, 7, ErrorCode.NO_NODE), ok(3, 'C'));
  assert.deepEqual(world.answers, [
    { error: 0, text: 'A' },
    { error: ErrorCode.NO_NODE, text: '' },
    { error: 0, text: 'C' },
  ]);
  assert.equal(world.session.lastZxid, 0x100000003);
});

test('replies cut into single bytes are put together', () => {
  const world = new World();
  world.connect();
  world.submit();
  for (const byte of ok(1, 'A')) world.receive(Buffer.from([byte]));
  assert.deepEqual(world.answers, [{ error: 0, text: 'A' }]);
});

test('what was sent fails when the connection breaks, what was not sent waits for the next', () => {
  const world = new World();
  world.connect();
  world.submit(OpCode.SYNC, '/sent');
  world.effects();
  world.lose();
  world.submit(OpCode.SYNC, '/unsent');
  assert.deepEqual(world.answers, [{ error: ErrorCode.CONNECTION_LOSS, text: '' }]);
  assert.deepEqual(states(world.effects()), ['suspended']);

  world.connect();
  const requests = receivedRequests(world.sent());
  assert.deepEqual(
    requests.map(({ reader }) => reader.string()),
    ['/unsent'],
  );
  world.receive(ok(requests[0]?.xid ?? 0, 'late'));
  assert.deepEqual(world.answers[1], { error: 0, text: 'late' });
});

test('what was about to be sent when the connection broke is not sent on the next', () => {
  const world = new World();
  world.connect();
  world.effects();
  world.submit(OpCode.SYNC, '/written');
  world.lose();
  assert.equal(world.answers[0]?.error, ErrorCode.CONNECTION_LOSS);
  assert.equal(world.sent().length, 0);
  const greeting = world.greet();
  assert.equal(greeting.length, 4 + greeting.readInt32BE(), 'the handshake and nothing else');
});

test('ZOOKEEPER-4923: what finds no server within the session timeout fails', () => {
  const world = new World();
  world.submit();
  world.tick(8_999);
  assert.deepEqual(world.answers, []);
  world.tick(1);
  assert.deepEqual(world.answers, [{ error: ErrorCode.CONNECTION_LOSS, text: '' }]);
});

test('a reconnect brings the session, its password and the highest zxid seen', () => {
  const world = new World();
  world.connect(0x99n);
  world.submit();
  world.receive(ok(1, ''));
  world.lose();
  const request = receivedHandshake(world.greet());
  assert.equal(request.sessionId, 0x99n);
  assert.deepEqual(Buffer.from(request.password ?? []), Buffer.alloc(16, 7));
  assert.equal(request.lastZxidSeen, 0x100000001);
});

test('ZOOKEEPER-4921, Keeper-116690: a refused session is expired: everything fails, nothing is dialled any more', () => {
  const world = new World();
  world.connect();
  world.lose();
  world.submit();
  world.greet();
  world.receive(connectedFrame(0n, 0));
  assert.deepEqual(states(world.effects()), ['expired']);
  assert.deepEqual(world.answers, [{ error: ErrorCode.SESSION_EXPIRED, text: '' }]);
  assert.equal(world.session.nextDeadlineMs(), Infinity);
  world.submit();
  assert.equal(world.answers[1]?.error, ErrorCode.SESSION_EXPIRED);
});

test('an idle connection is pinged after a third of the timeout, and only an idle one', () => {
  const world = new World();
  world.connect();
  world.effects();
  assert.equal(world.session.nextDeadlineMs(), world.nowMs + 3_000);
  world.tick(2_999);
  assert.equal(world.sent().length, 0);
  world.tick(1);
  assert.deepEqual(
    receivedRequests(world.sent()).map(({ xid, opCode }) => [xid, opCode]),
    [[-2, OpCode.PING]],
  );
  world.receive(replyFrame(-2, 5, 0));
  world.nowMs += 1_000;
  world.submit();
  world.sent();
  world.tick(2_999);
  assert.equal(world.sent().length, 0, 'the call counts as a sign of life');
});

test('a server that is silent for two thirds of the timeout is given up', () => {
  const world = new World();
  world.connect();
  world.submit();
  world.effects();
  world.tick(5_999);
  assert.deepEqual(states(world.effects()), []);
  world.tick(1);
  const effects = world.effects();
  assert.deepEqual(states(effects), ['suspended']);
  assert.ok(effects.some((effect) => effect.type === 'hangUp'));
  assert.deepEqual(world.answers, [{ error: ErrorCode.CONNECTION_LOSS, text: '' }]);
});

test('what a server has answered counts from when it was sent, not from when it was read', () => {
  const world = new World();
  assert.equal(world.session.lastHeardMs, 0);
  world.greet();
  const greetedMs = world.nowMs;
  world.nowMs += 500;
  world.receive(connectedFrame(0x5n, 9_000));
  assert.equal(world.session.lastHeardMs, greetedMs);
  world.effects();

  world.nowMs += 100;
  world.submit();
  world.effects();
  const askedMs = world.nowMs;
  world.nowMs += 100;
  world.submit();
  world.effects();
  const askedNextMs = world.nowMs;
  world.nowMs += 2_000;
  world.receive(replyFrame(1, 0, 0, (writer) => writer.string('x')));
  assert.equal(world.session.lastHeardMs, askedMs, 'the first is timed, the second not');
  world.receive(replyFrame(2, 0, 0, (writer) => writer.string('x')));
  assert.equal(world.session.lastHeardMs, askedMs);
  world.submit();
  world.effects();
  assert(world.nowMs > askedNextMs);
  world.receive(replyFrame(3, 0, 0, (writer) => writer.string('x')));
  assert.equal(world.session.lastHeardMs, world.nowMs);
});

test('pings are timed as well, one at a time, and a broken connection proves nothing', () => {
  const world = new World();
  world.connect();
  world.effects();
  world.tick(3_000);
  assert.notEqual(world.sent().length, 0);
  const pingedMs = world.nowMs;
  world.nowMs += 400;
  world.receive(replyFrame(-2, 0, 0));
  assert.equal(world.session.lastHeardMs, pingedMs);
  world.nowMs += 100;
  world.submit();
  world.effects();
  world.lose();
  const before = world.session.lastHeardMs;
  world.greet();
  assert.equal(world.session.lastHeardMs, before);
  const greetedMs = world.nowMs;
  world.nowMs += 50;
  world.receive(connectedFrame(0x5n, 9_000));
  assert.equal(world.session.lastHeardMs, greetedMs);
});

test('a server that does not answer the dial or the handshake is given up for the next', () => {
  const world = new World();
  const dialled: string[] = [];
  for (let count = 0; count < 4; count += 1) {
    world.tick(Math.max(world.session.nextDeadlineMs() - world.nowMs, 0));
    for (const effect of world.effects()) {
      if (effect.type === 'dial') dialled.push(effect.host.host);
    }
  }
  assert.deepEqual(dialled, ['a', 'b']);
  assert.ok(world.session.state === 'connecting');
});

test('ZOOKEEPER-4508: after a round over all hosts there is a pause, which grows and stays below a second', () => {
  const world = new World();
  const pauses: number[] = [];
  for (let count = 0; count < 20; count += 1) {
    world.tick(Math.max(world.session.nextDeadlineMs() - world.nowMs, 0));
    world.effects();
    world.lose();
    pauses.push(world.session.nextDeadlineMs() - world.nowMs);
  }
  assert.deepEqual(pauses.slice(0, 6), [0, 0, 20, 20, 40, 40]);
  assert.equal(pauses.at(-1), 500);
});

test('ZOOKEEPER-1863: a reply out of order ends the connection', () => {
  const world = new World();
  world.connect();
  world.submit();
  world.submit();
  world.receive(ok(2, 'B'));
  assert.ok(world.effects().some((effect) => effect.type === 'hangUp'));
  assert.deepEqual(
    world.answers.map(({ error }) => error),
    [ErrorCode.CONNECTION_LOSS, ErrorCode.CONNECTION_LOSS],
  );
});

test('a frame beyond the limit ends the connection', () => {
  const world = new World();
  world.connect();
  world.effects();
  world.receive(Buffer.from('7fffffff', 'hex'));
  assert.deepEqual(states(world.effects()), ['suspended']);
});

test('identities go out before anything else on every connection, refused ones no more', () => {
  const world = new World();
  const errors: number[] = [];
  const auth = (text: string): void =>
    world.session.addAuth('digest', Buffer.from(text), (error) => void errors.push(error));
  auth('a:1');
  auth('b:2');
  world.submit();
  world.connect();
  const requests = receivedRequests(world.sent());
  assert.deepEqual(
    requests.map(({ opCode }) => opCode),
    [OpCode.AUTH, OpCode.AUTH, OpCode.SYNC],
  );
  world.receive(replyFrame(-4, 0, 0), replyFrame(-4, 0, ErrorCode.AUTH_FAILED));
  assert.deepEqual(errors, [0, ErrorCode.AUTH_FAILED]);
  world.lose();
  world.connect();
  const again = receivedRequests(world.sent());
  assert.deepEqual(
    again.map(({ reader }) => Buffer.from(authRequest.read(reader).auth ?? []).toString()),
    ['a:1'],
  );
});

test('a watch that a later reply sets is not taken by an earlier event', () => {
  const world = new World();
  world.connect();
  world.effects();
  const heard: string[] = [];
  world.watches.add('data', '/a', () => void heard.push('first'));
  world.session.submit(
    {
      opCode: OpCode.GET_DATA,
      write: (writer) => writer.string('/a'),
      settle: () => world.watches.add('data', '/a', () => void heard.push('second')),
    },
    world.nowMs,
  );
  world.receive(eventFrame(3, '/a', 5), ok(1, ''), eventFrame(3, '/a', 6));
  for (const effect of world.effects()) {
    if (effect.type !== 'watch') continue;
    for (const listener of effect.listeners) {
      listener({ type: 'NODE_DATA_CHANGED', path: '/a', zxid: effect.zxid });
    }
  }
  assert.deepEqual(heard, ['first', 'second']);
});

test('ZOOKEEPER-1412: a new connection is told of all watches, with the zxid up to which they were served', () => {
  const world = new World();
  world.connect();
  world.submit();
  world.receive(ok(1, ''));
  const listener = (): void => undefined;
  world.watches.add('data', '/d', listener);
  world.watches.add('exist', '/e', listener);
  world.watches.add('child', '/c', listener);
  world.lose();
  world.connect();
  const [old] = receivedRequests(world.sent());
  assert.ok(old !== undefined);
  assert.deepEqual([old.xid, old.opCode], [-8, OpCode.SET_WATCHES]);
  const request = setWatchesRequest.read(old.reader);
  assert.equal(request.relativeZxid, 0x100000001);
  assert.deepEqual(
    [request.dataWatches, request.existWatches, request.childWatches],
    [['/d'], ['/e'], ['/c']],
  );

  world.watches.add('persistent', '/p', listener);
  world.watches.add('recursive', '/r', listener);
  world.lose();
  world.connect();
  const [next] = receivedRequests(world.sent());
  assert.ok(next !== undefined);
  assert.equal(next.opCode, OpCode.SET_WATCHES2);
  const { persistentWatches, persistentRecursiveWatches } = setWatches2Request.read(next.reader);
  assert.deepEqual([persistentWatches, persistentRecursiveWatches], [['/p'], ['/r']]);
});

test('ZOOKEEPER-706: very many watches go out in several packets, none of them too large', () => {
  const world = new World();
  world.connect();
  world.effects();
  const paths = new Set<string>();
  for (let index = 0; index < 10_000; index += 1) {
    const path = `/watched/node-${index}`;
    paths.add(path);
    world.watches.add('data', path, () => undefined);
  }
  world.lose();
  world.connect();
  const requests = receivedRequests(world.sent());
  assert.ok(requests.length >= 2);
  for (const { reader } of requests) {
    assert.ok(reader.remaining < 200_000);
    for (const path of setWatchesRequest.read(reader).dataWatches) paths.delete(path);
  }
  assert.equal(paths.size, 0, 'every path is in one of them');
});

test('closing goes behind what was asked, and ends with its reply', () => {
  const world = new World();
  world.connect();
  world.submit();
  world.session.close(world.nowMs);
  world.submit();
  assert.equal(world.answers[0]?.error, ErrorCode.SESSION_EXPIRED, 'nothing is taken any more');
  assert.deepEqual(
    receivedRequests(world.sent()).map(({ opCode }) => opCode),
    [OpCode.SYNC, OpCode.CLOSE_SESSION],
  );
  world.receive(ok(1, 'A'), replyFrame(2, 9, 0));
  assert.deepEqual(world.answers[1], { error: 0, text: 'A' });
  const effects = world.effects();
  assert.deepEqual(states(effects), ['closed']);
  assert.ok(effects.some((effect) => effect.type === 'hangUp'));
});

test('closing ends as well when the server goes, or was never there', () => {
  const going = new World();
  going.connect();
  going.effects();
  going.session.close(going.nowMs);
  going.lose();
  assert.deepEqual(states(going.effects()), ['closed']);

  const alone = new World();
  alone.submit();
  alone.session.close(alone.nowMs);
  assert.deepEqual(states(alone.effects()), ['closed']);
  assert.deepEqual(alone.answers, [{ error: ErrorCode.CONNECTION_LOSS, text: '' }]);
});

/** Connected to a server that has lost its quorum. */
function reading(isNew: boolean): World {
  const world = new World();
  if (!isNew) {
    world.connect(0x5n);
    world.lose();
  }
  world.greet();
  world.receive(connectedFrame(0x5n, 9_000, true));
  world.effects();
  return world;
}

test('a session that one server began without a quorum begins anew where it is not known', () => {
  const world = reading(true);
  assert.equal(world.session.isReadOnly, true);
  world.lose();
  assert.equal(receivedHandshake(world.greet()).sessionId, 0x5n, 'that server may know it');
  world.receive(connectedFrame(0n, 0));
  const effects = world.effects();
  assert.deepEqual(
    effects.map((effect) => (effect.type === 'dial' ? effect.host.host : effect.type)),
    ['hangUp', 'b'],
    'at that server',
  );
  world.session.step({ type: 'opened', nowMs: world.nowMs });
  assert.equal(receivedHandshake(world.sent()).sessionId, 0n);
  world.receive(connectedFrame(0x6n, 9_000));
  assert.deepEqual(states(world.effects()), ['connected']);
  assert.deepEqual([world.session.sessionId, world.session.isReadOnly], [0x6n, false]);
});

test('a session that a quorum knew is over where it is not known, also after reading', () => {
  const world = reading(false);
  world.lose();
  world.greet();
  world.receive(connectedFrame(0n, 0));
  assert.deepEqual(states(world.effects()), ['expired']);
});

test('what a server without a quorum answers keeps no session alive', () => {
  const world = new World();
  world.connect();
  const heardMs = world.session.lastHeardMs;
  world.lose();
  world.nowMs += 3_000;
  world.greet();
  world.receive(connectedFrame(0x5n, 9_000, true));
  world.submit();
  world.effects();
  world.nowMs += 100;
  world.receive(ok(1, '/'));
  assert.deepEqual(world.answers, [{ error: 0, text: '/' }]);
  assert.equal(world.session.lastHeardMs, heardMs);
});

test('served without a quorum, it looks for one, ever more seldom, and goes there', () => {
  const world = reading(false);
  const begunMs = world.nowMs;
  const looks: number[] = [];
  while (looks.length < 9) {
    world.tick(100);
    // The pings are answered.
    world.receive(replyFrame(-2, 1, 0));
    const look = world.effects().find((effect) => effect.type === 'look');
    if (look?.type !== 'look') continue;
    looks.push(world.nowMs - begunMs);
    const hasQuorum = looks.length === 9;
    world.session.step({ type: 'looked', host: look.host, hasQuorum, nowMs: world.nowMs });
  }
  const gaps = looks.map((at, index) => at - (looks[index - 1] ?? 0));
  assert.deepEqual(gaps, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  const effects = world.effects();
  assert.deepEqual(
    effects.map((effect) => effect.type),
    ['hangUp', 'state', 'dial'],
  );
  assert.deepEqual(states(effects), ['suspended']);
});
