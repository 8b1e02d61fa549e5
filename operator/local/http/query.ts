import { ApiError, badRequest } from '../api/api-error.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { WriteOptions } from '../resources/api.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import type { Selector } from '../resources/selectors.ts';
import { parseFieldSelector, parseLabelSelector } from '../resources/selectors.ts';

export function isTrueParameter(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value === 'true' || value === '1';
}

function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun').filter((value) => value !== '');
  if (values.length === 0) return false;
  if (values.every((value) => value === 'All')) return true;
  throw badRequest('dryRun: Unsupported value: supported values: "All"');
}

/** Who writes and how, as the query of a write says it. */
export function writeOptions(
  query: URLSearchParams,
  userAgent: string | undefined,
  warnings: string[],
): WriteOptions {
  const validation = query.get('fieldValidation');
  const manager = query.get('fieldManager') ?? '';
  if (manager.length > 128) throw badRequest('fieldManager: may not be longer than 128');
  return {
    manager: manager === '' ? (userAgent?.split('/')[0] ?? 'unknown') : manager,
    isDryRun: isDryRun(query),
    fieldValidation: validation === 'Strict' || validation === 'Ignore' ? validation : 'Warn',
    isForced: isTrueParameter(query, 'force'),
    warnings,
  };
}

/** Label and field selectors of a list or watch, as one. */
export function selectorOf(query: URLSearchParams, definition: ResourceDefinition): Selector {
  const byLabel = parseLabelSelector(query.get('labelSelector') ?? '');
  const byField = parseFieldSelector(query.get('fieldSelector') ?? '', definition);
  return (object) => byLabel(object) && byField(object);
}

interface Continuation {
  readonly revision: number;
  readonly after: string;
}

function pageKey(object: KubeObject): string {
  const namespace = object.metadata['namespace'];
  return `${typeof namespace === 'string' ? namespace : ''}/${object.metadata.name}`;
}

/**
 * One page of a list by the query's `limit` and `continue`.
 * @throws ApiError 400 for a token this server did not make.
 */
export function pageOf(
  objects: readonly KubeObject[],
  query: URLSearchParams,
  revision: number,
): { page: readonly KubeObject[]; token: string; revision: number; remaining: number } {
  const limit = Number(query.get('limit') ?? 0);
  const given = query.get('continue') ?? '';
  let position: Continuation = { revision, after: '' };
  if (given !== '') {
    try {
      position = JSON.parse(Buffer.from(given, 'base64url').toString()) as Continuation;
    } catch {
      throw badRequest('continue key is not valid');
    }
  }
  const rest = given === '' ? objects : objects.filter((one) => pageKey(one) > position.after);
  const page = limit > 0 ? rest.slice(0, limit) : rest;
  const last = page.at(-1);
  const remaining = rest.length - page.length;
  if (last === undefined || remaining === 0) {
    return { page, token: '', revision: position.revision, remaining: 0 };
  }
  const next: Continuation = { revision: position.revision, after: pageKey(last) };
  const token = Buffer.from(JSON.stringify(next)).toString('base64url');
  return { page, token, revision: position.revision, remaining };
}

/** Position a watch starts from; `null` for the present. */
export function watchPosition(query: URLSearchParams): number | null {
  const text = query.get('resourceVersion') ?? '';
  if (text === '' || text === '0' || isTrueParameter(query, 'sendInitialEvents')) return null;
  if (!/^\d+$/.test(text)) throw badRequest(`invalid resource version ${JSON.stringify(text)}`);
  return Number(text);
}

/** @throws ApiError 410 for a list at a revision that is no longer there. */
export function refuseOldList(query: URLSearchParams, revision: number): void {
  const isExact = query.get('resourceVersionMatch') === 'Exact';
  const asked = Number(query.get('resourceVersion') ?? 0);
  if (isExact && asked !== revision) {
    const message = `The provided resource version is not kept: ${asked}; the present one is ${revision}`;
    throw new ApiError(410, 'Expired', message);
  }
}
