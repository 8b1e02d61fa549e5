import { ApiError, badRequest } from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import { isObject, sameJson, stringAt } from '../api/json.ts';

/** Operations of one patch; more are refused before any is tried. */
export const jsonPatchOperationsMax = 10_000;

function unprocessable(message: string): ApiError {
  return new ApiError(422, 'Invalid', `the server rejected our request: ${message}`);
}

function tokensOf(pointer: unknown): string[] {
  if (typeof pointer !== 'string') throw badRequest('json patch: path is not a string');
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw badRequest(`json patch: path ${pointer} must begin with /`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function indexOf(list: readonly Json[], token: string, isEndAllowed: boolean): number {
  if (token === '-' && isEndAllowed) return list.length;
  const index = /^(0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN;
  const end = isEndAllowed ? list.length : list.length - 1;
  if (!(index <= end)) throw unprocessable(`json patch: no element ${token}`);
  return index;
}

function find(document: Json, tokens: readonly string[]): Json {
  let current = document;
  for (const token of tokens) {
    let next: Json | undefined;
    if (Array.isArray(current)) next = current[indexOf(current, token, false)];
    else if (isObject(current) && Object.hasOwn(current, token)) next = current[token];
    if (next === undefined) throw unprocessable(`json patch: no value at /${tokens.join('/')}`);
    current = next;
  }
  return current;
}

function add(document: Json, tokens: readonly string[], value: Json): Json {
  const last = tokens.at(-1);
  if (last === undefined) return value;
  const parent = find(document, tokens.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(indexOf(parent, last, true), 0, value);
  else if (isObject(parent)) parent[last] = value;
  else throw unprocessable(`json patch: nothing can be added at /${tokens.join('/')}`);
  return document;
}

function remove(document: Json, tokens: readonly string[]): Json {
  find(document, tokens);
  const last = tokens.at(-1);
  if (last === undefined) return null;
  const parent = find(document, tokens.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(indexOf(parent, last, false), 1);
  else if (isObject(parent)) delete parent[last];
  return document;
}

function replace(document: Json, tokens: readonly string[], value: Json): Json {
  find(document, tokens);
  const last = tokens.at(-1);
  if (last === undefined) return value;
  const parent = find(document, tokens.slice(0, -1));
  if (Array.isArray(parent)) parent[indexOf(parent, last, false)] = value;
  else if (isObject(parent)) parent[last] = value;
  return document;
}

/**
 * The document after a JSON patch; the one passed in stays as it is.
 * @throws ApiError 400 for a patch that is not one, 422 where a path or test fails.
 * Source: RFC 6902.
 */
export function applyJsonPatch(original: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch is a list of operations');
  if (patch.length > jsonPatchOperationsMax) {
    throw new ApiError(413, 'RequestEntityTooLarge', 'the JSON patch has too many operations');
  }
  let document = structuredClone(original);
  for (const operation of patch) {
    if (!isObject(operation)) throw badRequest('json patch: an operation is not an object');
    document = operate(document, operation);
  }
  return document;
}

function operate(document: Json, operation: JsonObject): Json {
  const pointer = stringAt(operation, 'path');
  const path = tokensOf(pointer);
  const value = structuredClone(operation['value'] ?? null);
  const name = stringAt(operation, 'op') ?? '';
  switch (name) {
    case 'add':
      return add(document, path, value);
    case 'remove':
      return remove(document, path);
    case 'replace':
      return replace(document, path, value);
    case 'move': {
      const from = tokensOf(operation['from']);
      const moved = find(document, from);
      return add(remove(document, from), path, moved);
    }
    case 'copy':
      return add(document, path, structuredClone(find(document, tokensOf(operation['from']))));
    case 'test':
      if (sameJson(find(document, path), value)) return document;
      throw unprocessable(`json patch: test failed at ${pointer}`);
    default:
      throw badRequest(`json patch: no operation "${name}"`);
  }
}
