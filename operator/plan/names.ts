import type { ValidEnsemble } from '../api/validate.ts';

export const operatorName = 'zkensemble-operator';
export const ports = { client: 2181, quorum: 2888, election: 3888, admin: 8080 } as const;

/** Ids of observers begin above every voter's, whatever the offset. */
const observerIdBase = 101;

export const annotation = {
  /** Hash of all that makes a pod what it is; a pod with another one is outdated. */
  revision: 'zkensemble.io/revision',
  version: 'zkensemble.io/version',
  restartedAt: 'zkensemble.io/restarted-at',
  members: 'zkensemble.io/members',
  memberIdOffset: 'zkensemble.io/member-id-offset',
} as const;

export type Component = 'voter' | 'observer';

export function statefulSetName(name: string, component: Component): string {
  return component === 'voter' ? name : `${name}-observer`;
}

export function peerServiceName(name: string): string {
  return `${name}-peers`;
}

export function clientServiceName(name: string): string {
  return `${name}-client`;
}

/** One ConfigMap for each configuration there was: a pod keeps the one it was made with. */
export function configMapName(name: string, hash: string): string {
  return `${configMapPrefix(name)}${hash}`;
}

export function configMapPrefix(name: string): string {
  return `${name}-config-`;
}

/** Says whether an empty disk may vote; changes without a restart. */
export function bootstrapMapName(name: string): string {
  return `${name}-bootstrap`;
}

export function podName(name: string, component: Component, ordinal: number): string {
  return `${statefulSetName(name, component)}-${ordinal}`;
}

/** Id of a server: ordinal + 1 + offset for a voter, ordinal + 101 + offset for an observer. */
export function myidOf(component: Component, ordinal: number, offset: number): number {
  return ordinal + offset + (component === 'voter' ? 1 : observerIdBase);
}

/** What the server's entry adds to ordinal + 1 to get its id. */
export function myidOffsetOf(component: Component, offset: number): number {
  return offset + (component === 'voter' ? 0 : observerIdBase - 1);
}

/** Labels that select; they never change for an object's life. */
export function selectorLabels(name: string, component?: Component): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'zkensemble',
    'app.kubernetes.io/instance': name,
    ...(component === undefined ? {} : { 'app.kubernetes.io/component': component }),
  };
}

export function labelsOf(ensemble: ValidEnsemble, component?: Component): Record<string, string> {
  return {
    ...selectorLabels(ensemble.name, component),
    'app.kubernetes.io/part-of': 'zkensemble',
    'app.kubernetes.io/managed-by': operatorName,
  };
}

/** Name that other servers and clients find a pod by. */
export function hostOf(ensemble: ValidEnsemble, pod: string): string {
  const { name, namespace, spec } = ensemble;
  const domain = spec.clusterDomain === null ? '' : `.${spec.clusterDomain}`;
  return `${pod}.${peerServiceName(name)}.${namespace}.svc${domain}`;
}

export function clientEndpoint(ensemble: ValidEnsemble): string {
  const { name, namespace, spec } = ensemble;
  const domain = spec.clusterDomain === null ? '' : `.${spec.clusterDomain}`;
  return `${clientServiceName(name)}.${namespace}.svc${domain}:${ports.client}`;
}
