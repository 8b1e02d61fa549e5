import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../api/json.ts';
import type { Catalog } from '../resources/catalog.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { descriptionsOf, modelNames } from '../schema/builtin.ts';
import type { Schema } from '../schema/schema.ts';

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/apply-patch+yaml',
];

const writeParameters: Json[] = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
  name,
  in: 'query',
  schema: { type: 'string', uniqueItems: true },
}));

/** Writes schemas as an OpenAPI document has them: each built-in type once, by reference. */
class Components {
  readonly schemas: JsonObject = {};
  readonly #models = modelNames();
  readonly #roots = new Map<Schema, string>();

  addRoot(definition: ResourceDefinition): void {
    const { group, version, kind, schema, schemaName } = definition;
    this.#roots.set(schema, schemaName);
    const body = this.#body(schema, this.#models.get(schema));
    body['x-kubernetes-group-version-kind'] = [{ group, version, kind }];
    this.schemas[schemaName] = body;
  }

  #write(schema: Schema): JsonObject {
    const model = this.#models.get(schema);
    const name = this.#roots.get(schema) ?? model?.replace(/^V1/, 'io.k8s.v1.');
    if (name === undefined) return this.#body(schema, undefined);
    if (this.schemas[name] === undefined) {
      this.schemas[name] = {};
      this.schemas[name] = this.#body(schema, model);
    }
    return { allOf: [{ $ref: `#/components/schemas/${name}` }] };
  }

  #body(schema: Schema, model: string | undefined): JsonObject {
    const { properties, additionalProperties, items, ...rest } = schema;
    const body: JsonObject = JSON.parse(JSON.stringify(rest)) as JsonObject;
    if (schema['x-kubernetes-int-or-string'] === true && schema.format === 'quantity') {
      delete body['format'];
    }
    const descriptions = model === undefined ? null : descriptionsOf(model);
    if (properties !== undefined) {
      const written: JsonObject = {};
      for (const [key, member] of Object.entries(properties)) {
        const description = descriptions?.get(key);
        const one = this.#write(member);
        // What stands beside the model at this field: how its list merges.
        for (const mark of Object.keys(member).filter((it) => it.startsWith('x-kubernetes-'))) {
          one[mark] ??= (member as unknown as JsonObject)[mark] ?? null;
        }
        if (description !== undefined && description !== '') one['description'] = description;
        written[key] = one;
      }
      body['properties'] = written;
    }
    if (typeof additionalProperties === 'object') {
      body['additionalProperties'] = this.#write(additionalProperties);
    } else if (additionalProperties !== undefined) {
      body['additionalProperties'] = additionalProperties;
    }
    if (items !== undefined) body['items'] = this.#write(items);
    return body;
  }
}

function operation(definition: ResourceDefinition, action: string): JsonObject {
  const { group, version, kind, schemaName } = definition;
  const schema = { $ref: `#/components/schemas/${schemaName}` };
  return {
    responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
}

function pathsOf(definition: ResourceDefinition, prefix: string): JsonObject {
  const { schemaName } = definition;
  const schema = { $ref: `#/components/schemas/${schemaName}` };
  const base = definition.isNamespaced ? `${prefix}/namespaces/{namespace}` : prefix;
  const types = definition.isCustom
    ? patchTypes
    : [...patchTypes, 'application/strategic-merge-patch+json'];
  const body = (kinds: readonly string[]): JsonObject => ({
    content: Object.fromEntries(kinds.map((kind) => [kind, { schema }])),
  });
  const written = (action: string, kinds: readonly string[]): JsonObject => ({
    ...operation(definition, action),
    parameters: writeParameters,
    requestBody: body(kinds),
  });
  return {
    [`${base}/${definition.plural}`]: {
      get: operation(definition, 'list'),
      post: written('post', ['application/json']),
    },
    [`${base}/${definition.plural}/{name}`]: {
      get: operation(definition, 'get'),
      put: written('put', ['application/json']),
      patch: written('patch', types),
      delete: operation(definition, 'delete'),
    },
  };
}

/** OpenAPI v3 document of one group and version; `null` when nothing is served there. */
export function openApiDocument(
  catalog: Catalog,
  group: string,
  version: string,
): JsonObject | null {
  const definitions = catalog.all().filter((one) => one.group === group && one.version === version);
  if (definitions.length === 0) return null;
  const prefix = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const components = new Components();
  let paths: JsonObject = {};
  for (const definition of definitions) {
    components.addRoot(definition);
    paths = { ...paths, ...pathsOf(definition, prefix) };
  }
  return {
    openapi: '3.0.0',
    info: { title: 'ZkEnsemble local control plane', version: 'v1.35.0' },
    paths,
    components: { schemas: components.schemas },
  };
}

/** Answer of `/openapi/v3`: where each document is, with a hash that changes with it. */
export function openApiIndex(catalog: Catalog): JsonObject {
  const paths: JsonObject = {};
  for (const definition of catalog.all()) {
    const { group, version } = definition;
    const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
    if (paths[path] !== undefined) continue;
    const kinds = catalog
      .all()
      .filter((one) => one.group === group && one.version === version)
      .map((one) => (one.isCustom ? JSON.stringify(one.schema) : one.kind));
    const hash = createHash('sha256').update(kinds.join('\n')).digest('hex').slice(0, 32);
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
  }
  return { paths };
}
