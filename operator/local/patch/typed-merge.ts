import type { Json, JsonObject } from '../api/json.ts';
import { canonicalJson, isObject, sameJson } from '../api/json.ts';
import type { Schema } from '../schema/schema.ts';
import { mapKeysOf, memberSchema } from '../schema/schema.ts';
import type { FieldSet } from './field-set.ts';
import { elementsOf, itemElement, pathOf } from './field-set.ts';

function mergeLists(live: Json[], applied: Json[], schema: Schema | undefined): Json[] {
  const keys = mapKeysOf(schema);
  if (keys !== null) {
    const elementOf = (item: Json): string => itemElement(item, keys, schema?.items);
    const before = new Map(live.map((item) => [elementOf(item), item]));
    const merged = applied.map((item) =>
      typedMerge(before.get(elementOf(item)), item, schema?.items),
    );
    const named = new Set(applied.map(elementOf));
    // What others hold keeps its order and stands where it stood: before the applied ones.
    const others = live.filter((item) => !named.has(elementOf(item)));
    return live.length > 0 && !named.has(elementOf(live[0] ?? null))
      ? [...others, ...merged]
      : [...merged, ...others];
  }
  if (schema?.['x-kubernetes-list-type'] === 'set') {
    return [...live, ...applied.filter((item) => !live.some((one) => sameJson(one, item)))];
  }
  return applied;
}

/** What is live with what is applied laid over it, by the list and map types of the schema. */
export function typedMerge(
  live: Json | undefined,
  applied: Json,
  schema: Schema | undefined,
): Json {
  if (Array.isArray(applied) && Array.isArray(live)) return mergeLists(live, applied, schema);
  if (!isObject(applied) || !isObject(live)) return applied;
  if (schema?.['x-kubernetes-map-type'] === 'atomic') return applied;
  const merged: JsonObject = { ...live };
  for (const [key, value] of Object.entries(applied)) {
    merged[key] = typedMerge(live[key], value, memberSchema(schema, key));
  }
  return merged;
}

/** A removal under way: the path walked so far, and containers that stay though they are empty. */
interface Removal {
  readonly walked: readonly string[];
  readonly kept: FieldSet;
}

function removeFromList(
  list: Json[],
  [element = '', ...rest]: readonly string[],
  schema: Schema | undefined,
  removal: Removal,
): Json[] {
  const keys = mapKeysOf(schema);
  const isTarget = (item: Json): boolean =>
    element.startsWith('v:')
      ? `v:${canonicalJson(item)}` === element
      : keys !== null && itemElement(item, keys, schema?.items) === element;
  if (rest.length === 0) return list.filter((item) => !isTarget(item));
  const below = { ...removal, walked: [...removal.walked, element] };
  return list.map((item) =>
    isTarget(item) ? removeElements(item, rest, schema?.items, below) : item,
  );
}

function isEmpty(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

function removeElements(
  value: Json,
  elements: readonly string[],
  schema: Schema | undefined,
  removal: Removal,
): Json {
  const [element, ...rest] = elements;
  if (element === undefined) return value;
  if (Array.isArray(value)) return removeFromList(value, elements, schema, removal);
  if (!isObject(value)) return value;
  const key = element.slice(2);
  const member = value[key];
  if (member === undefined) return value;
  const copy = { ...value };
  delete copy[key];
  if (rest.length === 0) return copy;
  const below = { ...removal, walked: [...removal.walked, element] };
  const next = removeElements(member, rest, memberSchema(schema, key), below);
  // What becomes empty by the removal goes too, unless somebody owns it as empty.
  const isDropped = isEmpty(next) && !isEmpty(member) && !removal.kept.has(pathOf(below.walked));
  return isDropped ? copy : { ...value, [key]: next };
}

/** The value without the field at a path; containers in `kept` stay though they become empty. */
export function removeField(
  value: Json,
  path: string,
  schema: Schema | undefined,
  kept: FieldSet,
): Json {
  return removeElements(value, elementsOf(path), schema, { walked: [], kept });
}
