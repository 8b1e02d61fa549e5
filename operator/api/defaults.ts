import type {
  ConfigSpec,
  ImageSpec,
  Json,
  PodTemplateSpec,
  Spread,
  VolumeSpec,
} from './zk-ensemble.ts';
import type { ZkEnsembleSpec } from './zk-ensemble.ts';

/** `spec` with every default filled in; the same defaults as in the CRD. */
export interface ValidSpec {
  readonly replicas: number;
  readonly observers: number;
  readonly memberIdOffset: number;
  readonly image: ImageSpec;
  readonly config: ValidConfig;
  /** `null` for ephemeral storage. */
  readonly data: ValidVolume | null;
  readonly log: ValidVolume | null;
  readonly ephemeral: { readonly sizeLimit?: string; readonly medium?: string } | null;
  readonly retention: {
    readonly onDelete: 'Retain' | 'Delete';
    readonly onScaleDown: 'Retain' | 'Delete';
  };
  readonly podTemplate: ValidPodTemplate;
  readonly clientService: {
    readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly clusterDomain: string | null;
  readonly update: {
    readonly type: 'LeaderLast' | 'Manual';
    readonly minReadyMs: number;
    readonly lagTxnsMax: number;
    readonly progressDeadlineMs: number;
  };
  readonly disruptionBudget: boolean;
  readonly restartedAt: string | null;
  readonly paused: boolean;
  readonly hibernate: boolean;
}

export interface ValidVolume {
  readonly size: string;
  readonly storageClassName: string | null;
}

export interface ValidConfig {
  readonly tickTime: number;
  readonly initLimit: number;
  readonly syncLimit: number;
  readonly maxClientCnxns: number;
  readonly minSessionTimeout: number | null;
  readonly maxSessionTimeout: number | null;
  readonly globalOutstandingLimit: number;
  readonly snapCount: number;
  readonly snapSizeLimitKiB: number | null;
  readonly preAllocSizeKiB: number;
  readonly commitLogCount: number;
  readonly juteMaxBuffer: number | null;
  readonly purgeRetain: number;
  readonly purgeIntervalHours: number;
  readonly properties: Readonly<Record<string, string>>;
}

export interface ValidPodTemplate {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly resources: Json;
  readonly env: NonNullable<PodTemplateSpec['env']>;
  readonly antiAffinity: Spread;
  readonly zoneSpread: Spread;
  readonly affinity: Json | null;
  readonly nodeSelector: Readonly<Record<string, string>> | null;
  readonly tolerations: readonly Json[] | null;
  readonly priorityClassName: string | null;
  readonly serviceAccountName: string | null;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Json | null;
}

/** Fills in what the user left out. The API server does the same by the CRD; this one is for tests. */
export function withDefaults(spec: ZkEnsembleSpec): ValidSpec {
  const storage = spec.storage ?? {};
  const ephemeral = storage.ephemeral ?? null;
  const update = spec.updateStrategy ?? {};
  const client = spec.services?.client ?? {};
  return {
    replicas: spec.replicas ?? 3,
    observers: spec.observers?.replicas ?? 0,
    memberIdOffset: spec.memberIdOffset ?? 0,
    image: spec.image ?? {},
    config: configOf(spec.config ?? {}),
    data: ephemeral === null ? volumeOf(storage.data ?? {}) : null,
    log: storage.log === undefined ? null : volumeOf(storage.log),
    ephemeral,
    retention: {
      onDelete: storage.retention?.onDelete ?? 'Retain',
      onScaleDown: storage.retention?.onScaleDown ?? 'Retain',
    },
    podTemplate: podTemplateOf(spec.podTemplate ?? {}),
    clientService: {
      type: client.type ?? 'ClusterIP',
      labels: client.labels ?? {},
      annotations: client.annotations ?? {},
    },
    clusterDomain: spec.services?.clusterDomain ?? null,
    update: {
      type: update.type ?? 'LeaderLast',
      minReadyMs: (update.minReadySeconds ?? 10) * 1000,
      lagTxnsMax: update.maxLagTxns ?? 100,
      progressDeadlineMs: (update.progressDeadlineSeconds ?? 600) * 1000,
    },
    disruptionBudget: spec.disruptionBudget?.enabled ?? true,
    restartedAt: spec.restartedAt ?? null,
    paused: spec.paused ?? false,
    hibernate: spec.hibernate ?? false,
  };
}

function volumeOf(volume: VolumeSpec): ValidVolume {
  return { size: volume.size ?? '10Gi', storageClassName: volume.storageClassName ?? null };
}

function configOf(config: ConfigSpec): ValidConfig {
  return {
    tickTime: config.tickTime ?? 2000,
    initLimit: config.initLimit ?? 10,
    syncLimit: config.syncLimit ?? 5,
    maxClientCnxns: config.maxClientCnxns ?? 60,
    minSessionTimeout: config.minSessionTimeout ?? null,
    maxSessionTimeout: config.maxSessionTimeout ?? null,
    globalOutstandingLimit: config.globalOutstandingLimit ?? 1000,
    snapCount: config.snapCount ?? 100_000,
    snapSizeLimitKiB: config.snapSizeLimitKiB ?? null,
    preAllocSizeKiB: config.preAllocSizeKiB ?? 65_536,
    commitLogCount: config.commitLogCount ?? 500,
    juteMaxBuffer: config.juteMaxBuffer ?? null,
    purgeRetain: config.autopurge?.retain ?? 3,
    purgeIntervalHours: config.autopurge?.intervalHours ?? 1,
    properties: config.properties ?? {},
  };
}

function podTemplateOf(template: PodTemplateSpec): ValidPodTemplate {
  return {
    labels: template.labels ?? {},
    annotations: template.annotations ?? {},
    resources: { ...template.resources },
    env: template.env ?? [],
    antiAffinity: template.antiAffinity ?? 'Preferred',
    zoneSpread: template.zoneSpread ?? 'Preferred',
    affinity: template.affinity ?? null,
    nodeSelector: template.nodeSelector ?? null,
    tolerations: template.tolerations ?? null,
    priorityClassName: template.priorityClassName ?? null,
    serviceAccountName: template.serviceAccountName ?? null,
    terminationGracePeriodSeconds: template.terminationGracePeriodSeconds ?? 60,
    securityContext: template.securityContext ?? null,
  };
}
