import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { parseTemplate, render } from './render.ts';
import type { Rendering } from './render.ts';

// Goal: the chart renders to objects that Kubernetes takes, with no more rights than needed, and
// its CRD, dashboard and alerts are those of this version.
// Method: a small reader of the part of Go templates that the chart uses; every set of values is
// rendered, read back as YAML and looked at.

const root = new URL('../../', import.meta.url);
const chartUrl = new URL('charts/zkensemble-operator/', root);
const read = (path: string): string => readFileSync(new URL(path, chartUrl), 'utf8');
const chart = parse(read('Chart.yaml')) as Record<string, string>;
const defaults = parse(read('values.yaml')) as Values;

interface Values {
  readonly [key: string]: unknown;
}

interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Record<string, string>;
  };
  readonly [field: string]: unknown;
}

function objectsOf(values: Values = {}): Rendered[] {
  const rendering: Rendering = { definitions: new Map(), files: read };
  const names = readdirSync(new URL('templates/', chartUrl)).filter((each) => each !== 'NOTES.txt');
  const dot = {
    Values: { ...defaults, ...values },
    Chart: { Name: chart['name'], Version: chart['version'], AppVersion: chart['appVersion'] },
    Release: { Name: 'zk', Namespace: 'system', Service: 'Helm' },
  };
  // Definitions first: a file that begins with an underscore sorts before all others.
  return names.toSorted().flatMap((name) => {
    const text = render(parseTemplate(read(`templates/${name}`), rendering), dot, rendering);
    return parseAllDocuments(text).flatMap((document) => {
      assert.deepEqual(document.errors, [], name);
      const object = document.toJS() as Rendered | null;
      return object === null ? [] : [object];
    });
  });
}

function find(objects: readonly Rendered[], kind: string, name?: string): Rendered {
  const found = objects.find(
    (each) => each.kind === kind && (name === undefined || each.metadata.name === name),
  );
  assert.ok(found !== undefined, `${kind} ${name ?? ''}`);
  return found;
}

const everything: Values = {
  image: { repository: 'my/zk', tag: '9', pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'secret' }],
  serverImage: 'my/server:8',
  replicas: 2,
  watchNamespaces: ['a', 'b'],
  serviceAccount: { name: 'mine', annotations: { 'a/b': 'c' } },
  podLabels: { team: 'x' },
  podAnnotations: { note: 'y' },
  nodeSelector: { disk: 'ssd' },
  tolerations: [{ key: 'k', operator: 'Exists' }],
  affinity: { nodeAffinity: {} },
  priorityClassName: 'high',
  serviceMonitor: { enabled: true, members: true, interval: '10s', labels: { release: 'p' } },
  prometheusRule: { enabled: true, labels: { release: 'p' } },
  dashboard: { enabled: true, labels: { grafana_dashboard: '1' } },
};

for (const [what, values] of [
  ['the defaults', {}],
  ['everything', everything],
  [
    'monitors without members',
    { serviceMonitor: { ...Object(everything['serviceMonitor']), members: false } },
  ],
  ['one namespace', { watchNamespaces: ['a'] }],
] satisfies [string, Values][]) {
  test(`${what} render to whole objects`, () => {
    const objects = objectsOf(values);
    assert.ok(objects.length >= 6);
    const keys = objects.map(
      ({ kind, metadata }) => `${kind} ${metadata.namespace} ${metadata.name}`,
    );
    assert.equal(new Set(keys).size, keys.length, 'each name once');
    for (const { apiVersion, metadata } of objects) {
      assert.ok(apiVersion.length > 0);
      assert.ok(metadata.name.length <= 63);
      assert.equal(metadata.labels['app.kubernetes.io/instance'], 'zk');
      assert.equal(metadata.labels['app.kubernetes.io/managed-by'], 'Helm');
    }
  });
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly securityContext: object;
  readonly nodeSelector?: object;
  readonly containers: readonly [
    {
      readonly image: string;
      readonly command: readonly string[];
      readonly env: readonly { readonly name: string; readonly value?: string }[];
      readonly securityContext: object;
      readonly resources: object;
    },
  ];
}

function podOf(objects: readonly Rendered[]): PodSpec {
  const spec = find(objects, 'Deployment')['spec'] as { template: { spec: PodSpec } };
  return spec.template.spec;
}

test('the operator runs restricted, as its account, from its image', () => {
  const pod = podOf(objectsOf());
  const [container] = pod.containers;
  assert.equal(container.image, `zkensemble:${chart['appVersion']}`);
  assert.deepEqual(container.command, ['node', 'operator/bin/zk-operator.ts']);
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  assert.deepEqual(pod.securityContext, {
    runAsNonRoot: true,
    runAsUser: 1000,
    runAsGroup: 1000,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  const account = find(objectsOf(), 'ServiceAccount').metadata.name;
  assert.equal(pod.serviceAccountName, account);
});

test('values reach the operator', () => {
  const pod = podOf(objectsOf(everything));
  const env = Object.fromEntries(pod.containers[0].env.map(({ name, value }) => [name, value]));
  assert.equal(pod.containers[0].image, 'my/zk:9');
  assert.equal(env['WATCH_NAMESPACES'], 'a,b');
  assert.equal(env['SERVER_IMAGE'], 'my/server:8');
  assert.deepEqual(pod.nodeSelector, { disk: 'ssd' });
  assert.equal(pod.serviceAccountName, 'mine');
});

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

function rulesOf(objects: readonly Rendered[]): Rule[] {
  return objects
    .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
    .flatMap((role) => role['rules'] as Rule[]);
}

test('no secret, no exec, no deletion of volumes, no wildcard', () => {
  for (const { apiGroups, resources, verbs } of rulesOf(objectsOf())) {
    assert.ok(![...apiGroups, ...resources, ...verbs].includes('*'));
    assert.ok(!resources.includes('secrets'));
    assert.ok(!resources.includes('pods/exec'));
    if (!verbs.includes('delete')) continue;
    for (const each of resources) assert.match(each, /^(poddisruptionbudgets|configmaps)$/);
  }
});

test('named namespaces need no rights beyond them', () => {
  const objects = objectsOf(everything);
  assert.ok(objects.every(({ kind }) => !kind.startsWith('Cluster')));
  const namespaces = objects
    .filter(({ kind, metadata }) => kind === 'Role' && !metadata.name.endsWith('-lease'))
    .map(({ metadata }) => metadata.namespace);
  assert.deepEqual(namespaces, ['a', 'b']);
});

test('every kind that the operator asks for is allowed, and nothing is allowed that it never asks', () => {
  const source = readFileSync(new URL('operator/kube/resources.ts', root), 'utf8');
  const used = [...source.matchAll(/plural: '(\w+)'/g)].map((match) => match[1]);
  const allowed = new Set(
    rulesOf(objectsOf()).flatMap(({ resources }) => resources.map((each) => each.split('/')[0])),
  );
  assert.deepEqual(allowed, new Set(used));
});

test('the CRD of the chart is the CRD', () => {
  const own = readFileSync(new URL('crds/zkensembles.yaml', root), 'utf8');
  assert.equal(read('crds/zkensembles.yaml'), own);
});

test('package, chart and image have one version', () => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
    version: string;
  };
  assert.equal(chart['version'], version);
  assert.equal(chart['appVersion'], version);
});

interface SchemaOf {
  readonly properties?: Readonly<Record<string, SchemaOf>>;
  readonly additionalProperties?: unknown;
}

test('every value is in the schema, which lets nothing else in', () => {
  const schema = JSON.parse(read('values.schema.json')) as SchemaOf;
  const walk = (of: SchemaOf, value: unknown, path: string): void => {
    if (of.properties === undefined || typeof value !== 'object' || value === null) return;
    assert.equal(of.additionalProperties, false, path);
    for (const [key, child] of Object.entries(value)) {
      const found = of.properties[key];
      assert.ok(found !== undefined, `${path}.${key}`);
      walk(found, child, `${path}.${key}`);
    }
  };
  walk(schema, defaults, 'values');
  walk(schema, everything, 'values');
});

/** Names of metrics in a query: words that are no function, label, keyword or number. */
function metricsIn(expression: string): string[] {
  const bare = expression
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(?:by|on)\s*\([^)]*\)/g, '');
  const words = bare.match(/[a-z_][a-z0-9_]*(?!\s*\()\b/g) ?? [];
  const language = new Set([
    'and',
    'or',
    'on',
    'by',
    'sum',
    'max',
    'min',
    'rate',
    'increase',
    'changes',
    'label_values',
  ]);
  return words.filter((word) => !language.has(word) && word.includes('_'));
}

/** Every name of a metric that the sources of server and operator know. */
function knownMetrics(): Set<string> {
  const files = ['server/admin/metrics.ts', 'server/admin/monitor.ts', 'operator/http/metrics.ts'];
  const text = files.map((file) => readFileSync(new URL(file, root), 'utf8')).join('\n');
  const quoted = [...text.matchAll(/'([a-z][a-z0-9_]*_[a-z0-9_]*)'/g)].map(
    (match) => match[1] ?? '',
  );
  const zxids = ['zk_zxid', 'zk_last_logged_zxid', 'zk_config_version'];
  return new Set([...quoted, ...zxids.flatMap((name) => [`${name}_epoch`, `${name}_counter`])]);
}

test('every panel and every alert asks for a metric that exists', () => {
  const dashboard = JSON.parse(read('dashboards/ensemble.json')) as {
    panels: { title: string; targets: { expr: string }[] }[];
    templating: { list: { query: string | { query: string } }[] };
  };
  const rules = parse(read('dashboards/rules.yaml')) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  const known = knownMetrics();
  const asked = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr)),
  ];
  assert.ok(asked.length > 20);
  for (const expression of asked) {
    const metrics = metricsIn(expression);
    assert.ok(metrics.length > 0, expression);
    for (const metric of metrics) assert.ok(known.has(metric), `${metric} in ${expression}`);
  }
});

test('role, epoch, zxid and lag have panels', () => {
  const text = read('dashboards/ensemble.json');
  for (const metric of ['zk_member_role', 'zk_epoch', 'zk_zxid_counter', 'zk_follower_lag_txns']) {
    assert.ok(text.includes(metric), metric);
  }
});
