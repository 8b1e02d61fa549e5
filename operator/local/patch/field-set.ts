import type { Json, JsonObject } from '../api/json.ts';
import { canonicalJson, isObject } from '../api/json.ts';
import type { Schema } from '../schema/schema.ts';
import { mapKeysOf, memberSchema } from '../schema/schema.ts';

/** Joins the elements of a path; no element holds it. */
const separator = '\u0000';

/**
 * Fields somebody owns, each as one string: the elements `f:name` (member), `k:{keys}` (item of
 * a list that is a map) and `v:value` (item of a set), joined. An item's own path in the set
 * means the item itself.
 */
export type FieldSet = Set<string>;

/** Leaf fields of a value with what they hold; an item of a list stands for its existence. */
export type Leaves = Map<string, Json>;

export function union(left: FieldSet, right: FieldSet): FieldSet {
  return new Set([...left, ...right]);
}

export function difference(left: FieldSet, right: FieldSet): FieldSet {
  return new Set([...left].filter((path) => !right.has(path)));
}

export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  return new Set([...left].filter((path) => right.has(path)));
}

export function isSameSet(left: FieldSet, right: FieldSet): boolean {
  return left.size === right.size && [...left].every((path) => right.has(path));
}

export function pathOf(elements: readonly string[]): string {
  return elements.join(separator);
}

export function elementsOf(path: string): string[] {
  return path.split(separator);
}

/** Whether a path is another one or lies below it. */
export function isWithin(path: string, ancestor: string): boolean {
  return path === ancestor || path.startsWith(ancestor + separator);
}

/** Path element of an item in a list that is a map; missing keys take the schema's default. */
export function itemElement(
  item: Json,
  keys: readonly string[],
  schema: Schema | undefined,
): string {
  const identity: JsonObject = {};
  for (const key of keys) {
    const value = isObject(item) ? item[key] : undefined;
    const fallback = memberSchema(schema, key)?.default;
    if (value !== undefined) identity[key] = value;
    else if (fallback !== undefined) identity[key] = fallback;
  }
  return `k:${canonicalJson(identity)}`;
}

function collect(value: Json, schema: Schema | undefined, path: string, into: Leaves): void {
  const isAtomicMap = schema?.['x-kubernetes-map-type'] === 'atomic';
  if (isObject(value) && Object.keys(value).length > 0 && !isAtomicMap) {
    for (const [key, member] of Object.entries(value)) {
      const below = path === '' ? `f:${key}` : `${path}${separator}f:${key}`;
      collect(member, memberSchema(schema, key), below, into);
    }
    return;
  }
  if (Array.isArray(value) && value.length > 0) {
    const keys = mapKeysOf(schema);
    if (keys !== null) {
      for (const item of value) {
        const below = `${path}${separator}${itemElement(item, keys, schema?.items)}`;
        into.set(below, '.');
        collect(item, schema?.items, below, into);
      }
      return;
    }
    if (schema?.['x-kubernetes-list-type'] === 'set') {
      for (const item of value) into.set(`${path}${separator}v:${canonicalJson(item)}`, '.');
      return;
    }
  }
  into.set(path, value);
}

/** Every leaf of a value under its path. */
export function leavesOf(value: Json, schema: Schema | undefined): Leaves {
  const leaves: Leaves = new Map();
  collect(value, schema, '', leaves);
  leaves.delete('');
  return leaves;
}

/** A set as `managedFields` carries it. */
export function toFieldsV1(set: FieldSet): JsonObject {
  const root: JsonObject = {};
  for (const path of [...set].sort()) {
    let node = root;
    for (const element of elementsOf(path)) {
      const next = node[element];
      if (isObject(next)) {
        node = next;
      } else {
        const made: JsonObject = {};
        node[element] = made;
        node = made;
      }
    }
    node['.'] = {};
  }
  return withoutLoneDots(root);
}

/** A node with nothing below it owns itself without saying so. */
function withoutLoneDots(node: JsonObject): JsonObject {
  const keys = Object.keys(node);
  if (keys.length === 1 && keys[0] === '.') return {};
  const shorter: JsonObject = {};
  for (const key of keys) {
    const value = node[key];
    shorter[key] = key === '.' ? {} : withoutLoneDots(isObject(value) ? value : {});
  }
  return shorter;
}

export function fromFieldsV1(fields: Json | undefined): FieldSet {
  const set: FieldSet = new Set();
  const walk = (node: JsonObject, elements: readonly string[]): void => {
    const keys = Object.keys(node);
    if (keys.length === 0 && elements.length > 0) set.add(pathOf(elements));
    for (const key of keys) {
      const value = node[key];
      if (key === '.') set.add(pathOf(elements));
      else walk(isObject(value) ? value : {}, [...elements, normalized(key)]);
    }
  };
  if (isObject(fields)) walk(fields, []);
  return set;
}

/** Keys of items written by others may have another member order. */
function normalized(element: string): string {
  if (!element.startsWith('k:')) return element;
  try {
    return `k:${canonicalJson(JSON.parse(element.slice(2)) as Json)}`;
  } catch {
    return element;
  }
}

/** The path as people read it: `.spec.containers[name="a"].image`. */
export function readablePath(path: string): string {
  return elementsOf(path)
    .map((element) => {
      const text = element.slice(2);
      if (element.startsWith('f:')) return `.${text}`;
      if (element.startsWith('v:')) return `[=${text}]`;
      const keys = JSON.parse(text) as JsonObject;
      const shown = Object.keys(keys).map((key) => `${key}=${JSON.stringify(keys[key])}`);
      return `[${shown.join(',')}]`;
    })
    .join('');
}
