import { badRequest } from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import { isObject, sameJson } from '../api/json.ts';
import type { Schema } from '../schema/schema.ts';
import { memberSchema } from '../schema/schema.ts';

const deleteFromListPrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

function keyOfItem(item: Json | undefined, mergeKey: string): Json | undefined {
  return isObject(item) ? item[mergeKey] : undefined;
}

/** Puts items into the order a client saw; items it did not know keep their place among others. */
function ordered(items: Json[], order: Json[], keyOf: (item: Json) => Json | undefined): Json[] {
  const rank = (item: Json): number =>
    order.findIndex((entry) => sameJson(keyOf(entry), keyOf(item)));
  const known = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  let next = 0;
  return items.map((item) => (rank(item) >= 0 ? (known[next++] ?? item) : item));
}

function mergeObjectList(
  original: Json[],
  patch: Json[],
  schema: Schema | undefined,
  mergeKey: string,
): Json[] {
  if (patch.some((item) => isObject(item) && item['$patch'] === 'replace')) {
    return patch.filter((item) => !(isObject(item) && item['$patch'] === 'replace'));
  }
  const merged = [...original];
  for (const item of patch) {
    if (!isObject(item)) throw badRequest('strategic merge patch: a list item is not an object');
    const key = item[mergeKey];
    if (key === undefined) {
      throw badRequest(`strategic merge patch: a list item has no merge key ${mergeKey}`);
    }
    const index = merged.findIndex((one) => sameJson(keyOfItem(one, mergeKey), key));
    if (item['$patch'] === 'delete') {
      if (index >= 0) merged.splice(index, 1);
    } else if (index >= 0) {
      merged[index] = applyStrategicMergePatch(merged[index], item, schema);
    } else {
      merged.push(applyStrategicMergePatch({}, item, schema));
    }
  }
  return merged;
}

function mergeMember(
  original: Json | undefined,
  value: Json,
  schema: Schema | undefined,
): Json | undefined {
  if (value === null) return undefined;
  if (!Array.isArray(value)) return applyStrategicMergePatch(original, value, schema);
  const isMerged = schema?.['x-kubernetes-patch-strategy']?.includes('merge') === true;
  if (!isMerged) return value;
  const before = Array.isArray(original) ? original : [];
  const mergeKey = schema?.['x-kubernetes-patch-merge-key'];
  if (mergeKey !== undefined) return mergeObjectList(before, value, schema?.items, mergeKey);
  const fresh = value.filter((item) => !before.some((one) => sameJson(one, item)));
  return [...before, ...fresh];
}

function retainKeys(merged: JsonObject, keys: Json[]): void {
  for (const key of Object.keys(merged)) if (!keys.includes(key)) delete merged[key];
}

/**
 * The document after a strategic merge patch: lists with a merge key merge by it, and the
 * directives `$patch`, `$retainKeys`, `$setElementOrder` and `$deleteFromPrimitiveList` hold.
 * @throws ApiError 400 for a patch whose list items lack their key.
 */
export function applyStrategicMergePatch(
  original: Json | undefined,
  patch: Json,
  schema: Schema | undefined,
): Json {
  if (!isObject(patch)) return patch;
  if (patch['$patch'] === 'delete') return {};
  const merged: JsonObject =
    isObject(original) && patch['$patch'] !== 'replace' ? { ...original } : {};
  const retained = patch['$retainKeys'];
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deleteFromListPrefix)) {
      const field = key.slice(deleteFromListPrefix.length);
      const before = merged[field];
      if (Array.isArray(before) && Array.isArray(value)) {
        merged[field] = before.filter((item) => !value.some((gone) => sameJson(gone, item)));
      }
    } else if (!key.startsWith('$')) {
      const next = mergeMember(merged[key], value, memberSchema(schema, key));
      if (next === undefined) delete merged[key];
      else merged[key] = next;
    }
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(orderPrefix) || !Array.isArray(order)) continue;
    const field = key.slice(orderPrefix.length);
    const items = merged[field];
    const mergeKey = memberSchema(schema, field)?.['x-kubernetes-patch-merge-key'];
    if (Array.isArray(items)) {
      const keyOf = (item: Json): Json | undefined =>
        mergeKey === undefined ? item : keyOfItem(item, mergeKey);
      merged[field] = ordered(items, order, keyOf);
    }
  }
  if (Array.isArray(retained)) retainKeys(merged, retained);
  return merged;
}
