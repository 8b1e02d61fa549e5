import type { Ensemble } from '../../../server/config/ensemble.ts';

/**
 * Whether these servers are a quorum of that ensemble: the checkers' own, plain count, so that a
 * server that counts wrongly is not judged by its own rule.
 *
 * Source: election, section 9.
 */
export function isQuorumOf(ensemble: Ensemble, sids: readonly number[]): boolean {
  const voters = ensemble.servers
    .filter((server) => server.role === 'participant')
    .map((server) => server.sid);
  const present = voters.filter((sid) => sids.includes(sid));
  if (ensemble.groups.size === 0) return present.length > voters.length / 2;
  const weightOf = (some: readonly number[], group: readonly number[]): number => {
    return some
      .filter((sid) => group.includes(sid))
      .reduce((sum, sid) => sum + (ensemble.weights.get(sid) ?? 1), 0);
  };
  const weighty = [...ensemble.groups.values()].filter((group) => weightOf(voters, group) > 0);
  const won = weighty.filter((group) => weightOf(present, group) > weightOf(voters, group) / 2);
  return won.length > weighty.length / 2;
}
