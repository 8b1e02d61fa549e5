import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Feature } from '../../server/config/features.ts';
import {
  loadServerConfig,
  pathsOf,
  problemText,
  type ConfigSources,
  type LoadedConfig,
} from '../../server/config/load-config.ts';
import type { ConfigProblem } from '../../server/config/zoo-cfg.ts';

// Goal: every key means what it means to the reference, and a wrong value is refused with its line
// and what to write instead.
// Method: texts in, configurations or problems out; each rule with its limit on both sides.

const solo = 'dataDir=/data\nclientPort=2181\n';
const trio = `dataDir=/data
clientPort=2181
initLimit=10
syncLimit=5
server.1=a:2888:3888
server.2=b:2888:3888
server.3=c:2888:3888
`;

function load(
  text: string,
  more: Partial<ConfigSources> = {},
): ReturnType<typeof loadServerConfig> {
  return loadServerConfig({
    text,
    myidText: '1\n',
    dynamicText: null,
    systemProperties: new Map(),
    ...more,
  });
}

function accepted(text: string, more: Partial<ConfigSources> = {}): LoadedConfig {
  const loaded = load(text, more);
  if ('problems' in loaded)
    assert.fail(loaded.problems.map((p) => problemText('zoo.cfg', p)).join('\n'));
  return loaded;
}

function refused(text: string, more: Partial<ConfigSources> = {}): readonly ConfigProblem[] {
  const loaded = load(text, more);
  assert('problems' in loaded, `accepted: ${text}`);
  for (const problem of loaded.problems) assert.match(problem.remedy, /\.$/);
  return loaded.problems;
}

test('two lines are a standalone server with the standard values of the reference', () => {
  const { config, warnings } = accepted(solo);
  assert.deepEqual(warnings, []);
  const { raw, fourLetterWords, ...rest } = config;
  assert.deepEqual(
    [...raw],
    [
      ['dataDir', '/data'],
      ['clientPort', '2181'],
    ],
  );
  assert.deepEqual([...fourLetterWords], ['srvr']);
  assert.deepEqual(rest, {
    dataDir: '/data',
    dataLogDir: '/data',
    clientAddress: { host: '0.0.0.0', port: 2181 },
    tickMs: 3000,
    initLimitTicks: 10,
    syncLimitTicks: 5,
    sessionTimeoutMsMin: 6000,
    sessionTimeoutMsMax: 60_000,
    clientConnectionsPerAddressMax: 60,
    clientConnectionsMax: 0,
    sid: 0,
    ensemble: null,
    nextEnsemble: null,
    standaloneEnabled: true,
    multiAddressEnabled: false,
    frameBytesMax: 1_048_575,
    fieldBytesMax: 2_097_150,
    quorumListenOnAllAddresses: false,
    leaderServes: true,
    admin: { enabled: true, host: '0.0.0.0', port: 8080 },
    snapCount: 100_000,
    snapBytesMax: 4 * 1024 ** 3,
    preallocateBytes: 64 * 1024 ** 2,
    commitLogCount: 500,
    snapshotSizeFactor: 0.33,
    forceSync: true,
    purgeIntervalHours: 0,
    purgeRetainCount: 3,
    snapshotTrustEmpty: false,
    digestEnabled: true,
    extendedTypesEnabled: false,
    skipAcl: false,
    enforceQuota: false,
    superDigest: null,
    reconfigEnabled: false,
    globalOutstandingMax: 1000,
    containerCheckIntervalMs: 60_000,
    containerDeletesPerMinuteMax: 10_000,
    containerNeverUsedMsMax: 0,
    sessionlessTimeoutMs: 10_000,
    electionNotificationMsMin: 200,
    electionNotificationMsMax: 60_000,
    connectTimeoutMs: 5000,
  });
  assert(Object.isFrozen(config));
});

test('three servers and a myid are an ensemble', () => {
  const { config } = accepted(`${trio}server.4=d:2888:3888:Observer;127.0.0.1:2184\n`, {
    myidText: '2',
  });
  assert.equal(config.sid, 2);
  assert.deepEqual(config.clientAddress, { host: '0.0.0.0', port: 2181 });
  assert.equal(config.ensemble?.version, 0);
  assert.deepEqual(
    config.ensemble?.servers.map(({ sid }) => sid),
    [1, 2, 3, 4],
  );
  assert.deepEqual(config.ensemble?.servers[3], {
    sid: 4,
    host: 'd',
    quorumPort: 2888,
    electionPort: 3888,
    role: 'observer',
    clientAddress: { host: '127.0.0.1', port: 2184 },
  });
});

test('members are ordered by id, not by line', () => {
  const lines = [10, 9, 2, 100].map((sid) => `server.${sid}=h${sid}:1:2`).join('\n');
  const { config } = accepted(`${solo}initLimit=1\nsyncLimit=1\n${lines}`, { myidText: '9' });
  assert.deepEqual(
    config.ensemble?.servers.map(({ sid }) => sid),
    [2, 9, 10, 100],
  );
});

/** Key line, the place in the configuration, the value. */
const values: readonly [string, (loaded: LoadedConfig) => unknown, unknown][] = [
  [
    'tickTime=2000',
    ({ config }) => [config.sessionTimeoutMsMin, config.sessionTimeoutMsMax],
    [4000, 40_000],
  ],
  ['minSessionTimeout=-1', ({ config }) => config.sessionTimeoutMsMin, 6000],
  ['maxSessionTimeout=90000', ({ config }) => config.sessionTimeoutMsMax, 90_000],
  ['dataLogDir=/log/', ({ config }) => config.dataLogDir, '/log'],
  ['clientPortAddress=[::1]', ({ config }) => config.clientAddress?.host, '::1'],
  ['maxClientCnxns=0', ({ config }) => config.clientConnectionsPerAddressMax, 0],
  ['maxClientCnxns=-1', ({ config }) => config.clientConnectionsPerAddressMax, 0],
  ['maxCnxns=7', ({ config }) => config.clientConnectionsMax, 7],
  ['snapCount=1', ({ config }) => config.snapCount, 2],
  ['snapSizeLimitInKb=-1', ({ config }) => config.snapBytesMax, 0],
  ['preAllocSize=64', ({ config }) => config.preallocateBytes, 65_536],
  ['snapshotSizeFactor=-1', ({ config }) => config.snapshotSizeFactor, -1],
  ['forceSync=no', ({ config }) => config.forceSync, false],
  ['forceSync=off', ({ config }) => config.forceSync, true],
  ['leaderServes=no', ({ config }) => config.leaderServes, false],
  ['leaderServes=YES', ({ config }) => config.leaderServes, true],
  ['skipACL=yes', ({ config }) => config.skipAcl, true],
  ['skipACL=true', ({ config }) => config.skipAcl, false],
  ['extendedTypesEnabled=TRUE', ({ config }) => config.extendedTypesEnabled, true],
  ['extendedTypesEnabled=yes', ({ config }) => config.extendedTypesEnabled, false],
  ['digest.enabled=false', ({ config }) => config.digestEnabled, false],
  ['autopurge.snapRetainCount=1', ({ config }) => config.purgeRetainCount, 3],
  ['autopurge.purgeInterval=24', ({ config }) => config.purgeIntervalHours, 24],
  [
    '4lw.commands.whitelist=stat, ruok,*',
    ({ config }) => [...config.fourLetterWords],
    ['stat', 'ruok', '*'],
  ],
  ['admin.enableServer=false', ({ config }) => config.admin.enabled, false],
  ['admin.serverPort=0', ({ config }) => config.admin.port, 0],
  ['reconfigEnabled=True', ({ config }) => config.reconfigEnabled, true],
  [
    'DigestAuthenticationProvider.superDigest=super:xQ=',
    ({ config }) => config.superDigest,
    'super:xQ=',
  ],
  ['clientPort=0', ({ config }) => config.clientAddress, null],
  ['snapCount=', ({ config }) => config.snapCount, 100_000],
  ['a.key.nobody.knows=1', ({ config }) => config.raw.get('a.key.nobody.knows'), '1'],
  ['datadir.autocreate=false', ({ settings }) => settings.storage.dataDirAutocreate, false],
  ['db.autocreate=false', ({ settings }) => settings.storage.databaseAutocreate, false],
  ['db.autocreate=unanimous', ({ settings }) => settings.storage.databaseAutocreate, false],
  ['db.autocreate=Unanimous', ({ settings }) => settings.storage.isBornWithAll, true],
  ['db.autocreate=true', ({ settings }) => settings.storage.isBornWithAll, false],
  ['fsync.handoverthresholdms=700', ({ settings }) => settings.storage.fsyncHandoverMs, 700],
  ['txnLogSizeLimitInKb=10', ({ settings }) => settings.storage.logBytesMax, 10_240],
  ['syncEnabled=false', ({ settings }) => settings.storage.observersSync, false],
  ['observer.syncEnabled=false', ({ settings }) => settings.storage.observersSync, false],
  ['commitLogCount=7', ({ config }) => config.commitLogCount, 7],
  ['cnxTimeout=7', ({ config }) => config.connectTimeoutMs, 7],
  ['fastleader.minNotificationInterval=7', ({ config }) => config.electionNotificationMsMin, 7],
  ['fastleader.maxNotificationInterval=7', ({ config }) => config.electionNotificationMsMax, 7],
  ['nio.sessionlessCnxnTimeout=7', ({ config }) => config.sessionlessTimeoutMs, 7],
  [
    'connection_throttle_fill_count=7',
    ({ settings }) => settings.requests.connectionTokenFillCount,
    7,
  ],
  ['jute.maxbuffer.extrasize=7', ({ config }) => config.fieldBytesMax, 1_048_582],
  ['observerMasterPort=7', ({ settings }) => settings.quorum.observerMasterPort, 7],
  ['sasl.serverconfig=Zk', ({ settings }) => settings.security.saslSection, 'Zk'],
  ['superUser=ann', ({ settings }) => settings.security.saslSuperUser, 'ann'],
  [
    'ssl.trustStore.location=/k/ca.p12',
    ({ settings }) => settings.clientTls.trustStore?.type,
    'PKCS12',
  ],
  ['ssl.protocol=TLSv1.2', ({ settings }) => settings.clientTls.protocol, 'TLSv1.2'],
  [
    'ssl.enabledProtocols=TLSv1.3',
    ({ settings }) => settings.clientTls.enabledProtocols,
    ['TLSv1.3'],
  ],
  ['ssl.ciphersuites=A, B', ({ settings }) => settings.clientTls.cipherSuites, ['A', 'B']],
  [
    'ssl.handshakeDetectionTimeoutMillis=7',
    ({ settings }) => settings.clientTls.handshakeDetectionTimeoutMs,
    7,
  ],
  [
    'ssl.quorum.trustStore.location=/k/ca.p12',
    ({ settings }) => settings.quorumTls.trustStore?.type,
    'PKCS12',
  ],
  ['ssl.quorum.protocol=TLSv1.2', ({ settings }) => settings.quorumTls.protocol, 'TLSv1.2'],
  [
    'ssl.quorum.enabledProtocols=TLSv1.3',
    ({ settings }) => settings.quorumTls.enabledProtocols,
    ['TLSv1.3'],
  ],
  ['ssl.quorum.ciphersuites=A, B', ({ settings }) => settings.quorumTls.cipherSuites, ['A', 'B']],
  [
    'ssl.quorum.handshakeDetectionTimeoutMillis=7',
    ({ settings }) => settings.quorumTls.handshakeDetectionTimeoutMs,
    7,
  ],
  ['admin.commandURL=/c', ({ settings }) => settings.admin.commandUrl, '/c'],
  ['admin.idleTimeout=7', ({ settings }) => settings.admin.idleTimeoutMs, 7],
  ['metricsProvider.httpPort=7', ({ settings }) => settings.metrics.port, 7],
  ['metricsProvider.httpHost=::1', ({ settings }) => settings.metrics.host, '::1'],
  ['connection_throttle_tokens=5', ({ settings }) => settings.requests.connectionTokens, 5],
  [
    'metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider',
    ({ settings }) => [settings.metrics.isPrometheus, settings.metrics.port],
    [true, 7000],
  ],
  [
    'ssl.keyStore.location=/k/server.pem',
    ({ settings }) => settings.clientTls.keyStore?.type,
    'PEM',
  ],
  ['ssl.quorum.clientAuth=WANT', ({ settings }) => settings.quorumTls.clientAuth, 'want'],
];

for (const [line, place, expected] of values) {
  test(`${line}: ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(place(accepted(`${solo}${line}\n`)), expected);
  });
}

const wrong: readonly [string, string][] = [
  ['tickTime=0', 'tickTime'],
  ['tickTime=2s', 'tickTime'],
  ['tickTime=99999999999', 'tickTime'],
  ['clientPort=65536', 'clientPort'],
  ['clientPort=-1', 'clientPort'],
  ['minSessionTimeout=70000', 'minSessionTimeout'],
  ['maxSessionTimeout=5', 'maxSessionTimeout'],
  ['electionAlg=0', 'electionAlg'],
  ['peerType=voter', 'peerType'],
  ['standaloneEnabled=yes', 'standaloneEnabled'],
  ['reconfigEnabled=1', 'reconfigEnabled'],
  ['snapCount=many', 'snapCount'],
  ['snapshotSizeFactor=1/3', 'snapshotSizeFactor'],
  ['globalOutstandingLimit=0', 'globalOutstandingLimit'],
  ['secureClientPortAddress=x', 'secureClientPortAddress'],
  ['clientPortAddress=a b', 'clientPortAddress'],
  ['admin.serverAddress=[::1', 'admin.serverAddress'],
  ['ssl.keyStore.location=/k/server', 'ssl.keyStore.location'],
  ['snapshot.compression.method=zip', 'snapshot.compression.method'],
  ['quorum.auth.serverRequireSasl=true', 'quorum.auth.serverRequireSasl'],
];

for (const [line, key] of wrong) {
  test(`${line} is refused with its line`, () => {
    const problem = refused(`${solo}${line}\n`).find((found) => found.key === key);
    assert.equal(problem?.line, 3);
    assert.equal(problem.value, line.slice(line.indexOf('=') + 1));
  });
}

test('every problem is reported at once, in the order of the lines', () => {
  const problems = refused('tickTime=0\nclientPort=x\nelectionAlg=1\n');
  assert.deepEqual(
    problems.map(({ key, line }) => [key, line]),
    [
      ['dataDir', 0],
      ['tickTime', 1],
      ['clientPort', 2],
      ['electionAlg', 3],
    ],
  );
  assert.match(
    problemText('zoo.cfg', problems[1] as ConfigProblem),
    /^zoo\.cfg:1: tickTime=0: It must be/,
  );
});

test('secrets are not shown when their line is wrong', () => {
  for (const key of ['ssl.keyStore.password', 'DigestAuthenticationProvider.superDigest']) {
    const [problem] = refused(`${solo}${key}=se\\uXcret\n`);
    const text = problemText('zoo.cfg', problem as ConfigProblem);
    assert.match(text, /^zoo\.cfg:3: .*=\*\*\*: /);
    assert.doesNotMatch(text, /cret/);
  }
});

test('a property comes from the command line, and the file overrides it', () => {
  const systemProperties = new Map([
    ['zookeeper.snapCount', '10'],
    ['zookeeper.preAllocSize', '64'],
    ['jute.maxbuffer', '0x9fffff'],
    ['zookeeper.tickTime', '1'],
    ['znode.container.checkIntervalMs', '5'],
  ]);
  const { config } = accepted(`${solo}snapCount=20\n`, { systemProperties });
  assert.equal(config.snapCount, 20);
  assert.equal(config.preallocateBytes, 65_536);
  assert.equal(config.frameBytesMax, 0x9fffff);
  assert.equal(config.tickMs, 3000, 'a key of the file alone');
  assert.equal(config.containerCheckIntervalMs, 5);
});

test('with read-only mode, isro is answered without a whitelist', () => {
  const systemProperties = new Map([['readonlymode.enabled', 'true']]);
  const features = new Set<Feature>(['readOnlyMode']);
  const { config, settings } = accepted(trio, { systemProperties, features });
  assert.deepEqual([...config.fourLetterWords], ['srvr', 'isro']);
  assert.equal(settings.sessions.readOnlyModeEnabled, true);
});

test('a process property in the file has no effect and is pointed out', () => {
  const { config, warnings } = accepted(`${solo}jute.maxbuffer=5000\n`);
  assert.equal(config.frameBytesMax, 1_048_575);
  assert.deepEqual(
    warnings.map(({ key, line }) => [key, line]),
    [['jute.maxbuffer', 3]],
  );
  assert.match(warnings[0]?.remedy ?? '', /-Djute\.maxbuffer=5000/);
});

test('a wrong property of the command line has no line', () => {
  const systemProperties = new Map([['zookeeper.snapCount', 'x']]);
  assert.deepEqual(
    refused(solo, { systemProperties }).map(({ line, value }) => [line, value]),
    [[0, 'x']],
  );
});

test('paths to read first', () => {
  assert.deepEqual(pathsOf(solo), { dataDir: '/data', dynamicConfigFile: null });
  assert.deepEqual(pathsOf('dynamicConfigFile = /c/zoo.cfg.dynamic\n'), {
    dataDir: null,
    dynamicConfigFile: '/c/zoo.cfg.dynamic',
  });
});

test('what means something only among others is pointed out to a server that is alone', () => {
  const systemProperties = new Map([['readonlymode.enabled', 'true']]);
  const features = new Set<Feature>(['localSessions', 'readOnlyMode']);
  const text = `${solo}localSessionsEnabled=true\n`;
  const { warnings } = accepted(text, { systemProperties, features });
  assert.deepEqual(
    warnings.map(({ key, line }) => [key, line]),
    [
      ['localSessionsEnabled', 3],
      ['readonlymode.enabled', 0],
    ],
  );
});

test('what protects is refused where it cannot be done; the rest is a warning', () => {
  const tls = 'secureClientPort=2281\nssl.keyStore.location=/k.pem\n';
  assert.equal(refused(`${solo}${tls}`)[0]?.key, 'secureClientPort');
  const features = new Set<Feature>(['clientTls']);
  const { settings } = accepted(`${solo}${tls}`, { features });
  assert.deepEqual(settings.listen.secureClientAddress, { host: '0.0.0.0', port: 2281 });
  assert.equal(refused(`${trio}sslQuorum=true`)[0]?.key, 'sslQuorum');
  assert.equal(refused(`${trio}quorum.auth.enableSasl=true`)[0]?.key, 'quorum.auth.enableSasl');
  const { warnings } = accepted(`${trio}localSessionsEnabled=true\n`);
  assert.deepEqual(
    warnings.map(({ key }) => key),
    ['localSessionsEnabled'],
  );
});
