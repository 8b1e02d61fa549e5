import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ZkEnsembleSpec, ZkEnsembleStatus } from '../../../operator/api/zk-ensemble.ts';
import { nothingApplied } from '../../../operator/plan/applied.ts';
import type { Applied } from '../../../operator/plan/applied.ts';
import type { Observed } from '../../../operator/plan/observed.ts';
import { plan } from '../../../operator/plan/plan.ts';
import { differs, invalidStatus, statusOf } from '../../../operator/plan/status.ts';
import { observedOf, serversOf, wallMs } from './views.ts';
import type { ServerOf } from './views.ts';

// Goal: the status says what is the case, why, and what a person should do, and is written only
// when something of it changed.
// Method: views in, status out; conditions are compared as `type=status reason`.

const defaults = { image: 'zkensemble:1', version: '1', command: ['node'] };
const now = '2026-11-25T12:00:00Z';

/** Revision that the planner wants for this spec, so that pods can be up to date. */
function revisionOf(spec: ZkEnsembleSpec): string {
  return plan(observedOf(spec, []), defaults).voterTemplate.revision;
}

interface Scene {
  readonly spec?: ZkEnsembleSpec;
  readonly of?: Parameters<typeof serversOf>[0];
  readonly servers?: Readonly<Record<string, ServerOf>>;
  readonly change?: Partial<Observed> & { status?: ZkEnsembleStatus; metadata?: object };
  readonly applied?: Partial<Applied>;
}

function statusIn(scene: Scene): ZkEnsembleStatus {
  const { spec = {}, of = { voters: spec.replicas ?? 3 }, servers = {} } = scene;
  const revision = revisionOf(spec);
  const views = serversOf(of, servers).map((server) =>
    server.pod === null || server.pod.revision !== 'new'
      ? server
      : { ...server, pod: { ...server.pod, revision } },
  );
  const observed = observedOf(spec, views, { status: { bootstrapped: true }, ...scene.change });
  const planned = plan(observed, defaults);
  return statusOf(observed, planned, { ...nothingApplied, ...scene.applied }, now);
}

function conditionsOf(status: ZkEnsembleStatus): Record<string, string> {
  return Object.fromEntries(
    (status.conditions ?? []).map(({ type, status: value, reason }) => [
      type,
      `${value} ${reason}`,
    ]),
  );
}

const crash = { trouble: { reason: 'CrashLoopBackOff', message: 'back-off 10s' }, ready: false };

const cases: readonly (Scene & { what: string; phase: string; conditions: object })[] = [
  {
    what: 'all is well',
    phase: 'Ready',
    conditions: {
      Ready: 'True AllMembersInSync',
      Available: 'True Serving',
      Reconciling: 'False Idle',
      Stalled: 'False Progressing',
      Degraded: 'False AllVotersInSync',
      MembershipInSync: 'True AsSpecified',
      RolloutComplete: 'True Updated',
      StorageInSync: 'True AsSpecified',
      Paused: 'False Active',
    },
  },
  {
    what: 'a new ensemble has no leader yet',
    of: { voters: 3, leader: 0 },
    change: { status: {} },
    phase: 'Bootstrapping',
    conditions: {
      Ready: 'False Bootstrapping',
      Available: 'False Bootstrapping',
      Reconciling: 'True Bootstrapping',
      Degraded: 'False NotStarted',
    },
  },
  {
    what: 'one of three is down',
    servers: { 'zk-0': { state: null, sinceMs: 5000, pod: crash } },
    phase: 'MembersNotReady',
    conditions: {
      Ready: 'False MembersNotReady',
      Available: 'True Serving',
      Degraded: 'True MemberDown',
      Stalled: 'False Progressing',
    },
  },
  {
    what: 'two of three are down',
    of: { voters: 3, leader: 0 },
    servers: { 'zk-0': { state: null, sinceMs: 5000, pod: crash }, 'zk-1': { pod: null } },
    phase: 'QuorumLost',
    conditions: {
      Ready: 'False QuorumLost',
      Available: 'False NoLeader',
      Degraded: 'True MemberDown',
    },
  },
  {
    what: 'one lags',
    servers: { 'zk-0': { lag: 5000 } },
    phase: 'MembersNotReady',
    conditions: { Available: 'True Serving', Degraded: 'True MemberLagging' },
  },
  {
    what: 'a restart goes on',
    servers: { 'zk-0': { revision: 'old' } },
    phase: 'Rolling',
    conditions: {
      Ready: 'False Rolling',
      Available: 'True Serving',
      Reconciling: 'True Rolling',
      RolloutComplete: 'False Waiting',
    },
  },
  {
    what: 'restarts are left to a person',
    spec: { updateStrategy: { type: 'Manual' } },
    servers: { 'zk-0': { revision: 'old' } },
    phase: 'Rolling',
    conditions: { RolloutComplete: 'False Manual' },
  },
  {
    what: 'an image does not exist',
    servers: {
      'zk-0': {
        state: null,
        pod: { ready: false, trouble: { reason: 'ImagePullBackOff', message: 'not found' } },
      },
    },
    phase: 'Stalled',
    conditions: {
      Stalled: 'True BadImage',
      Available: 'True Serving',
      Reconciling: 'False Stalled',
    },
  },
  {
    what: 'a member does not come back for long',
    servers: { 'zk-0': { state: null, sinceMs: 700_000, pod: crash } },
    phase: 'Stalled',
    conditions: { Stalled: 'True ProgressDeadlineExceeded', Degraded: 'True MemberDown' },
  },
  {
    what: 'a member is another one than it should be',
    servers: { 'zk-0': { state: { sid: 9 } } },
    phase: 'Stalled',
    conditions: { Stalled: 'True ForeignVolume' },
  },
  {
    what: 'another size is asked for',
    spec: { replicas: 5 },
    of: { voters: 3 },
    change: {
      voters: { uid: 'u', replicas: 3, members: 3, memberIdOffset: 0, claimSizes: {} },
    },
    phase: 'Stalled',
    conditions: {
      Stalled: 'True ScaleUnsupported',
      MembershipInSync: 'False ScaleUnsupported',
    },
  },
  {
    what: 'a name is taken',
    applied: { taken: ['Service zk-client'] },
    phase: 'Stalled',
    conditions: { Stalled: 'True NameTaken' },
  },
  {
    what: 'the API server refuses an object',
    applied: { refused: { object: 'StatefulSet zk', message: 'forbidden: quota' } },
    phase: 'Stalled',
    conditions: { Stalled: 'True ObjectRefused' },
  },
  {
    what: 'a volume cannot grow',
    applied: { growthRefused: 'data-zk-0 cannot grow' },
    phase: 'Ready',
    conditions: { StorageInSync: 'False ExpansionUnsupported' },
  },
  {
    what: 'it hibernates',
    spec: { hibernate: true },
    of: { voters: 3, leader: 0 },
    servers: { 'zk-0': { pod: null }, 'zk-1': { pod: null }, 'zk-2': { pod: null } },
    phase: 'Hibernated',
    conditions: {
      Ready: 'False Hibernated',
      Available: 'False Hibernated',
      Reconciling: 'False Idle',
      Stalled: 'False Progressing',
    },
  },
  {
    what: 'it is paused',
    spec: { paused: true },
    phase: 'Paused',
    conditions: { Paused: 'True Paused', Available: 'True Serving' },
  },
  {
    what: 'it is being deleted',
    change: { status: {}, metadata: { deletionTimestamp: now } },
    phase: 'Deleting',
    conditions: {},
  },
  {
    what: 'a new observer is not known to the leader yet',
    spec: { observers: { replicas: 1 } },
    of: { voters: 3, observers: 1 },
    servers: {
      'zk-2': { state: { servers: [1, 2, 3].map((sid) => ({ sid, role: 'participant' })) } },
    },
    phase: 'Ready',
    conditions: { MembershipInSync: 'False AddingObservers' },
  },
];

for (const { what, phase, conditions, ...scene } of cases) {
  test(`${what}: ${phase}`, () => {
    const spec = scene.spec ?? {};
    const observerRevision = plan(observedOf(spec, []), defaults).observerTemplate.revision;
    const servers = { 'zk-observer-0': { revision: observerRevision }, ...scene.servers };
    const status = statusIn({ ...scene, servers });
    assert.equal(status.phase, phase);
    const found = conditionsOf(status);
    for (const [type, wanted] of Object.entries(conditions))
      assert.equal(found[type], wanted, type);
  });
}

test('the table of members says who is what', () => {
  const { members } = statusIn({
    servers: { 'zk-0': { lag: 5 }, 'zk-1': { state: null, pod: crash } },
  });
  assert.deepEqual(
    members?.map(({ myid, role, inSync, lagTxns, message }) => [
      myid,
      role,
      inSync,
      lagTxns,
      message,
    ]),
    [
      [1, 'Follower', true, 5, undefined],
      [2, 'Down', false, 0, 'CrashLoopBackOff: back-off 10s'],
      [3, 'Leader', true, undefined, undefined],
    ],
  );
});

test('the message of a lost quorum holds the arithmetic', () => {
  const { conditions } = statusIn({
    of: { voters: 3, leader: 0 },
    servers: { 'zk-0': { state: null, pod: crash }, 'zk-1': { pod: null } },
  });
  const available = conditions?.find(({ type }) => type === 'Available');
  assert.match(
    available?.message ?? '',
    /^3 of 3 voters missing: zk-0 is in CrashLoopBackOff, zk-1 has no pod, zk-2 looks for a leader/,
  );
});

test('a transition has the time at which the status changed, not the reason', () => {
  const before = statusIn({ servers: { 'zk-0': { lag: 5000 } } });
  const early = '2026-11-25T11:00:00Z';
  const conditions = before.conditions?.map((each) => ({ ...each, lastTransitionTime: early }));
  const after = statusIn({
    servers: { 'zk-0': { state: null, pod: crash } },
    change: { status: { ...before, conditions: conditions ?? [] } },
  });
  const timeOf = (type: string): string | undefined =>
    after.conditions?.find((each) => each.type === type)?.lastTransitionTime;
  assert.equal(timeOf('Degraded'), early, 'still true, for another reason');
  const healed = statusIn({ change: { status: { ...before, conditions: conditions ?? [] } } });
  assert.equal(healed.conditions?.find(({ type }) => type === 'Degraded')?.lastTransitionTime, now);
});

test('a zxid alone is no change, everything else is', () => {
  const status = statusIn({});
  assert.equal(differs(status, structuredClone(status)), false);
  assert.equal(differs(status, { ...status, zxid: '0x700000009' }), false);
  assert.equal(differs(status, { ...status, epoch: 8 }), true);
  const [first, ...others] = status.members ?? [];
  assert.ok(first !== undefined);
  const moved = { ...first, lagTxns: 3, zxid: '0x1' };
  assert.equal(differs(status, { ...status, members: [moved, ...others] }), false);
});

test('an invalid spec keeps what was seen before', () => {
  const before = statusIn({});
  const status = invalidStatus(
    before,
    [{ field: 'spec.replicas', message: 'must be odd' }],
    4,
    now,
  );
  assert.equal(status.phase, 'Invalid');
  assert.equal(status.observedGeneration, 4);
  assert.deepEqual(status.leader, before.leader);
  const found = conditionsOf(status);
  assert.equal(found['Stalled'], 'True InvalidSpec');
  assert.equal(found['Available'], 'True Serving', 'it still serves');
});

test('an eviction that a budget holds up is a wait', () => {
  const { plan: planned } = statusIn({
    servers: { 'zk-0': { revision: 'old' } },
    applied: { evictionBlocked: 'would violate the budget' },
  });
  assert.equal(planned?.action, 'Wait');
  assert.equal(planned?.reason, 'DisruptionBudget');
  assert.equal(planned?.since, now);
  assert.equal(wallMs, Date.parse(now));
});
