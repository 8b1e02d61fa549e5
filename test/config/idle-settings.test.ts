// Goal: nothing that a configuration says is ignored in silence, and nothing else is talked about.
// Method: every known setting and the flags of real deployments, each against the words it causes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Feature } from '../../server/config/features.ts';
import { otherOptionsOf, splitOptions } from '../../server/config/jvm-flags.ts';
import { knownSettings } from '../../server/config/known-settings.ts';
import type { KnownSetting } from '../../server/config/known-settings.ts';
import { loadServerConfig } from '../../server/config/load-config.ts';
import type { ConfigProblem } from '../../server/config/zoo-cfg.ts';

const features = new Set<Feature>(['observerMaster', 'clientTls', 'audit', 'snapshotCompression']);

interface Said {
  readonly warnings: readonly ConfigProblem[];
  readonly problems: readonly ConfigProblem[];
}

/** What is said of these lines and properties beside two that every server has. */
function said(lines: readonly string[], properties: Readonly<Record<string, string>> = {}): Said {
  const loaded = loadServerConfig({
    text: ['dataDir=/data', 'clientPort=2181', ...lines].join('\n'),
    myidText: '1',
    dynamicText: null,
    systemProperties: new Map(Object.entries(properties)),
    features,
  });
  return 'problems' in loaded
    ? { problems: loaded.problems, warnings: [] }
    : { problems: [], warnings: loaded.warnings };
}

/** A name that the setting covers. */
function nameOf({ key }: KnownSetting): string {
  return key.replace('*', key.endsWith('.*') ? '1' : 'Some');
}

/** Said of a setting at a value that nobody has as a standard. */
function saidOf(setting: KnownSetting): Said {
  const name = nameOf(setting);
  if (setting.scope === 'process') return said([], { [name]: '17' });
  return said([`${name}=17`]);
}

test('every setting without effect is named, with what is so instead', () => {
  for (const setting of knownSettings.filter(({ idle }) => idle !== null)) {
    const { warnings, problems } = saidOf(setting);
    const own = [...warnings, ...problems].filter(({ key }) => key === nameOf(setting));
    assert.equal(own.length, 1, nameOf(setting));
    // A number may also be refused for what it is: then it is named all the same.
    if (warnings.length === 0) continue;
    assert.equal(own[0]?.remedy, `${setting.idle} It does nothing and may stay.`);
  }
});

test('a setting without effect at the value that is meant anyway needs no word', () => {
  for (const { key, scope, standard } of knownSettings) {
    if (standard === null || scope !== 'property') continue;
    assert.deepEqual(said([`${key}=${standard}`]), { warnings: [], problems: [] }, key);
  }
});

test('no setting is listed twice in its scope', () => {
  const names = knownSettings.map(({ key, scope }) => `${scope} ${key}`);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

const table: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>])[] = [
  ['a slip of the pen', ['snapcount=5'], {}],
  ['a name with the prefix of its property', ['zookeeper.snapCount=5'], {}],
  ['a property nobody knows', [], { 'zookeeper.maxKnots': '5' }],
  ['a key of the file as a property', [], { 'zookeeper.tickTime': '5' }],
  ['a property of Java', [], { 'java.net.preferIPv4Stack': 'true' }],
  ['a provider that is a Java class', ['authProvider.1=com.example.Ours'], {}],
  ['a factory that is a Java class', ['serverCnxnFactory=com.example.Ours'], {}],
  ['a metrics provider that is a Java class', ['metricsProvider.className=com.example.Ours'], {}],
  ['more super users', ['superUser.1=ann'], {}],
];

for (const [what, lines, properties] of table) {
  test(`${what} is named once`, () => {
    const { warnings, problems } = said(lines, properties);
    assert.deepEqual(problems, []);
    const expected = lines[0]?.split('=')[0] ?? Object.keys(properties)[0];
    assert.deepEqual(
      warnings.map(({ key }) => key),
      [expected],
    );
    assert.match(warnings[0]?.remedy ?? '', /\.$/);
  });
}

test('classes of the reference that have their counterpart are taken for it', () => {
  const auth = 'org.apache.zookeeper.server.auth';
  const lines = [
    ...['SASL', 'X509', 'Digest', 'IP'].map(
      (name, index) => `authProvider.${index}=${auth}.${name}AuthenticationProvider`,
    ),
    'metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider',
    'serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory',
  ];
  assert.deepEqual(said(lines), { warnings: [], problems: [] });
});

test('who would be let in where the reference turns them away is refused', () => {
  for (const line of [
    'authProvider.1=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider',
    'emulate353TTLNodes=true',
    'sessionRequireClientSASLAuth=true',
  ]) {
    const { problems } = said([line]);
    assert.deepEqual(
      problems.map(({ key }) => key),
      [line.split('=')[0]],
    );
  }
});

test('JVM options of a deployment are told from its properties', () => {
  const line = '-Xmx2g -Dzookeeper.snapCount=5 -XX:+UseG1GC -javaagent:/a.jar=1 -D';
  assert.deepEqual(otherOptionsOf(splitOptions(line)), [
    '-Xmx2g',
    '-XX:+UseG1GC',
    '-javaagent:/a.jar=1',
    '-D',
  ]);
});
