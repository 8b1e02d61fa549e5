import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as path from '../../server/protocol/path.ts';

// Goal: a path is valid here exactly where the reference accepts it.
// Method: a table; every UTF-16 unit in turn; a plainer second version against random texts.

test('these paths are valid', () => {
  for (const valid of [
    '/',
    '/a',
    '/a/b',
    '/...',
    '/a.b',
    '/.a',
    '/..a',
    '/a b',
    '/zoë',
    '/a/b-0000000001',
  ]) {
    assert.equal(path.pathProblem(valid), null, valid);
  }
});

test('these paths are not', () => {
  const invalid = [
    '',
    'a',
    'a/b',
    '//',
    '/a/',
    '/a//b',
    '/.',
    '/..',
    '/a/.',
    '/a/..',
    '/./a',
    '/../a',
    '/a/./b',
    '/a/../b',
  ];
  for (const text of invalid) assert.notEqual(path.pathProblem(text), null, text);
});

test('every forbidden unit is refused and named, every other one accepted', () => {
  for (let unit = 0; unit <= 0xffff; unit += 1) {
    if (unit === 0x2f || unit === 0x2e) continue;
    const isForbidden =
      unit <= 0x1f ||
      (unit >= 0x7f && unit <= 0x9f) ||
      (unit >= 0xd800 && unit <= 0xf8ff) ||
      unit >= 0xfff0;
    const problem = path.pathProblem(`/a${String.fromCharCode(unit)}b`);
    assert.equal(problem !== null, isForbidden, `U+${unit.toString(16)}`);
  }
  assert.match(path.pathProblem('/a\u0001') ?? '', /U\+0001 at 2/);
});

test('random texts of dots and slashes are judged as by the words of the specification', () => {
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed;
  };
  for (let count = 0; count < 5000; count += 1) {
    const length = random() % 7;
    const text = Array.from({ length }, () => './ab'[random() % 4]).join('');
    const isValid =
      text === '/' ||
      (text.startsWith('/') &&
        !text.endsWith('/') &&
        text
          .slice(1)
          .split('/')
          .every((component) => component !== '' && component !== '.' && component !== '..'));
    assert.equal(path.pathProblem(text) === null, isValid, JSON.stringify(text));
  }
});

test('parent, name and child fit together', () => {
  assert.equal(path.parentOf('/a/b'), '/a');
  assert.equal(path.parentOf('/a'), '/');
  assert.equal(path.parentOf('/'), '/');
  assert.equal(path.parentOf('/a//b'), '/a/');
  assert.equal(path.nameOf('/a/b'), 'b');
  assert.equal(path.nameOf('/'), '');
  assert.equal(path.childOf('/', 'a'), '/a');
  assert.equal(path.childOf('/a', 'b'), '/a/b');
});

test('sequence numbers have ten characters, and more when they must', () => {
  assert.equal(path.withSequence('/p/', 5), '/p/0000000005');
  assert.equal(path.withSequence('/p-', 2 ** 31 - 1), '/p-2147483647');
  assert.equal(path.withSequence('/p-', -5), '/p--000000005');
  assert.equal(path.withSequence('/p-', -(2 ** 31)), '/p--2147483648');
});

test('a sequential path may end with a slash', () => {
  assert.equal(path.sequentialPathProblem('/'), null);
  assert.equal(path.sequentialPathProblem('/a/'), null);
  assert.notEqual(path.sequentialPathProblem('/a//'), null);
});

test('NUL is found anywhere', () => {
  assert.equal(path.hasNul('/a'), false);
  assert.equal(path.hasNul('/a\u0000'), true);
});
