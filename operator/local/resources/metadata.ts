import { randomBytes } from 'node:crypto';
import type { FieldError } from '../api/api-error.ts';
import { badRequest, forbiddenField, invalidField, requiredField } from '../api/api-error.ts';
import type { JsonObject } from '../api/json.ts';
import { arrayAt, isObject, objectAt, stringAt } from '../api/json.ts';
import type { KubeObject, ObjectMeta } from '../api/kube-object.ts';
import { timestamp } from '../api/kube-object.ts';
import type { ResourceDefinition } from './definition.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const qualifiedName =
  /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** Bytes of all annotations of one object. */
export const annotationsBytesMax: number = 256 * 1024;

/** Kinds whose name becomes part of a host name. */
const labelNamed: ReadonlySet<string> = new Set(['Service', 'Namespace']);

/** Letters of generated suffixes; none can be mistaken, no word can arise. */
const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789';

function randomSuffix(): string {
  return [...randomBytes(5)].map((byte) => suffixLetters[byte % suffixLetters.length]).join('');
}

/**
 * Metadata of an object to be created: named, numbered and dated by the server.
 * @throws ApiError 400 when the namespace is not the one of the request.
 */
export function metadataForCreate(
  body: JsonObject,
  namespace: string,
  isNamespaced: boolean,
  nowMs: number,
): ObjectMeta {
  const given = objectAt(body, 'metadata');
  const claimed = stringAt(given, 'namespace') ?? '';
  if (isNamespaced && claimed !== '' && claimed !== namespace) {
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  const generateName = stringAt(given, 'generateName') ?? '';
  const name = stringAt(given, 'name') ?? '';
  const metadata: ObjectMeta = {
    ...given,
    name: name === '' && generateName !== '' ? generateName + randomSuffix() : name,
    uid: crypto.randomUUID(),
    resourceVersion: '',
    creationTimestamp: timestamp(nowMs),
  };
  if (isNamespaced) metadata['namespace'] = namespace;
  else delete metadata['namespace'];
  for (const key of ['deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink', 'generation']) {
    delete metadata[key];
  }
  return metadata;
}

/** Metadata of a changed object: what only the server sets stays as it was. */
export function metadataForUpdate(next: JsonObject, old: KubeObject): ObjectMeta {
  const metadata: ObjectMeta = {
    ...objectAt(next, 'metadata'),
    name: old.metadata.name,
    uid: old.metadata.uid,
    resourceVersion: old.metadata.resourceVersion,
    creationTimestamp: old.metadata.creationTimestamp,
  };
  for (const key of [
    'namespace',
    'generation',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'selfLink',
  ]) {
    const kept = old.metadata[key];
    if (kept === undefined) delete metadata[key];
    else metadata[key] = kept;
  }
  return metadata;
}

function mapErrors(metadata: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(objectAt(metadata, 'labels'))) {
    const prefixless = key.slice(key.indexOf('/') + 1);
    if (!qualifiedName.test(key) || prefixless.length > 63) {
      errors.push(
        invalidField(
          'metadata.labels',
          key,
          'name part must consist of alphanumeric characters, "-", "_" or "."',
        ),
      );
    }
    if (typeof value !== 'string' || value.length > 63 || !labelValue.test(value)) {
      errors.push(
        invalidField(
          'metadata.labels',
          value,
          'a valid label must be an empty string or consist of at most 63 alphanumeric characters, "-", "_" or "."',
        ),
      );
    }
  }
  const annotations = objectAt(metadata, 'annotations');
  for (const key of Object.keys(annotations)) {
    if (!qualifiedName.test(key.toLowerCase())) {
      errors.push(
        invalidField(
          'metadata.annotations',
          key,
          'name part must consist of alphanumeric characters, "-", "_" or "."',
        ),
      );
    }
  }
  if (JSON.stringify(annotations).length > annotationsBytesMax) {
    errors.push(
      forbiddenField('metadata.annotations', `may not be more than ${annotationsBytesMax} bytes`),
    );
  }
  return errors;
}

/** What is wrong with an object's metadata. */
export function metadataErrors(
  definition: ResourceDefinition,
  next: KubeObject,
  old: KubeObject | undefined,
): FieldError[] {
  const { metadata } = next;
  const errors: FieldError[] = [];
  if (metadata.name === '') {
    errors.push(requiredField('metadata.name', 'name or generateName is required'));
  } else if (labelNamed.has(definition.kind)) {
    if (!label.test(metadata.name) || metadata.name.length > 63) {
      errors.push(
        invalidField(
          'metadata.name',
          metadata.name,
          'a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "-", and must start and end with an alphanumeric character',
        ),
      );
    }
  } else if (!subdomain.test(metadata.name) || metadata.name.length > 253) {
    errors.push(
      invalidField(
        'metadata.name',
        metadata.name,
        'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "-" or ".", and must start and end with an alphanumeric character',
      ),
    );
  }
  errors.push(...mapErrors(metadata));
  if (
    arrayAt(metadata, 'ownerReferences').filter(
      (one) => isObject(one) && one['controller'] === true,
    ).length > 1
  ) {
    errors.push(
      invalidField(
        'metadata.ownerReferences',
        null,
        'Only one reference can have Controller set to true',
      ),
    );
  }
  if (old !== undefined && typeof old.metadata['deletionTimestamp'] === 'string') {
    const before = arrayAt(old.metadata, 'finalizers');
    const added = arrayAt(metadata, 'finalizers').filter((one) => !before.includes(one));
    if (added.length > 0) {
      errors.push(
        forbiddenField(
          'metadata.finalizers',
          'no new finalizers can be added if the object is being deleted',
        ),
      );
    }
  }
  return errors;
}
