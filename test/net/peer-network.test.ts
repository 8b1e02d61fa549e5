import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerMesh } from '../../server/net/peer-mesh.ts';
import { refusalPauseMs, Refusals, refusalsMax } from '../../server/net/peer-network.ts';
import { QuorumSasl, saslExchangeMsMax } from '../../server/net/quorum-sasl.ts';
import { authenticatingMax, createSaslTransport } from '../../server/net/sasl-transport.ts';
import type { Connection, Transport } from '../../server/net/transport.ts';
import type { Notification } from '../../server/protocol/notification.ts';
import { ServerState } from '../../server/protocol/notification.ts';
import { SimProcess } from '../sim/sim-host.ts';
import { SimNetwork } from '../sim/sim-network.ts';
import { World } from '../sim/world.ts';

// Goal: votes and packets reach those alone who have proven who they are, and who has not costs the
// others next to nothing.
// Method: meshes and transports on a simulated network, right and wrong passwords, and certificates
// that are only claimed.

interface Station {
  readonly mesh: PeerMesh;
  readonly heard: string[];
  readonly refused: string[];
  readonly ended: string[];
}

const port = 3888;

function vote(leader: number): Notification {
  const state = ServerState.LOOKING;
  return { state, leader, zxid: 0, electionEpoch: 1, peerEpoch: 0, version: 2, config: 'x' };
}

function saslOf(world: World, password: string, isRequired: boolean = true): QuorumSasl {
  return new QuorumSasl({
    users: new Map([['zkq', 's3cret']]),
    login: password === '' ? null : { username: 'zkq', password },
    isRequired,
    random: (bytes) => Buffer.alloc(bytes, 7),
    timer: (afterMs, run) => world.schedule(afterMs, run),
  });
}

/** @param names what its certificate names; `null`: nothing is shown */
function station(
  world: World,
  network: SimNetwork,
  sid: number,
  options: { readonly sasl?: QuorumSasl; readonly shown?: Readonly<Record<number, string[]>> } = {},
): Station {
  const process = new SimProcess(world, `server-${sid}`, `host-${sid}`);
  const heard: string[] = [];
  const refused: string[] = [];
  const ended: string[] = [];
  const addressOf = (id: number): { host: string; port: number } => ({ host: `host-${id}`, port });
  const inner = network.transport(process);
  const mesh = new PeerMesh({
    sid,
    addresses: [addressOf(sid)],
    listenAddresses: [addressOf(sid)],
    transport: options.shown === undefined ? inner : certified(inner, options.shown),
    sasl: options.sasl ?? null,
    isSecured: true,
    connectTimeoutMs: 500,
    addressesOf: (id) => [addressOf(id)],
    onNotification: (from, notification) => heard.push(`${from} votes ${notification.leader}`),
    onUnreachable: (other, isRefused) => ended.push(`${other} ${isRefused ? 'refused' : 'ended'}`),
    onListenFailure: (reason) => refused.push(reason),
    onRefused: (remote, reason) => refused.push(reason),
    onNote: () => undefined,
  });
  return { mesh, heard, refused, ended };
}

/** As if whoever comes from a host had shown a certificate with those names. */
function certified(inner: Transport, shown: Readonly<Record<number, string[]>>): Transport {
  return {
    listen: (address, handlers) =>
      inner.listen(address, {
        ...handlers,
        onConnection(connection) {
          const names = shown[Number(connection.remote.host.replace('host-', ''))] ?? [];
          Object.assign(connection, { proves: (host: string) => names.includes(host) });
          handlers.onConnection(connection);
        },
      }),
    connect: (address, timeoutMs) => inner.connect(address, timeoutMs),
  };
}

test('votes travel between those who know the password, whoever dials', () => {
  const world = new World(1);
  const network = new SimNetwork(world);
  const one = station(world, network, 1, { sasl: saslOf(world, 's3cret') });
  const two = station(world, network, 2, { sasl: saslOf(world, 's3cret') });
  world.run(10);
  one.mesh.send(2, vote(1));
  two.mesh.send(1, vote(2));
  world.run(200);
  assert.deepEqual([one.heard, two.heard], [['2 votes 2'], ['1 votes 1']]);
  assert.deepEqual([one.refused, two.refused], [[], []]);
});

for (const [stranger, insider] of [
  [1, 2],
  [2, 1],
] as const) {
  test(`server ${stranger} with a wrong password is not heard by server ${insider}`, () => {
    const world = new World(2);
    const network = new SimNetwork(world);
    const wrong = station(world, network, stranger, { sasl: saslOf(world, 'guess') });
    const right = station(world, network, insider, { sasl: saslOf(world, 's3cret') });
    world.run(10);
    wrong.mesh.send(insider, vote(stranger));
    world.run(saslExchangeMsMax + 1000);
    assert.deepEqual(right.heard, []);
    assert.deepEqual(right.refused, ['wrong user or password']);
    assert.deepEqual(wrong.refused, ['refused by the peer']);
    // Not "ended", after which a server calls back at once, again and again.
    assert.deepEqual(wrong.ended, [`${insider} refused`]);
  });
}

test('a smaller id that only asks to be dialled is dialled, where nobody insists', () => {
  const world = new World(3);
  const network = new SimNetwork(world);
  const plain = station(world, network, 1);
  const optional = station(world, network, 2, { sasl: saslOf(world, '', false) });
  world.run(10);
  plain.mesh.send(2, vote(1));
  world.run(200);
  assert.deepEqual(optional.heard, ['1 votes 1']);
});

test('who is another member by its certificate does not speak for this one', () => {
  const world = new World(4);
  const network = new SimNetwork(world);
  const shown = { 1: ['host-3'], 3: ['host-3'] };
  const two = station(world, network, 2, { shown });
  const one = station(world, network, 1);
  const three = station(world, network, 3);
  world.run(10);
  one.mesh.send(2, vote(1));
  three.mesh.send(2, vote(3));
  world.run(200);
  assert.deepEqual(two.heard, ['3 votes 3']);
  assert.deepEqual(two.refused, ['its certificate does not name host-1, where server 1 is']);
});

test('of connections that do not authenticate the oldest make room', () => {
  const world = new World(5);
  const network = new SimNetwork(world);
  const at = (name: string): Transport =>
    network.transport(new SimProcess(world, name, `host-${name}`));
  const refused: string[] = [];
  const note = (_remote: unknown, reason: string): unknown => refused.push(reason);
  const taken: Connection[] = [];
  createSaslTransport(at('a'), saslOf(world, 's3cret'), note).listen(
    { host: 'host-a', port },
    {
      onListening: () => undefined,
      onFailure: (reason) => refused.push(reason),
      onConnection: (connection) => taken.push(connection),
    },
  );
  world.run(10);
  let closed = 0;
  const silent = at('b');
  for (let count = 0; count < authenticatingMax + 3; count += 1) {
    silent.connect({ host: 'host-a', port }, 500).onClose = () => (closed += 1);
  }
  world.run(100);
  assert.equal(closed, 3);
  const member = createSaslTransport(at('c'), saslOf(world, 's3cret'), note);
  let isConnected = false;
  member.connect({ host: 'host-a', port }, 500).onConnect = () => (isConnected = true);
  world.run(200);
  assert.equal(isConnected, true);
  assert.equal(taken.length, 1);
  world.run(saslExchangeMsMax);
  assert.equal(closed, authenticatingMax + 3);
});

test('a refusal is told at once, and then once a minute with its number', () => {
  let nowMs = 0;
  const said: string[] = [];
  const refusals = new Refusals(
    (remote, reason, times) => said.push(`${remote} ${reason} ${times}`),
    () => nowMs,
  );
  const from = (host: string): { host: string; port: number } => ({ host, port: 1 });
  for (let count = 0; count < 5; count += 1) refusals.note(from('a'), 'wrong');
  refusals.note(from('a'), 'other');
  refusals.note(from('b'), 'wrong');
  assert.deepEqual(said, ['a wrong 1', 'a other 1', 'b wrong 1']);
  nowMs = refusalPauseMs;
  refusals.note(from('a'), 'wrong');
  assert.equal(said.at(-1), 'a wrong 5');
  for (let count = 0; count < refusalsMax; count += 1) refusals.note(from(`c${count}`), 'wrong');
  refusals.note(from('a'), 'wrong');
  assert.equal(said.at(-1), 'a wrong 1', 'whoever came long ago is forgotten');
});
