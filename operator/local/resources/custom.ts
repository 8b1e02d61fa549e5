import type { Json, JsonObject } from '../api/json.ts';
import { arrayAt, at, isObject, numberAt, objectAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { compileRules } from '../cel/rules.ts';
import { builtinSchema } from '../schema/builtin.ts';
import type { Schema } from '../schema/schema.ts';
import { ageColumn, nameColumn } from './columns.ts';
import { columnPath } from './custom-strategy.ts';
import type { Column, ResourceDefinition, ScalePaths } from './definition.ts';
import { ageSince } from './human-duration.ts';
import { noStrategy } from './strategies/plain.ts';

const columnTypes = ['string', 'integer', 'number', 'boolean', 'date'] as const;

function toColumn(text: Json): Column {
  const path = columnPath(stringAt(text, 'jsonPath') ?? '') ?? [];
  const type = columnTypes.find((one) => one === stringAt(text, 'type')) ?? 'string';
  return {
    name: stringAt(text, 'name') ?? '',
    type,
    format: stringAt(text, 'format') ?? '',
    description: stringAt(text, 'description') ?? '',
    priority: numberAt(text, 'priority') ?? 0,
    cell(object, nowMs) {
      const value = at(object, ...path);
      if (value === undefined) return type === 'date' ? '<unknown>' : null;
      if (type === 'date') return ageSince(typeof value === 'string' ? value : undefined, nowMs);
      return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : value;
    },
  };
}

function scaleOf(version: JsonObject): ScalePaths | null {
  const scale = at(version, 'subresources', 'scale');
  if (!isObject(scale)) return null;
  const path = (key: string): string[] | null => {
    const text = stringAt(scale, key);
    return text === undefined ? null : columnPath(text);
  };
  return {
    specReplicas: path('specReplicasPath') ?? [],
    statusReplicas: path('statusReplicasPath') ?? [],
    selector: path('labelSelectorPath'),
  };
}

/** The schema of a definition with the members that every object has. */
function wholeSchema(schema: Schema): Schema {
  return {
    ...schema,
    properties: {
      ...schema.properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: builtinSchema('V1ObjectMeta'),
    },
  };
}

/** The resource that a CustomResourceDefinition defines; `null` when it serves no version. */
export function definitionOf(crd: KubeObject): ResourceDefinition | null {
  const spec = objectAt(crd, 'spec');
  const version = arrayAt(spec, 'versions').find((one) => at(one, 'served') === true);
  if (!isObject(version)) return null;
  const names = objectAt(spec, 'names');
  const group = stringAt(spec, 'group') ?? '';
  const kind = stringAt(names, 'kind') ?? '';
  const name = stringAt(version, 'name') ?? '';
  const schema = wholeSchema(objectAt(version, 'schema', 'openAPIV3Schema'));
  const columns = arrayAt(version, 'additionalPrinterColumns').map(toColumn);
  return {
    group,
    version: name,
    kind,
    plural: stringAt(names, 'plural') ?? '',
    singular: stringAt(names, 'singular') ?? kind.toLowerCase(),
    shortNames: arrayAt(names, 'shortNames') as string[],
    categories: arrayAt(names, 'categories') as string[],
    isNamespaced: stringAt(spec, 'scope') !== 'Cluster',
    isCustom: true,
    hasStatus: at(version, 'subresources', 'status') !== undefined,
    scale: scaleOf(version),
    schema,
    schemaName: `${group.split('.').reverse().join('.')}.${name}.${kind}`,
    rules: compileRules(schema).rules,
    columns: [nameColumn, ...(columns.length === 0 ? [ageColumn] : columns)],
    selectableFields: arrayAt(version, 'selectableFields').map((field) =>
      (stringAt(field, 'jsonPath') ?? '').replace(/^\./, ''),
    ),
    strategy: noStrategy,
  };
}
