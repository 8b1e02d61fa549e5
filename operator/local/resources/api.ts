import {
  alreadyExists,
  ApiError,
  badRequest,
  conflict,
  invalid,
  notFound,
} from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import { ensureObject, numberAt, objectAt, sameJson, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { finalizersOf, isTerminating, timestamp } from '../api/kube-object.ts';
import { ruleErrors } from '../cel/rules.ts';
import type { Writer } from '../patch/managed-fields.ts';
import { applyFields, trackUpdate } from '../patch/managed-fields.ts';
import { fillDefaults, pruneUnknown, writeQuantitiesAsText } from '../schema/defaults.ts';
import { validate } from '../schema/validate.ts';
import type { Store } from '../store/store.ts';
import type { Catalog } from './catalog.ts';
import type { ResourceDefinition } from './definition.ts';
import { apiVersionOf, resourceKey } from './definition.ts';
import type { DeleteOptions } from './deletion.ts';
import { afterDelete } from './deletion.ts';
import { metadataErrors, metadataForCreate, metadataForUpdate } from './metadata.ts';
import type { Selector } from './selectors.ts';
import { everything } from './selectors.ts';
import type { Target } from './target.ts';
import { checkedBody, checkPreconditions, subjectOf } from './target.ts';

export interface WriteOptions {
  /** Name under which `managedFields` records the write. */
  readonly manager: string;
  readonly isDryRun?: boolean;
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
  readonly isForced?: boolean;
  /** `''` or `status`. */
  readonly subresource?: '' | 'status';
  /** Receives sentences for the client. */
  readonly warnings?: string[];
}

const keptNamespaces: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** An object as it is stored, without what changes at every write. */
function withoutTimes(object: KubeObject): JsonObject {
  const metadata = { ...object.metadata };
  delete (metadata as JsonObject)['resourceVersion'];
  return { ...object, metadata };
}

/**
 * The rules of the API, over the store: what a client may write and what becomes of it. HTTP
 * and the controllers both go through here, so both meet the same refusals.
 */
export class Api {
  readonly store: Store;
  readonly catalog: Catalog;
  readonly #nowMs: () => number;

  constructor(store: Store, catalog: Catalog, nowMs: () => number) {
    this.store = store;
    this.catalog = catalog;
    this.#nowMs = nowMs;
  }

  /** @throws ApiError 404. */
  get(target: Target): KubeObject {
    const { definition, namespace, name } = target;
    const found = this.store.get(resourceKey(definition), namespace, name);
    if (found === undefined) throw notFound(subjectOf(definition, name));
    return found;
  }

  list(
    definition: ResourceDefinition,
    namespace: string,
    selector: Selector = everything,
  ): KubeObject[] {
    return this.store.list(resourceKey(definition), namespace).filter(selector);
  }

  /** @throws ApiError 409 when the name is taken, 422 for what the kind refuses. */
  create(
    definition: ResourceDefinition,
    namespace: string,
    body: Json,
    options: WriteOptions,
  ): KubeObject {
    const next = this.#fresh(definition, namespace, body);
    this.#admitInto(definition, namespace);
    if (this.store.get(resourceKey(definition), namespace, next.metadata.name) !== undefined) {
      throw alreadyExists(subjectOf(definition, next.metadata.name));
    }
    if (definition.hasStatus && definition.isCustom) delete next['status'];
    return this.#write(definition, undefined, next, options, true);
  }

  /** @throws ApiError 404, 409 for a stale `resourceVersion` or another `uid`, 422. */
  update(target: Target, body: Json, options: WriteOptions): KubeObject {
    const old = this.get(target);
    const given = checkedBody(target.definition, body);
    checkPreconditions(target, old, given);
    return this.#write(
      target.definition,
      old,
      this.#onto(target, old, given, options),
      options,
      true,
    );
  }

  /**
   * Changes an object by a function of its present state, as patches do.
   * @throws ApiError as {@link update}.
   */
  modify(target: Target, change: (old: KubeObject) => Json, options: WriteOptions): KubeObject {
    const old = this.get(target);
    return this.update(target, change(structuredClone(old)), options);
  }

  /** Server-side apply. @throws ApiError 409 that names the conflicts, 422. */
  apply(target: Target, body: Json, options: WriteOptions): KubeObject {
    const { definition, namespace, name } = target;
    const given = checkedBody(definition, body);
    const claimed = stringAt(given, 'metadata', 'name');
    if (claimed !== name) {
      throw badRequest(`metadata.name ${claimed ?? 'null'} does not match the request: ${name}`);
    }
    if (objectAt(given, 'metadata')['managedFields'] !== undefined) {
      throw badRequest('metadata.managedFields must be nil');
    }
    const old = this.store.get(resourceKey(definition), namespace, name);
    const applied = structuredClone(given);
    delete ensureObject(applied, 'metadata')['uid'];
    this.#refuseUnknown(definition, applied, options);
    const isStatus = options.subresource === 'status';
    if (isStatus) delete applied['spec'];
    else if (definition.hasStatus) delete applied['status'];
    if (old === undefined) {
      if (isStatus) throw notFound(subjectOf(definition, name));
      this.#admitInto(definition, namespace);
      const owned = applyFields(
        undefined,
        applied,
        definition.schema,
        this.#writer(definition, options),
        false,
      );
      const next = this.#fresh(definition, namespace, owned);
      return this.#write(definition, undefined, next, options, false);
    }
    checkPreconditions(target, old, given);
    const isForced = options.isForced === true;
    const writer = this.#writer(definition, options);
    const merged = applyFields(old, applied, definition.schema, writer, isForced);
    const next = { ...structuredClone(merged), metadata: metadataForUpdate(merged, old) };
    return this.#write(definition, old, next, options, false);
  }

  /** @throws ApiError 404, 409 for preconditions that do not hold. */
  delete(target: Target, options: DeleteOptions): { object: KubeObject; isGone: boolean } {
    const old = this.get(target);
    const subject = subjectOf(target.definition, target.name);
    if (old.kind === 'Namespace' && keptNamespaces.has(target.name)) {
      const message = `namespaces "${target.name}" is forbidden: this namespace may not be deleted`;
      throw new ApiError(403, 'Forbidden', message);
    }
    if (options.uid !== undefined && options.uid !== old.metadata.uid) {
      throw conflict(
        subject,
        `the UID in the precondition (${options.uid}) does not match the UID in record (${old.metadata.uid}). The object might have been deleted and then recreated`,
      );
    }
    const version = options.resourceVersion;
    if (version !== undefined && version !== old.metadata.resourceVersion) {
      throw conflict(
        subject,
        `the ResourceVersion in the precondition (${version}) does not match the ResourceVersion in record (${old.metadata.resourceVersion}). The object might have been modified`,
      );
    }
    const next = afterDelete(target.definition, old, options, this.#nowMs());
    const key = resourceKey(target.definition);
    if (options.isDryRun === true) return { object: next ?? old, isGone: next === null };
    if (next === null) return { object: this.store.remove(key, old), isGone: true };
    const isSame = sameJson(withoutTimes(next), withoutTimes(old));
    return { object: isSame ? old : this.store.put(key, next), isGone: false };
  }

  #fresh(definition: ResourceDefinition, namespace: string, body: Json): KubeObject {
    const given = checkedBody(definition, body);
    const metadata = metadataForCreate(given, namespace, definition.isNamespaced, this.#nowMs());
    return {
      ...structuredClone(given),
      apiVersion: apiVersionOf(definition),
      kind: definition.kind,
      metadata,
    };
  }

  /** The body with its own metadata laid onto what the server keeps. */
  #onto(target: Target, old: KubeObject, given: JsonObject, options: WriteOptions): KubeObject {
    const { definition } = target;
    const head = { apiVersion: old.apiVersion, kind: old.kind };
    if (options.subresource === 'status') {
      const next: KubeObject = { ...structuredClone(old), ...head };
      const status = given['status'];
      if (status === undefined) delete next['status'];
      else next['status'] = structuredClone(status);
      return next;
    }
    const next: KubeObject = {
      ...structuredClone(given),
      ...head,
      metadata: metadataForUpdate(structuredClone(given), old),
    };
    if (definition.hasStatus) {
      const status = old['status'];
      if (status === undefined) delete next['status'];
      else next['status'] = structuredClone(status);
    }
    return next;
  }

  #admitInto(definition: ResourceDefinition, namespace: string): void {
    if (!definition.isNamespaced) return;
    const found = this.store.get('/namespaces', '', namespace);
    if (found === undefined) throw notFound({ group: '', plural: 'namespaces', name: namespace });
    if (isTerminating(found)) {
      const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
      throw new ApiError(403, 'Forbidden', message);
    }
  }

  #writer(definition: ResourceDefinition, options: WriteOptions): Writer {
    return {
      manager: options.manager,
      apiVersion: apiVersionOf(definition),
      subresource: options.subresource ?? '',
      hasStatus: definition.hasStatus,
      time: timestamp(this.#nowMs()),
    };
  }

  #refuseUnknown(definition: ResourceDefinition, next: JsonObject, options: WriteOptions): void {
    const unknown = pruneUnknown(next, definition.schema);
    if (unknown.length === 0) return;
    const named = unknown.map((path) => `unknown field "${path}"`);
    if (options.fieldValidation === 'Strict') {
      throw badRequest(
        `${definition.kind} in version "${definition.version}" cannot be handled as a ${definition.kind}: strict decoding error: ${named.join(', ')}`,
      );
    }
    if (options.fieldValidation !== 'Ignore') options.warnings?.push(...named);
  }

  #write(
    definition: ResourceDefinition,
    old: KubeObject | undefined,
    next: KubeObject,
    options: WriteOptions,
    isTracked: boolean,
  ): KubeObject {
    this.#refuseUnknown(definition, next, options);
    const isStatus = options.subresource === 'status';
    fillDefaults(next, definition.schema);
    writeQuantitiesAsText(next, definition.schema);
    if (!isStatus) definition.strategy.prepare?.(next, old);
    this.#setGeneration(next, old);
    const errors = [
      ...metadataErrors(definition, next, old),
      ...validate(next, definition.schema),
      ...(isStatus ? [] : (definition.strategy.validate?.(next, old) ?? [])),
    ];
    if (errors.length === 0 && definition.rules !== null) {
      errors.push(...ruleErrors(definition.rules, definition.schema, next, old));
    }
    if (errors.length > 0) {
      throw invalid(subjectOf(definition, next.metadata.name), definition.kind, errors);
    }
    options.warnings?.push(...(definition.strategy.warnings?.(next) ?? []));
    const owned = isTracked
      ? trackUpdate(old, next, definition.schema, this.#writer(definition, options))
      : next;
    return this.#store(definition, old, owned, options);
  }

  #store(
    definition: ResourceDefinition,
    old: KubeObject | undefined,
    next: KubeObject,
    options: WriteOptions,
  ): KubeObject {
    if (old !== undefined && sameJson(withoutTimes(next), withoutTimes(old))) return old;
    if (options.isDryRun === true) return next;
    const key = resourceKey(definition);
    const isReleased =
      isTerminating(next) &&
      finalizersOf(next).length === 0 &&
      (numberAt(next.metadata, 'deletionGracePeriodSeconds') ?? 0) === 0;
    if (isReleased && definition.plural !== 'namespaces') return this.store.remove(key, next);
    return this.store.put(key, next);
  }

  /** Counts the changes of what is wanted, not those of the status or of labels. */
  #setGeneration(next: KubeObject, old: KubeObject | undefined): void {
    if (old === undefined) {
      next.metadata['generation'] = 1;
      return;
    }
    const generation = numberAt(old.metadata, 'generation') ?? 1;
    const wanted = (object: KubeObject): JsonObject => {
      const {
        apiVersion: _version,
        kind: _kind,
        metadata: _metadata,
        status: _status,
        ...rest
      } = object;
      return rest;
    };
    const isSame = sameJson(wanted(next), wanted(old));
    next.metadata['generation'] = isSame ? generation : generation + 1;
  }
}
