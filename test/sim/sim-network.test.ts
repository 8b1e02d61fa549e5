// Goal: the simulated network behaves as TCP: order within a connection, and every way it breaks.
// Method: two machines, one connection, faults by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../server/net/transport.ts';
import { SimProcess } from './sim-host.ts';
import { SimNetwork } from './sim-network.ts';
import { World } from './world.ts';

interface Pair {
  readonly world: World;
  readonly network: SimNetwork;
  readonly a: SimProcess;
  readonly b: SimProcess;
  readonly log: string[];
  readonly client: Connection;
  readonly server: () => Connection;
}

function pair(seed: number, timeoutMs: number = 1_000): Pair {
  const world = new World(seed);
  const network = new SimNetwork(world, { splitChance: 0.3 });
  const a = new SimProcess(world, 'a', 'a');
  const b = new SimProcess(world, 'b', 'b');
  const log: string[] = [];
  let server: Connection | null = null;
  network.transport(b).listen(
    { host: 'b', port: 1 },
    {
      onListening: () => {},
      onConnection: (connection) => {
        server = connection;
        connection.onData = (chunk) => log.push(chunk.toString());
        connection.onClose = (reason) => log.push(`b: ${reason}`);
      },
      onFailure: (reason) => log.push(reason),
    },
  );
  const client = network.transport(a).connect({ host: 'b', port: 1 }, timeoutMs);
  client.onConnect = () => log.push('connected');
  client.onClose = (reason) => log.push(`a: ${reason}`);
  client.onData = (chunk) => log.push(`a<${chunk.toString()}`);
  const found = (): Connection => {
    assert(server !== null, 'the dial arrived');
    return server;
  };
  return { world, network, a, b, log, client, server: found };
}

test('bytes arrive in order, whatever the delays and splits', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { world, log, client } = pair(seed);
    world.run(5);
    for (let count = 0; count < 50; count += 1) client.write(Buffer.from(`${count},`));
    world.run(20);
    const expected = Array.from({ length: 50 }, (_, index) => `${index},`).join('');
    assert.equal(log.slice(1).join(''), expected);
  }
});

test('a cut holds bytes back, healing lets them pass', () => {
  const { world, network, log, client } = pair(1);
  world.run(5);
  network.cut('a', 'b');
  client.write(Buffer.from('x'));
  world.run(5_000);
  assert.deepEqual(log, ['connected']);
  network.heal('a', 'b');
  world.run(5);
  assert.deepEqual(log, ['connected', 'x']);
});

test('a one-way cut lets the other direction pass', () => {
  const { world, network, log, client, server } = pair(2);
  world.run(5);
  network.cut('a', 'b');
  client.write(Buffer.from('x'));
  server().write(Buffer.from('y'));
  world.run(50);
  assert.deepEqual(log, ['connected', 'a<y']);
});

test('a dial into a cut link times out, one to nobody is refused', () => {
  const { world, network, a, log } = pair(3, 400);
  network.cut('a', 'b');
  world.run(1_000);
  assert.deepEqual(log, ['a: connect timed out']);
  network.heal('a', 'b');
  const lost = network.transport(a).connect({ host: 'b', port: 9 }, 400);
  lost.onClose = (reason) => log.push(reason);
  world.run(1_000);
  assert.deepEqual(log.slice(1), ['connection refused']);
});

test('what was written before an orderly end arrives, then both ends know', () => {
  const { world, log, client } = pair(4);
  world.run(5);
  client.write(Buffer.from('bye'));
  client.end();
  world.run(10);
  assert.equal(log.join(' ').replaceAll(' ', ''), 'connectedbyeb:closedbytheothersidea:closed');
});

test('destroy tells the other side only', () => {
  const { world, log, client } = pair(5);
  world.run(5);
  client.destroy();
  world.run(10);
  assert.deepEqual(log, ['connected', 'b: closed by the other side']);
});

test('a process that ends closes, a machine without power is silent until it is written to', () => {
  const ended = pair(6);
  ended.world.run(5);
  ended.b.end();
  ended.world.run(10);
  assert.deepEqual(ended.log, ['connected', 'a: closed by the other side']);

  const dark = pair(7);
  dark.world.run(5);
  dark.network.powerOff('b');
  dark.b.end();
  dark.world.run(1_000);
  assert.deepEqual(dark.log, ['connected']);
  dark.client.write(Buffer.from('x'));
  dark.world.run(1_000);
  assert.deepEqual(dark.log, ['connected']);
  dark.network.powerOn('b');
  dark.world.run(1_000);
  assert.deepEqual(dark.log, ['connected', 'a: connection reset']);
});

test('a reader that pauses fills the way, and draining is told', () => {
  const { world, log, client, server } = pair(8);
  world.run(5);
  server().pause();
  let isOpen = true;
  while (isOpen) isOpen = client.write(Buffer.alloc(64 * 1024));
  client.onDrain = () => log.push('drained');
  world.run(50);
  server().resume();
  world.run(50);
  assert.equal(log.at(-1), 'drained');
});

test('a paused process still accepts, and hears of it when it goes on', () => {
  const { world, b, log, client, server } = pair(9);
  b.pause();
  client.write(Buffer.from('x'));
  world.run(100);
  assert.deepEqual(log, ['connected']);
  b.resume();
  world.run(10);
  assert.deepEqual(log, ['connected', 'x']);
  assert.equal(server().remote.host, 'a');
});

test('bytes changed after they were written are noticed', () => {
  const { world, client } = pair(10);
  world.run(5);
  const bytes = Buffer.from('hello');
  client.write(bytes);
  bytes.fill(0);
  assert.throws(() => world.run(10), { invariant: 'bytes taken over' });
});
