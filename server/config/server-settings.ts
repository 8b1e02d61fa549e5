import type { ConfigValues } from './config-values.ts';
import { limits } from './limits.ts';
import { anyHost } from './host-address.ts';
import { tlsSettings, type TlsSettings } from './tls-settings.ts';

/** What the operator of a server may say beyond `ServerConfig`, every standard value filled in. */
export type ServerSettings = ReturnType<typeof serverSettings>;

type Address = { readonly host: string; readonly port: number } | null;

/** Source: configuration, sections 2, 5, 6 and 7. */
export function serverSettings(values: ConfigValues): {
  readonly listen: ReturnType<typeof listenSettings>;
  readonly storage: ReturnType<typeof storageSettings>;
  readonly sessions: ReturnType<typeof sessionSettings>;
  readonly requests: ReturnType<typeof requestSettings>;
  readonly quorum: ReturnType<typeof quorumSettings>;
  readonly security: ReturnType<typeof securitySettings>;
  readonly clientTls: TlsSettings;
  readonly quorumTls: TlsSettings;
  readonly admin: ReturnType<typeof adminSettings>;
  readonly metrics: ReturnType<typeof metricsSettings>;
} {
  return {
    listen: listenSettings(values),
    storage: storageSettings(values),
    sessions: sessionSettings(values),
    requests: requestSettings(values),
    quorum: quorumSettings(values),
    security: securitySettings(values),
    clientTls: tlsSettings(values, 'ssl'),
    quorumTls: tlsSettings(values, 'ssl.quorum'),
    admin: adminSettings(values),
    metrics: metricsSettings(values),
  };
}

function listenSettings(values: ConfigValues): {
  readonly secureClientAddress: Address;
  /** Connections that the system queues; -1: its own choice. */
  readonly clientBacklog: number;
  readonly clientTcpKeepAlive: boolean;
  /** The plain port takes TLS too. */
  readonly clientPortUnification: boolean;
  readonly clientCertificatesReload: boolean;
} {
  const port = values.port('secureClientPort', 'file');
  const host = values.host('secureClientPortAddress', 'file', null);
  if (host !== null && port === null) {
    const found = values.find('secureClientPortAddress', 'file');
    values.refuse('secureClientPortAddress', found, 'It needs secureClientPort beside it.');
  }
  return {
    secureClientAddress: port === null ? null : { host: host ?? anyHost, port },
    clientBacklog: values.integer('clientPortListenBacklog', 'file', -1, { min: -1 }),
    clientTcpKeepAlive: values.flag('clientTcpKeepAlive', 'property', false),
    clientPortUnification: values.flag('client.portUnification', 'property', false),
    clientCertificatesReload: values.flag('client.certReload', 'property', false),
  };
}

function storageSettings(values: ConfigValues): {
  readonly fsyncWarningMs: number;
  /** A leader hands over when a log write takes longer; 0: never. Our own. */
  readonly fsyncHandoverMs: number;
  readonly flushDelayMs: number;
  readonly batchCountMax: number;
  /** 0: no limit. */
  readonly logBytesMax: number;
  readonly snapshotCompression: '' | 'gz' | 'snappy';
  /** Snapshots end with the last zxid. */
  readonly snapshotZxid: boolean;
  /** Transactions that close a session name the nodes that go with it. */
  readonly closeSessionTxn: boolean;
  readonly dataDirAutocreate: boolean;
  readonly databaseAutocreate: boolean;
  /** Empty members make a new database once all of them are known to be empty. Our own. */
  readonly isBornWithAll: boolean;
  readonly forceSnapshotSync: boolean;
  /** Observers write log and snapshots. */
  readonly observersSync: boolean;
} {
  const kib = values.integer('txnLogSizeLimitInKb', 'property', -1, {
    min: -1,
    max: limits.kibibytes,
  });
  return {
    fsyncWarningMs: values.integer('fsync.warningthresholdms', 'property', 1000),
    fsyncHandoverMs: values.integer('fsync.handoverthresholdms', 'property', 0),
    flushDelayMs: values.integer('flushDelay', 'property', 0, { max: limits.durationMs }),
    batchCountMax: values.integer('maxBatchSize', 'property', 1000),
    logBytesMax: Math.max(kib, 0) * 1024,
    snapshotCompression: values.oneOf('snapshot.compression.method', 'property', '', [
      '',
      'gz',
      'snappy',
    ]),
    snapshotZxid: values.flag('serializeLastProcessedZxid.enabled', 'property', true),
    closeSessionTxn: values.flag('closeSessionTxn.enabled', 'property', true),
    dataDirAutocreate: values.flag('datadir.autocreate', 'property', true),
    databaseAutocreate: values.flag('db.autocreate', 'property', true),
    // To the reference every word but true is false.
    isBornWithAll: values.word('db.autocreate', 'property', 'unanimous'),
    forceSnapshotSync: values.flag('forceSnapshotSync', 'property', false),
    observersSync:
      values.flag('syncEnabled', 'file', true) &&
      values.flag('observer.syncEnabled', 'property', true),
  };
}

function sessionSettings(values: ConfigValues): {
  readonly localSessionsEnabled: boolean;
  readonly localSessionsUpgradingEnabled: boolean;
  readonly readOnlyModeEnabled: boolean;
  readonly emulate353TtlNodes: boolean;
} {
  return {
    localSessionsEnabled: values.flag('localSessionsEnabled', 'file', false),
    localSessionsUpgradingEnabled: values.flag('localSessionsUpgradingEnabled', 'file', false),
    readOnlyModeEnabled: values.flag('readonlymode.enabled', 'process', false),
    emulate353TtlNodes: values.flag('emulate353TTLNodes', 'property', false),
  };
}

function requestSettings(values: ConfigValues): {
  /** 0: off. */
  readonly throttleCountMax: number;
  readonly throttleStallMs: number;
  readonly throttleDropStale: boolean;
  readonly staleConnectionCheck: boolean;
  readonly staleLatencyCheck: boolean;
  /** Bytes from which a request is large; -1: none is. */
  readonly largeRequestThresholdBytes: number;
  readonly largeRequestsBytesMax: number;
  /** Token bucket for new connections; 0: off. */
  readonly connectionTokens: number;
  readonly connectionTokenFillMs: number;
  readonly connectionTokenFillCount: number;
  readonly eagerAclCheck: boolean;
  readonly isAudited: boolean;
} {
  return {
    throttleCountMax: values.integer('request_throttle_max_requests', 'property', 0),
    throttleStallMs: values.integer('request_throttle_stall_time', 'property', 100),
    throttleDropStale: values.flag('request_throttle_drop_stale', 'property', true),
    staleConnectionCheck: values.flag('request_stale_connection_check', 'property', true),
    staleLatencyCheck: values.flag('request_stale_latency_check', 'property', false),
    largeRequestThresholdBytes: values.integer('largeRequestThreshold', 'property', -1, {
      min: -1,
    }),
    largeRequestsBytesMax: values.integer('largeRequestMaxBytes', 'property', 104_857_600),
    connectionTokens: values.integer('connection_throttle_tokens', 'property', 0),
    connectionTokenFillMs: values.integer('connection_throttle_fill_time', 'property', 1, {
      min: 1,
    }),
    connectionTokenFillCount: values.integer('connection_throttle_fill_count', 'property', 1),
    eagerAclCheck: values.flag('enableEagerACLCheck', 'property', false),
    isAudited: values.flag('audit.enable', 'property', false),
  };
}

function quorumSettings(values: ConfigValues): {
  /** Ticks to connect to the leader; 0: initLimit. */
  readonly connectLimitTicks: number;
  /** -1: none in elections. */
  readonly electionReadTimeoutMs: number;
  readonly electionTcpKeepAlive: boolean;
  /** 0: for ever. */
  readonly electionPortBindRetryCount: number;
  readonly concurrentSnapSyncsMax: number;
  readonly concurrentDiffSyncsMax: number;
  readonly connectRetryMs: number;
  readonly observerReconnectDelayMs: number;
  readonly observerElectionDelayMs: number;
  readonly observerMasterPort: number | null;
  /** What is kept for an observer that is behind. */
  readonly observerBacklogBytesMax: number;
  readonly isTls: boolean;
  readonly portUnification: boolean;
  /** Changed files of key and trust stores count for new connections. */
  readonly reloadsCertificates: boolean;
  readonly sasl: {
    readonly enabled: boolean;
    readonly serverRequired: boolean;
    readonly learnerRequired: boolean;
    readonly serverContext: string;
    readonly learnerContext: string;
  };
  readonly multiAddressEnabled: boolean;
  readonly oraclePath: string | null;
} {
  const sasl = 'quorum.auth';
  return {
    connectLimitTicks: values.integer('connectToLearnerMasterLimit', 'file', 0, {
      max: limits.ticks,
    }),
    electionReadTimeoutMs: values.integer('quorumCnxnTimeoutMs', 'property', -1, { min: -1 }),
    electionTcpKeepAlive: values.flag('tcpKeepAlive', 'property', false),
    electionPortBindRetryCount: values.integer('electionPortBindRetry', 'property', 3),
    concurrentSnapSyncsMax: values.integer('leader.maxConcurrentSnapSyncs', 'property', 10),
    concurrentDiffSyncsMax: values.integer('leader.maxConcurrentDiffSyncs', 'property', 100),
    connectRetryMs: values.integer('leaderConnectDelayDuringRetryMs', 'property', 100),
    observerReconnectDelayMs: values.integer('observer.reconnectDelayMs', 'property', 0),
    observerElectionDelayMs: values.integer('observer.election.DelayMs', 'property', 200),
    observerMasterPort: values.port('observerMasterPort', 'file'),
    observerBacklogBytesMax: values.integer(
      'observerMaster.sizeLimit',
      'property',
      32 * 1024 * 1024,
      {
        min: 1,
      },
    ),
    isTls: values.flag('sslQuorum', 'file', false),
    portUnification: values.flag('portUnification', 'file', false),
    reloadsCertificates: values.flag('sslQuorumReloadCertFiles', 'file', false),
    sasl: {
      enabled: values.flag(`${sasl}.enableSasl`, 'file', false),
      serverRequired: values.flag(`${sasl}.serverRequireSasl`, 'file', false),
      learnerRequired: values.flag(`${sasl}.learnerRequireSasl`, 'file', false),
      serverContext: values.text(`${sasl}.server.saslLoginContext`, 'file') ?? 'QuorumServer',
      learnerContext: values.text(`${sasl}.learner.saslLoginContext`, 'file') ?? 'QuorumLearner',
    },
    multiAddressEnabled:
      values.flag('multiAddress.enabled', 'file', false) ||
      values.flag('multiAddress.enabled', 'property', false),
    oraclePath: values.text('oraclePath', 'file'),
  };
}

function securitySettings(values: ConfigValues): {
  readonly digestEnabled: boolean;
  /** OpenSSL's name. */
  readonly digestAlgorithm: string;
  readonly x509SuperUser: string | null;
  readonly saslSuperUser: string | null;
  readonly saslRequired: boolean;
  readonly saslFailedClientsAllowed: boolean;
  readonly authRequired: boolean;
  readonly authSchemes: readonly string[];
  readonly saslSection: string;
  readonly jaasPath: string | null;
} {
  const digest = 'DigestAuthenticationProvider';
  const schemes = values.text('enforce.auth.schemes', 'property');
  return {
    digestEnabled: values.flag(`${digest}.enabled`, 'property', true),
    digestAlgorithm: digestAlgorithm(values, `${digest}.digestAlg`),
    x509SuperUser: values.text('X509AuthenticationProvider.superUser', 'property'),
    saslSuperUser: values.text('superUser', 'property'),
    saslRequired: values.flag('sessionRequireClientSASLAuth', 'property', false),
    saslFailedClientsAllowed: values.flag('allowSaslFailedClients', 'property', false),
    authRequired: values.flag('enforce.auth.enabled', 'property', false),
    authSchemes: schemes?.split(',').map((scheme) => scheme.trim()) ?? [],
    saslSection: values.text('sasl.serverconfig', 'property') ?? 'Server',
    jaasPath: values.text('java.security.auth.login.config', 'process'),
  };
}

/** Java's names of hashes, and OpenSSL's. */
const digestAlgorithms: Readonly<Record<string, string>> = {
  SHA1: 'sha1',
  'SHA-1': 'sha1',
  SHA: 'sha1',
  'SHA-224': 'sha224',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
  'SHA3-224': 'sha3-224',
  'SHA3-256': 'sha3-256',
  'SHA3-384': 'sha3-384',
  'SHA3-512': 'sha3-512',
};

function digestAlgorithm(values: ConfigValues, key: string): string {
  const name = values.oneOf(key, 'property', 'SHA1', Object.keys(digestAlgorithms));
  return digestAlgorithms[name] ?? 'sha1';
}

function adminSettings(values: ConfigValues): {
  readonly commandUrl: string;
  readonly idleTimeoutMs: number;
  readonly rateLimiterIntervalMs: number;
  readonly snapshotEnabled: boolean;
  readonly restoreEnabled: boolean;
  readonly portUnification: boolean;
  readonly forceHttps: boolean;
  readonly needClientAuth: boolean;
} {
  return {
    commandUrl: values.text('admin.commandURL', 'property') ?? '/commands',
    idleTimeoutMs: values.integer('admin.idleTimeout', 'property', 30_000),
    rateLimiterIntervalMs: values.integer('admin.rateLimiterIntervalInMS', 'property', 300_000),
    snapshotEnabled: values.flag('admin.snapshot.enabled', 'property', true),
    restoreEnabled: values.flag('admin.restore.enabled', 'property', true),
    portUnification: values.flag('admin.portUnification', 'property', false),
    forceHttps: values.flag('admin.forceHttps', 'property', false),
    needClientAuth: values.flag('admin.needClientAuth', 'property', false),
  };
}

function metricsSettings(values: ConfigValues): {
  readonly className: string;
  readonly isPrometheus: boolean;
  readonly host: string;
  readonly port: number;
} {
  const className =
    values.text('metricsProvider.className', 'file') ??
    'org.apache.zookeeper.metrics.impl.DefaultMetricsProvider';
  return {
    className,
    isPrometheus: className.endsWith('.PrometheusMetricsProvider'),
    host: values.host('metricsProvider.httpHost', 'file', anyHost),
    port: values.port('metricsProvider.httpPort', 'file') ?? 7000,
  };
}
