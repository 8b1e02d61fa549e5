import type { Json, JsonObject } from '../api/json.ts';
import type { Catalog } from '../resources/catalog.ts';
import type { ResourceDefinition } from '../resources/definition.ts';

const objectVerbs = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

interface Subresource {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: string[];
}

function subresourcesOf(definition: ResourceDefinition): Subresource[] {
  const { group, version, kind, plural } = definition;
  const found: Subresource[] = [];
  if (definition.hasStatus) {
    found.push({ name: 'status', group, version, kind, verbs: ['get', 'patch', 'update'] });
  }
  if (definition.scale !== null) {
    const verbs = ['get', 'patch', 'update'];
    found.push({ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs });
  }
  if (plural === 'pods' && group === '') {
    found.push({ name: 'log', group: '', version: 'v1', kind: 'Pod', verbs: ['get'] });
    const eviction = { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] };
    found.push({ name: 'eviction', ...eviction });
  }
  return found;
}

function groupVersions(catalog: Catalog): Map<string, Map<string, ResourceDefinition[]>> {
  const groups = new Map<string, Map<string, ResourceDefinition[]>>();
  for (const definition of catalog.all()) {
    const versions = groups.get(definition.group) ?? new Map<string, ResourceDefinition[]>();
    groups.set(definition.group, versions);
    versions.set(definition.version, [...(versions.get(definition.version) ?? []), definition]);
  }
  return groups;
}

/** Answer of `/api`. */
export function coreVersions(address: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
  };
}

function groupObject(group: string, versions: Iterable<string>): JsonObject {
  const served = [...versions].map((version) => ({
    groupVersion: `${group}/${version}`,
    version,
  }));
  return { name: group, versions: served, preferredVersion: served[0] ?? {} };
}

/** Answer of `/apis`. */
export function groupList(catalog: Catalog): JsonObject {
  const groups = [...groupVersions(catalog)]
    .filter(([group]) => group !== '')
    .map(([group, versions]) => groupObject(group, versions.keys()));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

/** Answer of `/apis/{group}`. */
export function oneGroup(catalog: Catalog, group: string): JsonObject | null {
  const versions = groupVersions(catalog).get(group);
  if (versions === undefined || group === '') return null;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupObject(group, versions.keys()) };
}

/** Answer of `/api/v1` and `/apis/{group}/{version}`. */
export function resourceList(catalog: Catalog, group: string, version: string): JsonObject | null {
  const definitions = groupVersions(catalog).get(group)?.get(version);
  if (definitions === undefined) return null;
  const resources = definitions.flatMap((definition): Json[] => {
    const main: JsonObject = {
      name: definition.plural,
      singularName: definition.singular,
      namespaced: definition.isNamespaced,
      kind: definition.kind,
      verbs: objectVerbs,
    };
    if (definition.shortNames.length > 0) main['shortNames'] = [...definition.shortNames];
    if (definition.categories.length > 0) main['categories'] = [...definition.categories];
    const below = subresourcesOf(definition).map((sub): JsonObject => {
      const isOwn = sub.group === group && sub.version === version;
      return {
        name: `${definition.plural}/${sub.name}`,
        singularName: '',
        namespaced: definition.isNamespaced,
        ...(isOwn ? {} : { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      };
    });
    return [main, ...below];
  });
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function aggregatedResource(definition: ResourceDefinition): JsonObject {
  const { group, version, kind } = definition;
  const resource: JsonObject = {
    resource: definition.plural,
    responseKind: { group, version, kind },
    scope: definition.isNamespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: objectVerbs,
  };
  if (definition.shortNames.length > 0) resource['shortNames'] = [...definition.shortNames];
  if (definition.categories.length > 0) resource['categories'] = [...definition.categories];
  const subresources = subresourcesOf(definition).map((sub): JsonObject => {
    const responseKind = { group: sub.group, version: sub.version, kind: sub.kind };
    return { subresource: sub.name, responseKind, verbs: sub.verbs };
  });
  if (subresources.length > 0) resource['subresources'] = subresources;
  return resource;
}

/** Everything of `/api` or `/apis` in one answer, for clients that ask for that. */
export function aggregatedDiscovery(catalog: Catalog, isCore: boolean): JsonObject {
  const items = [...groupVersions(catalog)]
    .filter(([group]) => (group === '') === isCore)
    .map(([group, versions]): JsonObject => ({
      metadata:
        group === '' ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
      versions: [...versions].map(([version, definitions]) => ({
        version,
        freshness: 'Current',
        resources: definitions.map(aggregatedResource),
      })),
    }));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items,
  };
}

/** Answer of `/version`: the release of Kubernetes whose API this is a part of. */
export function versionDocument(): JsonObject {
  return {
    major: '1',
    minor: '35',
    gitVersion: 'v1.35.0+zkensemble.local',
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: `${process.platform}/${process.arch}`,
  };
}
