import type { ServerView } from './observed.ts';

/** Whether a server is in sync: yes and no need both sides, everything else is not known. */
export type Sync = 'in' | 'out' | 'unknown';

/** The ensemble as its servers and its leader tell it together. */
export interface SyncView {
  /** `null`: nobody leads, or more than one claims to. */
  readonly leader: ServerView | null;
  readonly voters: readonly ServerView[];
  readonly votersInSync: readonly ServerView[];
  readonly quorumSize: number;
  /** How many more voters may fail without losing the quorum; negative when it is lost. */
  readonly spare: number;
  readonly syncOf: ReadonlyMap<ServerView, Sync>;
}

/**
 * Asks the leader first, because only it knows who acknowledges, and then the member itself. A
 * leader of a lower epoch than another one's is one that does not know yet that it lost.
 */
export function syncView(servers: readonly ServerView[], lagTxnsMax: number): SyncView {
  const voters = servers.filter(({ voter }) => voter);
  const leader = leaderOf(voters);
  const syncOf = new Map<ServerView, Sync>();
  for (const server of servers) syncOf.set(server, syncOfOne(server, leader, lagTxnsMax));
  const votersInSync = voters.filter((server) => syncOf.get(server) === 'in');
  const quorumSize = Math.floor(voters.length / 2) + 1;
  return {
    leader,
    voters,
    votersInSync,
    quorumSize,
    spare: votersInSync.length - quorumSize,
    syncOf,
  };
}

function leaderOf(voters: readonly ServerView[]): ServerView | null {
  const leading = voters.filter(
    ({ state, pod }) =>
      pod !== null &&
      !pod.terminating &&
      (state?.role === 'leading' || state?.role === 'standalone') &&
      state.phase === 'broadcast',
  );
  const epoch = Math.max(...leading.map(({ state }) => state?.epoch ?? 0));
  const newest = leading.filter(({ state }) => state?.epoch === epoch);
  return newest.length === 1 ? (newest[0] ?? null) : null;
}

function syncOfOne(server: ServerView, leader: ServerView | null, lagTxnsMax: number): Sync {
  const { pod, state } = server;
  if (pod === null || pod.terminating) return 'out';
  if (leader === null) return pod.trouble === null ? 'unknown' : 'out';
  if (server === leader) return state?.serving === true ? 'in' : 'unknown';
  const learner = leader.state?.learners.find(({ sid }) => sid === server.myid);
  const leaderSays = learner?.synced === true && learner.lag <= lagTxnsMax;
  const follows = state !== null && state.serving && state.leader === leader.myid;
  if (leaderSays && follows && pod.ready) return 'in';
  const absent = learner === undefined || !learner.synced;
  return absent && !follows ? 'out' : 'unknown';
}
