import type { KubeObject } from '../api/zk-ensemble.ts';
import { annotation } from '../plan/names.ts';
import type { ClaimView, PodView, StateView, StatefulSetView } from '../plan/observed.ts';
import type { MemberState } from '../zk/member-state.ts';

interface ContainerStatus {
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number };
  };
  readonly lastState?: { readonly terminated?: { readonly message?: string } };
  readonly restartCount?: number;
}

interface PodStatus {
  readonly phase?: string;
  readonly podIP?: string;
  readonly message?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
    readonly lastTransitionTime?: string;
  }[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
}

/** Waiting for these is the ordinary way up. */
const ordinary = new Set(['ContainerCreating', 'PodInitializing', '']);

export function podViewOf(pod: KubeObject): PodView {
  const { metadata } = pod;
  const status: PodStatus = pod['status'] ?? {};
  const spec: {
    nodeName?: string;
    volumes?: { name?: string; configMap?: { name?: string } }[];
  } = pod['spec'] ?? {};
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  return {
    uid: metadata.uid ?? '',
    revision: metadata.annotations?.[annotation.revision] ?? '',
    version: metadata.annotations?.[annotation.version] ?? '',
    terminating: metadata.deletionTimestamp !== undefined,
    ready: ready?.status === 'True',
    readyChangedMs: msOf(ready?.lastTransitionTime),
    createdMs: msOf(metadata.creationTimestamp) ?? 0,
    node: spec.nodeName ?? null,
    configMap: spec.volumes?.find(({ name }) => name === 'config')?.configMap?.name ?? null,
    restarts: (status.containerStatuses ?? []).reduce((sum, c) => sum + (c.restartCount ?? 0), 0),
    trouble: troubleOf(status),
  };
}

function troubleOf(status: PodStatus): PodView['trouble'] {
  if (status.phase === 'Failed' || status.phase === 'Succeeded') {
    return { reason: status.phase, message: status.message ?? '' };
  }
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  for (const { state, lastState } of containers) {
    const reason = state?.waiting?.reason ?? '';
    // What the server said last tells more than that its container waits.
    const message = lastWords(lastState?.terminated?.message) ?? state?.waiting?.message ?? '';
    if (!ordinary.has(reason)) return { reason, message };
    const ended = state?.terminated;
    if (ended !== undefined) {
      return {
        reason: ended.reason ?? 'Terminated',
        message: `exit code ${ended.exitCode ?? '?'}`,
      };
    }
  }
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False') return null;
  return { reason: scheduled.reason ?? 'Unschedulable', message: scheduled.message ?? '' };
}

const lastWordsLengthMax = 300;

/** The last line of a message that is the end of a log. */
function lastWords(message: string | undefined): string | null {
  const line = message?.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? null : line.slice(0, lastWordsLengthMax);
}

export function statefulSetViewOf(object: KubeObject): StatefulSetView {
  const { metadata } = object;
  const spec: {
    replicas?: number;
    volumeClaimTemplates?: {
      metadata?: { name?: string };
      spec?: { resources?: { requests?: { storage?: string } } };
    }[];
  } = object['spec'] ?? {};
  const replicas = spec.replicas ?? 1;
  const claimSizes: Record<string, string> = {};
  for (const template of spec.volumeClaimTemplates ?? []) {
    const size = template.spec?.resources?.requests?.storage;
    if (size !== undefined) claimSizes[template.metadata?.name ?? ''] = size;
  }
  return {
    uid: metadata.uid ?? '',
    replicas,
    members: Number(metadata.annotations?.[annotation.members] ?? replicas),
    memberIdOffset: Number(metadata.annotations?.[annotation.memberIdOffset] ?? 0),
    claimSizes,
  };
}

/** `null` for a claim that is none of this ensemble's, by its name. */
export function claimViewOf(object: KubeObject, ensemble: string): ClaimView | null {
  const name = object.metadata.name ?? '';
  const match = /^(data|log)-(.+)-([0-9]+)$/.exec(name);
  if (match === null) return null;
  const [, volume, set, ordinal] = match;
  if (set !== ensemble && set !== `${ensemble}-observer`) return null;
  const spec: { resources?: { requests?: { storage?: string } } } = object['spec'] ?? {};
  const status: { capacity?: { storage?: string } } = object['status'] ?? {};
  return {
    name,
    volume: volume === 'log' ? 'log' : 'data',
    ordinal: Number(ordinal),
    voter: set === ensemble,
    requested: spec.resources?.requests?.storage ?? '',
    capacity: status.capacity?.storage ?? '',
    createdMs: msOf(object.metadata.creationTimestamp) ?? 0,
  };
}

export function stateViewOf(state: MemberState): StateView {
  return {
    sid: state.sid,
    role: state.role,
    phase: state.phase,
    serving: state.serving,
    leader: state.leader,
    epoch: state.epoch,
    zxid: state.zxid,
    servers: state.servers.map(({ sid, role }) => ({ sid, role })),
    learners: state.learners.map(({ sid, synced, lag }) => ({ sid, synced, lag })),
  };
}

export function msOf(text: string | undefined): number | null {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? null : ms;
}
