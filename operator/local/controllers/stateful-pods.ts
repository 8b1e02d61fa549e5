import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../api/json.ts';
import {
  arrayAt,
  canonicalJson,
  ensureObject,
  isObject,
  numberAt,
  objectAt,
  stringAt,
} from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';

/** Label that names the revision of a pod's template. */
export const revisionLabel = 'controller-revision-hash';

/** Owner reference of what a set controls. */
export function ownerOf(owner: KubeObject): JsonObject {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Name of the revision that a set's template is: equal templates have equal names. */
export function revisionName(set: KubeObject): string {
  const template = objectAt(set, 'spec', 'template');
  const hash = createHash('sha256').update(canonicalJson(template)).digest('hex').slice(0, 10);
  return `${set.metadata.name}-${hash}`;
}

/** Ordinal of a pod of a set; `null` for a name that is not of its pods. */
export function ordinalOf(set: KubeObject, podName: string): number | null {
  const prefix = `${set.metadata.name}-`;
  const rest = podName.startsWith(prefix) ? podName.slice(prefix.length) : '';
  return /^(0|[1-9]\d*)$/.test(rest) ? Number(rest) : null;
}

export function startOf(set: KubeObject): number {
  return numberAt(set, 'spec', 'ordinals', 'start') ?? 0;
}

export interface ClaimPlan {
  readonly volume: string;
  readonly name: string;
  readonly body: JsonObject;
}

/** The claims of one pod, by the set's templates. */
export function claimsFor(set: KubeObject, ordinal: number): ClaimPlan[] {
  return arrayAt(set, 'spec', 'volumeClaimTemplates').map((template) => {
    const volume = stringAt(template, 'metadata', 'name') ?? '';
    const name = `${volume}-${set.metadata.name}-${ordinal}`;
    const labels = {
      ...objectAt(template, 'metadata', 'labels'),
      ...objectAt(set, 'spec', 'selector', 'matchLabels'),
    };
    const metadata: JsonObject = { name, labels };
    const annotations = objectAt(template, 'metadata', 'annotations');
    if (Object.keys(annotations).length > 0) metadata['annotations'] = annotations;
    if (stringAt(set, 'spec', 'persistentVolumeClaimRetentionPolicy', 'whenDeleted') === 'Delete') {
      metadata['ownerReferences'] = [{ ...ownerOf(set), controller: false }];
    }
    return { volume, name, body: { metadata, spec: objectAt(template, 'spec') } };
  });
}

/** The pod of one ordinal, by a template of the set. */
export function podFor(
  set: KubeObject,
  ordinal: number,
  template: JsonObject,
  revision: string,
): JsonObject {
  const pod = structuredClone(template);
  const name = `${set.metadata.name}-${ordinal}`;
  const metadata = ensureObject(pod, 'metadata');
  delete metadata['creationTimestamp'];
  metadata['name'] = name;
  metadata['ownerReferences'] = [ownerOf(set)];
  Object.assign(ensureObject(metadata, 'labels'), {
    [revisionLabel]: revision,
    'statefulset.kubernetes.io/pod-name': name,
    'apps.kubernetes.io/pod-index': String(ordinal),
  });
  const spec = ensureObject(pod, 'spec');
  spec['hostname'] = name;
  const service = stringAt(set, 'spec', 'serviceName') ?? '';
  if (service !== '') spec['subdomain'] = service;
  const claims = claimsFor(set, ordinal);
  const claimed = new Set(claims.map((claim) => claim.volume));
  const volumes = arrayAt(spec, 'volumes').filter(
    (volume) => !(isObject(volume) && claimed.has(stringAt(volume, 'name') ?? '')),
  );
  const added = claims.map((claim): Json => ({
    name: claim.volume,
    persistentVolumeClaim: { claimName: claim.name },
  }));
  if (volumes.length + added.length > 0) spec['volumes'] = [...volumes, ...added];
  return pod;
}
