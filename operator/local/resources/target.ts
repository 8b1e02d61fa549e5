import type { Subject } from '../api/api-error.ts';
import { badRequest, conflict } from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import { isObject, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { namespaceOf } from '../api/kube-object.ts';
import type { ResourceDefinition } from './definition.ts';
import { apiVersionOf } from './definition.ts';

/** The place of one object in the API. */
export interface Target {
  readonly definition: ResourceDefinition;
  /** `''` for a resource without namespaces. */
  readonly namespace: string;
  readonly name: string;
}

/** The target that an object itself is. */
export function targetOf(definition: ResourceDefinition, object: KubeObject): Target {
  return { definition, namespace: namespaceOf(object), name: object.metadata.name };
}

/** Whom a refusal is about. */
export function subjectOf(definition: ResourceDefinition, name: string): Subject {
  return { group: definition.group, plural: definition.plural, name };
}

/**
 * The body of a write as an object of the kind.
 * @throws ApiError 400 for any other.
 */
export function checkedBody(definition: ResourceDefinition, body: Json): JsonObject {
  if (!isObject(body)) throw badRequest('the body of the request is not an object');
  const kind = body['kind'] ?? definition.kind;
  const apiVersion = body['apiVersion'] ?? apiVersionOf(definition);
  if (kind !== definition.kind || apiVersion !== apiVersionOf(definition)) {
    const wanted = `${apiVersionOf(definition)}, Kind=${definition.kind}`;
    throw badRequest(`the object provided is unrecognized here: expected ${wanted}`);
  }
  return body;
}

/**
 * Holds what a body says of the state it was made from against the present one.
 * @throws ApiError 400 for another name, 409 for another uid or revision.
 */
export function checkPreconditions(target: Target, old: KubeObject, given: JsonObject): void {
  const subject = subjectOf(target.definition, target.name);
  const version = stringAt(given, 'metadata', 'resourceVersion') ?? '';
  const uid = stringAt(given, 'metadata', 'uid') ?? '';
  const name = stringAt(given, 'metadata', 'name') ?? '';
  if (name !== '' && name !== target.name) {
    throw badRequest(
      `the name of the object (${name}) does not match the name on the URL (${target.name})`,
    );
  }
  if (uid !== '' && uid !== old.metadata.uid) {
    throw conflict(
      subject,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
  if (version !== '' && version !== '0' && version !== old.metadata.resourceVersion) {
    throw conflict(
      subject,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
}
