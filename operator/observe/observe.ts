import type { ValidEnsemble } from '../api/validate.ts';
import type { KubeObject } from '../api/zk-ensemble.ts';
import { expectedServers } from '../plan/guards.ts';
import { configMapPrefix, statefulSetName } from '../plan/names.ts';
import type { Observed, ServerView } from '../plan/observed.ts';
import { scalingOf } from '../plan/scale.ts';
import type { MemberAddress, Probed } from '../zk/probe.ts';
import { claimViewOf, msOf, podViewOf, statefulSetViewOf, stateViewOf } from './views.ts';

/** The part of an informer that observing needs. */
export interface Cache {
  get(namespace: string, name: string): KubeObject | undefined;
  all(): Iterable<KubeObject>;
}

export interface ObserveWith {
  readonly statefulSets: Cache;
  readonly pods: Cache;
  readonly claims: Cache;
  readonly budgets: Cache;
  readonly configMaps: Cache;
  readonly probe: (address: MemberAddress) => Promise<Probed>;
  /** Where a pod's port is reached; `null` while it has no address. */
  readonly memberAddress: (pod: KubeObject, portName: string) => MemberAddress | null;
  readonly wallMs: () => number;
}

/** Reads what the cluster and the servers say about one ensemble. Servers are asked at once, in parallel. */
export async function observe(ensemble: ValidEnsemble, by: ObserveWith): Promise<Observed> {
  const { name, namespace } = ensemble;
  const voters = ownStatefulSet(by, ensemble, statefulSetName(name, 'voter'));
  const observers = ownStatefulSet(by, ensemble, statefulSetName(name, 'observer'));
  const claims = claimsOf(by, ensemble);
  const createdMs = msOf(ensemble.object.metadata.creationTimestamp) ?? 0;
  const { membership } = scalingOf({ ensemble, voters, claims, createdMs });
  const servers = await Promise.all(
    expectedServers(name, membership).map(async (server): Promise<ServerView> => {
      const pod = by.pods.get(namespace, server.name);
      const set = server.voter ? voters : observers;
      if (pod === undefined) return { ...server, pod: null, state: null, silence: 'no pod' };
      if (!belongsTo(pod, set?.uid ?? '')) {
        return { ...server, pod: null, state: null, silence: 'the pod belongs to somebody else' };
      }
      const view = podViewOf(pod);
      const address = by.memberAddress(pod, 'admin');
      if (address === null) return { ...server, pod: view, state: null, silence: 'no address' };
      const probed = await by.probe(address);
      return 'state' in probed
        ? { ...server, pod: view, state: stateViewOf(probed.state), silence: null }
        : { ...server, pod: view, state: null, silence: probed.silence };
    }),
  );
  return {
    ensemble,
    status: ensemble.object.status ?? {},
    voters,
    observers,
    hasDisruptionBudget: isOwned(by.budgets.get(namespace, name), ensemble),
    claims,
    configMaps: configMapsOf(by, ensemble),
    servers,
    createdMs,
    wallMs: by.wallMs(),
  };
}

function ownStatefulSet(by: ObserveWith, ensemble: ValidEnsemble, name: string) {
  const object = by.statefulSets.get(ensemble.namespace, name);
  return object !== undefined && isOwned(object, ensemble) ? statefulSetViewOf(object) : null;
}

function isOwned(object: KubeObject | undefined, ensemble: ValidEnsemble): boolean {
  return object !== undefined && belongsTo(object, ensemble.uid);
}

/** A pod of an earlier ensemble of the same name, on its way out, says nothing about this one. */
function belongsTo(object: KubeObject, uid: string): boolean {
  return object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
}

function claimsOf(by: ObserveWith, ensemble: ValidEnsemble) {
  return [...by.claims.all()]
    .filter(
      ({ metadata }) =>
        metadata.namespace === ensemble.namespace &&
        metadata.labels?.['app.kubernetes.io/instance'] === ensemble.name,
    )
    .flatMap((claim) => claimViewOf(claim, ensemble.name) ?? [])
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function configMapsOf(by: ObserveWith, ensemble: ValidEnsemble): Observed['configMaps'] {
  const prefix = configMapPrefix(ensemble.name);
  return [...by.configMaps.all()]
    .filter((each) => isOwned(each, ensemble) && each.metadata.name?.startsWith(prefix) === true)
    .map(({ metadata }) => ({
      name: metadata.name ?? '',
      createdMs: msOf(metadata.creationTimestamp) ?? 0,
    }));
}

/** Pod address and the container's port of that name: how members are reached inside a cluster. */
export function podAddress(pod: KubeObject, portName: string): MemberAddress | null {
  const status: { podIP?: string } = pod['status'] ?? {};
  const spec: { containers?: { ports?: { name?: string; containerPort: number }[] }[] } =
    pod['spec'] ?? {};
  const found = spec.containers
    ?.flatMap(({ ports }) => ports ?? [])
    .find(({ name }) => name === portName);
  if (status.podIP === undefined || found === undefined) return null;
  return { host: status.podIP, port: found.containerPort };
}
