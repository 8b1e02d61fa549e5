import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endsWell, explore, ours } from './explore.ts';
import { keyOf, realPlanner, Run, startOf } from './model.ts';
import type { Planner } from './model.ts';

// Goal: no order of events, however unlucky, lets the operator take a quorum, take two members
// at once, or get stuck.
// Method: every reachable state of a small world, breadth first: members that die, are drained,
// come up, synchronize and elect; a user who changes the wish midway, also to a revision that
// crashes and back; an operator whose decision waits any time before it is carried out. What
// breaks is printed as the moves that led there.

for (const [size, faults, edits] of [
  [1, 2, 3],
  [3, 2, 2],
  [5, 1, 1],
] as const) {
  test(`${size} members, ${faults} faults, ${edits} changes of mind: safe in every state`, (t) => {
    const { states, broken } = explore(startOf(size, { faults, edits }), ours);
    assert.equal(broken, null, broken === null ? '' : `${broken.why}: ${broken.moves.join('; ')}`);
    t.diagnostic(`${states.size} states`);
    assert.ok(states.size > 100);
  });

  test(`${size} members, ${faults} faults, ${edits} changes of mind: every state ends well`, () => {
    const { states } = explore(startOf(size, { faults, edits }), ours);
    for (const world of states.values()) assert.ok(endsWell(world, ours), keyOf(world));
  });
}

/** Highest ordinal first, next one when all pods are ready: no look at who is in sync. */
const byOrdinal: Planner = (world) =>
  world.members.some(({ run }) => run === Run.ABSENT)
    ? -1
    : world.members.findLastIndex(({ revision }) => revision !== world.wanted);

test('a planner that goes by ordinal alone is found out', () => {
  const rules = { planner: byOrdinal, budget: false };
  const { broken } = explore(startOf(3, { faults: 1, edits: 1 }), rules);
  assert.equal(broken?.why, 'an eviction takes the quorum');
  assert.ok(broken.moves.length < 12, broken.moves.join('; '));
});

test('a good planner without a referee is found out, too: its view may be old', () => {
  const rules = { planner: realPlanner, budget: false };
  const { broken } = explore(startOf(3, { faults: 1, edits: 1 }), rules);
  assert.equal(broken?.why, 'an eviction takes the quorum');
});

test('a planner that waits for those that never come back gets stuck after a revert', () => {
  const waiting: Planner = (world, long) =>
    world.members.some(({ run }) => run !== Run.SYNCED) ? -1 : realPlanner(world, long);
  const rules = { planner: waiting, budget: true };
  const { states } = explore(startOf(3, { faults: 0, edits: 2 }), rules);
  const stuck = [...states.values()].filter((world) => !endsWell(world, rules));
  assert.ok(stuck.length > 0);
});
