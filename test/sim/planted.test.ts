// Goal: the simulator sees what it is there to see: servers with one safety step switched off fail.
// Method: wrap the real peer, storage or disk of every server with a planted bug and run storms
// until a checker objects; how many seeds that takes is the simulator's own measure. Then the same
// with all checks that look inside a server switched off, so that only the histories of different
// servers and the answers to clients can tell.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catchMutant } from './mutant-run.ts';
import { mutants } from './mutants.ts';

/** Checks of what a server promises, as against what comes of it. */
const insideChecks: ReadonlySet<string> = new Set([
  'Z8',
  'Z10',
  'Z11',
  'Z12',
  'Z13',
  'Z14',
  'Z15',
  'Z16',
  'Z17',
]);

for (const mutant of mutants) {
  test(`a server that ${mutant.name} is found out`, () => {
    const found = catchMutant(mutant, 20);
    assert(found !== null, 'within 20 seeds');
    assert.match(found.message, mutant.symptom);
  });
}

for (const mutant of mutants.filter((one) => one.showsOutside)) {
  test(`a server that ${mutant.name} is found out by what comes of it`, () => {
    const found = catchMutant(mutant, 40, insideChecks);
    assert(found !== null, 'within 40 seeds');
  });
}
