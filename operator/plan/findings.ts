import { bytesOf } from '../api/quantity.ts';
import type { Finding } from '../api/conditions.ts';
import type { Applied } from './applied.ts';
import type { Observed, ServerView } from './observed.ts';
import type { Planned } from './plan.ts';
import { isOutdated } from './rollout.ts';
import type { SyncView } from './sync.ts';

/** One pass, seen from its end. */
export interface Situation {
  readonly observed: Observed;
  readonly planned: Planned;
  readonly applied: Applied;
  readonly sync: SyncView;
  readonly bootstrapped: boolean;
}

interface Verdict {
  readonly reason: string;
  readonly message: string;
}

const imageTroubles = new Set(['ImagePullBackOff', 'ErrImagePull', 'InvalidImageName']);

/** Every condition with its reason and a sentence, and one word for people. */
export function findingsOf(situation: Situation): { findings: Finding[]; phase: string } {
  const { spec } = situation.observed.ensemble;
  const unavailable = unavailability(situation);
  const stalled = stalling(situation);
  const unready = unreadiness(situation, unavailable, stalled);
  const finished = unready === null || spec.hibernate || spec.paused;
  const findings: Finding[] = [
    positive('Ready', unready, 'AllMembersInSync', readyMessage(situation)),
    positive('Available', unavailable, 'Serving', servingMessage(situation)),
    finished || stalled !== null
      ? no('Reconciling', stalled === null ? 'Idle' : 'Stalled', 'no work is in progress')
      : yes('Reconciling', unready),
    stalled === null ? no('Stalled', 'Progressing', 'no human is needed') : yes('Stalled', stalled),
    degradedFinding(situation),
    membershipFinding(situation),
    rolloutFinding(situation),
    storageFinding(situation),
    spec.paused
      ? yes('Paused', { reason: 'Paused', message: 'spec.paused is true; nothing is changed' })
      : no('Paused', 'Active', 'changes are carried out'),
  ];
  return { findings, phase: phaseOf(situation, unready, stalled) };
}

function phaseOf(situation: Situation, unready: Verdict | null, stalled: Verdict | null): string {
  const { ensemble } = situation.observed;
  if (ensemble.deleting) return 'Deleting';
  if (ensemble.spec.paused) return 'Paused';
  if (ensemble.spec.hibernate) return 'Hibernated';
  if (stalled !== null) return 'Stalled';
  return unready === null ? 'Ready' : unready.reason;
}

function unavailability({ observed, sync, bootstrapped }: Situation): Verdict | null {
  if (observed.ensemble.spec.hibernate) {
    return { reason: 'Hibernated', message: 'spec.hibernate is true; there are no pods' };
  }
  if (sync.leader !== null && sync.spare >= 0) return null;
  const missing = sync.voters
    .filter((server) => sync.syncOf.get(server) !== 'in')
    .map((server) => `${server.name} ${whyOf(server)}`);
  const message = `${missing.length} of ${sync.voters.length} voters missing: ${missing.join(', ')}`;
  if (!bootstrapped) return { reason: 'Bootstrapping', message };
  return { reason: sync.leader === null ? 'NoLeader' : 'NoQuorum', message };
}

/** What only a person can put right. */
function stalling(situation: Situation): Verdict | null {
  const { observed, planned, applied } = situation;
  const { foreign, scaling } = planned;
  if (foreign.length > 0) {
    const names = foreign.map((each) => `${each.name} says it is ${each.state?.sid}`).join(', ');
    return { reason: 'ForeignVolume', message: `${names}; its volume belongs to another member` };
  }
  if (applied.taken.length > 0) {
    const message = `${applied.taken.join(', ')} exists and belongs to somebody else`;
    return { reason: 'NameTaken', message };
  }
  if (applied.refused !== null) {
    const { object, message } = applied.refused;
    return { reason: 'ObjectRefused', message: `${object}: ${message}` };
  }
  if (scaling.refusal !== null) return scaling.refusal;
  return stuckMember(observed, planned, situation.sync);
}

function stuckMember(observed: Observed, planned: Planned, sync: SyncView): Verdict | null {
  const { progressDeadlineMs } = observed.ensemble.spec.update;
  for (const server of observed.servers) {
    const { pod } = server;
    if (pod === null || isOutdated(server, planned.rollout)) continue;
    if (sync.syncOf.get(server) === 'in') continue;
    const trouble = pod.trouble?.reason ?? '';
    if (imageTroubles.has(trouble)) {
      const message = `${server.name} cannot get its image: ${pod.trouble?.message ?? trouble}`;
      return { reason: 'BadImage', message };
    }
    const sinceMs = pod.ready ? observed.wallMs : (pod.readyChangedMs ?? pod.createdMs);
    if (observed.wallMs - sinceMs < progressDeadlineMs) continue;
    const message = `${server.name} is not in sync since ${progressDeadlineMs / 1000} s (${whyOf(server)})`;
    return { reason: 'ProgressDeadlineExceeded', message };
  }
  return null;
}

function unreadiness(
  situation: Situation,
  unavailable: Verdict | null,
  stalled: Verdict | null,
): Verdict | null {
  const { observed, planned, sync, bootstrapped } = situation;
  if (observed.ensemble.spec.hibernate && unavailable !== null) return unavailable;
  if (stalled !== null) return { reason: 'Stalled', message: stalled.message };
  if (unavailable !== null) {
    return bootstrapped ? { reason: 'QuorumLost', message: unavailable.message } : unavailable;
  }
  if (planned.step.type !== 'idle') return { reason: 'Rolling', message: planned.step.message };
  const late = observed.servers.filter((server) => sync.syncOf.get(server) !== 'in');
  if (late.length === 0) return null;
  const message = late.map((server) => `${server.name} ${whyOf(server)}`).join(', ');
  return { reason: 'MembersNotReady', message };
}

function degradedFinding({ observed, sync, bootstrapped }: Situation): Finding {
  if (!bootstrapped || observed.ensemble.spec.hibernate) {
    return no('Degraded', 'NotStarted', 'there is nothing yet to lose');
  }
  const late = sync.voters.filter((server) => sync.syncOf.get(server) !== 'in');
  if (late.length === 0) return no('Degraded', 'AllVotersInSync', 'every voter is in sync');
  const message = late.map((server) => `${server.name} ${whyOf(server)}`).join(', ');
  const down = late.some(({ state }) => state === null);
  return yes('Degraded', { reason: down ? 'MemberDown' : 'MemberLagging', message });
}

function membershipFinding({ observed, planned, sync }: Situation): Finding {
  const { refusal, membership } = planned.scaling;
  if (refusal !== null) return no('MembershipInSync', refusal.reason, refusal.message);
  const known = sync.leader?.state?.servers ?? null;
  if (known === null) {
    const message = 'no leader tells who is a member';
    return { type: 'MembershipInSync', status: 'Unknown', reason: 'NoLeader', message };
  }
  const missing = observed.servers.filter(({ myid }) => !known.some(({ sid }) => sid === myid));
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ');
    return no('MembershipInSync', 'AddingObservers', `the leader does not know ${names} yet`);
  }
  const message = `${membership.voters} voters and ${membership.observers} observers`;
  return yes('MembershipInSync', { reason: 'AsSpecified', message });
}

function rolloutFinding({ planned, observed }: Situation): Finding {
  const { hibernate } = observed.ensemble.spec;
  const outdated = observed.servers.filter(
    (server) => isOutdated(server, planned.rollout) || (server.pod === null && !hibernate),
  );
  if (outdated.length === 0) {
    const message = `every pod has revision ${planned.voterTemplate.revision}`;
    return yes('RolloutComplete', { reason: 'Updated', message });
  }
  const names = outdated.map(({ name }) => name).join(', ');
  const { step } = planned;
  const reason = step.type === 'wait' && step.reason === 'Manual' ? 'Manual' : 'Waiting';
  const why = step.type === 'idle' ? '' : `; ${step.message}`;
  return no('RolloutComplete', reason, `outdated or missing: ${names}${why}`);
}

function storageFinding({ observed, planned, applied }: Situation): Finding {
  if (applied.growthRefused !== null) {
    return no('StorageInSync', 'ExpansionUnsupported', applied.growthRefused);
  }
  const growing = observed.claims.filter((claim) => {
    const size = observed.ensemble.spec[claim.volume]?.size ?? claim.requested;
    const has = claim.capacity === '' ? size : claim.capacity;
    return bytesOf(size) > bytesOf(has) || planned.growth?.claim === claim.name;
  });
  if (growing.length === 0) {
    const message = 'volumes have the size asked for';
    return yes('StorageInSync', { reason: 'AsSpecified', message });
  }
  const names = growing.map(({ name }) => name).join(', ');
  return no('StorageInSync', 'Expanding', `${names} grow`);
}

function whyOf(server: ServerView): string {
  const { pod, state, silence } = server;
  if (pod === null) return 'has no pod';
  if (pod.terminating) return 'is going';
  if (pod.trouble !== null) return `is in ${pod.trouble.reason}`;
  if (state === null) return `does not answer (${silence ?? 'unknown'})`;
  return state.role === 'looking' ? 'looks for a leader' : 'synchronizes';
}

function readyMessage({ sync, observed }: Situation): string {
  return `${observed.servers.length} members in sync, ${sync.leader?.name ?? 'nobody'} leads`;
}

function servingMessage({ sync }: Situation): string {
  const { votersInSync, voters, quorumSize } = sync;
  return `${votersInSync.length} of ${voters.length} voters in sync, quorum is ${quorumSize}`;
}

function positive(
  type: Finding['type'],
  problem: Verdict | null,
  reason: string,
  message: string,
): Finding {
  return problem === null
    ? yes(type, { reason, message })
    : no(type, problem.reason, problem.message);
}

function yes(type: Finding['type'], { reason, message }: Verdict): Finding {
  return { type, status: 'True', reason, message };
}

function no(type: Finding['type'], reason: string, message: string): Finding {
  return { type, status: 'False', reason, message };
}
