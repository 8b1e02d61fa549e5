import type { Ensemble } from '../../server/config/ensemble.ts';
import type { ServerConfig } from '../../server/config/server-config.ts';
import { clientPort } from './sim-client.ts';

/** Short ticks, small files and frequent snapshots: what takes hours elsewhere takes seconds here. */
export const simTickMs = 200;

export function simConfig(
  sid: number,
  host: string,
  ensemble: Ensemble,
  overrides: Partial<ServerConfig> = {},
): ServerConfig {
  return {
    dataDir: '/data',
    dataLogDir: '/data',
    clientAddress: { host, port: clientPort },
    tickMs: simTickMs,
    initLimitTicks: 10,
    syncLimitTicks: 5,
    sessionTimeoutMsMin: simTickMs * 2,
    sessionTimeoutMsMax: simTickMs * 100,
    clientConnectionsPerAddressMax: 60,
    clientConnectionsMax: 0,
    sid,
    ensemble,
    frameBytesMax: 0xfffff,
    quorumListenOnAllAddresses: false,
    leaderServes: true,
    admin: { enabled: false, host, port: 8080 },
    fourLetterWords: new Set(['srvr']),
    snapCount: 120,
    snapBytesMax: 0,
    preallocateBytes: 8192,
    commitLogCount: 60,
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
    sessionlessTimeoutMs: 10_000,
    electionNotificationMsMin: 20,
    electionNotificationMsMax: 1_000,
    connectTimeoutMs: 500,
    raw: new Map(),
    ...overrides,
  };
}
