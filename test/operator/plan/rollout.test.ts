import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextRolloutStep } from '../../../operator/plan/rollout.ts';
import type { RolloutStep } from '../../../operator/plan/rollout.ts';
import { rolloutOf, serversOf } from './views.ts';
import type { ServerOf } from './views.ts';

// Goal: at most one server is chosen to restart, in the right order, and nobody while the
// ensemble could not lose one more voter.
// Method: views as a table, one line a case; the step is compared as text.

function textOf(step: RolloutStep): string {
  if (step.type === 'idle') return 'idle';
  if (step.type === 'evict') return `evict ${step.server.name} ${step.reason}`;
  return `wait ${step.reason}${step.member === null ? '' : ` ${step.member}`}`;
}

const old: ServerOf = { revision: 'old' };
const crash = { trouble: { reason: 'CrashLoopBackOff', message: '' }, ready: false };
const down: ServerOf = { state: null, ready: false };

interface Case {
  readonly what: string;
  readonly of: Parameters<typeof serversOf>[0];
  readonly servers: Readonly<Record<string, ServerOf>>;
  readonly manual?: boolean;
  readonly step: string;
}

const cases: readonly Case[] = [
  { what: 'nobody is outdated', of: { voters: 3 }, servers: {}, step: 'idle' },
  {
    what: 'nobody is outdated and one is down',
    of: { voters: 3 },
    servers: { 'zk-0': down },
    step: 'idle',
  },
  {
    what: 'all are outdated: the highest follower first',
    of: { voters: 3, leader: 3 },
    servers: { 'zk-0': old, 'zk-1': old, 'zk-2': old },
    step: 'evict zk-1 Follower',
  },
  {
    what: 'all are outdated and the leader is in the middle',
    of: { voters: 3, leader: 2 },
    servers: { 'zk-0': old, 'zk-1': old, 'zk-2': old },
    step: 'evict zk-2 Follower',
  },
  {
    what: 'a follower that lags goes before a higher one that does not',
    of: { voters: 5, leader: 5 },
    servers: { 'zk-0': { ...old, lag: 40 }, 'zk-1': old, 'zk-2': old, 'zk-3': old, 'zk-4': old },
    step: 'evict zk-0 Follower',
  },
  {
    what: 'only the leader is left',
    of: { voters: 3, leader: 1 },
    servers: { 'zk-0': old },
    step: 'evict zk-0 Leader',
  },
  {
    what: 'observers go before everybody',
    of: { voters: 3, observers: 2 },
    servers: { 'zk-1': old, 'zk-observer-0': old, 'zk-observer-1': old },
    step: 'evict zk-observer-1 Observer',
  },
  {
    what: 'a pod is missing',
    of: { voters: 3 },
    servers: { 'zk-0': old, 'zk-1': { pod: null } },
    step: 'wait MemberRestarting zk-1',
  },
  {
    what: 'a pod is going',
    of: { voters: 3 },
    servers: { 'zk-0': old, 'zk-1': { pod: { terminating: true } } },
    step: 'wait MemberRestarting zk-1',
  },
  {
    what: 'restarts belong to a person',
    of: { voters: 3 },
    servers: { 'zk-0': old },
    manual: true,
    step: 'wait Manual',
  },
  {
    what: 'an updated member does not come up: nobody else is touched',
    of: { voters: 3 },
    servers: { 'zk-0': old, 'zk-1': { state: null, pod: crash } },
    step: 'wait MembersNotInSync zk-1',
  },
  {
    what: 'an updated member synchronizes',
    of: { voters: 3 },
    servers: { 'zk-0': old, 'zk-1': { synced: false, state: { serving: false } } },
    step: 'wait MembersNotInSync zk-1',
  },
  {
    what: 'an updated member lags too far behind',
    of: { voters: 3 },
    servers: { 'zk-0': old, 'zk-1': { lag: 101 } },
    step: 'wait MembersNotInSync zk-1',
  },
  {
    what: 'an updated member says it is well and its leader does not',
    of: { voters: 3 },
    servers: { 'zk-0': old, 'zk-1': { synced: false } },
    step: 'wait MembersNotInSync zk-1',
  },
  {
    what: 'an updated member is in sync, but its kubelet has it unready',
    of: { voters: 3 },
    servers: { 'zk-0': old, 'zk-1': { ready: false } },
    step: 'wait MembersNotInSync zk-1',
  },
  {
    what: 'an outdated member crashes: it is taken first, before all that are well',
    of: { voters: 3 },
    servers: { 'zk-0': { ...old, state: null, pod: crash }, 'zk-1': old },
    step: 'evict zk-0 Unblock',
  },
  {
    what: 'an outdated member does not answer, but its leader hears it',
    of: { voters: 3 },
    servers: { 'zk-0': { ...old, ...down, synced: true }, 'zk-1': old },
    step: 'wait MembersNotInSync zk-0',
  },
  {
    what: 'an outdated member hangs unready for a minute beside a leader',
    of: { voters: 3 },
    servers: {
      'zk-0': { ...old, ready: false, sinceMs: 60_000, synced: false, state: { serving: false } },
    },
    step: 'evict zk-0 Unblock',
  },
  {
    what: 'an outdated member synchronizes since a moment',
    of: { voters: 3 },
    servers: {
      'zk-0': { ...old, ready: false, sinceMs: 5000, synced: false, state: { serving: false } },
    },
    step: 'wait MembersNotInSync zk-0',
  },
  {
    what: 'nobody leads: an election is left in peace',
    of: { voters: 3, leader: 0 },
    servers: {
      'zk-0': { ...old, ready: false, sinceMs: 3000 },
      'zk-1': { ready: false, sinceMs: 3000 },
    },
    step: 'wait NoLeader',
  },
  {
    what: 'nobody leads for long: a reverted spec has to heal',
    of: { voters: 3, leader: 0 },
    servers: {
      'zk-0': { ...old, ready: false, sinceMs: 60_000 },
      'zk-1': { ready: false, sinceMs: 60_000 },
    },
    step: 'evict zk-0 Unblock',
  },
  {
    what: 'the quorum is gone and an outdated member cannot get its image',
    of: { voters: 3, leader: 0 },
    servers: {
      'zk-0': {
        ...old,
        state: null,
        pod: { ...crash, trouble: { reason: 'ErrImagePull', message: '' } },
      },
      'zk-1': { state: null, pod: crash },
    },
    step: 'evict zk-0 Unblock',
  },
  {
    what: 'two claim to lead in the same epoch: not believed',
    of: { voters: 3, leader: 3 },
    servers: { 'zk-0': old, 'zk-1': { state: { role: 'leading' } } },
    step: 'wait NoLeader',
  },
  {
    what: 'one still believes to lead from an epoch ago: it is not in sync',
    of: { voters: 3, leader: 3 },
    servers: {
      'zk-0': old,
      'zk-1': { synced: false, state: { role: 'leading', epoch: 6, leader: 2 } },
    },
    step: 'wait MembersNotInSync zk-1',
  },
  {
    what: 'a member became ready a moment ago',
    of: { voters: 3 },
    servers: { 'zk-0': old, 'zk-1': { sinceMs: 4000 } },
    step: 'wait SettlingDown zk-1',
  },
  {
    what: 'a single member is restarted: there is no other way',
    of: { voters: 1 },
    servers: { 'zk-0': old },
    step: 'evict zk-0 Leader',
  },
  {
    what: 'a restarted observer does not come up: voters are not touched',
    of: { voters: 3, observers: 1 },
    servers: { 'zk-0': old, 'zk-observer-0': { state: null, pod: crash } },
    step: 'wait MembersNotInSync zk-observer-0',
  },
  {
    what: 'a new observer that the leader does not know holds nobody up',
    of: { voters: 3, observers: 1 },
    servers: {
      'zk-0': old,
      'zk-2': {
        ...old,
        state: { servers: [1, 2, 3].map((sid) => ({ sid, role: 'participant' })) },
      },
      'zk-observer-0': { ready: false, synced: false, state: { serving: false, leader: null } },
    },
    step: 'evict zk-0 Follower',
  },
];

for (const { what, of, servers, manual = false, step } of cases) {
  test(`${what}: ${step}`, () => {
    const views = serversOf(of, servers);
    assert.equal(textOf(nextRolloutStep(rolloutOf(views, { manual }))), step);
  });
}

test('settling down says how long', () => {
  const views = serversOf({ voters: 3 }, { 'zk-0': old, 'zk-1': { sinceMs: 4000 } });
  const step = nextRolloutStep(rolloutOf(views));
  assert.equal(step.type === 'wait' ? step.againAfterMs : null, 6000);
});
