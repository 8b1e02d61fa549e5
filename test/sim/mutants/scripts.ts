import { create, setData } from '../client-ops.ts';
import type { SimEnsemble } from '../sim-ensemble.ts';

/** A leader that is cut off goes on logging, and comes back to others who know nothing of it. */
export function leaderWithTail(ensemble: SimEnsemble): void {
  ensemble.settle(5_000);
  ensemble.run(300);
  const leader = ensemble.leader() ?? 1;
  for (const client of ensemble.clients) client.stop();
  const client = ensemble.client('tail', [ensemble.hostOf(leader)], 6_000);
  ensemble.world.runUntil(() => client.isOpen, 2_000);
  for (const sid of ensemble.sids) {
    if (sid !== leader) ensemble.network.cutBoth(ensemble.hostOf(leader), ensemble.hostOf(sid));
  }
  for (let count = 0; count < 5; count += 1) client.call(create(`/tail-${count}`, 'x'));
  ensemble.run(2_000);
  client.stop();
  ensemble.network.healAll();
  ensemble.settle(10_000);
}

/** Somebody leads; who. */
export function begin(ensemble: SimEnsemble): number {
  ensemble.settle(5_000);
  ensemble.run(300);
  return ensemble.leader() ?? 1;
}

export function isolate(ensemble: SimEnsemble, leader: number): void {
  for (const sid of ensemble.sids) {
    if (sid !== leader) ensemble.network.cutBoth(ensemble.hostOf(leader), ensemble.hostOf(sid));
  }
}

/** Somebody else serves as a leader within the time that an election may take. */
function othersLead(ensemble: SimEnsemble, leader: number): void {
  const isLed = ensemble.world.runUntil(() => {
    return [...ensemble.checker.members.values()].some((member) => {
      return member.sid !== leader && member.isServing && member.role === 'leading';
    });
  }, 8_000);
  ensemble.world.expect(isLed, 'L1 a leader in time', () => `nobody leads instead of s${leader}`);
}

/** A leader that nobody hears any more leaves, and the others elect. */
export function leaderAlone(ensemble: SimEnsemble): void {
  const leader = begin(ensemble);
  isolate(ensemble, leader);
  othersLead(ensemble, leader);
  ensemble.network.healAll();
  ensemble.settle(20_000);
}

/** A leader whose process stands still keeps its connections, and is left all the same. */
export function silentLeader(ensemble: SimEnsemble): void {
  const leader = begin(ensemble);
  ensemble.process(leader)?.pause();
  othersLead(ensemble, leader);
  ensemble.process(leader)?.resume();
  ensemble.settle(20_000);
}

/** A member comes back while others write so much that some commit always meets its synchronization. */
export function busySynchronization(ensemble: SimEnsemble): void {
  const leader = begin(ensemble);
  const [sid = 1] = ensemble.sids.filter((other) => other !== leader);
  const writer = ensemble.client('writer', [ensemble.hostOf(leader)]);
  ensemble.world.runUntil(() => writer.isOpen, 3_000);
  let isOver = false;
  const write = (): void => {
    if (isOver) return;
    if (writer.isOpen && writer.outstanding < 20) writer.call(setData('/', 'busy'));
    ensemble.world.schedule(2, write);
  };
  write();
  for (const other of ensemble.sids) ensemble.disk(other).faults.syncMsMax = 1;
  ensemble.crash(sid, 'lost');
  ensemble.run(300);
  // Slower than anything between two commits.
  ensemble.disk(sid).faults.syncMsMin = 200;
  ensemble.disk(sid).faults.syncMsMax = 250;
  ensemble.start(sid);
  ensemble.settle(10_000);
  ensemble.disk(sid).faults.syncMsMin = 0.1;
  isOver = true;
  writer.stop();
}

/** A member finds one bit of its disk turned. */
export function flippedBits(ensemble: SimEnsemble): void {
  const leader = begin(ensemble);
  const [sid = 1] = ensemble.sids.filter((other) => other !== leader);
  ensemble.crash(sid, 'lost');
  const disk = ensemble.disk(sid);
  const { random } = ensemble.world;
  const files = disk.files().filter((path) => !path.endsWith('.tmp') && disk.size(path) > 0);
  const path = random.pick(files);
  ensemble.checker.damaged(sid);
  disk.flipBit(path, random.int(0, disk.size(path) - 1), random.int(0, 7));
  ensemble.start(sid);
  if (ensemble.process(sid) === null) {
    ensemble.wipe(sid);
    ensemble.start(sid);
  }
  ensemble.settle(20_000);
}

/** An fsync fails, and the kernel takes for clean what the disk never got. */
export function failingSync(ensemble: SimEnsemble): void {
  for (let round = 0; round < 4; round += 1) {
    const leader = begin(ensemble);
    const [sid = 1] = ensemble.sids.filter((other) => other !== leader);
    const disk = ensemble.disk(sid);
    disk.faults.syncErrorChance = 1;
    ensemble.run(150);
    disk.faults.syncErrorChance = 0;
    if (ensemble.process(sid) !== null) ensemble.crash(sid, 'lost');
    ensemble.run(20);
    if (ensemble.process(sid) === null) ensemble.start(sid);
    ensemble.settle(20_000);
  }
}

/** A follower is killed with bytes on their way to the disk, starts, and loses its power soon after. */
export function killedThenDark(ensemble: SimEnsemble): void {
  for (let round = 0; round < 8; round += 1) {
    const leader = begin(ensemble);
    const [sid = 1] = ensemble.sids.filter((other) => other !== leader);
    ensemble.crash(sid, 'kept');
    ensemble.run(20);
    ensemble.start(sid);
    ensemble.run(1);
    ensemble.crash(sid, 'lost');
    ensemble.run(20);
    ensemble.start(sid);
    ensemble.settle(20_000);
  }
}
