import type { ValidEnsemble } from '../../api/validate.ts';
import type { KubeObject } from '../../api/zk-ensemble.ts';
import { clientServiceName, peerServiceName, ports, selectorLabels } from '../names.ts';
import { metadataOf } from './common.ts';

/** Gives every pod its name, ready or not: members must find each other before they are ready. */
export function peerService(ensemble: ValidEnsemble): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(ensemble, peerServiceName(ensemble.name)),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorLabels(ensemble.name),
      ports: [port('client'), port('quorum'), port('election'), port('admin')],
    },
  };
}

/** Where clients connect: any member that takes requests now, voter or observer. */
export function clientService(ensemble: ValidEnsemble): KubeObject {
  const { type, labels, annotations } = ensemble.spec.clientService;
  const metadata = metadataOf(ensemble, clientServiceName(ensemble.name));
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...metadata,
      labels: { ...labels, ...metadata.labels },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: { type, selector: selectorLabels(ensemble.name), ports: [port('client')] },
  };
}

function port(name: keyof typeof ports): Record<string, unknown> {
  return { name, port: ports[name], targetPort: name, protocol: 'TCP' };
}
