import * as models from '@kubernetes/client-node';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Schema } from './schema.ts';
import {
  atomicMaps,
  atomicModels,
  keyDefaults,
  mapLists,
  quantityFields,
  quantityMaps,
  setLists,
} from './list-types.ts';

interface Attribute {
  readonly name: string;
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

interface Model {
  getAttributeTypeMap(): readonly Attribute[];
}

type Draft = { -readonly [Key in keyof Schema]: Schema[Key] };

/** What the declarations of the client say beyond its attribute maps. */
interface Declared {
  readonly isRequired: boolean;
  readonly description: string;
}

const drafts = new Map<string, Draft>();

function modelNamed(name: string): Model | undefined {
  const found = (models as unknown as Record<string, unknown>)[name];
  return typeof found === 'function' && 'getAttributeTypeMap' in found
    ? (found as unknown as Model)
    : undefined;
}

/** Required fields and descriptions stand only in the type declarations of the client. */
function declarationsOf(name: string): ReadonlyMap<string, Declared> {
  const declared = new Map<string, Declared>();
  let text: string;
  try {
    const entry = import.meta.resolve('@kubernetes/client-node');
    text = readFileSync(fileURLToPath(new URL(`gen/models/${name}.d.ts`, entry)), 'utf8');
  } catch {
    return declared;
  }
  const field = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?^\s+'([^']+)'(\?)?: /gm;
  for (const [, comment, key, optional] of text.matchAll(field)) {
    if (key === undefined) continue;
    const description = (comment ?? '')
      .replaceAll(/^\s*\*\s?/gm, '')
      .replaceAll('\\', '')
      .trim();
    declared.set(key, { isRequired: optional === undefined, description });
  }
  return declared;
}

function scalarSchema(type: string, format: string): Draft | null {
  switch (type) {
    case 'string':
      return format === '' ? { type } : { type, format };
    case 'boolean':
      return { type };
    case 'number':
      return { type: format === 'double' ? 'number' : 'integer', format };
    case 'Date':
      return { type: 'string', format: 'date-time' };
    case 'V1MicroTime':
      return { type: 'string', format: 'date-time' };
    case 'IntOrString':
      return { 'x-kubernetes-int-or-string': true };
    case 'any':
      return { 'x-kubernetes-preserve-unknown-fields': true };
    case 'object':
      return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    default:
      return null;
  }
}

function typeSchema(type: string, format: string): Draft {
  const scalar = scalarSchema(type, format);
  if (scalar !== null) return scalar;
  const list = /^Array<(.*)>$/.exec(type);
  if (list?.[1] !== undefined) return { type: 'array', items: typeSchema(list[1], format) };
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map?.[1] !== undefined) {
    return { type: 'object', additionalProperties: typeSchema(map[1], format) };
  }
  return modelSchema(type) ?? { 'x-kubernetes-preserve-unknown-fields': true };
}

const quantity: Schema = { 'x-kubernetes-int-or-string': true, format: 'quantity' };

function attributeSchema(model: string, attribute: Attribute): Schema {
  const { baseName } = attribute;
  const field = `${model}.${baseName}`;
  if (quantityFields.has(baseName)) return quantity;
  const draft = typeSchema(attribute.type, attribute.format);
  if (quantityMaps.has(baseName) && draft.additionalProperties !== undefined) {
    return { type: 'object', additionalProperties: quantity };
  }
  const keys = mapLists[field];
  if (keys !== undefined) {
    const [mergeKey = ''] = keys;
    return {
      ...draft,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': keys,
      'x-kubernetes-patch-merge-key': mergeKey,
      'x-kubernetes-patch-strategy': baseName === 'volumes' ? 'merge,retainKeys' : 'merge',
    };
  }
  if (setLists.has(field)) {
    return { ...draft, 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
  }
  if (atomicMaps.has(field)) return { ...draft, 'x-kubernetes-map-type': 'atomic' };
  const fallback = keyDefaults[field];
  return fallback === undefined ? draft : { ...draft, default: fallback };
}

function modelSchema(name: string): Draft | undefined {
  const known = drafts.get(name);
  if (known !== undefined) return known;
  const model = modelNamed(name);
  if (model === undefined) return undefined;
  const draft: Draft = { type: 'object' };
  // Types that contain themselves find the draft here.
  drafts.set(name, draft);
  if (atomicModels.has(name)) draft['x-kubernetes-map-type'] = 'atomic';
  const declared = declarationsOf(name);
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const attribute of model.getAttributeTypeMap()) {
    properties[attribute.baseName] = attributeSchema(name, attribute);
    if (declared.get(attribute.name)?.isRequired === true) required.push(attribute.baseName);
  }
  draft.properties = properties;
  if (required.length > 0 && !name.endsWith('Status')) draft.required = required;
  return draft;
}

/**
 * Schema of a built-in type, by the name of its model in the Kubernetes client (`V1Pod`). Types
 * that contain themselves make it a graph with cycles.
 */
export function builtinSchema(name: string): Schema {
  const schema = modelSchema(name);
  if (schema === undefined) throw new Error(`the Kubernetes client has no type ${name}`);
  return schema;
}

/** Name of the model behind a schema of {@link builtinSchema}. */
export function modelNames(): ReadonlyMap<Schema, string> {
  return new Map([...drafts].map(([name, draft]) => [draft, name]));
}

/** What the client's documentation says of each field of a type. */
export function descriptionsOf(name: string): ReadonlyMap<string, string> {
  return new Map([...declarationsOf(name)].map(([key, { description }]) => [key, description]));
}
