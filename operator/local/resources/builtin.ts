import { builtinSchema } from '../schema/builtin.ts';
import {
  budgetColumns,
  claimColumns,
  configMapColumns,
  definitionColumns,
  endpointsColumns,
  endpointSliceColumns,
  eventColumns,
  leaseColumns,
  namespaceColumns,
  nodeColumns,
  plainColumns,
  podColumns,
  revisionColumns,
  secretColumns,
  serviceColumns,
  statefulSetColumns,
} from './columns.ts';
import { customResourceStrategy } from './custom-strategy.ts';
import type { Column, ResourceDefinition, ScalePaths, Strategy } from './definition.ts';
import {
  configMapStrategy,
  namespaceStrategy,
  networkPolicyStrategy,
  noStrategy,
  secretStrategy,
  serviceStrategy,
} from './strategies/plain.ts';
import {
  budgetStrategy,
  claimStrategy,
  podStrategy,
  statefulSetStrategy,
} from './strategies/workloads.ts';

/** One line of the table below; what is left out is the ordinary case. */
interface Row {
  readonly kind: string;
  readonly plural: string;
  readonly group?: string;
  readonly version?: string;
  readonly short?: string;
  readonly model?: string;
  readonly isClusterWide?: boolean;
  readonly isInAll?: boolean;
  readonly hasStatus?: boolean;
  readonly scale?: ScalePaths;
  readonly columns?: readonly Column[];
  readonly fields?: readonly string[];
  readonly strategy?: Strategy;
}

const replicasScale: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

const podFields = [
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.serviceAccountName',
  'status.phase',
];
const eventFields = [
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'involvedObject.uid',
  'involvedObject.apiVersion',
  'involvedObject.resourceVersion',
  'involvedObject.fieldPath',
  'reason',
  'reportingComponent',
  'source',
  'type',
];

const rows: readonly Row[] = [
  {
    kind: 'Namespace',
    plural: 'namespaces',
    short: 'ns',
    isClusterWide: true,
    hasStatus: true,
    columns: namespaceColumns,
    fields: ['status.phase'],
    strategy: namespaceStrategy,
  },
  {
    kind: 'Node',
    plural: 'nodes',
    short: 'no',
    isClusterWide: true,
    hasStatus: true,
    columns: nodeColumns,
    fields: ['spec.unschedulable'],
  },
  {
    kind: 'Pod',
    plural: 'pods',
    short: 'po',
    isInAll: true,
    hasStatus: true,
    columns: podColumns,
    fields: podFields,
    strategy: podStrategy,
  },
  {
    kind: 'Service',
    plural: 'services',
    short: 'svc',
    isInAll: true,
    hasStatus: true,
    columns: serviceColumns,
    fields: ['spec.clusterIP', 'spec.type'],
    strategy: serviceStrategy,
  },
  { kind: 'Endpoints', plural: 'endpoints', short: 'ep', columns: endpointsColumns },
  {
    kind: 'ConfigMap',
    plural: 'configmaps',
    short: 'cm',
    columns: configMapColumns,
    strategy: configMapStrategy,
  },
  {
    kind: 'Secret',
    plural: 'secrets',
    columns: secretColumns,
    fields: ['type'],
    strategy: secretStrategy,
  },
  { kind: 'ServiceAccount', plural: 'serviceaccounts', short: 'sa' },
  {
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    short: 'pvc',
    hasStatus: true,
    columns: claimColumns,
    strategy: claimStrategy,
  },
  {
    kind: 'Event',
    plural: 'events',
    short: 'ev',
    model: 'CoreV1Event',
    columns: eventColumns,
    fields: eventFields,
  },
  {
    kind: 'StatefulSet',
    plural: 'statefulsets',
    group: 'apps',
    short: 'sts',
    isInAll: true,
    hasStatus: true,
    scale: replicasScale,
    columns: statefulSetColumns,
    strategy: statefulSetStrategy,
  },
  {
    kind: 'ControllerRevision',
    plural: 'controllerrevisions',
    group: 'apps',
    columns: revisionColumns,
  },
  {
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    group: 'policy',
    short: 'pdb',
    hasStatus: true,
    columns: budgetColumns,
    strategy: budgetStrategy,
  },
  {
    kind: 'Lease',
    plural: 'leases',
    group: 'coordination.k8s.io',
    columns: leaseColumns,
  },
  {
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    group: 'discovery.k8s.io',
    columns: endpointSliceColumns,
  },
  {
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    group: 'networking.k8s.io',
    short: 'netpol',
    columns: plainColumns,
    strategy: networkPolicyStrategy,
  },
  {
    kind: 'StorageClass',
    plural: 'storageclasses',
    group: 'storage.k8s.io',
    short: 'sc',
    isClusterWide: true,
  },
  {
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    group: 'apiextensions.k8s.io',
    short: 'crd,crds',
    isClusterWide: true,
    hasStatus: true,
    columns: definitionColumns,
    strategy: customResourceStrategy,
  },
];

/** Group as it prefixes the names of schemas in the real API's OpenAPI documents. */
function schemaPrefix(group: string): string {
  if (group === 'apiextensions.k8s.io') {
    return 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions';
  }
  return `io.k8s.api.${group === '' ? 'core' : (group.split('.')[0] ?? group)}`;
}

function toDefinition(row: Row): ResourceDefinition {
  const version = row.version ?? 'v1';
  const group = row.group ?? '';
  return {
    group,
    version,
    kind: row.kind,
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    shortNames: row.short?.split(',') ?? [],
    categories: row.isInAll === true ? ['all'] : [],
    isNamespaced: row.isClusterWide !== true,
    isCustom: false,
    hasStatus: row.hasStatus === true,
    scale: row.scale ?? null,
    schema: builtinSchema(row.model ?? `V1${row.kind}`),
    schemaName: `${schemaPrefix(group)}.${version}.${row.kind}`,
    rules: null,
    columns: row.columns ?? plainColumns,
    selectableFields: row.fields ?? [],
    strategy: row.strategy ?? noStrategy,
  };
}

export const builtinDefinitions: readonly ResourceDefinition[] = rows.map(toDefinition);

const byPlural = new Map(builtinDefinitions.map((one) => [one.plural, one]));

/** A built-in resource by its plural. */
export function builtin(plural: string): ResourceDefinition {
  const found = byPlural.get(plural);
  if (found === undefined) throw new Error(`no built-in resource ${plural}`);
  return found;
}
