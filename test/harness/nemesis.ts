import { setTimeout as delay } from 'node:timers/promises';
import type { Prng } from '../sim/prng.ts';
import type { Member } from './member.ts';
import { syncLimitMs } from './member.ts';
import { clientHosts } from './network.ts';
import type { Cut } from './network.ts';
import { alone, between, bridge, halves, oneWay, ring, someWays } from './partitions.ts';
import type { World } from './world.ts';

/** A fault: it lasts until the promise is kept, then nothing of it is left. */
type Fault = (world: World, chance: Prng) => Promise<void>;

/** Calm between two faults, ms. */
const calmMsMin = 500;
const calmMsMax = 3_500;
/** How long most faults last, ms: shorter and longer than it takes to be given up. */
const faultMsMin = 1_000;
const faultMsMax = 8_000;
/** Some last until sessions have ended. */
const longFaultMsMax = 16_000;
const longFaultShare = 0.15;
/** One fault in so many comes in company. */
const companyEvery = 4;

const faults: Readonly<Record<string, Fault>> = {
  'kill some': (world, chance) =>
    killed(chance.shuffle(world.members).slice(0, size(world, chance)), chance),
  'kill all': (world, chance) => killed(world.members, chance),
  'kill the leader': async (world, chance) => killed([await leaderOf(world, chance)], chance),
  'stop one': async (world, chance) => stopped([chance.pick(world.members)], chance),
  'stop the leader': async (world, chance) => stopped([await leaderOf(world, chance)], chance),
  'restart each': async (world, chance) => stopped(chance.shuffle(world.members), chance),
  'pause the leader': async (world, chance) => paused([await leaderOf(world, chance)], chance),
  'pause some': (world, chance) =>
    paused(chance.shuffle(world.members).slice(0, size(world, chance)), chance),
  'pause the leader, alone': pausedAlone,
  halves: (world, chance) =>
    cut(world, chance, halves(hostsOf(world.members), clientHosts, chance)),
  'leader alone': async (world, chance) =>
    cut(world, chance, aloneIn(world, await leaderOf(world, chance), chance.chance(0.5))),
  'one alone': (world, chance) =>
    cut(world, chance, aloneIn(world, chance.pick(world.members), chance.chance(0.5))),
  'leader unheard': async (world, chance) => unheard(world, chance, await leaderOf(world, chance)),
  'one way': (world, chance) => cut(world, chance, someWays(hostsOf(world.members), chance, 0.4)),
  bridge: (world, chance) => cut(world, chance, bridge(hostsOf(world.members), chance)),
  ring: (world, chance) => cut(world, chance, ring(hostsOf(world.members), chance)),
  total: (world, chance) => cut(world, chance, someWays(hostsOf(world.members), chance, 1)),
  flapping,
  'clients cut off': clientsCutOff,
  loss: (world, chance) => weathered(world, chance, { lossPercent: chance.int(3, 20) }),
  slow: (world, chance) =>
    weathered(world, chance, {
      slow: hostsOf(chance.shuffle(world.members).slice(0, size(world, chance))),
    }),
};

/** One thing that was done, in ms since the first. */
export interface Deed {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export const faultNames: readonly string[] = Object.keys(faults);

/** Breaks things, one after the other and some at a time, until the time is over. */
export async function rampage(
  world: World,
  chance: Prng,
  forMs: number,
  names: readonly string[] = faultNames,
): Promise<Deed[]> {
  const startMs = performance.now();
  const endMs = startMs + forMs;
  const deeds: Deed[] = [];
  let count = 0;
  let left: string[] = [];
  const one = async (): Promise<void> => {
    // Each kind has its turn before one comes again.
    if (left.length === 0) left = chance.shuffle(names);
    const name = left.pop() ?? '';
    count += 1;
    const fromMs = Math.round(performance.now() - startMs);
    await faults[name]?.(world, chance.fork(`${name} ${count}`));
    deeds.push({ name, fromMs, toMs: Math.round(performance.now() - startMs) });
  };
  while (performance.now() < endMs - faultMsMin) {
    await Promise.all(chance.int(1, companyEvery) === 1 ? [one(), one()] : [one()]);
    await delay(
      Math.max(0, Math.min(chance.between(calmMsMin, calmMsMax), endMs - performance.now())),
    );
  }
  return deeds;
}

async function killed(members: readonly Member[], chance: Prng): Promise<void> {
  await Promise.all(members.map((member) => member.end('SIGKILL')));
  await Promise.all(
    members.map(async (member) => {
      await delay(chance.between(0, faultMsMax / 2));
      member.start();
    }),
  );
}

/** One after the other: the next goes when the one before has been started again. */
async function stopped(members: readonly Member[], chance: Prng): Promise<void> {
  for (const member of members) {
    await member.end('SIGTERM');
    await delay(chance.between(0, faultMsMax / 4));
    member.start();
    await delay(chance.between(0, faultMsMax / 4));
  }
}

async function paused(members: readonly Member[], chance: Prng): Promise<void> {
  for (const member of members) member.pause();
  await delay(syncLimitMs * chance.between(0.5, 3));
  for (const member of members) if (member.isPaused) member.resume();
}

/**
 * Nobody tells it that it was deposed while it stood still: the members do not reach it, clients
 * do, and their requests wait for it.
 */
async function pausedAlone(world: World, chance: Prng): Promise<void> {
  const leader = await leaderOf(world, chance);
  const restore = await world.worsen({ cuts: aloneIn(world, leader, false) });
  leader.pause();
  await delay(syncLimitMs * chance.between(2, 3.2));
  if (leader.isPaused) leader.resume();
  await delay(chance.between(0, syncLimitMs));
  await restore();
}

async function cut(world: World, chance: Prng, cuts: readonly Cut[]): Promise<void> {
  await weathered(world, chance, { cuts });
}

async function weathered(
  world: World,
  chance: Prng,
  weather: Parameters<World['worsen']>[0],
): Promise<void> {
  const restore = await world.worsen(weather);
  const isLong = chance.chance(longFaultShare);
  await delay(
    isLong ? chance.between(faultMsMax, longFaultMsMax) : chance.between(faultMsMin, faultMsMax),
  );
  await restore();
}

/** Cut off and heard again, several times. */
async function flapping(world: World, chance: Prng): Promise<void> {
  const member = await leaderOf(world, chance);
  const cuts = aloneIn(world, member, chance.chance(0.5));
  for (let count = chance.int(3, 8); count > 0; count -= 1) {
    const restore = await world.worsen({ cuts });
    await delay(chance.between(100, syncLimitMs));
    await restore();
    await delay(chance.between(100, syncLimitMs / 2));
  }
}

async function leaderOf(world: World, chance: Prng): Promise<Member> {
  return (await world.leader())?.member ?? chance.pick(world.members);
}

function size(world: World, chance: Prng): number {
  return chance.int(1, world.members.length);
}

function hostsOf(members: readonly Member[]): string[] {
  return members.map(({ host }) => host);
}

/** Heard by clients, or by nobody at all. */
function aloneIn(world: World, member: Member, fromClients: boolean): Cut[] {
  const members = hostsOf(world.members);
  return alone(member.host, fromClients ? [...members, ...clientHosts] : members);
}

async function unheard(world: World, chance: Prng, member: Member): Promise<void> {
  await cut(world, chance, oneWay(member.host, hostsOf(world.members), chance.chance(0.5)));
}

async function clientsCutOff(world: World, chance: Prng): Promise<void> {
  const members = hostsOf(world.members);
  const cuts = clientHosts.flatMap((client) =>
    between(
      [client],
      members.filter(() => chance.chance(0.5)),
    ),
  );
  await cut(world, chance, cuts);
}
