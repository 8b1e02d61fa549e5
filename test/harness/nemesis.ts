import { setTimeout as delay } from 'node:timers/promises';
import type { Prng } from '../sim/prng.ts';
import type { Member } from './member.ts';
import { syncLimitMs } from './member.ts';
import { clientHost, clientHostCount } from './network.ts';
import type { Cut } from './network.ts';
import type { World } from './world.ts';

/** A fault: it lasts until the promise is kept, then nothing of it is left. */
type Fault = (world: World, chance: Prng) => Promise<void>;

/** Calm between two faults, ms. */
const calmMsMin = 500;
const calmMsMax = 3_500;
/** How long most faults last, ms: shorter and longer than it takes to be given up. */
const faultMsMin = 1_000;
const faultMsMax = 8_000;
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
  halves: (world, chance) => cut(world, chance, halves(world, chance)),
  'leader alone': async (world, chance) =>
    cut(world, chance, alone(world, await leaderOf(world, chance), chance.chance(0.5))),
  'one alone': (world, chance) =>
    cut(world, chance, alone(world, chance.pick(world.members), chance.chance(0.5))),
  'leader unheard': async (world, chance) =>
    cut(world, chance, oneWay(world, await leaderOf(world, chance), chance.chance(0.5))),
  'one way': (world, chance) => cut(world, chance, someWays(world, chance)),
  bridge: (world, chance) => cut(world, chance, bridge(world, chance)),
  ring: (world, chance) => cut(world, chance, ring(world, chance)),
  total: (world, chance) =>
    cut(
      world,
      chance,
      world.members.flatMap((member) => alone(world, member, false)),
    ),
  flapping,
  'clients cut off': (world, chance) => cut(world, chance, clientCuts(world, chance)),
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
  const restore = await world.worsen({ cuts: alone(world, leader, false) });
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
  await delay(chance.between(faultMsMin, faultMsMax));
  await restore();
}

/** Cut off and heard again, several times. */
async function flapping(world: World, chance: Prng): Promise<void> {
  const member = await leaderOf(world, chance);
  const cuts = alone(world, member, chance.chance(0.5));
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

function clientHosts(): string[] {
  return Array.from({ length: clientHostCount }, (_, index) => clientHost(index));
}

function between(left: readonly string[], right: readonly string[]): Cut[] {
  return left.flatMap((one) =>
    right.flatMap((other): Cut[] => [
      [one, other],
      [other, one],
    ]),
  );
}

/** Members and clients on two sides. */
function halves(world: World, chance: Prng): Cut[] {
  const members = chance.shuffle(hostsOf(world.members));
  const clients = chance.shuffle(clientHosts());
  const left = members.splice(0, Math.ceil(members.length / 2));
  const leftClients = clients.splice(0, chance.int(0, clients.length));
  return between([...left, ...leftClients], [...members, ...clients]);
}

/** Heard by clients, or by nobody at all. */
function alone(world: World, member: Member, fromClients: boolean): Cut[] {
  const others = hostsOf(world.members).filter((host) => host !== member.host);
  return between([member.host], [...others, ...(fromClients ? clientHosts() : [])]);
}

/** One that hears the other members and is not heard by them, or the other way round. */
function oneWay(world: World, member: Member, isMute: boolean): Cut[] {
  const others = hostsOf(world.members).filter((host) => host !== member.host);
  return others.map((other): Cut => (isMute ? [member.host, other] : [other, member.host]));
}

/** Each direction by chance. */
function someWays(world: World, chance: Prng): Cut[] {
  const hosts = hostsOf(world.members);
  return hosts.flatMap((from) =>
    hosts.filter((to) => to !== from && chance.chance(0.4)).map((to): Cut => [from, to]),
  );
}

/** Two sides that only one member hears, which hears both. */
function bridge(world: World, chance: Prng): Cut[] {
  const [, ...members] = chance.shuffle(hostsOf(world.members));
  return between(members.slice(0, members.length / 2), members.slice(members.length / 2));
}

/** Everybody hears two neighbours; of three, two do not hear each other. */
function ring(world: World, chance: Prng): Cut[] {
  const hosts = chance.shuffle(hostsOf(world.members));
  if (hosts.length < 4) return between(hosts.slice(0, 1), hosts.slice(1, 2));
  return hosts.flatMap((host, index) =>
    between(
      [host],
      hosts.filter((_, other) => {
        const distance = Math.abs(index - other);
        return distance > 1 && distance < hosts.length - 1;
      }),
    ),
  );
}

function clientCuts(world: World, chance: Prng): Cut[] {
  return clientHosts().flatMap((client) =>
    between(
      [client],
      hostsOf(world.members).filter(() => chance.chance(0.5)),
    ),
  );
}
