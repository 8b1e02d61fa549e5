/** Group and version of the API that this operator serves. */
export const group = 'zkensemble.io';
export const version = 'v1';
export const apiVersion = 'zkensemble.io/v1';
export const kind = 'ZkEnsemble';
export const plural = 'zkensembles';

/** What every Kubernetes object carries. Times are RFC 3339 text. */
export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  /** Who wrote which field; not kept in caches. */
  readonly managedFields?: unknown;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** A Kubernetes object as JSON. Unknown fields stay, nothing is converted. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** Any JSON object whose inside belongs to Kubernetes, not to us. */
export type Json = Readonly<Record<string, unknown>>;

export interface VolumeSpec {
  /** Quantity, such as 10Gi. */
  readonly size?: string;
  readonly storageClassName?: string;
}

/** `spec` as users write it: every field may be absent. Source: crds/zkensembles.yaml. */
export interface ZkEnsembleSpec {
  readonly replicas?: number;
  readonly observers?: { readonly replicas?: number };
  readonly memberIdOffset?: number;
  readonly image?: ImageSpec;
  readonly config?: ConfigSpec;
  readonly storage?: {
    readonly data?: VolumeSpec;
    readonly log?: VolumeSpec;
    readonly ephemeral?: { readonly sizeLimit?: string; readonly medium?: '' | 'Memory' };
    readonly retention?: {
      readonly onDelete?: 'Retain' | 'Delete';
      readonly onScaleDown?: 'Retain' | 'Delete';
    };
  };
  readonly podTemplate?: PodTemplateSpec;
  readonly services?: {
    readonly client?: {
      readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    };
    readonly clusterDomain?: string;
  };
  readonly updateStrategy?: {
    readonly type?: 'LeaderLast' | 'Manual';
    readonly minReadySeconds?: number;
    readonly maxLagTxns?: number;
    readonly progressDeadlineSeconds?: number;
  };
  readonly disruptionBudget?: { readonly enabled?: boolean };
  readonly restartedAt?: string;
  readonly paused?: boolean;
  readonly hibernate?: boolean;
}

export interface ImageSpec {
  readonly repository?: string;
  readonly tag?: string;
  readonly digest?: string;
  readonly pullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly pullSecrets?: readonly string[];
}

export interface ConfigSpec {
  /** Milliseconds. */
  readonly tickTime?: number;
  readonly initLimit?: number;
  readonly syncLimit?: number;
  readonly maxClientCnxns?: number;
  readonly minSessionTimeout?: number;
  readonly maxSessionTimeout?: number;
  readonly globalOutstandingLimit?: number;
  readonly snapCount?: number;
  readonly snapSizeLimitKiB?: number;
  readonly preAllocSizeKiB?: number;
  readonly commitLogCount?: number;
  /** Bytes. */
  readonly juteMaxBuffer?: number;
  readonly autopurge?: { readonly retain?: number; readonly intervalHours?: number };
  readonly properties?: Readonly<Record<string, string>>;
}

export type Spread = 'Preferred' | 'Required' | 'None';

export interface PodTemplateSpec {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly resources?: { readonly requests?: Json; readonly limits?: Json };
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: Json;
  }[];
  readonly antiAffinity?: Spread;
  readonly zoneSpread?: Spread;
  readonly affinity?: Json;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Json[];
  readonly priorityClassName?: string;
  readonly serviceAccountName?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: Json;
}

export interface ZkEnsemble {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: ZkEnsembleSpec;
  readonly status?: ZkEnsembleStatus;
}

export interface ZkEnsembleStatus {
  readonly observedGeneration?: number;
  readonly ensembleId?: string;
  readonly phase?: string;
  readonly selector?: string;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly observers?: number;
  readonly quorumSize?: number;
  readonly inSyncVoters?: number;
  readonly leader?: { readonly myid: number; readonly name: string };
  readonly epoch?: number;
  readonly zxid?: string;
  readonly version?: string;
  readonly updateRevision?: string;
  readonly updatedReplicas?: number;
  readonly bootstrapped?: boolean;
  readonly endpoints?: { readonly client?: string };
  readonly plan?: PlanStatus;
  readonly members?: readonly MemberStatus[];
  readonly conditions?: readonly Condition[];
}

export interface PlanStatus {
  readonly action: string;
  readonly member?: string;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
}

export type MemberRole =
  | 'Leader'
  | 'Follower'
  | 'Observer'
  | 'Joining'
  | 'Looking'
  | 'Down'
  | 'Foreign'
  | 'Unknown';

export interface MemberStatus {
  readonly myid: number;
  readonly name: string;
  readonly role: MemberRole;
  readonly voting: boolean;
  readonly ready: boolean;
  readonly inSync: boolean;
  readonly epoch?: number;
  readonly zxid?: string;
  readonly lagTxns?: number;
  readonly version?: string;
  readonly updated: boolean;
  readonly node?: string;
  readonly message?: string;
}

/** The shape of `metav1.Condition`. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}
