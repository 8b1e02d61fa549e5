import type { JsonObject } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { ResourceDefinition } from '../resources/definition.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Objects as the table that `kubectl get` prints. */
export function toTable(
  definition: ResourceDefinition,
  objects: readonly KubeObject[],
  listMetadata: JsonObject,
  include: IncludeObject,
  nowMs: number,
): JsonObject {
  const columnDefinitions = definition.columns.map((column): JsonObject => ({
    name: column.name,
    type: column.type === 'date' ? 'string' : column.type,
    format: column.format ?? '',
    description: column.description ?? '',
    priority: column.priority ?? 0,
  }));
  const rows = objects.map((object): JsonObject => {
    const row: JsonObject = {
      cells: definition.columns.map((column) => column.cell(object, nowMs)),
    };
    if (include === 'Object') row['object'] = object;
    if (include === 'Metadata') row['object'] = toPartialMetadata(object);
    return row;
  });
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMetadata,
    columnDefinitions,
    rows,
  };
}

export function toPartialMetadata(object: KubeObject): JsonObject {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: object.metadata,
  };
}
