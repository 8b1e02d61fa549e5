// Goal: a server with several addresses listens at each of them and is reached by whichever stands;
// of several connections one remains, and one failure says all reasons.
// Method: a simulated network where addresses are machines, one real dial on the loopback, and the
// recorded greeting of the reference.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PeerMesh } from '../../server/net/peer-mesh.ts';
import { connectToAny, listenAtAll } from '../../server/net/several-addresses.ts';
import { createTcpTransport } from '../../server/net/tcp-transport.ts';
import type { Connection, SocketAddress, Transport } from '../../server/net/transport.ts';
import { ServerState } from '../../server/protocol/notification.ts';
import { freePorts } from '../support/ports.ts';
import { SimProcess } from '../sim/sim-host.ts';
import { SimNetwork } from '../sim/sim-network.ts';
import { World } from '../sim/world.ts';

const at = (host: string): SocketAddress => ({ host, port: 3888 });

interface Stage {
  readonly world: World;
  readonly network: SimNetwork;
  /** Connections that were accepted and live, by address. */
  readonly taken: Map<string, Set<Connection>>;
}

/** One machine listens at two addresses: in the simulation each is a process of its own. */
function stage(seed: number): Stage {
  const world = new World(seed);
  const network = new SimNetwork(world);
  const taken = new Map<string, Set<Connection>>();
  for (const host of ['left', 'right']) {
    const connections = new Set<Connection>();
    taken.set(host, connections);
    network.transport(new SimProcess(world, host, host)).listen(at(host), {
      onListening: () => undefined,
      onFailure: (reason) => assert.fail(reason),
      onConnection: (connection) => {
        connections.add(connection);
        connection.onClose = () => connections.delete(connection);
      },
    });
  }
  world.run(5);
  return { world, network, taken };
}

interface Dialled {
  readonly connection: Connection;
  readonly told: string[];
}

function dial(world: World, network: SimNetwork, hosts: readonly string[]): Dialled {
  const transport = network.transport(new SimProcess(world, 'caller', 'caller'));
  const connection = connectToAny(transport, hosts.map(at), 300);
  const told: string[] = [];
  connection.onConnect = () => told.push('connected');
  connection.onClose = (reason) => told.push(reason);
  connection.onData = (chunk) => told.push(chunk.toString());
  return { connection, told };
}

for (const cut of ['left', 'right']) {
  test(`a server whose ${cut} address is not reached is reached by the other`, () => {
    const { world, network, taken } = stage(1);
    const other = cut === 'left' ? 'right' : 'left';
    network.cutBoth('caller', cut);
    const { connection, told } = dial(world, network, ['left', 'right']);
    world.run(50);
    assert.deepEqual(told, ['connected']);
    assert.equal(connection.remote.host, other);
    const [accepted] = taken.get(other) ?? [];
    connection.write(Buffer.from('ping'));
    accepted?.write(Buffer.from('pong'));
    world.run(50);
    assert.deepEqual(told, ['connected', 'pong']);
    // The dial that never stood says nothing any more.
    world.run(1_000);
    assert.deepEqual(told, ['connected', 'pong']);
    accepted?.destroy();
    world.run(50);
    assert.equal(told.length, 3);
  });
}

test('where both stand one remains, and the other is closed', () => {
  const { world, network, taken } = stage(2);
  const { told } = dial(world, network, ['left', 'right']);
  world.run(200);
  assert.deepEqual(told, ['connected']);
  assert.equal((taken.get('left')?.size ?? 0) + (taken.get('right')?.size ?? 0), 1);
});

test('a dial that nobody answers says why for each address, once', () => {
  const { world, network } = stage(3);
  network.cutBoth('caller', 'left');
  const { told } = dial(world, network, ['left', 'nowhere']);
  world.run(2_000);
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /left:3888: connect timed out/);
  assert.match(told[0] ?? '', /nowhere:3888: connection refused/);
});

test('a dial that is given up leaves nothing behind', () => {
  const { world, network, taken } = stage(4);
  const { connection, told } = dial(world, network, ['left', 'right']);
  world.run(0.1);
  connection.destroy();
  world.run(1_000);
  assert.deepEqual(told, []);
  assert.equal((taken.get('left')?.size ?? 0) + (taken.get('right')?.size ?? 0), 0);
});

test('an address that cannot be bound fails them all, by name', () => {
  const bound: string[] = [];
  let closed = 0;
  const transport: Transport = {
    listen(address, handlers) {
      bound.push(address.host);
      if (address.host === 'right') handlers.onFailure('cannot listen on right:3888');
      else handlers.onListening(address.port);
      return {
        close: () => {
          closed += 1;
        },
      };
    },
    connect: () => assert.fail('nobody dials'),
  };
  const failures: string[] = [];
  const listening: number[] = [];
  listenAtAll(deferred(transport), [at('left'), at('right')], {
    onListening: (port) => listening.push(port),
    onConnection: () => undefined,
    onFailure: (reason) => failures.push(reason),
  });
  run();
  assert.deepEqual(
    [bound, failures, listening],
    [['left', 'right'], ['cannot listen on right:3888'], []],
  );
  assert.equal(closed, 2);
});

test('on the loopback: two addresses, of which one is open', async () => {
  const [port = 0, closedPort = 0] = await freePorts(2);
  const transport = createTcpTransport(null);
  const heard = Promise.withResolvers<string>();
  const listener = transport.listen(
    { host: '127.0.0.2', port },
    {
      onListening: () => dialBoth(),
      onFailure: (reason) => heard.reject(new Error(reason)),
      onConnection: (connection) => {
        connection.onData = (chunk) => heard.resolve(chunk.toString());
      },
    },
  );
  let connection: Connection | null = null;
  function dialBoth(): void {
    const addresses = [
      { host: '127.0.0.1', port: closedPort },
      { host: '127.0.0.2', port },
    ];
    const made = connectToAny(transport, addresses, 5_000);
    made.onConnect = () => made.write(Buffer.from('hello'));
    made.onClose = (reason) => heard.reject(new Error(reason));
    connection = made;
  }
  assert.equal(await heard.promise, 'hello');
  (connection as Connection | null)?.destroy();
  listener.close();
});

test('the greeting names all addresses, as recorded; of another server all are dialled', () => {
  const { world, network } = stage(5);
  const recorded = recordedGreeting();
  const greetings: Buffer[] = [];
  const hosts = ['127.0.0.1', '127.0.0.2'];
  const mesh = new PeerMesh({
    sid: 2,
    addresses: hosts.map((host) => ({ host, port: 27523 })),
    listenAddresses: [at('two')],
    isMultiAddress: true,
    transport: network.transport(new SimProcess(world, 'two', 'two')),
    connectTimeoutMs: 500,
    addressesOf: () => [at('far'), at('near')],
    onNotification: () => undefined,
    onUnreachable: () => undefined,
    onListenFailure: (reason) => assert.fail(reason),
    onNote: () => undefined,
  });
  network.transport(new SimProcess(world, 'near', 'near')).listen(at('near'), {
    onListening: () => undefined,
    onFailure: (reason) => assert.fail(reason),
    onConnection: (connection) => {
      connection.onData = (chunk) => greetings.push(chunk);
    },
  });
  world.run(10);
  const state = ServerState.LOOKING;
  mesh.send(1, {
    state,
    leader: 2,
    zxid: 0,
    electionEpoch: 1,
    peerEpoch: 0,
    version: 2,
    config: '',
  });
  world.run(100);
  const bytes = Buffer.concat(greetings);
  assert.equal(bytes.subarray(0, recorded.length).toString('hex'), recorded.toString('hex'));
  mesh.close();
});

function recordedGreeting(): Buffer {
  const path = join(import.meta.dirname, '../golden/quorum/multiaddr_hierarchical_election.json');
  const { connections } = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly connections: readonly { readonly frames: readonly { readonly hex: string }[] }[];
  };
  return Buffer.from(connections[0]?.frames[0]?.hex ?? '', 'hex');
}

/** Callbacks of `listen` run in a later turn, as of a real transport. */
const later: (() => void)[] = [];

function run(): void {
  for (const each of later.splice(0)) each();
}

function deferred(transport: Transport): Transport {
  return {
    ...transport,
    listen: (address, handlers) => {
      let listener = { close: (): void => undefined };
      const close = (): void => listener.close();
      const inner = transport.listen(address, {
        ...handlers,
        onListening: (port) => void later.push(() => handlers.onListening(port)),
        onFailure: (reason) => void later.push(() => handlers.onFailure(reason)),
      });
      listener = inner;
      return { close };
    },
  };
}
