import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { ZkError, ZooKeeper } from '../../../client/index.ts';
import type { SessionState } from '../../../client/index.ts';
import { Group, inSessions, Lock } from '../../../client/recipes/index.ts';
import { Tenure } from '../../../client/recipes/tenure.ts';
import { zxidOf } from '../../../server/protocol/zxid.ts';
import { until } from '../../support/real-ensemble.ts';
import { FaultyProxy } from './faulty-proxy.ts';
import { RecipeWorld } from './recipe-world.ts';

// Goal: a holder is told in time that what it holds may be lost, and never before; work that
// outlives a session is begun anew.
// Method: a session that is played, with a clock that is turned by hand; then real sessions that
// expire because a proxy keeps their client away.

let world: RecipeWorld;

before(async () => {
  world = await RecipeWorld.start();
});

after(() => world[Symbol.asyncDispose]());

/** As much of a client as a tenure needs. */
class PlayedSession {
  state: SessionState = 'connected';
  isReadOnly = false;
  readonly sessionTimeoutMs = 10_000;
  lastHeardMs = performance.now();
  removals = 0;
  readonly #listeners = new Set<() => void>();

  get watcherCount(): number {
    return this.#listeners.size;
  }

  onState(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  become(state: SessionState, isReadOnly: boolean = false): void {
    this.state = state;
    this.isReadOnly = isReadOnly;
    for (const listener of this.#listeners) listener();
  }

  /** The node is there, and nothing happens to it. */
  get(): Promise<unknown> {
    return Promise.resolve({ data: null });
  }

  remove(): Promise<void> {
    this.removals += 1;
    return Promise.resolve();
  }
}

function played(t: TestContext): { readonly session: PlayedSession; readonly tenure: Tenure } {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const session = new PlayedSession();
  const node = { path: '/a', zxid: zxidOf(1, 1) };
  return { session, tenure: new Tenure(session as unknown as ZooKeeper, node) };
}

const codeOf = (tenure: Tenure): string => (tenure.lost.reason as ZkError).code;

test('without a server it is lost a session timeout after the last word', (t) => {
  const { session, tenure } = played(t);
  // Three seconds of it had gone by when the connection broke.
  session.lastHeardMs = performance.now() - 3_000;
  session.become('suspended');
  t.mock.timers.tick(6_900);
  assert.equal(tenure.lost.aborted, false);
  t.mock.timers.tick(100);
  assert.equal(codeOf(tenure), 'CONNECTION_LOSS');
  assert.equal(session.removals, 1, 'the node does not stay behind');
  session.become('connected');
  assert.equal(tenure.lost.aborted, true, 'what is lost stays lost');
});

test('a connection in time costs nothing, and the next break counts anew', (t) => {
  const { session, tenure } = played(t);
  session.become('suspended');
  t.mock.timers.tick(9_000);
  session.lastHeardMs = performance.now();
  session.become('connected');
  t.mock.timers.tick(60_000);
  assert.equal(tenure.lost.aborted, false);
  session.become('suspended');
  t.mock.timers.tick(9_900);
  assert.equal(tenure.lost.aborted, false);
  t.mock.timers.tick(100);
  assert.equal(tenure.lost.aborted, true);
});

test('a server without a quorum keeps no session alive', (t) => {
  const { session, tenure } = played(t);
  session.become('suspended');
  t.mock.timers.tick(5_000);
  session.become('connected', true);
  t.mock.timers.tick(5_000);
  assert.equal(codeOf(tenure), 'CONNECTION_LOSS');
});

test('the clock says that it is not held, also when the signal is late', async (t) => {
  const { session, tenure } = played(t);
  assert.equal(tenure.isHeld, true);
  session.lastHeardMs -= 10_000;
  assert.deepEqual([tenure.isHeld, tenure.lost.aborted], [false, false]);
  session.lastHeardMs = performance.now();
  assert.equal(tenure.isHeld, true);
  await tenure.release();
  assert.equal(tenure.isHeld, false);
});

test('what was given back is not lost any more, and nobody listens to the session', async (t) => {
  const { session, tenure } = played(t);
  session.become('suspended');
  await tenure.release();
  await tenure.release();
  assert.equal(session.removals, 1);
  t.mock.timers.tick(60_000);
  session.become('expired');
  assert.equal(tenure.lost.aborted, false);
  assert.equal(session.watcherCount, 0);
});

for (const state of ['expired', 'closed'] as const) {
  test(`it is lost with the session (${state})`, (t) => {
    const { session, tenure } = played(t);
    session.become(state);
    assert.equal(codeOf(tenure), 'SESSION_EXPIRED');
    assert.equal(tenure.isHeld, false);
    assert.equal(session.watcherCount, 0);
  });
}

test('work is begun anew in the next session when one expires, until it is done', async () => {
  const watcher = await world.client();
  const group = new Group(watcher, '/workers');
  await using proxy = await FaultyProxy.open(Number(world.address.split(':')[1]));
  const sessions: bigint[] = [];
  const connect = (): Promise<ZooKeeper> =>
    ZooKeeper.connect(proxy.connectString, { sessionTimeoutMs: 1_000, connectTimeoutMs: 500 });
  const result = await inSessions(
    connect,
    async (zk, expired) => {
      sessions.push(zk.sessionId);
      await new Group(zk, '/workers').join('me');
      if (sessions.length === 3) return 'done';
      proxy.close();
      await until('the others to know', 90_000, async () => (await group.members()).size === 0);
      proxy.open();
      await until('the news', 90_000, () => expired.aborted);
      if (sessions.length === 1) throw new Error('what is thrown then does not count');
      return 'nor what is given';
    },
    { pauseMs: 10 },
  );
  assert.equal(result, 'done');
  assert.equal(new Set(sessions).size, 3);
  await until('the last session to be closed', 90_000, async () => {
    return (await group.members()).size === 0;
  });
});

test('work waits for a server, fails with its own error, and ends with the signal', async () => {
  await using proxy = await FaultyProxy.open(Number(world.address.split(':')[1]));
  const connect = (): Promise<ZooKeeper> =>
    ZooKeeper.connect(proxy.connectString, { connectTimeoutMs: 50 });
  await assert.rejects(
    inSessions(connect, async (zk) => {
      await using held = await new Lock(zk, '/own-error').acquire();
      throw new Error(`held: ${!held.lost.aborted}`);
    }),
    /held: true/,
  );
  proxy.close();
  let tries = 0;
  const stop = new AbortController();
  const refused = assert.rejects(
    inSessions(
      () => {
        tries += 1;
        if (tries === 3) stop.abort(new Error('enough'));
        return connect();
      },
      () => Promise.resolve(),
      { signal: stop.signal, pauseMs: 10 },
    ),
    /enough/,
  );
  await refused;
  assert.equal(tries, 3);
  await assert.rejects(
    inSessions(
      () => Promise.reject(new ZkError('AUTH_FAILED', null)),
      () => Promise.resolve(),
    ),
    { code: 'AUTH_FAILED' },
  );
});
