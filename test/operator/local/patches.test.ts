import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Json } from '../../../operator/local/api/json.ts';
import { fromFieldsV1, toFieldsV1 } from '../../../operator/local/patch/field-set.ts';
import { applyJsonPatch } from '../../../operator/local/patch/json-patch.ts';
import { applyMergePatch } from '../../../operator/local/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../../../operator/local/patch/strategic-merge.ts';
import { builtinSchema } from '../../../operator/local/schema/builtin.ts';

// Goal: every language of patches changes what it names and nothing else.
// Method: the examples of RFC 6902 and 7386, and the directives that kubectl sends.

const jsonPatches: readonly (readonly [string, Json, Json, Json])[] = [
  ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
  ['adds an element', [1, 3], [{ op: 'add', path: '/1', value: 2 }], [1, 2, 3]],
  ['appends an element', [1], [{ op: 'add', path: '/-', value: 2 }], [1, 2]],
  ['removes a member', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
  ['replaces a value', { a: 1 }, [{ op: 'replace', path: '/a', value: 2 }], { a: 2 }],
  ['moves a value', { a: { b: 1 } }, [{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: 1 }],
  ['copies a value', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
  [
    'unescapes names',
    { 'a/b~c': 1 },
    [{ op: 'replace', path: '/a~1b~0c', value: 2 }],
    { 'a/b~c': 2 },
  ],
  ['passes a test', { a: [1] }, [{ op: 'test', path: '/a', value: [1] }], { a: [1] }],
];

for (const [name, before, patch, after] of jsonPatches) {
  test(`a JSON patch ${name}`, () => {
    const original = structuredClone(before);
    assert.deepEqual(applyJsonPatch(before, patch), after);
    assert.deepEqual(before, original, 'the original stays');
  });
}

for (const [patch, code] of [
  [[{ op: 'remove', path: '/none' }], 422],
  [[{ op: 'test', path: '/a', value: 2 }], 422],
  [[{ op: 'add', path: '/list/7', value: 1 }], 422],
  [[{ op: 'fly', path: '/a' }], 400],
  [{ a: 1 }, 400],
  [[{ op: 'add', path: 'a', value: 1 }], 400],
] as const) {
  test(`the JSON patch ${JSON.stringify(patch)} is refused with ${code}`, () => {
    const document: Json = { a: 1, list: [1] };
    assert.throws(() => applyJsonPatch(document, patch as unknown as Json), { httpCode: code });
  });
}

test('a merge patch merges objects, removes with null and replaces the rest', () => {
  const before = { a: 'b', c: { d: 'e', f: 'g' }, list: [1, 2] };
  const patch = { a: 'z', c: { f: null, h: 1 }, list: [3] };
  assert.deepEqual(applyMergePatch(before, patch), { a: 'z', c: { d: 'e', h: 1 }, list: [3] });
});

test('a merge patch of the difference leads from any object to any other', () => {
  const leaf = fc.oneof(fc.integer(), fc.string());
  const object = fc.dictionary(fc.stringMatching(/^[a-c]$/), leaf);
  fc.assert(
    fc.property(object, object, (from, to) => {
      const patch: Record<string, Json> = { ...to };
      for (const key of Object.keys(from)) patch[key] ??= null;
      assert.deepEqual({ ...(applyMergePatch(from, patch) as object) }, { ...to });
    }),
  );
});

const pod = builtinSchema('V1Pod');

test('a strategic merge patch merges lists by the key of their items', () => {
  const before = {
    spec: {
      containers: [
        { name: 'a', image: '1' },
        { name: 'b', image: '2' },
      ],
    },
  };
  const patch = {
    spec: {
      containers: [
        { name: 'b', image: '3' },
        { name: 'c', image: '4' },
      ],
    },
  };
  assert.deepEqual(applyStrategicMergePatch(before, patch, pod), {
    spec: {
      containers: [
        { name: 'a', image: '1' },
        { name: 'b', image: '3' },
        { name: 'c', image: '4' },
      ],
    },
  });
});

test('a strategic merge patch deletes, orders and replaces where it says so', () => {
  const before = { spec: { containers: [{ name: 'a' }, { name: 'b' }], nodeName: 'x' } };
  const removed = { spec: { containers: [{ name: 'a', $patch: 'delete' }] } };
  assert.deepEqual(applyStrategicMergePatch(before, removed, pod), {
    spec: { containers: [{ name: 'b' }], nodeName: 'x' },
  });
  const ordered = {
    spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [] },
  };
  assert.deepEqual(applyStrategicMergePatch(before, ordered, pod), {
    spec: { containers: [{ name: 'b' }, { name: 'a' }], nodeName: 'x' },
  });
  const replaced = { spec: { $patch: 'replace', containers: [{ name: 'z' }] } };
  assert.deepEqual(applyStrategicMergePatch(before, replaced, pod), {
    spec: { containers: [{ name: 'z' }] },
  });
});

test('a strategic merge patch treats finalizers as a set', () => {
  const before = { metadata: { finalizers: ['a', 'b'] } };
  const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], finalizers: ['c'] } };
  assert.deepEqual(applyStrategicMergePatch(before, patch, pod), {
    metadata: { finalizers: ['b', 'c'] },
  });
});

test('a list item without its key is refused', () => {
  const patch = { spec: { containers: [{ image: 'x' }] } };
  const before = { spec: { containers: [{ name: 'a' }] } };
  assert.throws(() => applyStrategicMergePatch(before, patch, pod), { httpCode: 400 });
});

test('a set of fields survives the form in which managedFields carry it', () => {
  const fields = {
    'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
    'f:spec': {
      'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:image': {}, 'f:name': {} } },
      'f:finalizers': { 'v:"x"': {} },
    },
  };
  assert.deepEqual(toFieldsV1(fromFieldsV1(fields)), fields);
});
