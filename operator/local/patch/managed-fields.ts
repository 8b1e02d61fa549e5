import { ApiError } from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import { isObject, sameJson } from '../api/json.ts';
import type { KubeObject, ManagedFieldsEntry } from '../api/kube-object.ts';
import type { Schema } from '../schema/schema.ts';
import type { FieldSet, Leaves } from './field-set.ts';
import {
  difference,
  fromFieldsV1,
  intersection,
  isSameSet,
  isWithin,
  leavesOf,
  readablePath,
  toFieldsV1,
  union,
} from './field-set.ts';
import { removeField, typedMerge } from './typed-merge.ts';

/** Who writes, through which door. */
export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  /** `''`, `status` or `scale`. */
  readonly subresource: string;
  /** Whether the kind's status is written through a door of its own. */
  readonly hasStatus: boolean;
  readonly time: string;
}

interface Owner {
  readonly writer: Writer;
  readonly operation: 'Apply' | 'Update';
  fields: FieldSet;
}

/** Fields nobody owns: the server keeps them, or they name the object. */
const unownedMetadata = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'selfLink',
  'managedFields',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
].map((key) => `f:metadata\u0000f:${key}`);

function isOwnable(path: string, writer: Writer): boolean {
  if (path === 'f:apiVersion' || path === 'f:kind') return false;
  if (unownedMetadata.some((unowned) => isWithin(path, unowned))) return false;
  if (writer.subresource === 'status') return isWithin(path, 'f:status');
  return !(writer.hasStatus && isWithin(path, 'f:status'));
}

function ownableLeaves(object: Json, schema: Schema | undefined, writer: Writer): Leaves {
  const leaves = leavesOf(object, schema);
  for (const path of leaves.keys()) if (!isOwnable(path, writer)) leaves.delete(path);
  return leaves;
}

function ownersOf(object: Json | undefined): Owner[] {
  const metadata = isObject(object) ? object['metadata'] : undefined;
  const entries = isObject(metadata) ? metadata['managedFields'] : undefined;
  if (!Array.isArray(entries)) return [];
  return (entries as ManagedFieldsEntry[]).map((entry) => ({
    writer: {
      manager: entry.manager,
      apiVersion: entry.apiVersion,
      subresource: typeof entry['subresource'] === 'string' ? entry['subresource'] : '',
      hasStatus: false,
      time: typeof entry['time'] === 'string' ? entry['time'] : '',
    },
    operation: entry.operation,
    fields: fromFieldsV1(entry.fieldsV1),
  }));
}

function isOwner(owner: Owner, writer: Writer, operation: 'Apply' | 'Update'): boolean {
  return (
    owner.operation === operation &&
    owner.writer.manager === writer.manager &&
    owner.writer.subresource === writer.subresource
  );
}

function toEntries(owners: readonly Owner[]): Json[] {
  return owners
    .filter((owner) => owner.fields.size > 0)
    .map((owner) => {
      const { manager, apiVersion, subresource, time } = owner.writer;
      const entry: JsonObject = {
        manager,
        operation: owner.operation,
        apiVersion,
        time,
        fieldsType: 'FieldsV1',
        fieldsV1: toFieldsV1(owner.fields),
      };
      if (subresource !== '') entry['subresource'] = subresource;
      return entry;
    });
}

function withOwners(object: KubeObject, owners: readonly Owner[]): KubeObject {
  const entries = toEntries(owners);
  const metadata = { ...object.metadata };
  if (entries.length === 0) delete metadata['managedFields'];
  else metadata['managedFields'] = entries;
  return { ...object, metadata };
}

/** Paths that differ: written anew or otherwise, and no longer there. */
function compare(before: Leaves, after: Leaves): { changed: FieldSet; removed: FieldSet } {
  const changed: FieldSet = new Set();
  const removed: FieldSet = new Set();
  for (const [path, value] of after) {
    if (!before.has(path) || !sameJson(before.get(path), value)) changed.add(path);
  }
  for (const path of before.keys()) if (!after.has(path)) removed.add(path);
  return { changed, removed };
}

/** Time and version of an entry move only when its fields do. */
function withFields(
  owners: Owner[],
  writer: Writer,
  op: 'Apply' | 'Update',
  fields: FieldSet,
): void {
  const index = owners.findIndex((owner) => isOwner(owner, writer, op));
  const old = owners[index];
  if (old === undefined) {
    owners.push({ writer, operation: op, fields });
  } else if (!isSameSet(old.fields, fields)) {
    owners[index] = { writer, operation: op, fields };
  }
}

/**
 * Records an ordinary write: what it changed belongs to the writer from now on, and to nobody
 * else; what it removed belongs to nobody.
 */
export function trackUpdate(
  live: KubeObject | undefined,
  next: KubeObject,
  schema: Schema | undefined,
  writer: Writer,
): KubeObject {
  const before = live === undefined ? new Map() : ownableLeaves(live, schema, writer);
  const { changed, removed } = compare(before, ownableLeaves(next, schema, writer));
  const owners = ownersOf(live);
  const mine = owners.find((owner) => isOwner(owner, writer, 'Update'))?.fields ?? new Set();
  for (const owner of owners) {
    if (isOwner(owner, writer, 'Update')) continue;
    owner.fields = difference(difference(owner.fields, changed), removed);
  }
  withFields(owners, writer, 'Update', union(difference(mine, removed), changed));
  return withOwners(next, owners);
}

function conflictError(found: readonly { owner: Owner; path: string }[]): ApiError {
  const managers = [...new Set(found.map(({ owner }) => owner.writer.manager))];
  const lines = found.map(({ path }) => `- ${readablePath(path)}`);
  const who = managers.map((manager) => `"${manager}"`).join(', ');
  const count = found.length === 1 ? '1 conflict' : `${found.length} conflicts`;
  return new ApiError(
    409,
    'Conflict',
    `Apply failed with ${count}: conflicts with ${who}:\n${lines.join('\n')}`,
    {
      causes: found.map(({ owner, path }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with "${owner.writer.manager}"`,
        field: readablePath(path),
      })),
    },
  );
}

/**
 * Server-side apply: lays the applied fields over the live object, takes away what this manager
 * applied before and no longer does, and refuses to change what another owns unless forced.
 * @throws ApiError 409 that names every conflicting field and its manager.
 */
export function applyFields(
  live: KubeObject | undefined,
  applied: JsonObject,
  schema: Schema | undefined,
  writer: Writer,
  isForced: boolean,
): KubeObject {
  const fields: FieldSet = new Set(ownableLeaves(applied, schema, writer).keys());
  if (live === undefined) {
    const owners: Owner[] = [{ writer, operation: 'Apply', fields }];
    return withOwners(structuredClone(applied) as KubeObject, owners);
  }
  const before = ownableLeaves(live, schema, writer);
  let merged = typedMerge(live, applied, schema) as KubeObject;
  const { changed } = compare(before, ownableLeaves(merged, schema, writer));
  const owners = ownersOf(live);
  const others = owners.filter((owner) => !isOwner(owner, writer, 'Apply'));
  const conflicts = others.flatMap((owner) =>
    [...intersection(owner.fields, changed)].map((path) => ({ owner, path })),
  );
  if (conflicts.length > 0 && !isForced) throw conflictError(conflicts);
  for (const owner of others) owner.fields = difference(owner.fields, changed);

  const last = owners.find((owner) => isOwner(owner, writer, 'Apply'))?.fields ?? new Set<string>();
  const dropped = [...difference(last, fields)].filter(
    (path) => !others.some((owner) => [...owner.fields].some((held) => isWithin(held, path))),
  );
  // Shorter paths first: an item goes whole, before its keys do, by which it is found.
  const removed: string[] = [];
  const kept = others.reduce((all, owner) => union(all, owner.fields), fields);
  for (const path of dropped.sort((a, b) => a.length - b.length)) {
    if (removed.some((gone) => isWithin(path, gone))) continue;
    if ([...fields].some((held) => isWithin(held, path))) continue;
    merged = removeField(merged, path, schema, kept) as KubeObject;
    removed.push(path);
  }
  withFields(owners, writer, 'Apply', fields);
  return withOwners(merged, owners);
}
