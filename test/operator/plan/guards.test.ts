import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayBootstrap } from '../../../operator/plan/guards.ts';
import type { ClaimView } from '../../../operator/plan/observed.ts';
import { scalingOf } from '../../../operator/plan/scale.ts';
import { observedOf, wallMs } from './views.ts';

// Goal: empty disks never outvote data, and a running ensemble keeps its voters.
// Method: the two decisions as tables.

const dayMs = 86_400_000;
const membership = { voters: 3, observers: 0, memberIdOffset: 0 };

function claims(...ages: readonly ('older' | 'newer')[]): ClaimView[] {
  return ages.map((age, ordinal) => ({
    name: `data-zk-${ordinal}`,
    volume: 'data',
    ordinal,
    voter: true,
    requested: '1Gi',
    capacity: '1Gi',
    // The ensemble of the views is a day old.
    createdMs: wallMs - (age === 'older' ? 2 * dayMs : dayMs / 2),
  }));
}

for (const [what, bootstrapped, has, wanted] of [
  ['a new ensemble without volumes yet', false, claims(), true],
  ['a new ensemble with new volumes', false, claims('newer', 'newer', 'newer'), true],
  ['one that was in sync once', true, claims('newer', 'newer', 'newer'), false],
  ['all volumes of an earlier one', false, claims('older', 'older', 'older'), true],
  ['an earlier one that lost a volume', false, claims('older', 'older', 'newer'), false],
  ['an earlier one that lost two', false, claims('older', 'newer', 'newer'), false],
  ['an earlier one whose other volumes are not made yet', false, claims('older'), false],
] as const) {
  test(`${what}: empty disks ${wanted ? 'may' : 'may not'} vote`, () => {
    const observed = observedOf({}, [], { status: { bootstrapped }, claims: has });
    assert.equal(mayBootstrap(observed, membership), wanted);
  });
}

const live = { uid: 'u', replicas: 3, members: 3, memberIdOffset: 0, claimSizes: {} };

for (const [what, spec, voters, membershipWanted, refused] of [
  ['new', { replicas: 5 }, null, [5, 0, 0], false],
  ['unchanged', { replicas: 3 }, live, [3, 0, 0], false],
  ['more voters', { replicas: 5 }, live, [3, 0, 0], true],
  ['fewer voters', { replicas: 1 }, live, [3, 0, 0], true],
  ['another offset', { replicas: 3, memberIdOffset: 4 }, live, [3, 0, 0], true],
  ['more observers', { replicas: 3, observers: { replicas: 2 } }, live, [3, 2, 0], false],
  ['a set that somebody scaled', { replicas: 3 }, { ...live, replicas: 1 }, [3, 0, 0], false],
] as const) {
  test(`${what}: ${refused ? 'refused' : 'as asked for'}`, () => {
    const { membership: found, refusal } = scalingOf(observedOf(spec, [], { voters }));
    assert.deepEqual([found.voters, found.observers, found.memberIdOffset], membershipWanted);
    assert.equal(refusal?.reason, refused ? 'ScaleUnsupported' : undefined);
  });
}

const bootstrapped = {
  bootstrapped: true,
  members: [1, 2, 3].map((id) => ({
    myid: id + 4,
    name: `zk-${id - 1}`,
    role: 'Down' as const,
    voting: true,
    ready: false,
    inSync: false,
    updated: false,
  })),
};

function withStatus(spec: { replicas: number; memberIdOffset?: number }) {
  const observed = observedOf(spec, [], { voters: null });
  const object = { ...observed.ensemble.object, status: bootstrapped };
  return scalingOf({ ...observed, ensemble: { ...observed.ensemble, object } });
}

test('a deleted StatefulSet comes back as it was', () => {
  const { membership, refusal, mayMake } = withStatus({ replicas: 5, memberIdOffset: 4 });
  assert.deepEqual([membership.voters, membership.memberIdOffset], [3, 4]);
  assert.equal(refusal?.reason, 'ScaleUnsupported');
  assert.equal(mayMake, true);
  assert.equal(withStatus({ replicas: 3, memberIdOffset: 4 }).refusal, null);
});

for (const [replicas, left, wanted] of [
  [3, ['older', 'older', 'older'], true],
  [5, ['older', 'older', 'older'], true],
  [1, ['older', 'older', 'older'], false],
  [3, ['older', 'older', 'older', 'older', 'older'], false],
  [1, ['older', 'newer', 'newer'], true],
] as const) {
  test(`${replicas} asked for where an earlier ensemble left ${left.join()}`, () => {
    const observed = observedOf({ replicas }, [], { voters: null, claims: claims(...left) });
    const { mayMake, refusal } = scalingOf(observed);
    assert.equal(mayMake, wanted);
    assert.equal(refusal === null, wanted);
    if (!wanted) assert.match(refusal?.message ?? '', /delete the volumes to begin anew/);
  });
}
