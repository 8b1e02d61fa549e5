import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { JsonObject } from '../../../operator/local/api/json.ts';
import type { Api } from '../../../operator/local/resources/api.ts';
import type { Target } from '../../../operator/local/resources/target.ts';
import { toTable } from '../../../operator/local/http/table.ts';
import { asTester, at, bareApi, refusal, target } from './world.ts';

// Goal: a CustomResourceDefinition makes a resource whose schema, defaults and rules hold; one
// that cannot be honoured in full is refused.
// Method: the definition this project ships, and small ones with one fault each.

const root = resolve(import.meta.dirname, '../../..');

function shipped(): JsonObject {
  return parse(readFileSync(join(root, 'crds/zkensembles.yaml'), 'utf8')) as JsonObject;
}

function install(api: Api, crd: JsonObject): void {
  const options = { ...asTester, fieldValidation: 'Strict' } as const;
  api.create(target('customresourcedefinitions', '').definition, '', crd, options);
}

function ensembles(api: Api, name: string): Target {
  const definition = api.catalog.ofKind('zkensemble.io/v1', 'ZkEnsemble');
  assert(definition !== undefined, 'the definition is installed');
  return { definition, namespace: 'default', name };
}

function ensemble(name: string, spec: JsonObject = {}): JsonObject {
  return { apiVersion: 'zkensemble.io/v1', kind: 'ZkEnsemble', metadata: { name }, spec };
}

function withShipped(): Api {
  const api = bareApi();
  install(api, shipped());
  return api;
}

test('the definition of this project is accepted and established', () => {
  const api = withShipped();
  const crd = api.get(target('customresourcedefinitions', 'zkensembles.zkensemble.io'));
  const conditions = at(crd, 'status', 'conditions') as JsonObject[];
  assert.deepEqual(
    conditions.map((one) => [one['type'], one['status']]),
    [
      ['NamesAccepted', 'True'],
      ['Established', 'True'],
    ],
  );
});

test('the smallest ensemble gets its defaults, the given values stay', () => {
  const api = withShipped();
  const made = api.create(
    ensembles(api, '').definition,
    'default',
    ensemble('e', { config: { tickTime: 500 } }),
    asTester,
  );
  assert.equal(at(made, 'spec', 'replicas'), 3);
  assert.equal(at(made, 'spec', 'config', 'tickTime'), 500);
  assert.equal(at(made, 'spec', 'config', 'initLimit'), 10);
  assert.equal(made.metadata['generation'], 1);
});

const refused: readonly (readonly [string, JsonObject, RegExp])[] = [
  [
    'an even size',
    { replicas: 4 },
    /spec\.replicas: Invalid value: 4: replicas must be 1, 3, 5 or 7/,
  ],
  [
    'a value out of range',
    { config: { tickTime: 1 } },
    /tickTime.*should be greater than or equal to/,
  ],
  ['a wrong type', { replicas: '3' }, /must be of type integer/],
  ['a guarded key', { config: { properties: { dataDir: '/x' } } }, /set by the operator/],
  [
    'two kinds of storage',
    { storage: { data: {}, ephemeral: {} } },
    /exactly one of storage\.data/,
  ],
  ['a value that is not in the list', { updateStrategy: { type: 'Fast' } }, /Unsupported value/],
];

for (const [what, spec, why] of refused) {
  test(`${what} is refused by the schema or its rules`, () => {
    const api = withShipped();
    const { definition } = ensembles(api, '');
    const answer = refusal(() => api.create(definition, 'default', ensemble('e', spec), asTester));
    assert.equal(answer.code, 422);
    assert.match(answer.message, why);
  });
}

test('a name too long for its pods is refused by a rule at the root', () => {
  const api = withShipped();
  const { definition } = ensembles(api, '');
  const long = ensemble('e'.repeat(41));
  assert.match(
    refusal(() => api.create(definition, 'default', long, asTester)).message,
    /at most 40 characters/,
  );
});

test('what cannot change is refused at an update, what can is not', () => {
  const api = withShipped();
  const { definition } = ensembles(api, '');
  api.create(definition, 'default', ensemble('e'), asTester);
  const set = (field: string, value: string | number) => (old: JsonObject) => ({
    ...old,
    spec: { ...(old['spec'] as JsonObject), [field]: value },
  });
  const wrong = refusal(() => api.modify(ensembles(api, 'e'), set('memberIdOffset', 5), asTester));
  assert.match(wrong.message, /memberIdOffset cannot change/);
  const restarted = api.modify(
    ensembles(api, 'e'),
    set('restartedAt', '2030-01-01T00:00:00Z'),
    asTester,
  );
  assert.equal(restarted.metadata['generation'], 2);
});

test('the status is written through its own door and does not count as a change of the spec', () => {
  const api = withShipped();
  const { definition } = ensembles(api, '');
  api.create(definition, 'default', ensemble('e'), asTester);
  const status = { replicas: 3, unknown: true };
  const plain = api.modify(ensembles(api, 'e'), (old) => ({ ...old, status }), asTester);
  assert.equal(plain['status'], undefined);
  const options = { ...asTester, subresource: 'status' } as const;
  const after = api.modify(ensembles(api, 'e'), (old) => ({ ...old, status, spec: {} }), options);
  assert.deepEqual(after['status'], { replicas: 3 });
  assert.equal(at(after, 'spec', 'replicas'), 3);
  assert.equal(after.metadata['generation'], 1);
});

test('the columns of the definition make the table', () => {
  const api = withShipped();
  const { definition } = ensembles(api, '');
  const made = api.create(definition, 'default', ensemble('e'), asTester);
  const table = toTable(
    definition,
    [made],
    {},
    'None',
    Date.parse(made.metadata.creationTimestamp),
  );
  const columns = table['columnDefinitions'] as { name: string }[];
  const [row] = table['rows'] as { cells: unknown[] }[];
  const cells = Object.fromEntries(columns.map((one, index) => [one.name, row?.cells[index]]));
  assert.equal(cells['Name'], 'e');
  assert.equal(cells['Replicas'], 3);
  assert.equal(cells['Leader'], null);
  assert.equal(cells['Age'], '0s');
});

interface Fault {
  readonly what: string;
  readonly change: (crd: JsonObject, version: JsonObject, schema: JsonObject) => void;
  readonly why: RegExp;
}

const faults: readonly Fault[] = [
  {
    what: 'a name that is not plural.group',
    change: (crd) => (crd['metadata'] = { name: 'other.x.io' }),
    why: /must be spec\.names\.plural/,
  },
  {
    what: 'a rule with a function of a later release',
    change: (_crd, _version, schema) =>
      (schema['x-kubernetes-validations'] = [{ rule: "ip('::1').isLoopback()" }]),
    why: /compilation failed: undeclared reference to/,
  },
  {
    what: 'a rule over a field that is not in the schema',
    change: (_crd, _version, schema) =>
      (schema['x-kubernetes-validations'] = [{ rule: 'self.spec.b == 1' }]),
    why: /undefined field 'b'/,
  },
  {
    what: 'a field without a type',
    change: (_crd, _version, schema) => (schema['properties'] = { spec: {} }),
    why: /type: Required value/,
  },
  {
    what: 'a default that its own schema refuses',
    change: (_crd, _version, schema) =>
      (schema['properties'] = { spec: { type: 'integer', default: 'x' } }),
    why: /must be of type integer/,
  },
  {
    what: 'a conversion webhook',
    change: (crd) => ((crd['spec'] as JsonObject)['conversion'] = { strategy: 'Webhook' }),
    why: /calls no conversion webhooks/,
  },
  {
    what: 'a column with a filter in its path',
    change: (_crd, version) =>
      (version['additionalPrinterColumns'] = [
        { name: 'X', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      ]),
    why: /follows plain paths only/,
  },
];

for (const { what, change, why } of faults) {
  test(`a definition with ${what} is refused`, () => {
    const schema: JsonObject = {
      type: 'object',
      properties: { spec: { type: 'object', properties: { a: { type: 'integer' } } } },
    };
    const version: JsonObject = {
      name: 'v1',
      served: true,
      storage: true,
      schema: { openAPIV3Schema: schema },
    };
    const crd: JsonObject = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'foos.x.io' },
      spec: {
        group: 'x.io',
        scope: 'Namespaced',
        names: { plural: 'foos', kind: 'Foo' },
        versions: [version],
      },
    };
    install(bareApi(), structuredClone(crd));
    change(crd, version, schema);
    assert.match(refusal(() => install(bareApi(), crd)).message, why);
  });
}
