import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allBehaviours, expectedOf, parseBehaviours } from './behaviours.ts';

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
