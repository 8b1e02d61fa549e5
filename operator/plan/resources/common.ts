import { createHash } from 'node:crypto';
import type { ValidEnsemble } from '../../api/validate.ts';
import { apiVersion, kind } from '../../api/zk-ensemble.ts';
import type { KubeObject, OwnerReference } from '../../api/zk-ensemble.ts';
import { labelsOf } from '../names.ts';
import type { Component } from '../names.ts';

/** Metadata of an object that belongs to an ensemble and goes with it. */
export function metadataOf(
  ensemble: ValidEnsemble,
  name: string,
  component?: Component,
): KubeObject['metadata'] {
  return {
    name,
    namespace: ensemble.namespace,
    labels: labelsOf(ensemble, component),
    ownerReferences: [ownerOf(ensemble)],
  };
}

function ownerOf(ensemble: ValidEnsemble): OwnerReference {
  return {
    apiVersion,
    kind,
    name: ensemble.name,
    uid: ensemble.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Short hash of a value; the order of keys does not matter. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 12);
}

/** JSON text with sorted keys; `undefined` fields are absent. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`);
  return `{${entries.join(',')}}`;
}
