import type { ServerView } from './observed.ts';
import { syncView } from './sync.ts';
import type { SyncView } from './sync.ts';

export type RolloutStep =
  | {
      readonly type: 'evict';
      readonly server: ServerView;
      readonly reason: 'Unblock' | 'Observer' | 'Follower' | 'Leader';
      readonly message: string;
    }
  | {
      readonly type: 'wait';
      readonly reason: WaitReason;
      readonly member: string | null;
      readonly message: string;
      /** Look again after this long, ms; `null`: when something changes. */
      readonly againAfterMs: number | null;
    }
  | { readonly type: 'idle' };

export type WaitReason =
  | 'MemberRestarting'
  | 'MembersNotInSync'
  | 'NoLeader'
  | 'SettlingDown'
  | 'Manual';

export interface Rollout {
  readonly servers: readonly ServerView[];
  /** Revision that pods should have, by kind. */
  readonly voterRevision: string;
  readonly observerRevision: string;
  readonly minReadyMs: number;
  readonly lagTxnsMax: number;
  readonly manual: boolean;
  readonly wallMs: number;
}

const pollMs = 1000;

/** Unready for that long and outdated: it will not become well by waiting. */
const stuckMs = 30_000;

/**
 * Chooses at most one server to restart: observers, then followers, the leader last, and nobody
 * while the ensemble could not lose one more voter. The same views give the same step, so a
 * crash of the operator loses nothing.
 *
 * 1. Nobody is outdated: idle.
 * 2. A pod is gone or going: wait until it is back. Never two at a time.
 * 3. Restarts are left to a person: wait for that person.
 * 4. An outdated server is out of sync and will not become well by waiting: restart it. It takes
 *    nothing from the quorum, and a spec that was put right heals so.
 * 5. Nobody leads: wait.
 * 6. A voter is not in sync: wait. An observer that was restarted and is not in sync: wait,
 *    unless the leader does not know it yet (it joins when the voters' lists have it).
 * 7. A server became ready less than `minReadyMs` ago: wait out the rest.
 * 8. Restart an outdated observer, the highest ordinal first; else an outdated follower, the
 *    one that lags most first, then the highest ordinal; else the leader.
 */
export function nextRolloutStep(rollout: Rollout): RolloutStep {
  const view = syncView(rollout.servers, rollout.lagTxnsMax);
  const outdated = rollout.servers.filter((server) => isOutdated(server, rollout));
  if (outdated.length === 0) return { type: 'idle' };

  const away = rollout.servers.find(({ pod }) => pod === null || pod.terminating);
  if (away !== undefined) {
    return wait('MemberRestarting', away.name, `${away.name} is on its way back`);
  }
  if (rollout.manual) {
    const names = outdated.map(({ name }) => name).join(', ');
    return wait('Manual', null, `delete these pods, one by one, to update them: ${names}`, null);
  }
  const stuck = outdated.filter((server) => isStuck(server, view, rollout.wallMs));
  const first = stuck.toSorted(byOrdinal)[0];
  if (first !== undefined) {
    const why = first.pod?.trouble?.reason ?? 'it is not in sync';
    const message = `${first.name} is outdated and down (${why})`;
    return { type: 'evict', server: first, reason: 'Unblock', message };
  }
  return waitBeforeHealthy(rollout, view) ?? nextHealthy(outdated, view);
}

export function isOutdated(server: ServerView, rollout: Rollout): boolean {
  const wanted = server.voter ? rollout.voterRevision : rollout.observerRevision;
  return server.pod !== null && server.pod.revision !== wanted;
}

/** Not in sync, and in trouble that the kubelet reports, or unready and silent or for long. */
function isStuck(server: ServerView, view: SyncView, wallMs: number): boolean {
  const { pod, state } = server;
  const sync = view.syncOf.get(server);
  if (pod === null || sync === 'in' || pod.ready) return false;
  if (sync === 'out' && (pod.trouble !== null || state === null)) return true;
  const sinceMs = pod.readyChangedMs ?? pod.createdMs;
  return (sync === 'out' || view.leader === null) && wallMs - sinceMs >= stuckMs;
}

function waitBeforeHealthy(rollout: Rollout, view: SyncView): RolloutStep | null {
  const { leader } = view;
  if (leader === null) return wait('NoLeader', null, 'no member leads now');
  const known = new Set(leader.state?.servers.map(({ sid }) => sid));
  const late = rollout.servers.find((server) => {
    if (view.syncOf.get(server) === 'in') return false;
    return server.voter || (!isOutdated(server, rollout) && known.has(server.myid));
  });
  if (late !== undefined) {
    const why = late.pod?.trouble?.reason ?? late.silence ?? 'it synchronizes';
    return wait('MembersNotInSync', late.name, `${late.name} is not in sync yet (${why})`);
  }
  const fresh = rollout.servers.find((server) => readyForMs(server, rollout) < rollout.minReadyMs);
  if (fresh === undefined) return null;
  const restMs = rollout.minReadyMs - readyForMs(fresh, rollout);
  const message = `${fresh.name} became ready a moment ago`;
  return wait('SettlingDown', fresh.name, message, Math.max(restMs, pollMs));
}

/** Only those that the leader knows count; an unready newcomer observer holds nobody up. */
function readyForMs(server: ServerView, rollout: Rollout): number {
  const { pod } = server;
  if (pod === null || !pod.ready || pod.readyChangedMs === null) return Infinity;
  return Math.max(0, rollout.wallMs - pod.readyChangedMs);
}

function nextHealthy(outdated: readonly ServerView[], view: SyncView): RolloutStep {
  const observer = outdated.filter(({ voter }) => !voter).toSorted(byOrdinal)[0];
  if (observer !== undefined) return evict(observer, 'Observer');
  const lag = new Map(view.leader?.state?.learners.map((each) => [each.sid, each.lag]));
  const follower = outdated
    .filter((server) => server !== view.leader)
    .toSorted((a, b) => (lag.get(b.myid) ?? 0) - (lag.get(a.myid) ?? 0) || byOrdinal(a, b))[0];
  if (follower !== undefined) return evict(follower, 'Follower');
  const leader = outdated[0];
  return leader === undefined ? { type: 'idle' } : evict(leader, 'Leader');
}

function evict(server: ServerView, reason: 'Observer' | 'Follower' | 'Leader'): RolloutStep {
  const word = reason.toLowerCase();
  return { type: 'evict', server, reason, message: `${server.name} (${word}) is outdated` };
}

function wait(
  reason: WaitReason,
  member: string | null,
  message: string,
  againAfterMs: number | null = pollMs,
): RolloutStep {
  return { type: 'wait', reason, member, message, againAfterMs };
}

function byOrdinal(a: ServerView, b: ServerView): number {
  return b.ordinal - a.ordinal;
}
