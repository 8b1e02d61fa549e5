import type { Catalog } from '../resources/catalog.ts';
import type { ResourceDefinition } from '../resources/definition.ts';

/** What a path of the API names. */
export interface ResourcePath {
  readonly definition: ResourceDefinition;
  /** `''` for all namespaces, or for a resource without. */
  readonly namespace: string;
  /** `''` for the collection. */
  readonly name: string;
  /** `''` for the object itself. */
  readonly subresource: string;
}

/** Reads `/api/v1/…` and `/apis/{group}/{version}/…`; `null` for a path that names no resource. */
export function parseResourcePath(path: string, catalog: Catalog): ResourcePath | null {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const [root, ...rest] = parts;
  if (root !== 'api' && root !== 'apis') return null;
  const group = root === 'api' ? '' : (rest.shift() ?? '');
  const version = rest.shift() ?? '';
  if (rest.length === 0) return null;
  let namespace = '';
  if (rest[0] === 'namespaces' && rest.length > 2) {
    const isOwn = group === '' && (rest[2] === 'status' || rest[2] === 'finalize');
    if (!isOwn) {
      namespace = rest[1] ?? '';
      rest.splice(0, 2);
    }
  }
  const [plural = '', name = '', subresource = '', ...more] = rest;
  const definition = catalog.find(group, version, plural);
  if (definition === undefined || more.length > 0) return null;
  if (!definition.isNamespaced && namespace !== '') return null;
  if (definition.isNamespaced && namespace === '' && name !== '') return null;
  return { definition, namespace, name, subresource };
}
