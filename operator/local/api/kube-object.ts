import type { Json, JsonObject } from './json.ts';

export interface OwnerReference extends JsonObject {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
}

export interface ManagedFieldsEntry extends JsonObject {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  fieldsType: 'FieldsV1';
  fieldsV1: JsonObject;
}

/** Metadata of a stored object. */
export interface ObjectMeta {
  [key: string]: Json;
  name: string;
  uid: string;
  /** Revision of the store at the last write, in decimal. */
  resourceVersion: string;
  creationTimestamp: string;
}

/**
 * One object of the API. What the store hands out is shared: nobody writes into it; a change is
 * a new object.
 */
export interface KubeObject {
  [key: string]: Json;
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

export function namespaceOf(object: KubeObject): string {
  const namespace = object.metadata['namespace'];
  return typeof namespace === 'string' ? namespace : '';
}

export function labelsOf(object: KubeObject): Readonly<Record<string, string>> {
  return (object.metadata['labels'] ?? {}) as Record<string, string>;
}

export function annotationsOf(object: KubeObject): Readonly<Record<string, string>> {
  return (object.metadata['annotations'] ?? {}) as Record<string, string>;
}

export function ownersOf(object: KubeObject): readonly OwnerReference[] {
  return (object.metadata['ownerReferences'] ?? []) as OwnerReference[];
}

export function finalizersOf(object: KubeObject): readonly string[] {
  return (object.metadata['finalizers'] ?? []) as string[];
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return ownersOf(object).find((owner) => owner['controller'] === true);
}

export function isTerminating(object: KubeObject): boolean {
  return typeof object.metadata['deletionTimestamp'] === 'string';
}

/** Time as the API writes it: RFC 3339 in UTC, whole seconds. */
export function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Time with microseconds, as leases and events carry it. */
export function microTimestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000Z');
}
