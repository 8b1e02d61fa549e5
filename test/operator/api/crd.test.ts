import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { withDefaults } from '../../../operator/api/defaults.ts';
import { ownedKeys, validate } from '../../../operator/api/validate.ts';
import { conditionTypes } from '../../../operator/api/conditions.ts';
import type { ZkEnsemble, ZkEnsembleSpec } from '../../../operator/api/zk-ensemble.ts';

// Goal: the CRD, the types and the defaults of the operator say the same.
// Method: walk the schema beside an object in which every field is set, and compare its defaults
// with those of the code.

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly default?: unknown;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly maxLength?: number;
  readonly 'x-kubernetes-validations'?: readonly { rule: string; message: string }[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

const root = new URL('../../../', import.meta.url);
const text = readFileSync(new URL('crds/zkensembles.yaml', root), 'utf8');
const crd = parse(text) as {
  spec: {
    versions: [
      {
        subresources: object;
        additionalPrinterColumns: { name: string; jsonPath: string }[];
        schema: { openAPIV3Schema: Schema };
      },
    ];
  };
};
const [version] = crd.spec.versions;
const schema = version.schema.openAPIV3Schema;

/** Every field of `spec` with some value: the compiler holds it against the types. */
const kitchenSink: Required<Omit<ZkEnsembleSpec, 'storage'>> & ZkEnsembleSpec = {
  replicas: 3,
  observers: { replicas: 1 },
  memberIdOffset: 10,
  image: {
    repository: 'my/zk',
    tag: '1',
    digest: `sha256:${'0'.repeat(64)}`,
    pullPolicy: 'Always',
    pullSecrets: ['a'],
  },
  config: {
    tickTime: 2000,
    initLimit: 10,
    syncLimit: 5,
    maxClientCnxns: 60,
    minSessionTimeout: 4000,
    maxSessionTimeout: 40_000,
    globalOutstandingLimit: 1000,
    snapCount: 100_000,
    snapSizeLimitKiB: 4_194_304,
    preAllocSizeKiB: 65_536,
    commitLogCount: 500,
    juteMaxBuffer: 1_048_575,
    autopurge: { retain: 3, intervalHours: 1 },
    properties: { forceSync: 'yes' },
  },
  storage: {
    data: { size: '10Gi', storageClassName: 'fast' },
    log: { size: '10Gi', storageClassName: 'fast' },
    retention: { onDelete: 'Retain', onScaleDown: 'Delete' },
  },
  podTemplate: {
    labels: { a: 'b' },
    annotations: { a: 'b' },
    resources: { requests: { cpu: 1 }, limits: { memory: '1Gi' } },
    env: [{ name: 'A', value: 'b' }],
    antiAffinity: 'Required',
    zoneSpread: 'None',
    affinity: {},
    nodeSelector: { a: 'b' },
    tolerations: [{}],
    priorityClassName: 'a',
    serviceAccountName: 'a',
    terminationGracePeriodSeconds: 60,
    securityContext: {},
  },
  services: {
    client: { type: 'NodePort', labels: { a: 'b' }, annotations: { a: 'b' } },
    clusterDomain: 'cluster.local',
  },
  updateStrategy: {
    type: 'LeaderLast',
    minReadySeconds: 10,
    maxLagTxns: 100,
    progressDeadlineSeconds: 600,
  },
  disruptionBudget: { enabled: true },
  restartedAt: 'now',
  paused: false,
  hibernate: false,
};

function specSchema(): Schema {
  const spec = schema.properties?.['spec'];
  assert.ok(spec !== undefined);
  return spec;
}

/** Paths that the schema knows and the value lacks, or the other way round. */
function differences(at: string, of: Schema, value: unknown): string[] {
  if (of.properties === undefined || typeof value !== 'object' || value === null) return [];
  const fields = value as Record<string, unknown>;
  const names = new Set([...Object.keys(of.properties), ...Object.keys(fields)]);
  return [...names].flatMap((name) => {
    const path = `${at}.${name}`;
    const child = of.properties?.[name];
    if (child === undefined) return [`${path} is not in the schema`];
    if (!(name in fields)) return [`${path} is not in the types`];
    return differences(path, child, fields[name]);
  });
}

/** What the API server makes of an object: defaults, outermost first. */
function defaulted(of: Schema, value: unknown): unknown {
  const present = value === undefined ? structuredClone(of.default) : value;
  if (of.properties === undefined || typeof present !== 'object' || present === null)
    return present;
  const result: Record<string, unknown> = { ...present };
  for (const [name, child] of Object.entries(of.properties)) {
    const filled = defaulted(child, result[name]);
    if (filled !== undefined) result[name] = filled;
  }
  return result;
}

function walk(of: Schema, visit: (schema: Schema, path: string) => void, path = ''): void {
  visit(of, path);
  for (const [name, child] of Object.entries(of.properties ?? {})) {
    walk(child, visit, `${path}.${name}`);
  }
  if (of.items !== undefined) walk(of.items, visit, `${path}[]`);
  if (of.additionalProperties !== undefined) walk(of.additionalProperties, visit, `${path}.*`);
}

test('schema and types have the same fields', () => {
  const ephemeral = {
    storage: { ...kitchenSink.storage, ephemeral: { sizeLimit: '1Gi', medium: 'Memory' } },
  };
  assert.deepEqual(differences('spec', specSchema(), { ...kitchenSink, ...ephemeral }), []);
});

test('the defaults of the schema are those of the code', () => {
  const fromSchema = defaulted(specSchema(), {}) as ZkEnsembleSpec;
  assert.deepEqual(withDefaults(fromSchema), withDefaults({}));
  assert.equal(withDefaults(fromSchema).data?.size, '10Gi');
});

test('the smallest ensemble is valid', () => {
  const smallest = parse(readFileSync(new URL('ensemble.yaml', root), 'utf8')) as ZkEnsemble;
  const validated = validate(smallest);
  assert.ok('valid' in validated);
  assert.equal(validated.valid.name, 'zookeeper');
  assert.equal(validated.valid.spec.replicas, 3);
});

test('the kitchen sink is valid', () => {
  const ensemble = { apiVersion: '', kind: '', metadata: { name: 'a' }, spec: kitchenSink };
  assert.ok('valid' in validate(ensemble));
});

test('the schema refuses every key that the code refuses', () => {
  const rules = specSchema().properties?.['config']?.properties?.['properties'];
  const rule = rules?.['x-kubernetes-validations']?.[0]?.rule ?? '';
  const inSchema = [...rule.matchAll(/startsWith\('([^']+)'\)/g)].map((match) => match[1]);
  assert.deepEqual(inSchema, ownedKeys);
});

test('every field of the spec is described', () => {
  walk(specSchema(), (of, path) => {
    if (path === '' || path.endsWith('[]') || path.endsWith('.*')) return;
    assert.ok((of.description ?? '').length > 5, path);
  });
});

test('every rule has a sentence, and every list and map a bound', () => {
  walk(specSchema(), (of, path) => {
    for (const { rule, message } of of['x-kubernetes-validations'] ?? []) {
      assert.ok(message !== undefined && message.length > 10, `${path}: ${rule}`);
    }
    if (of.type === 'array') assert.ok(of.maxItems !== undefined, `${path} has maxItems`);
    if (of.additionalProperties !== undefined) {
      assert.ok(of.maxProperties !== undefined, `${path} has maxProperties`);
    }
  });
});

test('every rule holds for a default as it is written, before defaults of its own fields', () => {
  // An API server evaluates rules on the default itself, and a field that is absent is an error.
  walk(specSchema(), (of, path) => {
    if (typeof of.default !== 'object' || of.default === null) return;
    for (const { rule } of of['x-kubernetes-validations'] ?? []) {
      for (const [, field = ''] of rule.matchAll(/\bself\.([A-Za-z]+)/g)) {
        const guard = rule.search(new RegExp(`has\\(self\\.${field}\\)`));
        const isSafe =
          field in of.default || (guard >= 0 && guard <= rule.indexOf(`self.${field}`));
        assert.ok(isSafe || field === 'all', `${path}: ${field} in ${rule}`);
      }
    }
  });
});

test('every printer column and every condition has its place in the status', () => {
  for (const { name, jsonPath } of version.additionalPrinterColumns) {
    if (jsonPath.startsWith('.metadata.')) continue;
    let at: Schema | undefined = schema;
    for (const part of jsonPath.slice(1).split('.')) at = at?.properties?.[part];
    assert.ok(at !== undefined, `${name}: ${jsonPath}`);
  }
  assert.deepEqual(Object.keys(version.subresources).toSorted(), ['scale', 'status']);
  assert.equal(new Set(conditionTypes).size, conditionTypes.length);
});

for (const [field, spec] of [
  ['spec.replicas', { replicas: 2 }],
  ['spec.observers.replicas', { observers: { replicas: 65 } }],
  ['spec.memberIdOffset', { memberIdOffset: 91 }],
  ['spec.config.tickTime', { config: { tickTime: 0 } }],
  ['spec.config', { config: { minSessionTimeout: 2, maxSessionTimeout: 1 } }],
  ['spec.config.properties[a b]', { config: { properties: { 'a b': '' } } }],
  ['spec.config.properties[a]', { config: { properties: { a: '1\nserver.9=x' } } }],
  ['spec.config.properties[skipACL]', { config: { properties: { skipACL: 'yes' } } }],
  ['spec.storage', { storage: { data: {}, ephemeral: {} } }],
  ['spec.storage.log', { storage: { ephemeral: {}, log: {} } }],
  ['spec.storage.ephemeral', { replicas: 1, storage: { ephemeral: {} } }],
  ['spec.storage.data.size', { storage: { data: { size: 'big' } } }],
  ['spec.services.clusterDomain', { services: { clusterDomain: 'a\nb' } }],
  ['spec.podTemplate.env[ZK_DATA_DIR]', { podTemplate: { env: [{ name: 'ZK_DATA_DIR' }] } }],
] satisfies [string, ZkEnsembleSpec][]) {
  test(`${field} ${JSON.stringify(spec)} is refused by name`, () => {
    const validated = validate({ apiVersion: '', kind: '', metadata: { name: 'a' }, spec });
    assert.ok('problems' in validated);
    assert.deepEqual(
      validated.problems.map((problem) => problem.field),
      [field],
    );
  });
}

test('a name that is too long for its pods is refused', () => {
  const name = 'a'.repeat(41);
  assert.ok('problems' in validate({ apiVersion: '', kind: '', metadata: { name } }));
});
