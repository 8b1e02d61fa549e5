import type { Prng } from '../sim/prng.ts';
import type { Cut } from './network.ts';

// Who does not hear whom. Every shape takes names of machines and gives directions that are cut.

/** Nobody of the one side hears anybody of the other. */
export function between(left: readonly string[], right: readonly string[]): Cut[] {
  return left.flatMap((one) =>
    right.flatMap((other): Cut[] => [
      [one, other],
      [other, one],
    ]),
  );
}

/** Members and clients on two sides; of members, as many on each as can be. */
export function halves(
  members: readonly string[],
  clients: readonly string[],
  chance: Prng,
): Cut[] {
  const right = chance.shuffle(members);
  const rightClients = chance.shuffle(clients);
  const left = right.splice(0, Math.ceil(right.length / 2));
  const leftClients = rightClients.splice(0, chance.int(0, rightClients.length));
  return between([...left, ...leftClients], [...right, ...rightClients]);
}

export function alone(host: string, others: readonly string[]): Cut[] {
  return between(
    [host],
    others.filter((other) => other !== host),
  );
}

/** One that hears the others and is not heard by them, or the other way round. */
export function oneWay(host: string, members: readonly string[], isMute: boolean): Cut[] {
  return members
    .filter((other) => other !== host)
    .map((other): Cut => (isMute ? [host, other] : [other, host]));
}

/** Each direction by chance. */
export function someWays(members: readonly string[], chance: Prng, probability: number): Cut[] {
  return members.flatMap((from) =>
    members.filter((to) => to !== from && chance.chance(probability)).map((to): Cut => [from, to]),
  );
}

/** Two sides that only one member hears, which hears both. */
export function bridge(members: readonly string[], chance: Prng): Cut[] {
  const [, ...others] = chance.shuffle(members);
  return between(others.slice(0, others.length / 2), others.slice(others.length / 2));
}

/** Everybody hears two neighbours; of three members, two do not hear each other. */
export function ring(members: readonly string[], chance: Prng): Cut[] {
  const hosts = chance.shuffle(members);
  if (hosts.length < 4) return between(hosts.slice(0, 1), hosts.slice(1, 2));
  return hosts.flatMap((from, index) =>
    hosts
      .filter((_, other) => {
        const distance = Math.abs(index - other);
        return distance > 1 && distance < hosts.length - 1;
      })
      .map((to): Cut => [from, to]),
  );
}
