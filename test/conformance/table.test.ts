import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allBehaviours, expectedOf, parseBehaviours, skipOf } from './behaviours.ts';
import { linesFor } from './driver.ts';

// Goal: the table says what it seems to say, and a slip in it is noticed where it stands.
// Method: lines by hand, and the table itself.

const parse = (...lines: string[]) => parseBehaviours('made.txt', lines.join('\n'));

test('a step has a connection, words and an answer for each client and kind of server', () => {
  const [behaviour] = parse(
    '# a.b: what it is',
    'get $/n => x v0',
    'b: events 1 => removed $ || c: none || apache: twice -- it says so',
    'skip kazoo: it has no such call',
  );
  const [first, second] = behaviour?.steps ?? [];
  assert.ok(first !== undefined && second !== undefined);
  assert.deepEqual([first.name, first.words, first.expected], ['a', 'get $/n', 'x v0']);
  assert.deepEqual([second.name, second.words], ['b', 'events 1']);
  assert.equal(expectedOf(second, 'java', 'ours'), 'removed $');
  assert.equal(expectedOf(second, 'c', 'ours'), 'none');
  assert.equal(expectedOf(second, 'java', 'apache'), 'twice');
  assert.equal(behaviour?.skips.get('kazoo'), 'it has no such call');
});

test('what is no step, and a difference without a reason, is refused with its line', () => {
  assert.throws(() => parse('# a.b: c', 'get $/n'), /made\.txt:2: neither/);
  assert.throws(() => parse('# a.b: c', 'get $ => x || c: y'), /made\.txt:2: neither/);
  assert.throws(() => parse('get $ => x'), /made\.txt:1: a file begins/);
  assert.throws(() => parse('# a.b: c', '# a.b: d'), /made\.txt:2: this id is taken/);
});

test('every id of the table is there once, and does something', () => {
  const all = allBehaviours();
  assert.ok(all.length >= 200, `${all.length} behaviours`);
  assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
  assert.deepEqual(
    all.filter(({ steps }) => steps.length === 0).map(({ id }) => id),
    [],
  );
});

test('an older client is what is said of it, or else of its kind', () => {
  const [behaviour] = parse(
    '# a.b: c',
    'get $ => x || java-3.4: y || java: z -- both are said to be so',
    'skip java-3.5: it cannot',
  );
  const step = behaviour?.steps[0];
  assert.ok(behaviour !== undefined && step !== undefined);
  assert.equal(expectedOf(step, 'java-3.4', 'ours'), 'y');
  assert.equal(expectedOf(step, 'java-3.6', 'ours'), 'z');
  assert.equal(expectedOf(step, 'c', 'ours'), 'x');
  assert.deepEqual(
    [skipOf(behaviour, 'java-3.5'), skipOf(behaviour, 'java')],
    ['it cannot', undefined],
  );
});

test('what came later than a client is left out of its program', () => {
  const text = ['a', 'b // since 3.6', '// since 3.5 {', 'c', '// }', 'd'].join('\n');
  assert.equal(linesFor('3.4.14', text), 'a\nd');
  assert.equal(linesFor('3.5.10', text), 'a\nc\nd');
  assert.equal(linesFor('3.9.5', text), 'a\nb // since 3.6\nc\nd');
});
