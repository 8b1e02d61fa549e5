import type { FieldError } from '../../api/api-error.ts';
import { forbiddenField, invalidField, requiredField } from '../../api/api-error.ts';
import type { JsonObject } from '../../api/json.ts';
import {
  arrayAt,
  at,
  ensureObject,
  isObject,
  numberAt,
  objectAt,
  sameJson,
  setDefault,
  stringAt,
} from '../../api/json.ts';
import type { KubeObject } from '../../api/kube-object.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { Strategy } from '../definition.ts';
import { selectsLabels } from '../selectors.ts';
import { defaultPodSpec, podSpecErrors } from './pod-spec.ts';

/** Name of the one node. */
export const nodeName = 'local';

function withImages(spec: JsonObject): JsonObject {
  const copy = structuredClone(spec);
  for (const list of ['containers', 'initContainers']) {
    for (const container of arrayAt(copy, list)) if (isObject(container)) delete container['image'];
  }
  for (const key of ['activeDeadlineSeconds', 'tolerations', 'terminationGracePeriodSeconds']) {
    delete copy[key];
  }
  return copy;
}

function podErrors(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = objectAt(next, 'spec');
  if (old === undefined) return podSpecErrors(spec, 'spec');
  const before = withImages(objectAt(old, 'spec'));
  const after = withImages(spec);
  // A pod gets its node once.
  if (before['nodeName'] === undefined) delete after['nodeName'];
  if (sameJson(after, before)) return [];
  const why =
    'pod updates may not change fields other than `spec.containers[*].image`, ' +
    '`spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` or ' +
    '`spec.terminationGracePeriodSeconds`';
  return [forbiddenField('spec', why)];
}

const placementFields = ['nodeSelector', 'affinity', 'topologySpreadConstraints'];

function placementWarnings(spec: JsonObject): string[] {
  const used = placementFields.filter((field) => {
    const value = spec[field];
    return value !== undefined && JSON.stringify(value).length > 2;
  });
  if (used.length === 0) return [];
  return [`the local control plane has one node and does not look at ${used.join(', ')}`];
}

export const podStrategy: Strategy = {
  prepare(next, old) {
    const spec = ensureObject(next, 'spec');
    defaultPodSpec(spec);
    setDefault(spec, 'serviceAccountName', 'default');
    if (old === undefined) next['status'] = { phase: 'Pending', qosClass: 'BestEffort' };
  },
  validate: podErrors,
  warnings: (next) => placementWarnings(objectAt(next, 'spec')),
};

function defaultClaim(spec: JsonObject): void {
  setDefault(spec, 'volumeMode', 'Filesystem');
  setDefault(spec, 'storageClassName', 'local');
}

const mutableSetFields: readonly string[] = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

function statefulSetErrors(next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = objectAt(next, 'spec');
  const errors: FieldError[] = [];
  const selector = spec['selector'];
  const labels = objectAt(spec, 'template', 'metadata', 'labels') as Record<string, string>;
  if (Object.keys(objectAt(selector)).length === 0) {
    errors.push(requiredField('spec.selector', 'empty selector is invalid for statefulset'));
  } else if (!selectsLabels(selector, labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(invalidField('spec.template.metadata.labels', labels, why));
  }
  const claims = arrayAt(spec, 'volumeClaimTemplates');
  const names = claims.map((claim) => stringAt(claim, 'metadata', 'name') ?? '');
  errors.push(...podSpecErrors(objectAt(spec, 'template', 'spec'), 'spec.template.spec', names));
  if ((numberAt(spec, 'replicas') ?? 0) < 0) {
    errors.push(
      invalidField('spec.replicas', spec['replicas'], 'must be greater than or equal to 0'),
    );
  }
  if (stringAt(spec, 'template', 'spec', 'restartPolicy') !== 'Always') {
    const field = 'spec.template.spec.restartPolicy';
    errors.push({
      field,
      reason: 'FieldValueNotSupported',
      message: 'Unsupported value: supported values: "Always"',
    });
  }
  if (old !== undefined) {
    const fixed = (object: KubeObject): JsonObject => {
      const copy = { ...objectAt(object, 'spec') };
      for (const key of mutableSetFields) delete copy[key];
      return copy;
    };
    if (!sameJson(fixed(next), fixed(old))) {
      const why = `updates to statefulset spec for fields other than ${mutableSetFields.map((one) => `'${one}'`).join(', ')} are forbidden`;
      errors.push(forbiddenField('spec', why));
    }
  }
  return errors;
}

export const statefulSetStrategy: Strategy = {
  prepare(next, old) {
    const spec = ensureObject(next, 'spec');
    setDefault(spec, 'replicas', 1);
    setDefault(spec, 'podManagementPolicy', 'OrderedReady');
    setDefault(spec, 'revisionHistoryLimit', 10);
    setDefault(spec, 'serviceName', '');
    setDefault(spec, 'persistentVolumeClaimRetentionPolicy', {});
    const retention = ensureObject(spec, 'persistentVolumeClaimRetentionPolicy');
    setDefault(retention, 'whenDeleted', 'Retain');
    setDefault(retention, 'whenScaled', 'Retain');
    const update = ensureObject(spec, 'updateStrategy');
    setDefault(update, 'type', 'RollingUpdate');
    if (update['type'] === 'RollingUpdate') {
      setDefault(ensureObject(update, 'rollingUpdate'), 'partition', 0);
    }
    defaultPodSpec(ensureObject(spec, 'template', 'spec'));
    for (const claim of arrayAt(spec, 'volumeClaimTemplates')) {
      if (!isObject(claim)) continue;
      setDefault(claim, 'apiVersion', 'v1');
      setDefault(claim, 'kind', 'PersistentVolumeClaim');
      defaultClaim(ensureObject(claim, 'spec'));
      claim['status'] = { phase: 'Pending' };
    }
    if (old === undefined) next['status'] = { replicas: 0, availableReplicas: 0 };
  },
  validate: statefulSetErrors,
  warnings: (next) => placementWarnings(objectAt(next, 'spec', 'template', 'spec')),
};

export const claimStrategy: Strategy = {
  prepare(next, old) {
    defaultClaim(ensureObject(next, 'spec'));
    if (old === undefined) next['status'] = { phase: 'Pending' };
  },
  validate(next, old) {
    const errors: FieldError[] = [];
    const path = ['resources', 'requests', 'storage'];
    const size = at(next, 'spec', ...path);
    if (size === undefined) errors.push(requiredField(`spec.${path.join('.')}`));
    if (arrayAt(next, 'spec', 'accessModes').length === 0) {
      errors.push(requiredField('spec.accessModes', 'at least 1 access mode is required'));
    }
    if (old === undefined) return errors;
    const fixed = (object: KubeObject): JsonObject => {
      const copy = structuredClone(objectAt(object, 'spec'));
      delete ensureObject(copy, 'resources')['requests'];
      delete copy['volumeName'];
      return copy;
    };
    if (!sameJson(fixed(next), fixed(old))) {
      const why = 'spec is immutable after creation except resources.requests for bound claims';
      errors.push(forbiddenField('spec', why));
    }
    const bytes = (object: KubeObject): number =>
      parseQuantity(stringAt(object, 'spec', ...path) ?? '0') ?? 0;
    if (bytes(next) < bytes(old)) {
      const why = 'field can not be less than previous value';
      errors.push(forbiddenField('spec.resources.requests.storage', why));
    }
    return errors;
  },
};

export const budgetStrategy: Strategy = {
  prepare(next, old) {
    if (old === undefined) delete next['status'];
  },
  validate(next) {
    const spec = objectAt(next, 'spec');
    if (spec['minAvailable'] !== undefined && spec['maxUnavailable'] !== undefined) {
      const why = 'minAvailable and maxUnavailable cannot be both set';
      return [invalidField('spec', {}, why)];
    }
    return [];
  },
};
