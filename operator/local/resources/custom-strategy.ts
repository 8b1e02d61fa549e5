import type { FieldError } from '../api/api-error.ts';
import { fieldError, forbiddenField, invalidField, requiredField } from '../api/api-error.ts';
import type { JsonObject } from '../api/json.ts';
import {
  arrayAt,
  at,
  ensureObject,
  isObject,
  objectAt,
  setDefault,
  stringAt,
} from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { compileRules } from '../cel/rules.ts';
import { patternOf, validate } from '../schema/validate.ts';
import type { Schema } from '../schema/schema.ts';
import type { Strategy } from './definition.ts';

const schemaTypes = ['object', 'array', 'string', 'integer', 'number', 'boolean'];

/** What makes a schema not structural, or beyond this runtime. */
function structuralErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const isTyped =
    schema['x-kubernetes-int-or-string'] === true ||
    schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (schema.type === undefined && !isTyped) {
    errors.push(requiredField(`${path}.type`, 'must not be empty for specified object fields'));
  }
  if (schema.type !== undefined && !schemaTypes.includes(schema.type)) {
    errors.push(
      invalidField(`${path}.type`, schema.type, `must be one of ${schemaTypes.join(', ')}`),
    );
  }
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    const why = 'additionalProperties and properties are mutual exclusive';
    errors.push(forbiddenField(`${path}.additionalProperties`, why));
  }
  if (schema.type === 'array' && schema.items === undefined) {
    errors.push(requiredField(`${path}.items`, 'must be specified'));
  }
  if (schema.pattern !== undefined) {
    try {
      patternOf(schema.pattern);
    } catch {
      errors.push(invalidField(`${path}.pattern`, schema.pattern, 'is no pattern'));
    }
  }
  if (schema.default !== undefined) {
    errors.push(...validate(schema.default, schema, `${path}.default`));
  }
  for (const [key, member] of Object.entries(schema.properties ?? {})) {
    errors.push(...structuralErrors(member, `${path}.properties[${key}]`));
  }
  if (typeof schema.additionalProperties === 'object') {
    errors.push(...structuralErrors(schema.additionalProperties, `${path}.additionalProperties`));
  }
  if (schema.items !== undefined) errors.push(...structuralErrors(schema.items, `${path}.items`));
  return errors;
}

/** Path of a printer column as keys; `null` for a path that this runtime cannot follow. */
export function columnPath(jsonPath: string): string[] | null {
  if (!/^(\.[A-Za-z0-9_-]+|\['[^']+'\])+$/.test(jsonPath)) return null;
  return [...jsonPath.matchAll(/\.([A-Za-z0-9_-]+)|\['([^']+)'\]/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
}

function versionErrors(version: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const schema = at(version, 'schema', 'openAPIV3Schema');
  if (!isObject(schema)) return [requiredField(`${path}.schema.openAPIV3Schema`)];
  const where = `${path}.schema.openAPIV3Schema`;
  errors.push(...structuralErrors(schema, where));
  for (const fault of compileRules(schema).faults) {
    const message = `Invalid value: ${fault.message}`;
    errors.push(fieldError(`${path}.schema.${fault.path}`, 'FieldValueInvalid', message));
  }
  for (const [index, column] of arrayAt(version, 'additionalPrinterColumns').entries()) {
    const jsonPath = stringAt(column, 'jsonPath') ?? '';
    if (columnPath(jsonPath) !== null) continue;
    const field = `${path}.additionalPrinterColumns[${index}].jsonPath`;
    const why = 'the local control plane follows plain paths only, such as .spec.replicas';
    errors.push(invalidField(field, jsonPath, why));
  }
  if (
    stringAt(version, 'subresources', 'scale', 'specReplicasPath')?.startsWith('.spec.') === false
  ) {
    const field = `${path}.subresources.scale.specReplicasPath`;
    errors.push(invalidField(field, null, 'must be a json path under .spec'));
  }
  return errors;
}

function definitionErrors(next: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const spec = objectAt(next, 'spec');
  const plural = stringAt(spec, 'names', 'plural') ?? '';
  const group = stringAt(spec, 'group') ?? '';
  if (next.metadata.name !== `${plural}.${group}`) {
    const why = `must be spec.names.plural+"."+spec.group: ${plural}.${group}`;
    errors.push(invalidField('metadata.name', next.metadata.name, why));
  }
  const versions = arrayAt(spec, 'versions').filter(isObject);
  if (versions.filter((version) => version['storage'] === true).length !== 1) {
    const why = 'must have exactly one version marked as storage version';
    errors.push(invalidField('spec.versions', versions.length, why));
  }
  if (versions.filter((version) => version['served'] === true).length > 1) {
    const why = 'the local control plane serves one version of a custom resource';
    errors.push(forbiddenField('spec.versions', why));
  }
  if (stringAt(spec, 'conversion', 'strategy') === 'Webhook') {
    const why = 'the local control plane calls no conversion webhooks';
    errors.push(forbiddenField('spec.conversion.strategy', why));
  }
  for (const [index, version] of versions.entries()) {
    errors.push(...versionErrors(version, `spec.versions[${index}]`));
  }
  return errors;
}

/**
 * A definition is refused unless all of it can be honoured: a rule that cannot be judged here
 * would let through what a real cluster refuses.
 */
export const customResourceStrategy: Strategy = {
  prepare(next) {
    const names = ensureObject(next, 'spec', 'names');
    const kind = stringAt(names, 'kind') ?? '';
    setDefault(names, 'singular', kind.toLowerCase());
    setDefault(names, 'listKind', `${kind}List`);
    const conversion = ensureObject(next, 'spec', 'conversion');
    setDefault(conversion, 'strategy', 'None');
    const status = ensureObject(next, 'status');
    status['acceptedNames'] = structuredClone(names);
    status['storedVersions'] = arrayAt(next, 'spec', 'versions')
      .filter((version) => at(version, 'storage') === true)
      .map((version) => stringAt(version, 'name') ?? '');
    const time = next.metadata.creationTimestamp;
    status['conditions'] = [
      {
        type: 'NamesAccepted',
        status: 'True',
        reason: 'NoConflicts',
        message: 'no conflicts found',
        lastTransitionTime: time,
      },
      {
        type: 'Established',
        status: 'True',
        reason: 'InitialNamesAccepted',
        message: 'the initial names have been accepted',
        lastTransitionTime: time,
      },
    ];
  },
  validate: definitionErrors,
};
