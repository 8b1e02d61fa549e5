import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { checkCel } from '../../../operator/local/cel/check.ts';
import { evaluateCel } from '../../../operator/local/cel/evaluate.ts';
import { parseCel } from '../../../operator/local/cel/parse.ts';
import { compileRules, ruleErrors } from '../../../operator/local/cel/rules.ts';
import { toCel } from '../../../operator/local/cel/value.ts';
import type { Json } from '../../../operator/local/api/json.ts';
import type { Schema } from '../../../operator/local/schema/schema.ts';

// Goal: rules mean here what they mean in a cluster, and what is not known is refused at once.
// Method: expressions with the values that the language's definition gives them; rules over
// schemas with objects that keep and break them.

function run(text: string, self: Json = null, oldSelf: Json = null): unknown {
  const scope = new Map([
    ['self', toCel(self, undefined)],
    ['oldSelf', toCel(oldSelf, undefined)],
  ]);
  return evaluateCel(parseCel(text), scope);
}

const values: readonly (readonly [string, unknown])[] = [
  ['1 + 2 * 3', 7n],
  ['(1 + 2) * 3', 9n],
  ['7 / 2', 3n],
  ['-7 / 2', -3n],
  ['-7 % 3', -1n],
  ['7.0 / 2.0', 3.5],
  ['1 == 1.0', true],
  ['"a" + "b"', 'ab'],
  ['[1] + [2]', [1n, 2n]],
  ['1 in [1, 2]', true],
  ["'k' in {'k': 1}", true],
  ['true ? 1 : 2', 1n],
  ['1 < 2 && 2 < 3', true],
  ['false || true', true],
  ['!false', true],
  ["'\\u00e9' == 'é'", true],
  ["r'\\d' == '\\\\d'", true],
  ["'''a\nb'''.size()", 3n],
  ["size('añ') + size([1])", 3n],
  ["'abc'.startsWith('ab') && 'abc'.endsWith('bc') && 'abc'.contains('b')", true],
  ["'abc'.matches('^a.c$') && 'xabcx'.matches('abc')", true],
  ["'a,b'.split(',')", ['a', 'b']],
  ["['a', 'b'].join('-')", 'a-b'],
  ["'AbC'.lowerAscii() + 'x'.upperAscii()", 'abcX'],
  ["'hello'.substring(1, 3)", 'el'],
  ["'a.b.c'.replace('.', '-').indexOf('-')", 1n],
  ['[3, 1, 2].max() - [3, 1, 2].min()', 2n],
  ['[1, 2, 2].isSorted() && [1, 2].sum() == 3', true],
  ['[1, 2, 3].all(i, i > 0)', true],
  ['[1, 2, 3].exists(i, i > 2)', true],
  ['[1, 2, 3].exists_one(i, i > 2)', true],
  ['[1, 2, 3].filter(i, i > 1).map(i, i * 2)', [4n, 6n]],
  ['[1, 2, 3].map(i, i > 1, i * 2)', [4n, 6n]],
  ["{'a': 1, 'b': 2}.all(k, k.size() == 1)", true],
  ["quantity('1Gi').compareTo(quantity('1024Mi'))", 0n],
  ["quantity('500m').isLessThan(quantity('1'))", true],
  ["quantity('2').asInteger() + 1", 3n],
  ["isQuantity('1Gi') && !isQuantity('big')", true],
  ["duration('1h30m') > duration('89m')", true],
  ["timestamp('2030-01-01T00:00:00Z') - timestamp('2029-12-31T23:00:00Z') == duration('1h')", true],
  ["int('42') + int(1.9)", 43n],
  ['string(3) + string(true)', '3true'],
];

for (const [text, expected] of values) {
  test(`${text.replace('\n', ' ')} has its value`, () => {
    assert.deepEqual(run(text), expected);
  });
}

const errors: readonly string[] = [
  '1 / 0',
  '1 % 0',
  '1 + 1.0',
  "'a' < 1",
  '[1][1]',
  "{'a': 1}['b']",
  '9223372036854775807 + 1',
  "quantity('much')",
  '!1',
  "[1, 2].all(i, 'x' > i)",
];

for (const text of errors) {
  test(`${text} is an error, not a value`, () => {
    assert.throws(() => run(text), { name: 'CelError' });
  });
}

test('one deciding side outweighs an error on the other, in both orders', () => {
  assert.equal(run('1 / 0 == 1 || true'), true);
  assert.equal(run('true || 1 / 0 == 1'), true);
  assert.equal(run('1 / 0 == 1 && false'), false);
  assert.throws(() => run('1 / 0 == 1 || false'), { name: 'CelError' });
  assert.equal(run('[0, 1].exists(i, 1 / i == 1)'), true);
  assert.equal(run('[0, 1].all(i, 1 / i == 2)'), false);
});

test('has() tells a field that is there from one that is not', () => {
  assert.equal(run('has(self.a) && !has(self.b)', { a: null }), true);
  assert.throws(() => run('self.b', { a: 1 }), { name: 'CelError' });
});

test('a field whose name is no name hides behind its escape', () => {
  assert.equal(
    run('self.a__dash__b + self.__if__ + self.x__dot__y', { 'a-b': 1, if: 2, 'x.y': 3 }),
    6n,
  );
});

test('integer arithmetic agrees with whole numbers of any size until it overflows', () => {
  const int = fc.bigInt(-(2n ** 31n), 2n ** 31n);
  fc.assert(
    fc.property(int, int, int, (a, b, c) => {
      const text = `(${a}) * (${b}) - (${c})`;
      assert.equal(run(text), a * b - c);
      assert.equal(run(`(${a}) < (${b})`), a < b);
    }),
  );
});

for (const text of ['1 +', '(1', "'open", '1 2', 'a.', '[1,', 'for', '{1}', '@', 'self..a']) {
  test(`${text} is refused as no expression`, () => {
    assert.throws(() => parseCel(text), { name: 'CelSyntaxError' });
  });
}

test('nesting has a limit', () => {
  assert.throws(() => parseCel(`${'('.repeat(200)}1${')'.repeat(200)}`), /too deep/);
  assert.throws(() => parseCel(`${'!'.repeat(200)}true`), { name: 'CelSyntaxError' });
});

test('a rule that takes too long ends as an error', () => {
  const list = `[${'1,'.repeat(150)}1]`;
  const rule = `${list}.all(a, ${list}.all(b, ${list}.all(c, true)))`;
  assert.throws(() => run(rule), /too many steps/);
});

const shape: Schema = {
  type: 'object',
  properties: {
    size: { type: 'integer' },
    names: { type: 'array', items: { type: 'string' } },
    extra: { type: 'object', additionalProperties: { type: 'string' } },
  },
};

for (const [text, why] of [
  ['self.sise > 1', /undefined field 'sise'/],
  ['other > 1', /undeclared reference to 'other'/],
  ["self.names.all(n, n.format('x') == '')", /'format'/],
  ['ip(self.size)', /'ip'/],
  ['size(1, 2)', /takes 1 arguments/],
  ['self.size.deep', /does not support field selection/],
  ["'a'.matches('(?=a)')", /looks around/],
] as const) {
  test(`${text} is refused before it can run`, () => {
    assert.throws(() => checkCel(parseCel(text), shape), why);
  });
}

test('transition rules hold against the old state, and not for a new object', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          fixed: {
            type: 'integer',
            'x-kubernetes-validations': [
              { rule: 'self == oldSelf', message: 'fixed cannot change' },
            ],
          },
        },
      },
    },
  };
  const { rules, faults } = compileRules(schema);
  assert.deepEqual(faults, []);
  assert.deepEqual(ruleErrors(rules, schema, { spec: { fixed: 1 } }, undefined), []);
  assert.deepEqual(ruleErrors(rules, schema, { spec: { fixed: 1 } }, { spec: { fixed: 1 } }), []);
  assert.deepEqual(ruleErrors(rules, schema, { spec: { fixed: 2 } }, { spec: { fixed: 1 } }), [
    {
      field: 'spec.fixed',
      reason: 'FieldValueInvalid',
      message: 'Invalid value: 2: fixed cannot change',
    },
  ]);
});

test('items of a list with keys are compared with themselves, those of other lists never', () => {
  const items: Schema = {
    type: 'object',
    properties: { name: { type: 'string' }, n: { type: 'integer' } },
    'x-kubernetes-validations': [{ rule: 'self.n >= oldSelf.n', message: 'n may only grow' }],
  };
  const list: Schema = {
    type: 'array',
    items,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
  };
  const schema: Schema = { type: 'object', properties: { list } };
  const { rules } = compileRules(schema);
  const old = {
    list: [
      { name: 'a', n: 1 },
      { name: 'b', n: 5 },
    ],
  };
  const swapped = {
    list: [
      { name: 'b', n: 5 },
      { name: 'a', n: 1 },
    ],
  };
  assert.deepEqual(ruleErrors(rules, schema, swapped, old), []);
  const shrunk = {
    list: [
      { name: 'b', n: 4 },
      { name: 'a', n: 1 },
    ],
  };
  assert.deepEqual(
    ruleErrors(rules, schema, shrunk, old).map((error) => error.field),
    ['list[0]'],
  );
  const plain: Schema = { type: 'object', properties: { list: { type: 'array', items } } };
  assert.match(compileRules(plain).faults[0]?.message ?? '', /oldSelf cannot be used/);
});

test('a message may be computed', () => {
  const schema: Schema = {
    type: 'object',
    properties: { n: { type: 'integer' } },
    'x-kubernetes-validations': [
      { rule: 'self.n < 3', message: 'plain', messageExpression: "'got ' + string(self.n)" },
    ],
  };
  const { rules } = compileRules(schema);
  assert.match(ruleErrors(rules, schema, { n: 5 }, undefined)[0]?.message ?? '', /got 5$/);
});
