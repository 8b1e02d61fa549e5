import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endsWell, explore, ours } from '../operator/plan/explore.ts';
import { keyOf, startOf } from '../operator/plan/model.ts';

// Goal: the planner is safe and live in every state of larger worlds than a quick run has time for.
// Method: the search of test/operator/plan, with more faults and more changes of mind.

for (const [size, faults, edits] of [
  [3, 3, 3],
  [5, 2, 2],
  [7, 1, 2],
] as const) {
  test(`${size} members, ${faults} faults, ${edits} changes of mind`, (t) => {
    const { states, broken } = explore(startOf(size, { faults, edits }), ours);
    assert.equal(broken, null, broken === null ? '' : `${broken.why}: ${broken.moves.join('; ')}`);
    for (const world of states.values()) assert.ok(endsWell(world, ours), keyOf(world));
    t.diagnostic(`${states.size} states`);
  });
}
