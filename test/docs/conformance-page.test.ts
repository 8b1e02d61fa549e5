// Goal: whatever of the reference has a name has a test here or a reason, and the page says which.
// Method: the lists of the code against the titles of all tests, and the page against both.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Section, Written } from '../../scripts/conformance.ts';
import {
  literalsOf,
  pageOf,
  pagePath,
  problemsOf,
  sectionsOf,
  testFiles,
  written,
} from '../../scripts/conformance.ts';

const [map, files] = [written(), testFiles()];
const sections = sectionsOf(map, files);

test('everything that has a name has a test that exists, or a reason', () => {
  assert.deepEqual(problemsOf(sections, map, files), []);
});

test('every setting that must be here has a test', () => {
  const settings = sections.find(({ title }) => title === 'Settings')?.items ?? [];
  const without = settings.filter(({ note, tests }) => note === 'M' && tests.length === 0);
  assert.deepEqual(
    without.map(({ name }) => name),
    [],
  );
});

test('the page is the one that lists and tests make: run `npm run conformance` after a change', () => {
  const [found, made] = [readFileSync(pagePath, 'utf8'), pageOf(sections)];
  const stale = found.split('\n').filter((line) => !made.includes(line));
  assert.deepEqual(stale, []);
  assert.equal(found.length, made.length);
});

test('titles and rows are found in every form of quotes', () => {
  const text = [
    "test('one', () => {",
    'test(\n  `two of ${many}`, () => {',
    `  it("three: it's", () => {`,
    "  ['maxCnxns=7', pick, 7],",
    "  [\n    'skipACL=yes',\n    pick,\n  ],",
    "call(['no row']);",
  ].join('\n');
  assert.deepEqual(literalsOf({ file: 'x.test.ts', text }), [
    'one',
    'two of ${many}',
    "three: it's",
    'maxCnxns=7',
    'skipACL=yes',
  ]);
});

test('a title and a row speak of the settings that they begin with', () => {
  const text = [
    "test('maxCnxns, skipACL: both', () => {",
    "  ['snapCount=7', pick, 7],",
    "test('tickTime is no subject here', () => {",
  ].join('\n');
  const found = sectionsOf({}, [{ file: 'x.test.ts', text }]);
  const settings = found.find(({ title }) => title === 'Settings')?.items ?? [];
  const shown = settings.filter(({ tests }) => tests.length > 0).map(({ name }) => name);
  assert.deepEqual(shown.sort(), ['maxCnxns', 'skipACL', 'snapCount']);
});

test('no test and no reason, a test that is not there, and a name of nothing are problems', () => {
  const lists: readonly Section[] = [
    {
      title: 'Things',
      items: [
        { name: 'bare', note: '', tests: [], reason: null },
        { name: 'gone', note: '', tests: [{ file: 'x.test.ts', title: 'old' }], reason: null },
        { name: 'fine', note: '', tests: [{ file: 'x.test.ts', title: 'new' }], reason: null },
        { name: 'out', note: '', tests: [], reason: 'for a reason' },
      ],
    },
  ];
  const wrong: Written = { Things: { nothing: 'why' } };
  assert.deepEqual(problemsOf(lists, wrong, [{ file: 'x.test.ts', text: "test('new', f)" }]), [
    'Things: bare has neither a test nor a reason',
    'gone: x.test.ts has no test "old"',
    'Things: nothing has the name nothing',
  ]);
});
