import type { ConfigValues } from './config-values.ts';
import { limits } from './limits.ts';
import { anyHost } from './host-address.ts';
import type { ServerConfig } from './server-config.ts';

/** The reference keeps at least so many. */
const purgeRetainCountMin = 3;

/** Below it a snapshot would be due at every transaction. */
const snapCountMin = 2;

/** All of `ServerConfig` but membership and addresses. Source: configuration, sections 2 and 5. */
export function baseConfig(
  values: ConfigValues,
): Omit<ServerConfig, 'clientAddress' | 'sid' | 'ensemble' | 'raw'> {
  return {
    ...directories(values),
    ...timing(values),
    ...connections(values),
    ...storage(values),
    ...behaviour(values),
    admin: {
      enabled: values.flag('admin.enableServer', 'property', true),
      host: values.host('admin.serverAddress', 'property', anyHost),
      port: values.integer('admin.serverPort', 'property', 8080, { max: limits.port }),
    },
    fourLetterWords: words(values),
  };
}

function directories(values: ConfigValues): Pick<ServerConfig, 'dataDir' | 'dataLogDir'> {
  const dataDir = withoutSlash(values.text('dataDir', 'file'));
  if (dataDir === null) {
    values.refuse('dataDir', null, 'It is missing. Write dataDir=<directory for the data>.');
  }
  const found = dataDir ?? '.';
  return { dataDir: found, dataLogDir: withoutSlash(values.text('dataLogDir', 'file')) ?? found };
}

function withoutSlash(path: string | null): string | null {
  return path === null ? null : path.replace(/(?<=.)\/+$/, '');
}

function timing(
  values: ConfigValues,
): Pick<
  ServerConfig,
  | 'tickMs'
  | 'initLimitTicks'
  | 'syncLimitTicks'
  | 'sessionTimeoutMsMin'
  | 'sessionTimeoutMsMax'
  | 'electionNotificationMsMin'
  | 'electionNotificationMsMax'
  | 'connectTimeoutMs'
> {
  const tickMs = values.integer('tickTime', 'file', 3000, { min: 1, max: limits.tickMs });
  const ticks = { min: 1, max: limits.ticks };
  const timeout = { min: -1, max: limits.sessionTimeoutMs };
  const min = values.integer('minSessionTimeout', 'file', -1, timeout);
  const max = values.integer('maxSessionTimeout', 'file', -1, timeout);
  const sessionTimeoutMsMin = min === -1 ? 2 * tickMs : min;
  const sessionTimeoutMsMax = max === -1 ? 20 * tickMs : max;
  if (sessionTimeoutMsMin > sessionTimeoutMsMax) {
    const key = min === -1 ? 'maxSessionTimeout' : 'minSessionTimeout';
    const remedy =
      `Sessions would last at least ${sessionTimeoutMsMin} ms and at most ${sessionTimeoutMsMax} ms. ` +
      `Unset, these are 2 and 20 times tickTime.`;
    values.refuse(key, values.find(key, 'file'), remedy);
  }
  const election = { min: 1, max: limits.durationMs };
  return {
    tickMs,
    initLimitTicks: values.integer('initLimit', 'file', 10, ticks),
    syncLimitTicks: values.integer('syncLimit', 'file', 5, ticks),
    sessionTimeoutMsMin,
    sessionTimeoutMsMax,
    electionNotificationMsMin: values.integer(
      'fastleader.minNotificationInterval',
      'property',
      200,
      election,
    ),
    electionNotificationMsMax: values.integer(
      'fastleader.maxNotificationInterval',
      'property',
      60_000,
      election,
    ),
    connectTimeoutMs: values.integer('cnxTimeout', 'property', 5000, election),
  };
}

function connections(
  values: ConfigValues,
): Pick<
  ServerConfig,
  | 'clientConnectionsPerAddressMax'
  | 'clientConnectionsMax'
  | 'frameBytesMax'
  | 'fieldBytesMax'
  | 'quorumListenOnAllAddresses'
  | 'sessionlessTimeoutMs'
  | 'globalOutstandingMax'
> {
  // The reference takes a negative number of connections for no limit, as it does 0.
  const count = { min: -1, max: limits.count };
  const frameBytesMax = values.integer('jute.maxbuffer', 'process', limits.frameBytesStandard, {
    min: 1,
    max: limits.frameBytes,
  });
  return {
    clientConnectionsPerAddressMax: Math.max(
      0,
      values.integer('maxClientCnxns', 'file', 60, count),
    ),
    clientConnectionsMax: Math.max(0, values.integer('maxCnxns', 'property', 0, count)),
    frameBytesMax,
    // What a request becomes is longer than the request.
    fieldBytesMax:
      frameBytesMax +
      values.integer('jute.maxbuffer.extrasize', 'property', frameBytesMax, {
        max: limits.frameBytes,
      }),
    quorumListenOnAllAddresses: values.flag('quorumListenOnAllIPs', 'file', false),
    sessionlessTimeoutMs: values.integer('nio.sessionlessCnxnTimeout', 'property', 10_000, {
      min: 1,
      max: limits.durationMs,
    }),
    globalOutstandingMax: values.integer('globalOutstandingLimit', 'property', 1000, {
      min: 1,
      max: limits.count,
    }),
  };
}

function storage(
  values: ConfigValues,
): Pick<
  ServerConfig,
  | 'snapCount'
  | 'snapBytesMax'
  | 'preallocateBytes'
  | 'commitLogCount'
  | 'snapshotSizeFactor'
  | 'forceSync'
  | 'purgeIntervalHours'
  | 'purgeRetainCount'
  | 'snapshotTrustEmpty'
  | 'digestEnabled'
> {
  const kib = { min: -1, max: limits.kibibytes };
  return {
    snapCount: atLeast(values, 'snapCount', 'property', 100_000, snapCountMin),
    snapBytesMax:
      Math.max(0, values.integer('snapSizeLimitInKb', 'property', 4_194_304, kib)) * 1024,
    preallocateBytes: Math.max(0, values.integer('preAllocSize', 'property', 65_536, kib)) * 1024,
    commitLogCount: values.integer('commitLogCount', 'property', 500, { max: limits.count }),
    snapshotSizeFactor: values.decimal('snapshotSizeFactor', 'property', 0.33),
    forceSync: !values.word('forceSync', 'property', 'no'),
    purgeIntervalHours: Math.max(
      0,
      values.integer('autopurge.purgeInterval', 'file', 0, { min: -1, max: 24 * 365 }),
    ),
    purgeRetainCount: atLeast(values, 'autopurge.snapRetainCount', 'file', 3, purgeRetainCountMin),
    snapshotTrustEmpty: values.flag('snapshot.trust.empty', 'property', false),
    digestEnabled: values.flag('digest.enabled', 'property', true),
  };
}

function behaviour(
  values: ConfigValues,
): Pick<
  ServerConfig,
  | 'leaderServes'
  | 'extendedTypesEnabled'
  | 'skipAcl'
  | 'enforceQuota'
  | 'superDigest'
  | 'reconfigEnabled'
  | 'containerCheckIntervalMs'
  | 'containerDeletesPerMinuteMax'
  | 'containerNeverUsedMsMax'
> {
  return {
    leaderServes:
      values.text('leaderServes', 'property') === null ||
      values.word('leaderServes', 'property', 'yes'),
    extendedTypesEnabled: values.flag('extendedTypesEnabled', 'property', false),
    skipAcl: values.word('skipACL', 'property', 'yes'),
    enforceQuota: values.flag('enforceQuota', 'property', false),
    superDigest: values.text('DigestAuthenticationProvider.superDigest', 'property'),
    reconfigEnabled: values.flag('reconfigEnabled', 'file', false),
    containerCheckIntervalMs: values.integer('znode.container.checkIntervalMs', 'process', 60_000, {
      min: 1,
      max: limits.durationMs,
    }),
    containerDeletesPerMinuteMax: values.integer(
      'znode.container.maxPerMinute',
      'process',
      10_000,
      {
        min: 1,
        max: limits.count,
      },
    ),
    containerNeverUsedMsMax: values.integer(
      'znode.container.maxNeverUsedIntervalMs',
      'process',
      0,
      { max: Number.MAX_SAFE_INTEGER },
    ),
  };
}

/** A smaller number counts as the least, as in the reference, and is worth a word. */
function atLeast(
  values: ConfigValues,
  key: string,
  scope: 'file' | 'property',
  standard: number,
  least: number,
): number {
  const value = values.integer(key, scope, standard, { min: -limits.count, max: limits.count });
  if (value < least) values.warn(key, values.find(key, scope), `At least ${least} counts.`);
  return Math.max(value, least);
}

/** `*` stands for all of them. */
function words(values: ConfigValues): ReadonlySet<string> {
  const standard = values.flag('readonlymode.enabled', 'process', false) ? 'srvr,isro' : 'srvr';
  const text = values.text('4lw.commands.whitelist', 'property') ?? standard;
  return new Set(
    text
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== ''),
  );
}
