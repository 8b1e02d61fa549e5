// Goal: no known defect of another server is without a test here, and the page says what there is.
// Method: the titles of all tests against the list of all ids, and the page against both.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  knownDefects,
  pageOf,
  pagePath,
  problemsOf,
  titledTests,
  titlesIn,
} from '../../scripts/known-defects.ts';

test('every known defect has its test, and every test names known defects', () => {
  assert.deepEqual(problemsOf(knownDefects(), titledTests()), []);
});

test('the page is the one that list and tests make: run `npm run defects` after a change', () => {
  const [found, made] = [readFileSync(pagePath, 'utf8'), pageOf(knownDefects(), titledTests())];
  // Lines alone: two whole pages say nothing to a reader.
  const stale = found.split('\n').filter((line) => !made.includes(line));
  assert.deepEqual(stale, []);
  assert.equal(found.length, made.length);
});

test('titles are found in every form of quotes, and only at their beginning', () => {
  const text = [
    "test('etcd-1: one', () => {",
    'test(\n  `Keeper-2, ZOOKEEPER-3: two of ${many}`, () => {',
    `test("Gray-long-name: it's", () => {`,
    "test('as in etcd-4: not', () => {",
    "test('no ids: none', () => {",
  ].join('\n');
  assert.deepEqual(titlesIn('x.test.ts', text), [
    { ids: ['etcd-1'], file: 'x.test.ts', title: 'one' },
    { ids: ['Keeper-2', 'ZOOKEEPER-3'], file: 'x.test.ts', title: 'two of …' },
    { ids: ['Gray-long-name'], file: 'x.test.ts', title: "it's" },
  ]);
});

test('a defect without a test, one listed twice, an unknown one and a needless reason are problems', () => {
  const sections = [
    { section: 's', defects: [['etcd-1', 'a'] as const, ['etcd-1', 'a'] as const] },
    { section: 's', defects: [['etcd-2', 'b', 'nothing to see'] as const] },
  ];
  const tests = [{ ids: ['etcd-2', 'etcd-3'], file: 'f', title: 't' }];
  assert.equal(problemsOf(sections, tests).length, 5);
  assert.equal(problemsOf(sections, []).length, 3);
});
