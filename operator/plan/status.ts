import { conditionsAfter } from '../api/conditions.ts';
import type { Finding } from '../api/conditions.ts';
import type { Problem } from '../api/validate.ts';
import type { MemberRole, MemberStatus, PlanStatus, ZkEnsembleStatus } from '../api/zk-ensemble.ts';
import type { Applied } from './applied.ts';
import { findingsOf } from './findings.ts';
import type { Situation } from './findings.ts';
import { clientEndpoint, selectorLabels } from './names.ts';
import type { Observed, ServerView } from './observed.ts';
import type { Planned } from './plan.ts';
import { isOutdated } from './rollout.ts';
import { syncView } from './sync.ts';

/** Status after a pass. `now` is RFC 3339 text. Pure: the same pass gives the same status. */
export function statusOf(
  observed: Observed,
  planned: Planned,
  applied: Applied,
  now: string,
): ZkEnsembleStatus {
  const { ensemble, status: before } = observed;
  const sync = syncView(observed.servers, planned.rollout.lagTxnsMax);
  const everyVoter = sync.votersInSync.length === sync.voters.length && sync.voters.length > 0;
  const bootstrapped = before.bootstrapped === true || everyVoter;
  const situation: Situation = { observed, planned, applied, sync, bootstrapped };
  const { findings, phase } = findingsOf(situation);
  const { leader } = sync;
  const voterPods = sync.voters.filter(({ pod }) => pod !== null);
  return {
    observedGeneration: ensemble.generation,
    ensembleId: before.ensembleId ?? ensemble.uid,
    phase,
    selector: selectorText(ensemble.name),
    replicas: voterPods.length,
    readyReplicas: voterPods.filter(({ pod }) => pod?.ready === true).length,
    observers: observed.servers.filter(({ voter, pod }) => !voter && pod !== null).length,
    quorumSize: sync.quorumSize,
    inSyncVoters: sync.votersInSync.length,
    ...(leader === null ? {} : { leader: { myid: leader.myid, name: leader.name } }),
    ...(leader?.state === undefined || leader.state === null
      ? lastKnown(before)
      : { epoch: leader.state.epoch, zxid: leader.state.zxid }),
    ...versionOf(observed, planned),
    updateRevision: planned.voterTemplate.revision,
    updatedReplicas: voterPods.filter((server) => !isOutdated(server, planned.rollout)).length,
    bootstrapped,
    endpoints: { client: clientEndpoint(ensemble) },
    plan: planStatus(planned, applied, before.plan, now),
    members: observed.servers.map((server) => memberOf(server, situation)),
    conditions: conditionsAfter(before.conditions ?? [], findings, ensemble.generation, now),
  };
}

/** Status of an ensemble whose spec cannot be planned for. What was seen before stays. */
export function invalidStatus(
  before: ZkEnsembleStatus,
  problems: readonly Problem[],
  generation: number,
  now: string,
): ZkEnsembleStatus {
  const message = problems.map((each) => `${each.field} ${each.message}`).join('; ');
  const findings: Finding[] = [
    { type: 'Ready', status: 'False', reason: 'InvalidSpec', message },
    { type: 'Reconciling', status: 'False', reason: 'InvalidSpec', message: 'nothing is changed' },
    { type: 'Stalled', status: 'True', reason: 'InvalidSpec', message },
  ];
  const fresh = conditionsAfter(before.conditions ?? [], findings, generation, now);
  const kept = (before.conditions ?? []).filter(
    (old) => !fresh.some(({ type }) => type === old.type),
  );
  return {
    ...before,
    observedGeneration: generation,
    phase: 'Invalid',
    conditions: [...fresh, ...kept],
  };
}

/**
 * Whether a new status must be written at once. A zxid or a lag alone must not: they change with
 * every write to the ensemble.
 */
export function differs(before: ZkEnsembleStatus, after: ZkEnsembleStatus): boolean {
  return JSON.stringify(settled(before)) !== JSON.stringify(settled(after));
}

function settled(status: ZkEnsembleStatus): unknown {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.entries(value)
      .filter(([key, item]) => item !== undefined && key !== 'zxid' && key !== 'lagTxns')
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]);
  };
  return sorted(status);
}

function selectorText(name: string): string {
  return Object.entries(selectorLabels(name, 'voter'))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function lastKnown(before: ZkEnsembleStatus): Pick<ZkEnsembleStatus, 'epoch' | 'zxid'> {
  return {
    ...(before.epoch === undefined ? {} : { epoch: before.epoch }),
    ...(before.zxid === undefined ? {} : { zxid: before.zxid }),
  };
}

/** The version that runs; both, while they differ. */
function versionOf(observed: Observed, planned: Planned): { version: string } {
  const running = new Set(
    observed.servers.flatMap(({ pod }) => (pod === null ? [] : [pod.version])),
  );
  const [only = planned.voterTemplate.version] = running;
  return { version: running.size <= 1 ? only : [...running].toSorted().join(',') };
}

function planStatus(
  planned: Planned,
  applied: Applied,
  before: PlanStatus | undefined,
  now: string,
): PlanStatus {
  const next = planNow(planned, applied);
  const same =
    before !== undefined &&
    before.action === next.action &&
    before.reason === next.reason &&
    before.member === next.member;
  return { ...next, since: same ? before.since : now };
}

function planNow(planned: Planned, applied: Applied): Omit<PlanStatus, 'since'> {
  const { step } = planned;
  if (step.type === 'idle') return { action: 'Idle', reason: 'Idle', message: 'nothing to do' };
  if (step.type === 'wait') {
    const member = step.member === null ? {} : { member: step.member };
    return { action: 'Wait', ...member, reason: step.reason, message: step.message };
  }
  const member = step.server.name;
  if (applied.evictionBlocked !== null) {
    const message = applied.evictionBlocked;
    return { action: 'Wait', member, reason: 'DisruptionBudget', message };
  }
  return { action: 'Restart', member, reason: step.reason, message: step.message };
}

function memberOf(server: ServerView, situation: Situation): MemberStatus {
  const { planned, sync } = situation;
  const { pod, state } = server;
  const learner = sync.leader?.state?.learners.find(({ sid }) => sid === server.myid);
  const message =
    pod?.trouble === undefined || pod.trouble === null ? server.silence : troubleOf(pod);
  return {
    myid: server.myid,
    name: server.name,
    role: roleOf(server, situation),
    voting: server.voter,
    ready: pod?.ready === true && !pod.terminating,
    inSync: sync.syncOf.get(server) === 'in',
    ...(state === null ? {} : { epoch: state.epoch, zxid: state.zxid }),
    ...(learner === undefined ? {} : { lagTxns: learner.lag }),
    ...(pod === null ? {} : { version: pod.version }),
    updated: pod !== null && !isOutdated(server, planned.rollout),
    ...(pod === null || pod.node === null ? {} : { node: pod.node }),
    ...(message === null ? {} : { message }),
  };
}

function troubleOf(pod: NonNullable<ServerView['pod']>): string {
  const { trouble } = pod;
  if (trouble === null) return '';
  return trouble.message === '' ? trouble.reason : `${trouble.reason}: ${trouble.message}`;
}

function roleOf(server: ServerView, situation: Situation): MemberRole {
  const { pod, state } = server;
  if (situation.planned.foreign.includes(server)) return 'Foreign';
  if (pod === null || pod.terminating || pod.trouble !== null) return 'Down';
  if (state === null) return 'Unknown';
  if (state.role === 'looking') return 'Looking';
  if (state.role === 'following') return state.serving ? 'Follower' : 'Joining';
  if (state.role === 'observing') return state.serving ? 'Observer' : 'Joining';
  return state.phase === 'broadcast' ? 'Leader' : 'Looking';
}
