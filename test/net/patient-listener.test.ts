// Goal: a port that cannot be had is tried again as often as was asked for; whoever connects and
// says nothing is let go in time; only who wants it has its connections looked after.
// Method: meshes on a simulated network, where ports are taken and become free by script.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindPauseMs, listenPatiently } from '../../server/net/patient-listener.ts';
import { PeerMesh } from '../../server/net/peer-mesh.ts';
import type { PeerMeshOptions } from '../../server/net/peer-mesh.ts';
import type { Connection, Listener, Transport } from '../../server/net/transport.ts';
import { ServerState } from '../../server/protocol/notification.ts';
import { SimProcess } from '../sim/sim-host.ts';
import { SimNetwork } from '../sim/sim-network.ts';
import { World } from '../sim/world.ts';

const address = { host: 'one', port: 3888 };

interface Attempted {
  readonly world: World;
  readonly occupant: Listener;
  readonly retries: string[];
  readonly failures: string[];
  readonly ports: number[];
  readonly listener: Listener;
}

/** Somebody else of the same machine has the port. */
function attempted(attemptsMax: number): Attempted {
  const world = new World(1);
  const process = new SimProcess(world, 'one', 'one');
  const transport = new SimNetwork(world).transport(process);
  const ignore = (): void => undefined;
  const nothing = { onListening: ignore, onConnection: ignore, onFailure: ignore };
  const occupant = transport.listen(address, nothing);
  const [retries, failures, ports]: [string[], string[], number[]] = [[], [], []];
  const listener = listenPatiently(
    transport,
    [address],
    {
      onListening: (port) => ports.push(port),
      onConnection: ignore,
      onFailure: (reason) => failures.push(reason),
    },
    {
      attemptsMax,
      timer: (afterMs, run) => world.schedule(afterMs, run),
      onRetry: (reason) => retries.push(reason),
    },
  );
  return { world, occupant, retries, failures, ports, listener };
}

test('three attempts a second apart, and then it fails with the reason', () => {
  const { world, retries, failures } = attempted(3);
  world.run(2 * bindPauseMs - 1);
  assert.deepEqual([retries.length, failures.length], [2, 0]);
  world.run(10 * bindPauseMs);
  assert.equal(retries.length, 2);
  assert.deepEqual(failures, ['one:3888 is in use']);
});

test('a port that becomes free meanwhile is taken', () => {
  const { world, occupant, failures, ports } = attempted(3);
  world.run(bindPauseMs + 1);
  occupant.close();
  world.run(bindPauseMs);
  assert.deepEqual([failures, ports], [[], [3888]]);
});

test('0 attempts are attempts for ever, until it is closed', () => {
  const { world, retries, failures, listener } = attempted(0);
  world.run(50 * bindPauseMs);
  assert(retries.length >= 50, `${retries.length} attempts`);
  assert.equal(failures.length, 0);
  const { length } = retries;
  listener.close();
  world.run(10 * bindPauseMs);
  assert.equal(retries.length, length);
});

interface Meshed {
  readonly world: World;
  readonly network: SimNetwork;
  readonly notes: string[];
  readonly mesh: PeerMesh;
}

function meshOf(
  transportOf: (network: SimNetwork, process: SimProcess) => Transport,
  more: Partial<PeerMeshOptions>,
): Meshed {
  const world = new World(2);
  const network = new SimNetwork(world);
  const notes: string[] = [];
  const mesh = new PeerMesh({
    sid: 1,
    addresses: [address],
    listenAddresses: [address],
    transport: transportOf(network, new SimProcess(world, 'one', 'one')),
    connectTimeoutMs: 500,
    addressesOf: (sid) => [{ host: `host-${sid}`, port: 3888 }],
    onNotification: (from) => notes.push(`${from} votes`),
    onUnreachable: () => undefined,
    onListenFailure: (reason) => notes.push(reason),
    onNote: (what, values) => notes.push(`${what}: ${values['reason']}`),
    ...more,
  });
  world.run(10);
  return { world, network, notes, mesh };
}

const plain = (network: SimNetwork, process: SimProcess): Transport => network.transport(process);

test('who does not say who it is has so much time for it', () => {
  const holder: { world: World | null } = { world: null };
  const timer = (afterMs: number, run: () => void): { cancel(): void } => {
    assert(holder.world !== null);
    return holder.world.schedule(afterMs, run);
  };
  const { world, network, notes } = meshOf(plain, { greeting: { withinMs: 1_000, timer } });
  holder.world = world;
  const stranger = network.transport(new SimProcess(world, 'stranger', 'stranger'));
  const silent = stranger.connect(address, 500);
  const closed: string[] = [];
  silent.onClose = (reason) => closed.push(reason);
  world.run(900);
  assert.deepEqual(closed, []);
  world.run(200);
  assert.equal(closed.length, 1);
  assert.deepEqual(notes, ['election connection refused: it does not say who it is']);
});

test('who has said it stays, however long it says nothing more', () => {
  const holder: { world: World | null } = { world: null };
  const timer = (afterMs: number, run: () => void): { cancel(): void } => {
    assert(holder.world !== null);
    return holder.world.schedule(afterMs, run);
  };
  const { world, network, notes } = meshOf(plain, { greeting: { withinMs: 1_000, timer } });
  holder.world = world;
  const two = new PeerMesh({
    sid: 2,
    addresses: [{ host: 'host-2', port: 3888 }],
    listenAddresses: [{ host: 'host-2', port: 3888 }],
    transport: network.transport(new SimProcess(world, 'two', 'host-2')),
    connectTimeoutMs: 500,
    addressesOf: () => [address],
    onNotification: () => undefined,
    onUnreachable: () => undefined,
    onListenFailure: (reason) => assert.fail(reason),
    onNote: () => undefined,
  });
  const state = ServerState.LOOKING;
  const vote = {
    state,
    leader: 2,
    zxid: 0,
    electionEpoch: 1,
    peerEpoch: 0,
    version: 2,
    config: '',
  };
  two.send(1, vote);
  world.run(5_000);
  two.send(1, vote);
  world.run(50);
  assert.deepEqual(notes.filter((note) => note === '2 votes').length, 2);
  assert(!notes.some((note) => note.includes('closed')), notes.join('\n'));
});

for (const keepAlive of [true, false]) {
  test(`connections that are kept are ${keepAlive ? '' : 'not '}looked after by the system`, () => {
    let cared = 0;
    const caring = (network: SimNetwork, process: SimProcess): Transport => {
      const inner = network.transport(process);
      const withCare = (connection: Connection): Connection => {
        connection.keepAlive = () => {
          cared += 1;
        };
        return connection;
      };
      return {
        listen: (at, handlers) =>
          inner.listen(at, {
            ...handlers,
            onConnection: (connection) => handlers.onConnection(withCare(connection)),
          }),
        connect: (to, timeoutMs) => withCare(inner.connect(to, timeoutMs)),
      };
    };
    const { world, network } = meshOf(caring, { keepAlive });
    const two = network.transport(new SimProcess(world, 'two', 'host-2')).connect(address, 500);
    two.onConnect = () => {
      // The greeting of server 2: a bare id, as of the oldest servers.
      two.write(Buffer.from('0000000000000002', 'hex'));
    };
    world.run(100);
    assert.equal(cared, keepAlive ? 1 : 0);
  });
}
