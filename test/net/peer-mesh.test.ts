import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerMesh } from '../../server/net/peer-mesh.ts';
import { ServerState } from '../../server/protocol/notification.ts';
import type { Notification } from '../../server/protocol/notification.ts';
import { SimProcess } from '../sim/sim-host.ts';
import { SimNetwork } from '../sim/sim-network.ts';
import { World } from '../sim/world.ts';

// Goal: votes reach every other server over one connection for each pair, kept by the larger id.
// Method: meshes on a simulated network, with cuts and restarts.

interface Station {
  readonly process: SimProcess;
  readonly mesh: PeerMesh;
  readonly heard: string[];
  readonly notes: string[];
}

function vote(leader: number): Notification {
  const state = ServerState.LOOKING;
  return { state, leader, zxid: 0, electionEpoch: 1, peerEpoch: 0, version: 2, config: 'x' };
}

function station(world: World, network: SimNetwork, sid: number): Station {
  const process = new SimProcess(world, `server-${sid}-${world.nowMs}`, `host-${sid}`);
  const heard: string[] = [];
  const notes: string[] = [];
  const addressOf = (id: number): { host: string; port: number } => ({
    host: `host-${id}`,
    port: 3888,
  });
  const mesh = new PeerMesh({
    sid,
    addresses: [addressOf(sid)],
    listenAddresses: [addressOf(sid)],
    transport: network.transport(process),
    connectTimeoutMs: 500,
    addressesOf: (id) => [addressOf(id)],
    onNotification: (from, notification) => heard.push(`${from} votes ${notification.leader}`),
    onUnreachable: (other, isRefused) => notes.push(`${other} ${isRefused ? 'refused' : 'ended'}`),
    onListenFailure: (reason) => notes.push(reason),
    onNote: (what) => notes.push(what),
  });
  return { process, mesh, heard, notes };
}

test('a vote of the smaller id arrives though it may keep no connection', () => {
  const world = new World(1);
  const network = new SimNetwork(world);
  const one = station(world, network, 1);
  const two = station(world, network, 2);
  world.run(10);
  one.mesh.send(2, vote(1));
  world.run(50);
  // Its connection only asks to be dialled; the vote travels on the one that is dialled back.
  assert.deepEqual(two.heard, ['1 votes 1']);
  two.mesh.send(1, vote(2));
  world.run(50);
  assert.deepEqual(one.heard, ['2 votes 2']);
});

test('the last vote is sent again on a new connection', () => {
  const world = new World(2);
  const network = new SimNetwork(world);
  const one = station(world, network, 1);
  const two = station(world, network, 2);
  world.run(10);
  two.mesh.send(1, vote(2));
  world.run(50);
  one.process.end();
  world.run(50);
  const again = station(world, network, 1);
  world.run(10);
  again.mesh.send(2, vote(1));
  world.run(100);
  assert.deepEqual(again.heard, ['2 votes 2']);
  assert.deepEqual(two.heard, ['1 votes 1']);
});

test('while a server cannot be reached only its newest vote waits', () => {
  const world = new World(3);
  const network = new SimNetwork(world);
  const two = station(world, network, 2);
  two.mesh.send(1, vote(7));
  two.mesh.send(1, vote(8));
  world.run(100);
  const one = station(world, network, 1);
  world.run(10);
  two.mesh.send(1, vote(9));
  world.run(100);
  assert.deepEqual(one.heard, ['2 votes 9']);
});

test('ZOOKEEPER-3769: garbage on the election port costs its connection and nobody else', () => {
  const world = new World(4);
  const network = new SimNetwork(world);
  const one = station(world, network, 1);
  const two = station(world, network, 2);
  const stranger = new SimProcess(world, 'stranger', 'host-9');
  world.run(10);
  let closed = false;
  const connection = network.transport(stranger).connect({ host: 'host-2', port: 3888 }, 500);
  connection.onConnect = () => connection.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  connection.onClose = () => (closed = true);
  world.run(50);
  assert.equal(closed, true);
  assert.deepEqual(two.notes, ['election connection refused']);
  one.mesh.send(2, vote(1));
  world.run(50);
  assert.deepEqual(two.heard, ['1 votes 1']);
});

test('of connections that do not say who they are, the oldest make room', () => {
  const world = new World(9);
  const network = new SimNetwork(world);
  const one = station(world, network, 1);
  world.run(10);
  const stranger = network.transport(new SimProcess(world, 'stranger', 'host-9'));
  const ended: number[] = [];
  for (let number = 0; number < 70; number += 1) {
    const connection = stranger.connect({ host: 'host-1', port: 3888 }, 500);
    connection.onClose = () => ended.push(number);
    world.run(10);
  }
  world.run(50);
  assert.deepEqual(ended, [0, 1, 2, 3, 4, 5]);
  const two = station(world, network, 2);
  world.run(10);
  two.mesh.send(1, vote(2));
  world.run(50);
  assert.deepEqual(one.heard, ['2 votes 2']);
});
