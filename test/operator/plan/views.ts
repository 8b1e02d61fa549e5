import { withDefaults } from '../../../operator/api/defaults.ts';
import { validate } from '../../../operator/api/validate.ts';
import type { ValidEnsemble } from '../../../operator/api/validate.ts';
import type { ZkEnsembleSpec, ZkEnsembleStatus } from '../../../operator/api/zk-ensemble.ts';
import { expectedServers } from '../../../operator/plan/guards.ts';
import type { Observed, PodView, ServerView, StateView } from '../../../operator/plan/observed.ts';
import type { Rollout } from '../../../operator/plan/rollout.ts';

/** Wall clock of every view here, ms. */
export const wallMs: number = Date.parse('2026-11-25T12:00:00Z');

export function ensembleOf(spec: ZkEnsembleSpec, metadata: object = {}): ValidEnsemble {
  const validated = validate({
    apiVersion: 'zkensemble.io/v1',
    kind: 'ZkEnsemble',
    metadata: { name: 'zk', namespace: 'default', uid: 'uid-zk', generation: 3, ...metadata },
    spec,
  });
  if ('problems' in validated) throw new Error(JSON.stringify(validated.problems));
  return validated.valid;
}

export interface ServerOf {
  readonly revision?: string;
  readonly ready?: boolean;
  /** Time since `ready` changed. */
  readonly sinceMs?: number;
  readonly pod?: Partial<PodView> | null;
  /** `null`: does not answer. */
  readonly state?: Partial<StateView> | null;
  /** As its leader sees it. */
  readonly synced?: boolean;
  readonly lag?: number;
}

/**
 * Servers `zk-0`… in sync behind the one with the id `leader` (0: nobody leads), each changed as
 * asked for by its name.
 */
export function serversOf(
  of: { voters: number; observers?: number; leader?: number; epoch?: number },
  changes: Readonly<Record<string, ServerOf>> = {},
): ServerView[] {
  const { voters, observers = 0, leader = voters, epoch = 7 } = of;
  const membership = { voters, observers, memberIdOffset: 0 };
  const all = expectedServers('zk', membership);
  const learners = all
    .filter(({ myid }) => myid !== leader)
    .map(({ name, myid }) => {
      const { synced, lag = 0, pod, state } = changes[name] ?? {};
      return { sid: myid, synced: synced ?? (pod !== null && state !== null), lag };
    });
  return all.map(({ name, myid, voter, ordinal }) => {
    const change = changes[name] ?? {};
    const leads = myid === leader;
    const state: StateView = {
      sid: myid,
      role: leader === 0 ? 'looking' : leads ? 'leading' : voter ? 'following' : 'observing',
      phase: leader === 0 ? 'election' : 'broadcast',
      serving: leader !== 0,
      leader: leader === 0 ? null : leader,
      epoch,
      zxid: '0x700000001',
      servers: all.map((each) => ({
        sid: each.myid,
        role: each.voter ? 'participant' : 'observer',
      })),
      learners: leads ? learners : [],
    };
    const answers = change.state !== null && change.pod !== null;
    return {
      name,
      myid,
      voter,
      ordinal,
      pod: change.pod === null ? null : podOf(name, change),
      state: answers ? { ...state, ...change.state } : null,
      silence: answers ? null : 'connect ECONNREFUSED',
    };
  });
}

function podOf(name: string, change: ServerOf): PodView {
  return {
    uid: `uid-${name}`,
    revision: change.revision ?? 'new',
    version: '1.0.0',
    terminating: false,
    ready: change.ready ?? change.state !== null,
    readyChangedMs: wallMs - (change.sinceMs ?? 3_600_000),
    createdMs: wallMs - 7_200_000,
    node: 'node-1',
    configMap: null,
    restarts: 0,
    trouble: null,
    ...change.pod,
  };
}

export function rolloutOf(servers: readonly ServerView[], change: Partial<Rollout> = {}): Rollout {
  return {
    servers,
    voterRevision: 'new',
    observerRevision: 'new',
    minReadyMs: 10_000,
    lagTxnsMax: 100,
    manual: false,
    wallMs,
    ...change,
  };
}

export function observedOf(
  spec: ZkEnsembleSpec,
  servers: readonly ServerView[],
  change: Partial<Observed> & { status?: ZkEnsembleStatus; metadata?: object } = {},
): Observed {
  const { metadata = {}, ...rest } = change;
  const { replicas, memberIdOffset } = withDefaults(spec);
  return {
    ensemble: ensembleOf(spec, metadata),
    status: {},
    voters: { uid: 'uid-set', replicas, members: replicas, memberIdOffset, claimSizes: {} },
    observers: null,
    hasDisruptionBudget: false,
    claims: [],
    configMaps: [],
    servers,
    createdMs: wallMs - 86_400_000,
    wallMs,
    ...rest,
  };
}
