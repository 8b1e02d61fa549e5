import type { Scope } from './config-values.ts';

/** A setting that has a name, here or in the reference. */
export interface KnownSetting {
  /** Without the prefix of its property; `*` stands for any ending. */
  readonly key: string;
  readonly scope: Scope;
  /** How much a drop-in needs it: must, should, later, not at all; `own`: the reference has none. */
  readonly rank: 'M' | 'S' | 'L' | '-' | 'own';
  /** Why it changes nothing here, in one sentence; `null`: it does what it says. */
  readonly idle: string | null;
  /** The value that asks for nothing else than what is done anyway; `null`: none. */
  readonly standard: string | null;
}

const threads = 'It sizes threads and buffers that this server does not have.';
const caches = 'It sizes a cache that this server does without.';
const watchers = 'There is one way to keep watches here.';
const batching = 'What arrives while the disk is busy is one write anyway.';
const inner = 'It chooses between ways inside the reference.';
const pauses = 'A server that stood still always says so.';
const statistics = 'Such statistics are not kept.';
const chance = 'New sessions are refused when no token is left, never by chance.';
const weights = 'Every new session takes one token.';
const kerberos = 'There is no Kerberos here.';
const netty = 'There is one way to serve clients here.';
const reachability = 'All addresses are dialled at once, so none is looked at beforehand.';
const stale = 'Requests of a closed connection are never begun here.';
const adminIdle = 'The admin port has its standard here.';

/** Every key of the reference’s manual, and our own. Source: configuration, sections 2, 5 and 6. */
export const knownSettings: readonly KnownSetting[] = [
  ...works(
    'file',
    'M',
    `dataDir dataLogDir clientPort clientPortAddress tickTime initLimit syncLimit maxClientCnxns
    minSessionTimeout maxSessionTimeout server.* group.* weight.* dynamicConfigFile standaloneEnabled
    reconfigEnabled peerType electionAlg autopurge.snapRetainCount autopurge.purgeInterval
    metricsProvider.className metricsProvider.httpHost metricsProvider.httpPort`,
  ),
  ...works(
    'file',
    'S',
    `secureClientPort secureClientPortAddress connectToLearnerMasterLimit clientPortListenBacklog
    localSessionsEnabled localSessionsUpgradingEnabled syncEnabled quorumListenOnAllIPs sslQuorum
    quorum.auth.enableSasl quorum.auth.serverRequireSasl quorum.auth.learnerRequireSasl
    quorum.auth.server.saslLoginContext quorum.auth.learner.saslLoginContext multiAddress.enabled`,
  ),
  ...works(
    'file',
    'L',
    'observerMasterPort portUnification sslQuorumReloadCertFiles oraclePath dynamicConfigFile.*',
  ),
  idle('file', 'L', 'quorum.auth.kerberos.servicePrincipal', kerberos),
  idle('file', '-', 'quorum.cnxn.threads.size', threads),
  idle('file', 'L', 'multiAddress.reachabilityCheckTimeoutMs', reachability),
  idle('file', 'L', 'multiAddress.reachabilityCheckEnabled', reachability),
  idle('file', '-', 'metricsProvider.*', 'The metrics port has its standard here.'),
  idle('file', 'L', 'jvm.pause.monitor', pauses, 'false'),
  idle('file', 'L', 'jvm.pause.*', pauses),
  ...works(
    'property',
    'M',
    `snapCount preAllocSize commitLogCount digest.enabled serializeLastProcessedZxid.enabled
    globalOutstandingLimit extendedTypesEnabled cnxTimeout fastleader.minNotificationInterval
    fastleader.maxNotificationInterval DigestAuthenticationProvider.superDigest
    DigestAuthenticationProvider.enabled 4lw.commands.whitelist admin.enableServer
    admin.serverAddress admin.serverPort admin.commandURL`,
  ),
  ...works(
    'property',
    'S',
    `snapSizeLimitInKb txnLogSizeLimitInKb snapshotSizeFactor forceSync fsync.warningthresholdms
    snapshot.compression.method snapshot.trust.empty datadir.autocreate db.autocreate
    nio.sessionlessCnxnTimeout request_throttle_max_requests request_throttle_stall_time
    request_throttle_drop_stale request_stale_latency_check largeRequestThreshold
    largeRequestMaxBytes connection_throttle_tokens connection_throttle_fill_time
    connection_throttle_fill_count maxCnxns enforceQuota skipACL audit.enable clientTcpKeepAlive
    leaderServes quorumCnxnTimeoutMs tcpKeepAlive electionPortBindRetry
    leader.maxConcurrentSnapSyncs leader.maxConcurrentDiffSyncs leaderConnectDelayDuringRetryMs
    observer.reconnectDelayMs observer.election.DelayMs observer.syncEnabled
    DigestAuthenticationProvider.digestAlg superUser X509AuthenticationProvider.superUser
    sessionRequireClientSASLAuth enforce.auth.enabled enforce.auth.schemes sasl.serverconfig
    admin.idleTimeout admin.portUnification admin.forceHttps admin.needClientAuth jute.maxbuffer.extrasize
    multiAddress.enabled`,
  ),
  ...works(
    'property',
    'L',
    'observerMaster.sizeLimit forceSnapshotSync client.portUnification client.certReload emulate353TTLNodes',
  ),
  ...works('property', 'own', 'fsync.handoverthresholdms'),
  // No server of the reference with standard settings reads what `false` writes: features.ts says so.
  ...works('property', 'M', 'closeSessionTxn.enabled authProvider.* serverCnxnFactory'),
  idle('property', 'S', 'flushDelay', batching, '0'),
  idle('property', 'S', 'maxWriteQueuePollTime', batching),
  idle('property', 'S', 'maxBatchSize', batching, '1000'),
  ...['commitProcessor.*', 'nio.numSelectorThreads', 'nio.numWorkerThreads'].map((key) =>
    idle('property', '-', key, threads),
  ),
  ...['nio.directBufferBytes', 'nio.shutdownTimeout', 'intBufferStartingSizeBytes'].map((key) =>
    idle('property', '-', key, threads),
  ),
  idle('property', '-', 'maxResponseCacheSize', caches),
  idle('property', '-', 'maxGetChildrenResponseCacheSize', caches),
  ...['watchManagerName', 'watcherClean*', 'maxInProcessingDeadWatchers', 'bitHashCacheSize'].map(
    (key) => idle('property', '-', key, watchers),
  ),
  idle('property', 'S', 'request_stale_connection_check', stale, 'true'),
  idle('property', '-', 'request_throttler.shutdownTimeout', 'Who waits is closed at once.'),
  idle('property', 'L', 'throttled_op_wait_time', 'No request is refused for its wait.', '0'),
  ...['freeze_time', 'drop_increase', 'drop_decrease', 'decrease_ratio'].map((name) =>
    idle('property', 'L', `connection_throttle_${name}`, chance),
  ),
  idle('property', 'L', 'connection_throttle_weight_enabled', weights, 'false'),
  ...['global', 'renew', 'local'].map((name) =>
    idle('property', 'L', `connection_throttle_${name}_session_weight`, weights),
  ),
  idle(
    'property',
    'L',
    'enableEagerACLCheck',
    'The leader checks, and nobody sees a difference.',
    'false',
  ),
  idle('property', '-', 'pathStats.*', statistics),
  idle('property', '-', 'audit.impl.class', 'Java classes are not loaded.'),
  idle('property', '-', 'messageTracker.*', statistics),
  idle('property', '-', 'netty.*', netty),
  idle('property', 'L', 'leader.maxTimeToWaitForEpoch', 'initLimit bounds that wait.', '-1'),
  ...[
    'leader.closeSocketAsync',
    'learner.closeSocketAsync',
    'learner.asyncSending',
    'forward_learner_requests_to_commit_processor_disabled',
    'follower.skipLearnerRequestToNextProcessor',
    'leader.ackLoggingFrequency',
  ].map((key) => idle('property', '-', key, inner)),
  idle('property', 'S', 'superUser.*', 'Only superUser counts: there is one such user.'),
  idle(
    'property',
    'L',
    'SASLAuthenticationProvider.superPassword',
    'The JAAS file has all passwords.',
  ),
  idle('property', 'L', 'letAnySaslUserDoX', 'superUser names who has all rights.'),
  idle('property', 'L', 'allowSaslFailedClients', 'They are always refused.', 'false'),
  ...works('property', 'L', 'ensembleAuthName'),
  idle('property', 'L', 'kerberos.*', kerberos),
  idle('property', 'L', 'security.auth_to_local', kerberos, 'DEFAULT'),
  idle(
    'property',
    'S',
    'IPAuthenticationProvider.usexforwardedfor',
    'The admin port looks at the address of the connection alone.',
    'false',
  ),
  idle('property', 'S', 'fips-mode', 'DIGEST-MD5 works either way, names are checked either way.'),
  idle('property', 'S', 'admin.httpVersion', adminIdle, '11'),
  idle('property', 'S', 'admin.rateLimiterIntervalInMS', 'Snapshots are not asked for by HTTP.'),
  idle('property', 'S', 'admin.snapshot.enabled', 'Snapshots are not asked for by HTTP.'),
  idle('property', 'S', 'admin.restore.enabled', 'Snapshots are not restored by HTTP.'),
  ...works(
    'process',
    'M',
    `jute.maxbuffer znode.container.checkIntervalMs znode.container.maxPerMinute
    znode.container.maxNeverUsedIntervalMs`,
  ),
  ...works('process', 'S', 'readonlymode.enabled java.security.auth.login.config'),
  idle('process', '-', 'leader.nodelay', inner),
  idle('process', '-', 'follower.nodelay', inner),
  ...['ssl', 'ssl.quorum'].flatMap(tlsFamily),
  idle('property', 'L', 'ssl.authProvider', 'Certificates have the scheme x509.', 'x509'),
];

function tlsFamily(family: string): readonly KnownSetting[] {
  const store = ['keyStore', 'trustStore'].flatMap((name) =>
    ['location', 'password', 'passwordPath', 'type'].map((part) => `${family}.${name}.${part}`),
  );
  const names = ['protocol', 'enabledProtocols', 'ciphersuites', 'clientAuth'];
  const should = [...names, 'hostnameVerification'].map((name) => `${family}.${name}`);
  const later = ['clientHostnameVerification', 'crl', 'ocsp', 'handshakeDetectionTimeoutMillis'];
  return [
    ...works('property', 'S', [...store, ...should].join(' ')),
    ...works('property', 'L', later.map((name) => `${family}.${name}`).join(' ')),
    idle(
      'property',
      'L',
      `${family}.allowReverseDnsLookup`,
      'Names are never looked up backwards.',
    ),
    idle('property', '-', `${family}.context.supplier.class`, 'Java classes are not loaded.'),
    idle('property', '-', `${family}.sslProvider`, 'TLS is OpenSSL’s here.'),
  ];
}

function works(scope: Scope, rank: KnownSetting['rank'], keys: string): readonly KnownSetting[] {
  return keys.split(/\s+/).map((key) => ({ key, scope, rank, idle: null, standard: null }));
}

function idle(
  scope: Scope,
  rank: KnownSetting['rank'],
  key: string,
  why: string,
  standard: string | null = null,
): KnownSetting {
  return { key, scope, rank, idle: why, standard };
}
