import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { Json, JsonObject } from './api/json.ts';
import { isObject, stringAt } from './api/json.ts';
import type { KubeObject } from './api/kube-object.ts';
import type { Api } from './resources/api.ts';

/** A manifest that cannot be applied: which file, and why. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** @throws ManifestError for a file that cannot be read or holds no objects. */
export function readManifest(path: string): JsonObject[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ManifestError(`${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return parseAllDocuments(text).flatMap((document): JsonObject[] => {
    const [fault] = document.errors;
    if (fault !== undefined) throw new ManifestError(`${path} is no YAML: ${fault.message}`);
    const value = document.toJS() as Json;
    if (value === null) return [];
    if (isObject(value)) return [value];
    throw new ManifestError(`${path} holds something that is no object`);
  });
}

/**
 * Applies objects server-side, without HTTP.
 * @throws ManifestError for a kind this API does not serve, ApiError for what the API refuses.
 */
export function applyManifest(
  api: Api,
  objects: readonly JsonObject[],
  manager: string,
): KubeObject[] {
  return objects.map((object) => {
    const apiVersion = stringAt(object, 'apiVersion') ?? '';
    const kind = stringAt(object, 'kind') ?? '';
    const definition = api.catalog.ofKind(apiVersion, kind);
    if (definition === undefined) {
      throw new ManifestError(`no kind ${kind} in ${apiVersion} is served here`);
    }
    const namespace = definition.isNamespaced
      ? (stringAt(object, 'metadata', 'namespace') ?? 'default')
      : '';
    const name = stringAt(object, 'metadata', 'name') ?? '';
    const options = { manager, isForced: true, fieldValidation: 'Strict' } as const;
    return api.apply({ definition, namespace, name }, object, options);
  });
}
