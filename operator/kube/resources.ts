/** Where a kind lives in the API. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

export const zkEnsembles: Resource = {
  apiVersion: 'zkensemble.io/v1',
  kind: 'ZkEnsemble',
  plural: 'zkensembles',
};
export const statefulSets: Resource = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
};
export const pods: Resource = { apiVersion: 'v1', kind: 'Pod', plural: 'pods' };
export const services: Resource = { apiVersion: 'v1', kind: 'Service', plural: 'services' };
export const configMaps: Resource = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
export const volumeClaims: Resource = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
};
export const disruptionBudgets: Resource = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
};
export const leases: Resource = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
};
export const events: Resource = { apiVersion: 'v1', kind: 'Event', plural: 'events' };

const known: readonly Resource[] = [
  zkEnsembles,
  statefulSets,
  pods,
  services,
  configMaps,
  volumeClaims,
  disruptionBudgets,
  leases,
  events,
];

/** The resource of an object that this operator writes. @throws TypeError for any other kind. */
export function resourceOf(apiVersion: string, kind: string): Resource {
  const found = known.find((each) => each.apiVersion === apiVersion && each.kind === kind);
  if (found === undefined) throw new TypeError(`${apiVersion} ${kind} is not known here`);
  return found;
}

/** Path in the API; `null` namespace for all namespaces, `null` name for the collection. */
export function pathOf(
  resource: Resource,
  namespace: string | null,
  name: string | null,
  subresource?: string,
): string {
  const root = resource.apiVersion.includes('/') ? `/apis/` : `/api/`;
  const parts = [`${root}${resource.apiVersion}`];
  if (namespace !== null) parts.push('namespaces', encodeURIComponent(namespace));
  parts.push(resource.plural);
  if (name !== null) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join('/');
}
