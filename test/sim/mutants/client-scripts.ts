import { create, exists, getData, setData, sync } from '../client-ops.ts';
import type { SimEnsemble } from '../sim-ensemble.ts';
import type { ClockOptions } from '../sim-host.ts';
import { begin, isolate } from './scripts.ts';

/** A leader falls asleep for longer than the timeout of a session that goes on speaking. */
export function expiryBehindPause(ensemble: SimEnsemble): void {
  for (let round = 0; round < 4; round += 1) {
    const leader = begin(ensemble);
    // Patient, whatever its server grants.
    const client = ensemble.client('speaker', [ensemble.hostOf(leader)], 3_000);
    ensemble.world.runUntil(() => client.isOpen, 3_000);
    const { sessionId } = client;
    const member = ensemble.checker.members.get(leader);
    const epoch = member?.epoch;
    const process = ensemble.process(leader);
    const pauseMs = ensemble.world.random.between(700, 900);
    for (let atMs = 0; atMs < 1_500; atMs += 40) {
      if (atMs === 280) process?.pause();
      if (atMs - 280 > pauseMs) process?.resume();
      if (client.isOpen) client.call(exists('/'));
      ensemble.run(40);
    }
    const hasLed = member?.role === 'leading' && member.epoch === epoch;
    const isOver = ensemble.model.closedAt(sessionId) !== null;
    ensemble.world.expect(!hasLed || !isOver, 'S2 no early expiry', () => {
      return 'a session ended whose client spoke all the time to a leader that slept';
    });
    client.stop();
  }
}

/** The wall clocks of a leader and of all others are set, forward and back. */
export function clocksSet(ensemble: SimEnsemble): void {
  for (const jumpMs of [3_600_000, -7_200_000, 86_400_000]) {
    const leader = begin(ensemble);
    for (const sid of ensemble.sids) {
      const process = ensemble.process(sid);
      if (process !== null) process.wallSkewMs += sid === leader ? jumpMs : -jumpMs / 2;
    }
    ensemble.run(3_000);
    const epoch = Math.max(...[...ensemble.checker.members.values()].map((one) => one.epoch));
    ensemble.world.expect(epoch === 1, 'L1 a leader in time', () => {
      return 'a clock that was set has cost a leader its place';
    });
    ensemble.settle(20_000);
  }
}

/** A session at a follower that asks for nothing that its leader hears of. */
export function idleReader(ensemble: SimEnsemble): void {
  const leader = begin(ensemble);
  const [sid = 1] = ensemble.sids.filter((other) => other !== leader);
  const client = ensemble.client('reader', [ensemble.hostOf(sid)], 1_000);
  ensemble.world.runUntil(() => client.isOpen, 3_000);
  for (let count = 0; count < 80; count += 1) {
    if (client.isOpen) client.call(exists('/r0'));
    ensemble.run(100);
  }
  client.stop();
}

/** What a client sends by a connection that it has left arrives after it has moved on. */
export function movedSession(ensemble: SimEnsemble): void {
  begin(ensemble);
  const hosts = ensemble.sids.map((sid) => ensemble.hostOf(sid));
  for (let round = 0; round < 4; round += 1) {
    const client = ensemble.client('mover', hosts, 1_500);
    ensemble.world.runUntil(() => client.isOpen, 3_000);
    client.call(create(`/moved-${round}`, 'at first'));
    ensemble.run(100);
    const { host } = client.process;
    // It gives up before what it sends arrives, and its farewell comes later still.
    ensemble.network.slow(host, client.serverHost, 1_280, 1_300);
    const { connectionCount } = client;
    for (let late = 0; late < 3; late += 1) client.call(setData(`/moved-${round}`, `late ${late}`));
    ensemble.world.runUntil(() => client.isOpen && client.connectionCount > connectionCount, 1_250);
    if (client.isOpen) client.call(setData(`/moved-${round}`, 'after the move'));
    ensemble.run(800);
    ensemble.network.healAll();
    client.stop();
  }
}

/** A stranger who has guessed a session's id: its owner must not notice, the stranger gets nothing. */
export function intruder(ensemble: SimEnsemble): void {
  begin(ensemble);
  for (const sid of ensemble.sids) {
    const owner = ensemble.client('owner', [ensemble.hostOf(sid)]);
    ensemble.world.runUntil(() => owner.isOpen, 3_000);
    const { connectionCount, sessionId } = owner;
    const stranger = ensemble.client('stranger', [ensemble.hostOf(sid)]);
    stranger.pretendToOwn(sessionId);
    ensemble.run(300);
    const { world } = ensemble;
    world.expect(!stranger.isOpen || stranger.sessionId !== sessionId, 'S6 password', () => {
      return `s${sid} gives a session away to a stranger`;
    });
    const isUntouched = owner.isOpen && owner.connectionCount === connectionCount;
    world.expect(isUntouched, 'S6 password', () => {
      return `s${sid} drops the connection of a session for a stranger's wrong password`;
    });
    stranger.stop();
    owner.stop();
  }
}

/** Server 3 sees time pass slowly in its first life. */
export function slowAtFirst(): (sid: number) => ClockOptions | undefined {
  let isFirst = true;
  return (sid) => {
    if (sid !== 3 || !isFirst) return undefined;
    isFirst = false;
    return { rate: 0.3, skewMs: 0 };
  };
}

/** Its next life sees time as it is. */
function startAnew(ensemble: SimEnsemble, sid: number): void {
  ensemble.crash(sid, 'kept');
  ensemble.network.healAll();
  ensemble.start(sid);
  ensemble.settle(20_000);
}

/** A leader that takes itself for one long after the others have another is asked all the time. */
export function slowLeader(ensemble: SimEnsemble): void {
  const leader = begin(ensemble);
  const client = ensemble.client('asker', [ensemble.hostOf(leader)]);
  ensemble.world.runUntil(() => client.isOpen, 3_000);
  isolate(ensemble, leader);
  for (let count = 0; count < 150; count += 1) {
    if (client.isOpen && client.outstanding < 6) {
      client.call(sync('/'));
      client.call(getData('/r0'));
    }
    ensemble.run(20);
  }
  client.stop();
  startAnew(ensemble, leader);
}

/** A client that has seen what a new leader wrote comes to one that is none any more. */
export function staleServer(ensemble: SimEnsemble): void {
  const leader = begin(ensemble);
  const [sid = 1] = ensemble.sids.filter((other) => other !== leader);
  const client = ensemble.client('seer', [ensemble.hostOf(leader), ensemble.hostOf(sid)], 4_000);
  ensemble.world.runUntil(() => client.isOpen, 3_000);
  isolate(ensemble, leader);
  for (let count = 0; count < 60; count += 1) {
    if (client.isOpen && client.outstanding < 4) client.call(setData('/', `seen ${count}`));
    ensemble.run(40);
    if (count % 3 === 0) ensemble.network.reset(client.process.host, client.serverHost);
    if (client.isOpen && client.outstanding < 4) client.call(exists('/'));
    ensemble.run(20);
  }
  client.stop();
  startAnew(ensemble, leader);
}

/** A follower that hears of commits late is asked for syncs all the time. */
export function laggingFollower(ensemble: SimEnsemble): void {
  const leader = begin(ensemble);
  const [sid = 1] = ensemble.sids.filter((other) => other !== leader);
  ensemble.network.slow(ensemble.hostOf(leader), ensemble.hostOf(sid), 80, 90);
  const client = ensemble.client('asker', [ensemble.hostOf(sid)]);
  ensemble.world.runUntil(() => client.isOpen, 3_000);
  for (let count = 0; count < 50; count += 1) {
    if (client.isOpen && client.outstanding < 6) client.call(sync('/'));
    ensemble.run(20);
  }
  client.stop();
}

/** A follower loses its leader and finds it again in the same epoch, with writes under way. */
export function lostAndFound(ensemble: SimEnsemble): void {
  const leader = begin(ensemble);
  const [sid = 1] = ensemble.sids.filter((other) => other !== leader);
  const client = ensemble.client('writer', [ensemble.hostOf(sid)]);
  ensemble.world.runUntil(() => client.isOpen, 3_000);
  for (let round = 0; round < 40; round += 1) {
    for (let count = 0; count < 4; count += 1) {
      if (client.isOpen && client.outstanding < 12) client.call(setData('/', `round ${round}`));
      ensemble.run(ensemble.world.random.between(5, 15));
    }
    ensemble.network.reset(ensemble.hostOf(leader), ensemble.hostOf(sid));
    ensemble.run(100);
  }
  client.stop();
}

/** Leaders go one after the other, with writes under way at the others. */
export function leadersGo(ensemble: SimEnsemble): void {
  for (let round = 0; round < 4; round += 1) {
    const leader = begin(ensemble);
    const [sid = 1] = ensemble.sids.filter((other) => other !== leader);
    const client = ensemble.client('writer', [ensemble.hostOf(sid)]);
    ensemble.world.runUntil(() => client.isOpen, 3_000);
    isolate(ensemble, leader);
    for (let count = 0; count < 8; count += 1) client.call(setData('/', `round ${round}.${count}`));
    ensemble.run(2_500);
    ensemble.network.healAll();
    client.stop();
  }
}
