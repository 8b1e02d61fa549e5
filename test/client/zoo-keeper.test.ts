import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MultiError, ZkError, ZooKeeper } from '../../client/index.ts';
import type { ConnectOptions, SessionState, WatchEvent } from '../../client/index.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { FakeServer } from './fake-server.ts';
import { testCertificate, testKey } from './tls-files.ts';

// Goal: the public API does over a socket what its words say, with and without a chroot, and
// carries sessions and watches over a lost connection.
// Method: a small server in this process, built on the codecs; faults are its methods.

const options: ConnectOptions = { sessionTimeoutMs: 10_000 };

async function world(
  chroot: string = '',
): Promise<AsyncDisposable & { readonly server: FakeServer; readonly zk: ZooKeeper }> {
  const server = new FakeServer();
  const port = await server.listen();
  if (chroot !== '') server.nodes.set(chroot, { data: null, version: 0, creates: 0, owner: 0n });
  const zk = await ZooKeeper.connect(`127.0.0.1:${port}${chroot}`, options);
  return {
    server,
    zk,
    async [Symbol.asyncDispose]() {
      await zk.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const refused =
  (code: string, path?: string) =>
  (error: unknown): boolean =>
    error instanceof ZkError && error.code === code && (path ?? error.path) === error.path;

/** The next change to a state. */
function reached(zk: ZooKeeper, wanted: SessionState): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const off = zk.onState((state) => {
    if (state !== wanted) return;
    off();
    resolve();
  });
  return promise;
}

for (const chroot of ['', '/app']) {
  test(`nodes are made, read, changed and removed (chroot "${chroot}")`, async () => {
    await using w = await world(chroot);
    const { zk } = w;
    assert.equal(await zk.create('/a', 'one'), '/a');
    assert.ok(w.server.nodes.has(`${chroot}/a`));
    assert.equal((await zk.get('/a')).data?.toString(), 'one');
    const { version } = await zk.set('/a', 'two', 0);
    assert.equal(version, 1);
    assert.deepEqual(await zk.children('/'), ['a']);
    assert.equal((await zk.exists('/a'))?.version, 1);
    assert.equal(await zk.exists('/none'), null);
    await assert.rejects(zk.remove('/a', 0), refused('BAD_VERSION', '/a'));
    await zk.remove('/a', 1);
    await assert.rejects(zk.get('/a'), refused('NO_NODE', '/a'));
  });

  test(`paths in answers are the client's own (chroot "${chroot}")`, async () => {
    await using w = await world(chroot);
    const { zk } = w;
    const first = await zk.create('/n-', null, { ephemeral: true, sequential: true });
    assert.equal(first, '/n-0000000000');
    assert.equal(await zk.create('/', null, { sequential: true }), '/0000000001');
    assert.deepEqual(await zk.getEphemerals(), [first]);
    const made = await zk.createWithStat('/s', 'x');
    assert.deepEqual([made.path, made.stat.dataLength], ['/s', 1]);
    const results = await zk.multi([
      { op: 'create', path: '/m', data: 'm' },
      { op: 'set', path: '/m', data: 'n' },
      { op: 'check', path: '/s' },
      { op: 'remove', path: '/s' },
    ]);
    assert.deepEqual(
      results.map(({ error, path }) => [error, path]),
      [
        ['OK', '/m'],
        ['OK', null],
        ['OK', null],
        ['OK', null],
      ],
    );
    assert.equal((await zk.getConfig()).data?.toString(), 'version=0');
  });

  test(`a watch hears once, of the client's path (chroot "${chroot}")`, async () => {
    await using w = await world(chroot);
    const { zk } = w;
    const heard: WatchEvent[] = [];
    const watch = (event: WatchEvent): void => void heard.push(event);
    assert.equal(await zk.exists('/a', { watch }), null);
    await zk.create('/a', null);
    await zk.get('/a', { watch });
    await zk.set('/a', '1');
    await zk.set('/a', '2');
    await zk.children('/a', { watch });
    await zk.create('/a/b', null);
    await zk.create('/a/c', null);
    assert.deepEqual(
      heard.map(({ type, path }) => [type, path]),
      [
        ['NODE_CREATED', '/a'],
        ['NODE_DATA_CHANGED', '/a'],
        ['NODE_CHILDREN_CHANGED', '/a'],
      ],
    );
  });
}

test('a watch is heard before the answer that shows its change', async () => {
  await using w = await world();
  const order: string[] = [];
  await w.zk.create('/a', null);
  await w.zk.get('/a', { watch: () => void order.push('event') });
  await w.zk.set('/a', '1');
  order.push('answer');
  assert.deepEqual(order, ['event', 'answer']);
});

test('calls made without waiting are answered in order, from few writes', async () => {
  await using w = await world();
  const { zk } = w;
  const versions = await Promise.all([
    zk.create('/a', '0').then(() => 0),
    ...Array.from({ length: 500 }, async () => (await zk.set('/a', 'x')).version),
  ]);
  assert.deepEqual(
    versions,
    Array.from({ length: 501 }, (_, index) => index),
  );
});

test('a multi that fails says which part and leaves everything as it was', async () => {
  await using w = await world();
  const error = await w.zk
    .multi([
      { op: 'create', path: '/a' },
      { op: 'check', path: '/none' },
      { op: 'create', path: '/b' },
    ])
    .then(
      () => null,
      (reason: unknown) => reason,
    );
  assert.ok(error instanceof MultiError);
  assert.deepEqual([error.code, error.path], ['NO_NODE', '/none']);
  assert.deepEqual(
    error.results.map((result) => result.error),
    ['OK', 'NO_NODE', 'RUNTIME_INCONSISTENCY'],
  );
  assert.equal(await w.zk.exists('/a'), null);
});

test('a batch of reads answers each by itself', async () => {
  await using w = await world();
  await w.zk.create('/a', 'x');
  const [data, failed, children] = await w.zk.multiRead([
    { op: 'get', path: '/a' },
    { op: 'get', path: '/none' },
    { op: 'children', path: '/' },
  ]);
  assert.equal(data?.op === 'get' && data.data?.toString(), 'x');
  assert.ok(failed?.op === 'failed' && refused('NO_NODE', '/none')(failed.error));
  assert.deepEqual(children?.op === 'children' && children.children, ['a']);
});

test('the smaller calls answer', async () => {
  await using w = await world();
  const { zk } = w;
  await zk.create('/a', null);
  await zk.create('/a/b', null, { container: true });
  await zk.create('/a/c', null, { ttlMs: 1_000 });
  assert.equal(await zk.getAllChildrenNumber('/a'), 2);
  assert.equal((await zk.getAcl('/a')).acl[0]?.id.scheme, 'world');
  assert.equal((await zk.setAcl('/a', [])).version, 0);
  assert.deepEqual(await zk.whoAmI(), [{ scheme: 'ip', user: '127.0.0.1' }]);
  await zk.sync('/a');
  await zk.addAuth('digest', 'u:p');
  await assert.rejects(zk.addAuth('nonsense', 'x'), refused('AUTH_FAILED'));
});

test('a bad path is refused here, as a rejection', async () => {
  await using w = await world();
  const { zk } = w;
  for (const path of ['', 'a', '/a/', '/a//b', '/a/../b']) {
    await assert.rejects(zk.get(path), refused('BAD_ARGUMENTS'));
    await assert.rejects(zk.create(path), refused('BAD_ARGUMENTS'));
    await assert.rejects(zk.multiRead([{ op: 'get', path }]), refused('BAD_ARGUMENTS'));
  }
  assert.deepEqual(w.server.opCodes, []);
});

test('the session, its ephemeral nodes and its watches survive a lost connection', async () => {
  await using w = await world();
  const { zk, server } = w;
  const heard: string[] = [];
  await zk.create('/e', null, { ephemeral: true });
  await zk.exists('/gone', { watch: ({ type }) => void heard.push(`exists ${type}`) });
  await zk.addWatch('/p', ({ type }) => void heard.push(`persistent ${type}`));
  const { sessionId } = zk;

  const suspended = reached(zk, 'suspended');
  server.drop();
  await suspended;
  server.nodes.set('/gone', { data: null, version: 0, creates: 0, owner: 0n });
  await reached(zk, 'connected');
  await zk.create('/p', null);

  assert.equal(zk.sessionId, sessionId);
  assert.notEqual(await zk.exists('/e'), null);
  assert.deepEqual(heard, ['exists NODE_CREATED', 'persistent NODE_CREATED']);
  assert.ok(server.opCodes.includes(OpCode.SET_WATCHES2));
});

test('an expired session fails what is asked and says so', async () => {
  await using w = await world();
  const { zk, server } = w;
  const expired = reached(zk, 'expired');
  server.expireAll();
  await expired;
  await assert.rejects(zk.get('/a'), refused('SESSION_EXPIRED', '/a'));
  assert.equal(zk.state, 'expired');
});

test('a call whose reply is lost with the connection fails with CONNECTION_LOSS', async () => {
  await using w = await world();
  const { zk, server } = w;
  const call = zk.get('/');
  const lost = zk.get('/a');
  await call.then(() => server.drop());
  // Either was answered with the first, or is lost: never anything else.
  await assert.rejects(
    lost,
    (error) => refused('NO_NODE')(error) || refused('CONNECTION_LOSS')(error),
  );
});

test('closing ends the session at the server and takes its ephemeral nodes along', async () => {
  await using w = await world();
  await w.zk.create('/e', null, { ephemeral: true });
  await w.zk.close();
  await w.zk.close();
  assert.equal(w.server.nodes.has('/e'), false);
  assert.equal(w.zk.state, 'closed');
});

test('removing a watch tells the server when nobody is left, and refuses one never set', async () => {
  await using w = await world();
  const { zk, server } = w;
  const heard: string[] = [];
  const one = (): void => void heard.push('one');
  const other = (): void => void heard.push('other');
  await zk.addWatch('/a', one);
  await zk.addWatch('/a', other);
  await zk.removeWatches('/a', { listener: one });
  assert.ok(!server.opCodes.includes(OpCode.REMOVE_WATCHES));
  await zk.create('/a', null);
  await zk.removeWatches('/a');
  assert.ok(server.opCodes.includes(OpCode.REMOVE_WATCHES));
  await zk.set('/a', '1');
  assert.deepEqual(heard, ['other']);
  await assert.rejects(zk.removeWatches('/a'), refused('NO_WATCHER', '/a'));
});

test('what a listener throws is handed over and stops nobody else', async () => {
  const server = new FakeServer();
  const port = await server.listen();
  const thrown: unknown[] = [];
  const heard: string[] = [];
  const zk = await ZooKeeper.connect(`127.0.0.1:${port}`, {
    ...options,
    onListenerError: (error) => void thrown.push(error),
  });
  await zk.addWatch('/a', () => {
    throw new Error('mine');
  });
  await zk.addWatch('/a', () => void heard.push('heard'));
  await zk.create('/a', null);
  assert.match(String(thrown[0]), /mine/);
  assert.deepEqual(heard, ['heard']);
  await zk.close();
  await server[Symbol.asyncDispose]();
});

test('identities are proven before the client is handed out, or it is not', async () => {
  await using server = new FakeServer();
  const at = `127.0.0.1:${await server.listen()}`;
  await using zk = await ZooKeeper.connect(at, {
    ...options,
    auth: [{ scheme: 'digest', auth: 'u:p' }],
  });
  assert.equal(zk.state, 'connected');
  assert.deepEqual(server.opCodes, [OpCode.AUTH]);
  await assert.rejects(
    ZooKeeper.connect(at, { ...options, auth: [{ scheme: 'nonsense', auth: 'x' }] }),
    refused('AUTH_FAILED'),
  );
});

test('TLS: a server whose certificate is trusted is taken, another is not', async () => {
  await using server = new FakeServer({ cert: testCertificate, key: testKey });
  const port = await server.listen();
  await using zk = await ZooKeeper.connect(`localhost:${port}`, {
    ...options,
    tls: { ca: testCertificate },
  });
  assert.equal(await zk.create('/a', 'x'), '/a');
  server.drop();
  await reached(zk, 'connected');
  assert.equal((await zk.get('/a')).data?.toString(), 'x');
  await assert.rejects(
    ZooKeeper.connect(`localhost:${port}`, { connectTimeoutMs: 200, tls: {} }),
    (error) => refused('CONNECTION_LOSS')(error) && /self.signed/.test(String(error)),
  );
});

test('without a server connecting fails in time and says where', async () => {
  const server = new FakeServer();
  const port = await server.listen();
  await server[Symbol.asyncDispose]();
  await assert.rejects(
    ZooKeeper.connect(`127.0.0.1:${port}`, { connectTimeoutMs: 100 }),
    (error) => refused('CONNECTION_LOSS')(error) && String(error).includes(`127.0.0.1:${port}`),
  );
});

test('connecting is given up with the signal, before and while it goes on; a session is not', async () => {
  const server = new FakeServer();
  const port = await server.listen();
  const late = new AbortController();
  await using zk = await ZooKeeper.connect(`127.0.0.1:${port}`, { signal: late.signal });
  late.abort();
  await zk.create('/still');
  await server[Symbol.asyncDispose]();
  for (const signal of [AbortSignal.abort(), AbortSignal.timeout(20)]) {
    const sinceMs = performance.now();
    await assert.rejects(ZooKeeper.connect(`127.0.0.1:${port}`, { signal }), /CONNECTION_LOSS/);
    assert.ok(performance.now() - sinceMs < 10_000, 'less than the session timeout');
  }
});

test('a server that is not there is passed over for one that is', async () => {
  const gone = new FakeServer();
  const gonePort = await gone.listen();
  await gone[Symbol.asyncDispose]();
  await using server = new FakeServer();
  const port = await server.listen();
  for (const random of [0, 0.999]) {
    await using zk = await ZooKeeper.connect(`127.0.0.1:${gonePort},127.0.0.1:${port}`, {
      ...options,
      random: () => random,
    });
    assert.equal(zk.state, 'connected');
  }
});
