// Goal: the simulator sees what it is there to see: servers with one safety step switched off are
// found out, and what the document says of them is what there is.
// Method: half of those that the document's table calls easy; the others, and all of them without
// the checks that look inside a server, run with what needs more time.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { catchMutant } from './mutant-run.ts';
import { namesIn, seedsMax, withTable } from './mutant-table.ts';
import { mutants } from './mutants/all.ts';

const document = readFileSync(resolve(import.meta.dirname, '../../docs/testing.md'), 'utf8');
const seedsOf = namesIn(document);

test('the document names exactly the planted bugs that there are, and all were found', () => {
  assert.deepEqual(
    [...seedsOf.keys()],
    mutants.map((mutant) => mutant.name),
  );
  for (const [name, seeds] of seedsOf) assert(seeds > 0, name);
  assert(mutants.length >= 40, `${mutants.length} planted bugs`);
});

test('no two planted bugs have the same name', () => {
  assert.equal(new Set(mutants.map((mutant) => mutant.name)).size, mutants.length);
});

test('the table goes where the document wants it, and nothing else changes', () => {
  const other = withTable(document, '| a |\n|---|\n| one | | 1 |');
  assert.deepEqual([...namesIn(other).keys()], ['one']);
  const [before = '', after = ''] = other.split('| a |\n|---|\n| one | | 1 |');
  assert(document.startsWith(before.trimEnd()));
  assert(document.endsWith(after.trimStart()));
});

const easy = mutants.filter((mutant) => seedsOf.get(mutant.name) === 1);
for (const mutant of easy.filter((_, index) => index % 2 === 0)) {
  test(`a server that ${mutant.name} is found out`, () => {
    const found = catchMutant(mutant, seedsMax);
    assert(found !== null, `within ${seedsMax} seeds`);
    assert.match(found.message, mutant.symptom);
  });
}
