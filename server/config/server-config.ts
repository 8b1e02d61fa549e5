import type { Ensemble } from './ensemble.ts';

/** Everything the operator of a server may say, with every default filled in. Frozen. */
export interface ServerConfig {
  readonly dataDir: string;
  readonly dataLogDir: string;
  /** `null`: no plain client port. */
  readonly clientAddress: { readonly host: string; readonly port: number } | null;
  readonly tickMs: number;
  /** Ticks to connect and synchronize. */
  readonly initLimitTicks: number;
  /** Ticks of silence between leader and learner. */
  readonly syncLimitTicks: number;
  readonly sessionTimeoutMsMin: number;
  readonly sessionTimeoutMsMax: number;
  /** Connections per client address; 0: no limit. */
  readonly clientConnectionsPerAddressMax: number;
  /** Connections of the server; 0: no limit. */
  readonly clientConnectionsMax: number;
  /** Id from `myid`; 0 in a standalone server, as the reference reports it. */
  readonly sid: number;
  /** `null`: standalone. */
  readonly ensemble: Ensemble | null;
  /** Members of a later version that were proposed before this start; `null`: none. */
  readonly nextEnsemble?: Ensemble | null;
  /** A server may have several addresses, and servers greet each other with all of theirs. Default false. */
  readonly multiAddressEnabled?: boolean;
  /** False: a single participant is an ensemble too. Default true. */
  readonly standaloneEnabled?: boolean;
  /** Payload bytes of one client frame. */
  readonly frameBytesMax: number;
  /** Bytes of one field in logs, snapshots and packets between servers. */
  readonly fieldBytesMax?: number;
  readonly quorumListenOnAllAddresses: boolean;
  readonly leaderServes: boolean;
  readonly admin: {
    readonly enabled: boolean;
    readonly host: string;
    readonly port: number;
  };
  readonly fourLetterWords: ReadonlySet<string>;
  readonly snapCount: number;
  readonly snapBytesMax: number;
  readonly preallocateBytes: number;
  readonly commitLogCount: number;
  readonly snapshotSizeFactor: number;
  readonly forceSync: boolean;
  readonly purgeIntervalHours: number;
  readonly purgeRetainCount: number;
  readonly snapshotTrustEmpty: boolean;
  readonly digestEnabled: boolean;
  readonly extendedTypesEnabled: boolean;
  readonly skipAcl: boolean;
  readonly enforceQuota: boolean;
  readonly superDigest: string | null;
  readonly reconfigEnabled: boolean;
  readonly globalOutstandingMax: number;
  readonly containerCheckIntervalMs: number;
  readonly containerDeletesPerMinuteMax: number;
  /** A container that never had a child goes after so long; 0, the standard: never. */
  readonly containerNeverUsedMsMax?: number;
  readonly sessionlessTimeoutMs: number;
  readonly electionNotificationMsMin: number;
  readonly electionNotificationMsMax: number;
  readonly connectTimeoutMs: number;
  /** Every key of the file as read, for `conf` and for diagnostics. */
  readonly raw: ReadonlyMap<string, string>;
}
