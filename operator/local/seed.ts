import { hostname, totalmem, availableParallelism } from 'node:os';
import type { JsonObject } from './api/json.ts';
import { timestamp } from './api/kube-object.ts';
import type { Api } from './resources/api.ts';
import { builtin } from './resources/builtin.ts';
import { resourceKey } from './resources/definition.ts';
import { nodeName } from './resources/strategies/workloads.ts';

/** Field manager of what the control plane itself writes. */
export const ownManager = 'zkensemble-local';

function ensure(api: Api, plural: string, namespace: string, body: JsonObject): void {
  const definition = builtin(plural);
  const metadata = body['metadata'] as JsonObject;
  const name = metadata['name'] as string;
  if (api.store.get(resourceKey(definition), namespace, name) !== undefined) return;
  api.create(definition, namespace, body, { manager: ownManager });
}

function nodeStatus(nowMs: number): JsonObject {
  const amounts = {
    cpu: String(availableParallelism()),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: '110',
  };
  const time = timestamp(nowMs);
  return {
    capacity: amounts,
    allocatable: amounts,
    addresses: [
      { type: 'InternalIP', address: '127.0.0.1' },
      { type: 'Hostname', address: hostname() },
    ],
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'AgentRunning',
        message: 'pods run as processes of this machine',
        lastHeartbeatTime: time,
        lastTransitionTime: time,
      },
    ],
    nodeInfo: {
      architecture: process.arch,
      bootID: '',
      containerRuntimeVersion: 'process://1',
      kernelVersion: '',
      kubeProxyVersion: '',
      kubeletVersion: 'v1.35.0',
      machineID: '',
      operatingSystem: process.platform,
      osImage: '',
      systemUUID: '',
    },
  };
}

/** Makes what every cluster has: namespaces, the node, a storage class. */
export function seed(api: Api, nowMs: number): void {
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
    ensure(api, 'namespaces', '', { metadata: { name } });
  }
  const labels = {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': process.platform,
    'kubernetes.io/arch': process.arch,
    'topology.kubernetes.io/zone': 'local',
  };
  ensure(api, 'nodes', '', { metadata: { name: nodeName, labels }, spec: {} });
  const node = { definition: builtin('nodes'), namespace: '', name: nodeName };
  api.modify(node, (old) => ({ ...old, status: nodeStatus(nowMs) }), {
    manager: ownManager,
    subresource: 'status',
  });
  ensure(api, 'storageclasses', '', {
    metadata: {
      name: 'local',
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
    provisioner: 'zkensemble.io/directory',
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
    allowVolumeExpansion: true,
  });
  ensure(api, 'serviceaccounts', 'default', { metadata: { name: 'default' } });
}
