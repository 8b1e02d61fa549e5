import type { Json, JsonObject } from '../api/json.ts';
import { isObject } from '../api/json.ts';

/**
 * The document after a merge patch: objects merge, null removes, all else replaces.
 * Source: RFC 7386.
 */
export function applyMergePatch(original: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: JsonObject = isObject(original) ? { ...original } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = applyMergePatch(merged[key], value);
  }
  return merged;
}
