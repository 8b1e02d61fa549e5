// Goal: each of the planted bugs is found out, also by what comes of it alone, and the scripts that
// bring them to light find nothing in a server without one.
// Method: all of them, each until a checker objects, within a bound on seeds and on the time of all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catchMutant } from '../sim/mutant-run.ts';
import { insideChecks, outsideSeedsMax, seedsMax } from '../sim/mutant-table.ts';
import { mutants } from '../sim/mutants/all.ts';

/** For everything here, of one core. */
const allMsMax = 4 * 60_000;

for (const mutant of mutants) {
  test(`a server that ${mutant.name} is found out`, () => {
    const found = catchMutant(mutant, seedsMax);
    assert(found !== null, `within ${seedsMax} seeds`);
    assert.match(found.message, mutant.symptom);
  });
}

for (const mutant of mutants.filter((one) => one.showsOutside === true)) {
  test(`a server that ${mutant.name} is found out by what comes of it`, () => {
    const found = catchMutant(mutant, outsideSeedsMax, insideChecks);
    assert(found !== null, `within ${outsideSeedsMax} seeds`);
  });
}

const scripts = new Map(
  mutants.flatMap((mutant) => {
    return mutant.script === undefined ? [] : [[mutant.script.name, mutant] as const];
  }),
);
for (const [name, { script, options }] of scripts) {
  test(`a server without a planted bug passes ${name} (3 seeds)`, () => {
    const sound = { name: 'is sound', kin: '', symptom: /^$/, ...(options ? { options } : {}) };
    const found = catchMutant({ ...sound, ...(script ? { script } : {}) }, 3);
    assert.equal(found, null);
  });
}

test('all of it takes less than four minutes of one core', () => {
  const { user, system } = process.cpuUsage();
  const ms = (user + system) / 1_000;
  assert(ms < allMsMax, `${Math.round(ms / 1_000)} s`);
});
