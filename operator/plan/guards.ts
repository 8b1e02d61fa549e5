import { myidOf, podName } from './names.ts';
import type { Observed, ServerView } from './observed.ts';
import type { Membership } from './resources/config-map.ts';

/** A member that says it is another one than its pod's name and offset make it. */
export function foreignServers(servers: readonly ServerView[]): readonly ServerView[] {
  return servers.filter(({ state, myid }) => state !== null && state.sid !== myid);
}

/**
 * Whether a member with an empty disk may vote. Only in an ensemble without a history: one that
 * never was in sync as a whole, and whose volumes are all as new as it or all older. Some older
 * and some new means that an ensemble of this name lost volumes, and that those that are empty
 * now must not outvote the others.
 */
export function mayBootstrap(observed: Observed, membership: Membership): boolean {
  if (observed.status.bootstrapped === true) return false;
  const claims = observed.claims.filter(
    ({ voter, volume, ordinal }) => voter && volume === 'data' && ordinal < membership.voters,
  );
  const older = claims.filter(({ createdMs }) => createdMs < observed.createdMs).length;
  return older === 0 || older === membership.voters;
}

/** Servers that should exist, without pods and answers: what `observe` fills in. */
export function expectedServers(
  name: string,
  membership: Membership,
): { name: string; myid: number; voter: boolean; ordinal: number }[] {
  const of = (component: 'voter' | 'observer', count: number) =>
    Array.from({ length: count }, (_, ordinal) => ({
      name: podName(name, component, ordinal),
      myid: myidOf(component, ordinal, membership.memberIdOffset),
      voter: component === 'voter',
      ordinal,
    }));
  return [...of('voter', membership.voters), ...of('observer', membership.observers)];
}
