import type { Json } from '../api/json.ts';
import { arrayAt, at, isObject, numberAt, objectAt, stringAt, textOf } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { isTerminating, labelsOf } from '../api/kube-object.ts';
import type { Column } from './definition.ts';
import { ageSince } from './human-duration.ts';

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  cell: (object) => object.metadata.name,
};

export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  cell: (object, nowMs) => ageSince(object.metadata.creationTimestamp, nowMs),
};

function column(name: string, cell: (object: KubeObject) => Json, priority = 0): Column {
  return { name, type: 'string', priority, cell };
}

function text(name: string, path: readonly string[], priority = 0, absent = '<none>'): Column {
  return column(name, (object) => stringAt(object, ...path) ?? absent, priority);
}

function containers(object: KubeObject): Json[] {
  return arrayAt(object, 'spec', 'template', 'spec', 'containers');
}

function countsOf(object: KubeObject): { ready: number; total: number; restarts: number } {
  const statuses = arrayAt(object, 'status', 'containerStatuses');
  return {
    ready: statuses.filter((status) => at(status, 'ready') === true).length,
    total: arrayAt(object, 'spec', 'containers').length,
    restarts: statuses.reduce<number>((sum, one) => sum + (numberAt(one, 'restartCount') ?? 0), 0),
  };
}

/** The word in the STATUS column: why a container is not running, before the phase. */
function podStatus(object: KubeObject): string {
  if (isTerminating(object)) return 'Terminating';
  for (const status of arrayAt(object, 'status', 'initContainerStatuses')) {
    const waiting = stringAt(status, 'state', 'waiting', 'reason');
    if (waiting !== undefined && waiting !== 'PodInitializing') return `Init:${waiting}`;
  }
  for (const status of arrayAt(object, 'status', 'containerStatuses')) {
    const waiting = stringAt(status, 'state', 'waiting', 'reason');
    if (waiting !== undefined) return waiting;
    const ended = stringAt(status, 'state', 'terminated', 'reason');
    if (ended !== undefined) return ended;
  }
  return stringAt(object, 'status', 'reason') ?? stringAt(object, 'status', 'phase') ?? 'Pending';
}

export const podColumns: readonly Column[] = [
  nameColumn,
  column('Ready', (object) => `${countsOf(object).ready}/${countsOf(object).total}`),
  column('Status', podStatus),
  column('Restarts', (object) => String(countsOf(object).restarts)),
  ageColumn,
  text('IP', ['status', 'podIP'], 1),
  text('Node', ['spec', 'nodeName'], 1),
  column('Nominated Node', () => '<none>', 1),
  column('Readiness Gates', () => '<none>', 1),
];

export const statefulSetColumns: readonly Column[] = [
  nameColumn,
  column(
    'Ready',
    (object) =>
      `${numberAt(object, 'status', 'readyReplicas') ?? 0}/${numberAt(object, 'spec', 'replicas') ?? 0}`,
  ),
  ageColumn,
  column(
    'Containers',
    (object) =>
      containers(object)
        .map((c) => stringAt(c, 'name'))
        .join(','),
    1,
  ),
  column(
    'Images',
    (object) =>
      containers(object)
        .map((c) => stringAt(c, 'image'))
        .join(','),
    1,
  ),
];

function servicePorts(object: KubeObject): string {
  const ports = arrayAt(object, 'spec', 'ports').map((port) => {
    const nodePort = numberAt(port, 'nodePort');
    const number = numberAt(port, 'port') ?? 0;
    const shown = nodePort === undefined ? `${number}` : `${number}:${nodePort}`;
    return `${shown}/${stringAt(port, 'protocol') ?? 'TCP'}`;
  });
  return ports.length === 0 ? '<none>' : ports.join(',');
}

function selectorText(selector: Json | undefined): string {
  if (!isObject(selector)) return '<none>';
  const pairs = Object.entries(selector).map(([key, value]) => `${key}=${textOf(value)}`);
  return pairs.length === 0 ? '<none>' : pairs.join(',');
}

export const serviceColumns: readonly Column[] = [
  nameColumn,
  text('Type', ['spec', 'type']),
  text('Cluster-IP', ['spec', 'clusterIP']),
  column('External-IP', () => '<none>'),
  column('Port(s)', servicePorts),
  ageColumn,
  column('Selector', (object) => selectorText(at(object, 'spec', 'selector')), 1),
];

function dataColumn(object: KubeObject): Json {
  const { data, binaryData } = object;
  return Object.keys(objectAt(data)).length + Object.keys(objectAt(binaryData)).length;
}

export const configMapColumns: readonly Column[] = [
  nameColumn,
  { name: 'Data', type: 'string', cell: dataColumn },
  ageColumn,
];

export const secretColumns: readonly Column[] = [
  nameColumn,
  text('Type', ['type']),
  { name: 'Data', type: 'string', cell: dataColumn },
  ageColumn,
];

export const claimColumns: readonly Column[] = [
  nameColumn,
  text('Status', ['status', 'phase']),
  text('Volume', ['spec', 'volumeName'], 0, ''),
  text('Capacity', ['status', 'capacity', 'storage'], 0, ''),
  column('Access Modes', (object) => {
    const short: Readonly<Record<string, string>> = {
      ReadWriteOnce: 'RWO',
      ReadOnlyMany: 'ROX',
      ReadWriteMany: 'RWX',
      ReadWriteOncePod: 'RWOP',
    };
    return arrayAt(object, 'spec', 'accessModes')
      .map((mode) => (typeof mode === 'string' ? (short[mode] ?? mode) : ''))
      .join(',');
  }),
  text('StorageClass', ['spec', 'storageClassName'], 0, ''),
  ageColumn,
];

function boundOf(object: KubeObject, field: string): Json {
  const value = at(object, 'spec', field);
  return value === undefined ? 'N/A' : textOf(value);
}

export const budgetColumns: readonly Column[] = [
  nameColumn,
  column('Min Available', (object) => boundOf(object, 'minAvailable')),
  column('Max Unavailable', (object) => boundOf(object, 'maxUnavailable')),
  {
    name: 'Allowed Disruptions',
    type: 'integer',
    cell: (object) => numberAt(object, 'status', 'disruptionsAllowed') ?? 0,
  },
  ageColumn,
];

export const eventColumns: readonly Column[] = [
  {
    name: 'Last Seen',
    type: 'string',
    cell: (object, nowMs) =>
      ageSince(
        stringAt(object, 'lastTimestamp') ??
          stringAt(object, 'eventTime') ??
          object.metadata.creationTimestamp,
        nowMs,
      ),
  },
  text('Type', ['type']),
  text('Reason', ['reason']),
  column('Object', (object) => {
    const kind = stringAt(object, 'involvedObject', 'kind') ?? '';
    return `${kind.toLowerCase()}/${stringAt(object, 'involvedObject', 'name') ?? ''}`;
  }),
  text('Source', ['source', 'component'], 1, ''),
  text('Message', ['message'], 0, ''),
  { ...nameColumn, priority: 1 },
];

export const nodeColumns: readonly Column[] = [
  nameColumn,
  column('Status', (object) => {
    const ready = arrayAt(object, 'status', 'conditions').find(
      (condition) => stringAt(condition, 'type') === 'Ready',
    );
    const isReady = stringAt(ready, 'status') === 'True';
    const isClosed = at(object, 'spec', 'unschedulable') === true;
    return `${isReady ? 'Ready' : 'NotReady'}${isClosed ? ',SchedulingDisabled' : ''}`;
  }),
  column('Roles', (object) => {
    const prefix = 'node-role.kubernetes.io/';
    const roles = Object.keys(labelsOf(object)).filter((key) => key.startsWith(prefix));
    return roles.length === 0 ? '<none>' : roles.map((key) => key.slice(prefix.length)).join(',');
  }),
  ageColumn,
  text('Version', ['status', 'nodeInfo', 'kubeletVersion']),
];

export const namespaceColumns: readonly Column[] = [
  nameColumn,
  text('Status', ['status', 'phase']),
  ageColumn,
];

export const leaseColumns: readonly Column[] = [
  nameColumn,
  text('Holder', ['spec', 'holderIdentity'], 0, ''),
  ageColumn,
];

export const revisionColumns: readonly Column[] = [
  nameColumn,
  column('Controller', (object) => {
    const owner = arrayAt(object, 'metadata', 'ownerReferences')[0];
    return `${(stringAt(owner, 'kind') ?? '').toLowerCase()}/${stringAt(owner, 'name') ?? ''}`;
  }),
  { name: 'Revision', type: 'string', cell: (object) => numberAt(object, 'revision') ?? 0 },
  ageColumn,
];

export const definitionColumns: readonly Column[] = [
  nameColumn,
  column('Created At', (object) => object.metadata.creationTimestamp),
];

function endpointsText(object: KubeObject): string {
  const found = arrayAt(object, 'subsets').flatMap((subset) =>
    arrayAt(subset, 'addresses').flatMap((address) =>
      arrayAt(subset, 'ports').map(
        (port) => `${stringAt(address, 'ip') ?? ''}:${numberAt(port, 'port') ?? 0}`,
      ),
    ),
  );
  if (found.length === 0) return '<none>';
  const more = found.length > 3 ? ` + ${found.length - 3} more...` : '';
  return found.slice(0, 3).join(',') + more;
}

export const endpointsColumns: readonly Column[] = [
  nameColumn,
  column('Endpoints', endpointsText),
  ageColumn,
];

export const endpointSliceColumns: readonly Column[] = [
  nameColumn,
  text('AddressType', ['addressType']),
  column('Ports', (object) => {
    const ports = arrayAt(object, 'ports').map((port) => String(numberAt(port, 'port') ?? ''));
    return ports.length === 0 ? '<unset>' : ports.join(',');
  }),
  column('Endpoints', (object) => {
    const addresses = arrayAt(object, 'endpoints').flatMap((one) =>
      arrayAt(one, 'addresses').map(textOf),
    );
    return addresses.length === 0 ? '<unset>' : addresses.join(',');
  }),
  ageColumn,
];

export const plainColumns: readonly Column[] = [nameColumn, ageColumn];
