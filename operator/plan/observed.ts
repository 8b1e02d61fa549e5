import type { ValidEnsemble } from '../api/validate.ts';
import type { ZkEnsembleStatus } from '../api/zk-ensemble.ts';

/** All that one pass of the planner knows. A value: the same one gives the same plan. */
export interface Observed {
  readonly ensemble: ValidEnsemble;
  readonly status: ZkEnsembleStatus;
  readonly voters: StatefulSetView | null;
  readonly observers: StatefulSetView | null;
  readonly hasDisruptionBudget: boolean;
  readonly claims: readonly ClaimView[];
  /** Configurations of this ensemble, past and present. */
  readonly configMaps: readonly { readonly name: string; readonly createdMs: number }[];
  /** Every pod that is or should be there, by id, voters first. */
  readonly servers: readonly ServerView[];
  /** Birth of the ensemble object, wall clock ms. */
  readonly createdMs: number;
  /** Wall clock, ms since 1970. */
  readonly wallMs: number;
}

export interface StatefulSetView {
  readonly uid: string;
  readonly replicas: number;
  /** Size of the membership that it was made for; stays while it hibernates. */
  readonly members: number;
  readonly memberIdOffset: number;
  /** Claim sizes it was made with, by name of the template. */
  readonly claimSizes: Readonly<Record<string, string>>;
}

export interface ClaimView {
  readonly name: string;
  readonly volume: 'data' | 'log';
  /** Ordinal of its pod among its kind. */
  readonly ordinal: number;
  readonly voter: boolean;
  readonly requested: string;
  readonly capacity: string;
  readonly createdMs: number;
}

/** One server as Kubernetes, the server itself and its leader see it. */
export interface ServerView {
  readonly myid: number;
  readonly name: string;
  readonly voter: boolean;
  readonly ordinal: number;
  /** `null`: no such pod now. */
  readonly pod: PodView | null;
  /** `null`: it did not answer; `silence` says why. */
  readonly state: StateView | null;
  readonly silence: string | null;
}

export interface PodView {
  readonly uid: string;
  readonly revision: string;
  readonly version: string;
  readonly terminating: boolean;
  readonly ready: boolean;
  /** Wall clock ms of the last change of `ready`; `null` where unknown. */
  readonly readyChangedMs: number | null;
  readonly createdMs: number;
  readonly node: string | null;
  /** The configuration it was made with. */
  readonly configMap: string | null;
  /** How often its containers began again. */
  readonly restarts: number;
  /** Why it does not run, such as ImagePullBackOff, CrashLoopBackOff or Unschedulable. */
  readonly trouble: { readonly reason: string; readonly message: string } | null;
}

export interface StateView {
  readonly sid: number;
  readonly role: 'standalone' | 'looking' | 'leading' | 'following' | 'observing';
  readonly phase: 'election' | 'discovery' | 'synchronization' | 'broadcast';
  readonly serving: boolean;
  readonly leader: number | null;
  readonly epoch: number;
  readonly zxid: string;
  readonly servers: readonly { readonly sid: number; readonly role: string }[];
  readonly learners: readonly {
    readonly sid: number;
    readonly synced: boolean;
    readonly lag: number;
  }[];
}
