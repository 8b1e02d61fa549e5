import type { Json } from '../api/json.ts';
import { isObject } from '../api/json.ts';
import type { Schema } from './schema.ts';
import { memberSchema } from './schema.ts';

/** Fills in the schema's defaults, in place; a null where none is allowed counts as missing. */
export function fillDefaults(value: Json, schema: Schema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const item of value) fillDefaults(item, schema.items);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const isMissing =
      value[key] === undefined || (value[key] === null && property.nullable !== true);
    if (property.default !== undefined && isMissing) value[key] = structuredClone(property.default);
    else if (value[key] === null && property.nullable !== true) delete value[key];
  }
  for (const [key, member] of Object.entries(value))
    fillDefaults(member, memberSchema(schema, key));
}

function isOpen(schema: Schema): boolean {
  return (
    schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true
  );
}

/** Members of every embedded object that the schema need not name. */
const objectMembers: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/**
 * Removes what the schema does not know, in place.
 * @returns the paths of what went, as `spec.foo[0].bar`.
 */
export function pruneUnknown(value: Json, schema: Schema | undefined): string[] {
  const unknown: string[] = [];
  prune(value, schema, '', true, unknown);
  return unknown;
}

function prune(
  value: Json,
  schema: Schema | undefined,
  path: string,
  isRoot: boolean,
  unknown: string[],
): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      prune(item, schema.items, `${path}[${index}]`, false, unknown);
    });
    return;
  }
  if (!isObject(value)) return;
  const isEmbedded = isRoot || schema['x-kubernetes-embedded-resource'] === true;
  for (const key of Object.keys(value)) {
    const below = path === '' ? key : `${path}.${key}`;
    const member = memberSchema(schema, key);
    if (member !== undefined) {
      prune(value[key] ?? null, member, below, false, unknown);
    } else if (!isOpen(schema) && !(isEmbedded && objectMembers.has(key))) {
      delete value[key];
      unknown.push(below);
    }
  }
}

/** Turns quantities of the built-in types that came as numbers into text, in place. */
export function writeQuantitiesAsText(value: Json, schema: Schema | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) writeQuantitiesAsText(item, schema?.items);
    return;
  }
  if (!isObject(value) || schema === undefined) return;
  for (const [key, member] of Object.entries(value)) {
    const known = memberSchema(schema, key);
    if (typeof member === 'number' && known?.format === 'quantity') value[key] = String(member);
    else writeQuantitiesAsText(member, known);
  }
}
