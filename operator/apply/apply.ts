import type { ValidEnsemble } from '../api/validate.ts';
import type { KubeObject, ZkEnsembleStatus } from '../api/zk-ensemble.ts';
import { apiVersion, kind } from '../api/zk-ensemble.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { isConflict, isNotFound, isTooMany, KubeError } from '../kube/kube-error.ts';
import {
  configMaps,
  disruptionBudgets,
  pods,
  resourceOf,
  volumeClaims,
  zkEnsembles,
} from '../kube/resources.ts';
import { nothingApplied } from '../plan/applied.ts';
import type { Applied } from '../plan/applied.ts';
import { operatorName, selectorLabels } from '../plan/names.ts';
import type { Planned } from '../plan/plan.ts';
import { hashOf } from '../plan/resources/common.ts';

export const fieldManager: string = operatorName;

/** Objects remembered; beyond that, everything is applied once more. */
const rememberedMax = 10_000;

/** Looks up what is there now: from caches, so it may be a moment old. */
export type Live = (apiVersion: string, kind: string, name: string) => KubeObject | undefined;

/** Tells the user what happened to an ensemble. */
export type Announce = (
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
) => Promise<void>;

export interface ApplyWith {
  readonly client: KubeClient;
  readonly live: Live;
  readonly memory: AppliedMemory;
  readonly announce: Announce;
  /** Still the one operator that may act. */
  readonly mayAct: () => boolean;
}

/**
 * What was applied last, so that an unchanged object costs no request: hash of what was asked
 * for, and the generation (or version) that the API server answered with.
 */
export class AppliedMemory {
  readonly #seen = new Map<string, { hash: string; mark: string }>();

  isCurrent(object: KubeObject, live: KubeObject | undefined): boolean {
    const seen = this.#seen.get(objectKey(object));
    if (seen === undefined || live === undefined) return false;
    return seen.hash === hashOf(object) && seen.mark === markOf(live);
  }

  note(object: KubeObject, answer: KubeObject): void {
    if (this.#seen.size >= rememberedMax) this.#seen.clear();
    this.#seen.set(objectKey(object), { hash: hashOf(object), mark: markOf(answer) });
  }
}

/**
 * Carries a plan out: objects first, all of them harmless, then at most one growth and at most
 * one eviction. The eviction happens only when every object before it was accepted, since a pod
 * that comes back is made from them.
 * @throws KubeError when the API server cannot be reached or fails; refusals are in the answer.
 */
export async function apply(
  ensemble: ValidEnsemble,
  planned: Planned,
  by: ApplyWith,
): Promise<Applied> {
  const { client } = by;
  const { namespace, name } = ensemble;
  const taken: string[] = [];
  let leaving = false;
  let refused: Applied['refused'] = null;
  for (const object of planned.objects) {
    const outcome = await applyObject(ensemble, object, by);
    if (outcome === 'leaving') leaving = true;
    if (outcome === 'taken') taken.push(`${object.kind} ${object.metadata.name}`);
    if (typeof outcome === 'object') refused ??= outcome;
  }
  if (planned.removeDisruptionBudget) {
    const live = by.live(disruptionBudgets.apiVersion, disruptionBudgets.kind, name);
    const uid = live?.metadata.uid;
    if (uid !== undefined) await removed(client.delete(disruptionBudgets, namespace, name, uid));
  }
  for (const each of planned.removeConfigMaps) {
    const uid = by.live(configMaps.apiVersion, configMaps.kind, each)?.metadata.uid;
    if (uid !== undefined) await removed(client.delete(configMaps, namespace, each, uid));
  }
  const growthRefused = await grow(ensemble, planned, by);
  const done: Applied = { ...nothingApplied, taken, refused, growthRefused };
  if (taken.length > 0 || refused !== null || leaving) return done;
  if (planned.step.type !== 'evict') return done;
  if (!by.mayAct() || !(await isUnchanged(ensemble, planned, client))) return done;
  return { ...done, ...(await evict(ensemble, planned.step, by)) };
}

/**
 * Reads from the API server itself, not from a cache, that the ensemble and its pods are those
 * the plan was made for: a cache may lag behind a restart that has begun already.
 */
async function isUnchanged(
  ensemble: ValidEnsemble,
  planned: Planned,
  client: KubeClient,
): Promise<boolean> {
  const { namespace, name } = ensemble;
  const labelSelector = Object.entries(selectorLabels(name))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const [now, list] = await Promise.all([
    fetched(client, zkEnsembles, namespace, name),
    client.list(pods, namespace, { labelSelector }),
  ]);
  const { uid, generation, deletionTimestamp } = now?.metadata ?? {};
  if (uid !== ensemble.uid || generation !== ensemble.generation) return false;
  if (deletionTimestamp !== undefined) return false;
  const present = new Map(list.items.map((pod) => [pod.metadata.name, pod.metadata]));
  return planned.rollout.servers.every((server) => {
    const metadata = present.get(server.name);
    return metadata?.uid === server.pod?.uid && metadata?.deletionTimestamp === undefined;
  });
}

/** Gone already, or made anew meanwhile: both are well. */
async function removed(deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

async function applyObject(
  ensemble: ValidEnsemble,
  object: KubeObject,
  by: ApplyWith,
): Promise<'applied' | 'taken' | 'leaving' | { object: string; message: string }> {
  const { apiVersion: version = '', kind: objectKind = '' } = object;
  const name = object.metadata.name ?? '';
  const live = by.live(version, objectKind, name);
  if (by.memory.isCurrent(object, live)) return 'applied';
  const resource = resourceOf(version, objectKind);
  const present = live ?? (await fetched(by.client, resource, ensemble.namespace, name));
  if (present !== undefined && !isOwned(present, ensemble)) {
    return isOfEarlier(present, ensemble) ? 'leaving' : 'taken';
  }
  try {
    const answer = await by.client.apply(resource, ensemble.namespace, name, object, {
      fieldManager,
    });
    by.memory.note(object, answer);
    return 'applied';
  } catch (error) {
    // Invalid or forbidden: trying again does not help, the spec (or a policy) must change.
    if (error instanceof KubeError && (error.code === 422 || error.code === 403)) {
      return { object: `${objectKind} ${name}`, message: error.message };
    }
    throw error;
  }
}

async function fetched(
  client: KubeClient,
  resource: ReturnType<typeof resourceOf>,
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> {
  try {
    return await client.get(resource, namespace, name);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Never forced onto an object that this ensemble did not make. */
function isOwned(object: KubeObject, ensemble: ValidEnsemble): boolean {
  return object.metadata.ownerReferences?.some(({ uid }) => uid === ensemble.uid) === true;
}

/** Made for an ensemble of the same name that was deleted: the cluster removes it by itself. */
function isOfEarlier(object: KubeObject, { name }: ValidEnsemble): boolean {
  return (
    object.metadata.ownerReferences?.some(
      (owner) => owner.apiVersion === apiVersion && owner.kind === kind && owner.name === name,
    ) === true
  );
}

async function grow(
  ensemble: ValidEnsemble,
  planned: Planned,
  by: ApplyWith,
): Promise<string | null> {
  const { growth } = planned;
  if (growth === null) return null;
  const body = { spec: { resources: { requests: { storage: growth.size } } } };
  try {
    await by.client.mergePatch(volumeClaims, ensemble.namespace, growth.claim, body, {
      fieldManager,
    });
    await by.announce('Normal', 'VolumeGrows', `${growth.claim} grows to ${growth.size}`);
    return null;
  } catch (error) {
    if (!(error instanceof KubeError) || (error.code !== 403 && error.code !== 422)) throw error;
    return `${growth.claim} cannot grow to ${growth.size}: ${error.message}`;
  }
}

/** Through the eviction API, so that a drain and a restart never take two members at once. */
async function evict(
  ensemble: ValidEnsemble,
  step: Extract<Planned['step'], { type: 'evict' }>,
  by: ApplyWith,
): Promise<Pick<Applied, 'evicted' | 'evictionBlocked'>> {
  const { name } = step.server;
  const uid = step.server.pod?.uid ?? '';
  try {
    await by.client.json({
      method: 'POST',
      path: `/api/v1/namespaces/${ensemble.namespace}/${pods.plural}/${name}/eviction`,
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { namespace: ensemble.namespace, name },
        deleteOptions: { preconditions: { uid } },
      },
    });
  } catch (error) {
    if (isTooMany(error)) {
      const message = error instanceof Error ? error.message : '';
      return { evicted: null, evictionBlocked: message };
    }
    // Gone, or not the pod that was seen any more: the next pass sees the new one.
    if (error instanceof KubeError && (error.code === 404 || error.code === 409)) {
      return { evicted: null, evictionBlocked: null };
    }
    throw error;
  }
  await by.announce('Normal', 'MemberRestart', step.message);
  return { evicted: name, evictionBlocked: null };
}

/** Writes the status, and nothing but the status. */
export async function applyStatus(
  client: KubeClient,
  ensemble: { readonly namespace: string; readonly name: string },
  status: ZkEnsembleStatus,
): Promise<void> {
  const { namespace, name } = ensemble;
  const body = { apiVersion, kind, metadata: { namespace, name }, status };
  await client.apply(zkEnsembles, namespace, name, body, { fieldManager, subresource: 'status' });
}

function objectKey(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.kind ?? ''}/${object.metadata.name ?? ''}`;
}

/** Changes whenever somebody changes what was asked for; a status does not count where it can be told. */
function markOf(object: KubeObject): string {
  const { uid, generation, resourceVersion } = object.metadata;
  return `${uid}/${generation ?? resourceVersion}`;
}
