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
 *    nothing from the quorum, and a spec that was put right heals so. But not while an updated
 *    one is coming up, and not into a revision that is seen to fail unless it fails itself.
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
  const stuck = stuckServer(rollout, view, outdated);
  if (stuck !== null) {
    const why = stuck.pod?.trouble?.reason ?? 'it is not in sync';
    const message = `${stuck.name} is outdated and down (${why})`;
    return { type: 'evict', server: stuck, reason: 'Unblock', message };
  }
  return waitBeforeHealthy(rollout, view) ?? nextHealthy(outdated, view);
}

export function isOutdated(server: ServerView, rollout: Rollout): boolean {
  const wanted = server.voter ? rollout.voterRevision : rollout.observerRevision;
  return server.pod !== null && server.pod.revision !== wanted;
}

/** Step 4: who is in trouble that the kubelet reports, before who is unready for long. */
function stuckServer(
  rollout: Rollout,
  view: SyncView,
  outdated: readonly ServerView[],
): ServerView | null {
  const unready = rollout.servers.filter(
    (server) => server.pod?.ready === false && view.syncOf.get(server) !== 'in',
  );
  const updated = unready.filter((server) => !isOutdated(server, rollout));
  const isLong = (server: ServerView): boolean => unreadyForMs(server, rollout) >= stuckMs;
  if (!updated.every((server) => isLong(server) || fails(server))) return null;

  const down = unready.filter((server) => outdated.includes(server)).toSorted(byOrdinal);
  const failing = down.find(
    (server) => view.syncOf.get(server) === 'out' && server.pod?.trouble !== null,
  );
  if (failing !== undefined) return failing;
  if (updated.some(fails) || (view.leader !== null && updated.length > 0)) return null;
  // Beside a leader a member alone may hang; without one, the others may be about to elect.
  const hanging = view.leader === null ? unready.every(isLong) : true;
  const isOut = (server: ServerView): boolean =>
    view.leader === null || view.syncOf.get(server) === 'out';
  return down.find((server) => hanging && isOut(server) && isLong(server)) ?? null;
}

/** In trouble, or only just not: a server that crashes runs for a moment each time. */
function fails({ pod }: ServerView): boolean {
  return pod !== null && !pod.ready && (pod.trouble !== null || pod.restarts > 0);
}

function unreadyForMs({ pod }: ServerView, rollout: Rollout): number {
  if (pod === null) return 0;
  return rollout.wallMs - Math.max(pod.readyChangedMs ?? 0, pod.createdMs);
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
