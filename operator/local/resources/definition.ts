import type { FieldError } from '../api/api-error.ts';
import type { Json } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { CompiledRules } from '../cel/rules.ts';
import type { Schema } from '../schema/schema.ts';

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** 0: always shown; larger: shown with `-o wide`. */
  readonly priority?: number;
  readonly cell: (object: KubeObject, nowMs: number) => Json;
}

/** What one kind does beyond the rules of all. Writes into `next` only. */
export interface Strategy {
  /** Fills in defaults and what only the server may set. */
  readonly prepare?: (next: KubeObject, old: KubeObject | undefined) => void;
  readonly validate?: (next: KubeObject, old: KubeObject | undefined) => FieldError[];
  /** Sentences for the client, about what is kept and not acted upon. */
  readonly warnings?: (next: KubeObject) => string[];
}

export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** Path of the selector in the status or spec; `null` for none. */
  readonly selector: readonly string[] | null;
}

/** One resource of the API in one version. */
export interface ResourceDefinition {
  /** `''` for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly isNamespaced: boolean;
  readonly isCustom: boolean;
  readonly hasStatus: boolean;
  readonly scale: ScalePaths | null;
  readonly schema: Schema;
  /** Name of the schema in OpenAPI documents. */
  readonly schemaName: string;
  readonly rules: CompiledRules | null;
  readonly columns: readonly Column[];
  /** Paths that field selectors may name, beside name and namespace. */
  readonly selectableFields: readonly string[];
  readonly strategy: Strategy;
}

export function resourceKey(definition: ResourceDefinition): string {
  return `${definition.group}/${definition.plural}`;
}

export function apiVersionOf(definition: ResourceDefinition): string {
  const { group, version } = definition;
  return group === '' ? version : `${group}/${version}`;
}
