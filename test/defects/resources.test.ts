// Goal: nothing is left behind of connections that ended, or never came about.
// Method: real sockets; what the process still holds, and what the server still lists, afterwards.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { createTcpTransport } from '../../server/net/tcp-transport.ts';
import { freePorts } from '../support/ports.ts';
import { lingerMsMax } from '../../server/net/tcp-connection.ts';
import { int32 } from '../support/intruder.ts';
import { RawSession } from '../support/raw-session.ts';
import { until } from '../support/real-ensemble.ts';
import { startStandalone } from '../support/standalone.ts';

/** Handles of the event loop that are sockets, whether they live in the kernel or not. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCP|Pipe)|Connect/.test(name)).length;
}

test('ZOOKEEPER-4736: dials that nobody takes leave no descriptor', async () => {
  const [port = 0] = await freePorts(1);
  const before = sockets();
  const transport = createTcpTransport(null);
  let ended = 0;
  for (let count = 0; count < 200; count += 1) {
    const connection = transport.connect({ host: '127.0.0.1', port }, 50);
    connection.onClose = () => (ended += 1);
  }
  await until('their ends', 10_000, () => ended === 200);
  await until('no descriptor of theirs', 5_000, () => sockets() <= before);
});

test('ZOOKEEPER-1174: a client that finds no server opens one descriptor at a time', async () => {
  const [port = 0] = await freePorts(1);
  const before = sockets();
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, sockets() - before)), 5);
  await assert.rejects(
    ZooKeeper.connect(`127.0.0.1:${port}`, { connectTimeoutMs: 1_000 }),
    /127\.0\.0\.1/,
  );
  clearInterval(watch);
  assert(most <= 2, `${most} at once`);
  await until('none left', 5_000, () => sockets() <= before);
});

test('ZOOKEEPER-2743, ZOOKEEPER-4736: connections that end in any way leave neither an entry nor a descriptor', async () => {
  await using alone = await startStandalone(['maxClientCnxns=0']);
  const { port } = alone;
  const before = sockets();
  for (let round = 0; round < 5; round += 1) {
    const sessions = await Promise.all(
      Array.from({ length: 20 }, () => RawSession.open(port, { timeoutMs: 4_000 })),
    );
    const strangers = Array.from({ length: 20 }, () => connect({ host: '127.0.0.1', port }));
    for (const stranger of strangers) {
      stranger.on('error', () => undefined);
      stranger.on('connect', () => stranger.end('GET / HTTP/1.1\r\n\r\n'));
    }
    for (const [index, session] of sessions.entries()) {
      if (index % 2 === 0) void session.closeSession().catch(() => undefined);
      else session.destroy();
    }
    await until('every end', 10_000, () =>
      [...strangers].every((stranger) => stranger.destroyed || stranger.readableEnded),
    );
    for (const stranger of strangers) stranger.destroy();
    await until('no entry', 10_000, () => alone.view.connections().length === 0);
  }
  await until('no descriptor', 5_000, () => sockets() <= before);
});

test('a client whose proof of identity fails leaves no descriptor, however it goes, or stays', async () => {
  await using alone = await startStandalone(['maxClientCnxns=0']);
  const { port } = alone;
  const before = sockets();
  const stubborn = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  stubborn.on('error', () => undefined);
  // A handshake without its readOnly byte, and a proof of a scheme that nobody knows.
  const handshake = int32(44, 0, 0, 0, 4000, 0, 0, 16, 0, 0, 0, 0);
  const proof = Buffer.concat([
    int32(22, -4, 100, 0, 1),
    Buffer.from('x'),
    int32(1),
    Buffer.from('y'),
  ]);
  stubborn.write(Buffer.concat([handshake, proof, int32(8, 1, 11)]));
  stubborn.resume();
  for (let round = 0; round < 20; round += 1) {
    const session = await RawSession.open(port, { timeoutMs: 4_000 });
    session.addAuth('no-such-scheme', 'mallory:x');
    // What comes behind it is not read; the end of the connection has to be.
    for (let count = 0; count < 50; count += 1) session.ping();
    await until('its end', 5_000, () => session.isClosed);
    session.destroy();
  }
  await until('no entry', 10_000, () => alone.view.connections().length === 0);
  // Both ends are of this process: the stubborn client has one of its own, and keeps the other.
  await until('no descriptor of those who went', 5_000, () => sockets() <= before + 2);
  await until('no descriptor', lingerMsMax + 5_000, () => sockets() <= before + 1);
  stubborn.destroy();
});
