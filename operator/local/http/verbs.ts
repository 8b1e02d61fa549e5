import type { IncomingMessage } from 'node:http';
import { ApiError, badRequest, invalid, invalidField, notImplemented } from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import { stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../patch/strategic-merge.ts';
import type { WriteOptions } from '../resources/api.ts';
import { apiVersionOf } from '../resources/definition.ts';
import { sendJson, warningHeaders } from './answer.ts';
import type { Call } from './call.ts';
import { bodyOf, targetOf } from './call.ts';
import { remove } from './delete.ts';
import {
  isTrueParameter,
  pageOf,
  refuseOldList,
  selectorOf,
  watchPosition,
  writeOptions,
} from './query.ts';
import { readScale, writeScale } from './scale.ts';
import type { IncludeObject } from './table.ts';
import { toPartialMetadata, toTable } from './table.ts';
import { serveWatch } from './watch.ts';

type Shape = 'plain' | 'table' | 'metadata';

function shapeOf(request: IncomingMessage): Shape {
  const accept = request.headers.accept ?? '';
  for (const range of accept.split(',')) {
    if (range.includes('as=Table')) return 'table';
    if (range.includes('as=PartialObjectMetadata')) return 'metadata';
    if (/^\s*application\/json\s*(;|$)/.test(range)) return 'plain';
  }
  return 'plain';
}

function includeOf(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject');
  return value === 'None' || value === 'Object' ? value : 'Metadata';
}

/** One object in the form the client asked for. */
function rendered(call: Call, object: KubeObject): Json {
  const shape = shapeOf(call.request);
  if (shape === 'metadata') return toPartialMetadata(object);
  if (shape === 'plain') return object;
  const metadata = { resourceVersion: object.metadata.resourceVersion };
  return toTable(call.path.definition, [object], metadata, includeOf(call.query), call.nowMs());
}

function answer(
  call: Call,
  code: number,
  object: KubeObject,
  warnings: readonly string[] = [],
): void {
  sendJson(call.response, code, rendered(call, object), warningHeaders(warnings));
}

function watchCall(call: Call): void {
  const { api, path, query } = call;
  const { definition, namespace, name } = path;
  const byQuery = selectorOf(query, definition);
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  serveWatch(
    api,
    {
      definition,
      namespace,
      selector: (object) => byQuery(object) && (name === '' || object.metadata.name === name),
      since: watchPosition(query),
      timeoutMs: seconds > 0 ? seconds * 1000 : null,
      hasBookmarks: isTrueParameter(query, 'allowWatchBookmarks'),
      sendsInitialEvents: isTrueParameter(query, 'sendInitialEvents'),
      render: (object) => rendered(call, object),
    },
    call.request,
    call.response,
  );
}

function list(call: Call): void {
  const { api, path, query } = call;
  const { definition } = path;
  if (isTrueParameter(query, 'watch')) {
    watchCall(call);
    return;
  }
  refuseOldList(query, api.store.revision);
  const all = api.list(definition, path.namespace, selectorOf(query, definition));
  const { page, token, revision, remaining } = pageOf(all, query, api.store.revision);
  const metadata: JsonObject = { resourceVersion: String(revision) };
  if (token !== '') {
    metadata['continue'] = token;
    metadata['remainingItemCount'] = remaining;
  }
  const shape = shapeOf(call.request);
  if (shape === 'table') {
    const table = toTable(definition, page, metadata, includeOf(query), call.nowMs());
    sendJson(call.response, 200, table);
    return;
  }
  const isPartial = shape === 'metadata';
  sendJson(call.response, 200, {
    kind: isPartial ? 'PartialObjectMetadataList' : `${definition.kind}List`,
    apiVersion: isPartial ? 'meta.k8s.io/v1' : apiVersionOf(definition),
    metadata,
    items: isPartial ? page.map(toPartialMetadata) : [...page],
  });
}

function optionsOf(call: Call, warnings: string[]): WriteOptions {
  const { subresource } = call.path;
  const options = writeOptions(call.query, call.request.headers['user-agent'], warnings);
  return subresource === 'status' ? { ...options, subresource } : options;
}

async function create(call: Call): Promise<void> {
  const warnings: string[] = [];
  const { definition, namespace } = call.path;
  const body = await bodyOf(call);
  if (definition.isNamespaced && namespace === '') {
    throw new ApiError(405, 'MethodNotAllowed', 'objects are created in a namespace');
  }
  const object = call.api.create(definition, namespace, body, optionsOf(call, warnings));
  answer(call, 201, object, warnings);
}

async function update(call: Call): Promise<void> {
  const warnings: string[] = [];
  const body = await bodyOf(call);
  const target = targetOf(call.path);
  if (call.path.subresource === 'scale') {
    sendJson(call.response, 200, writeScale(call.api, target, body, optionsOf(call, warnings)));
    return;
  }
  refuseBlindUpdate(call, body);
  const object = call.api.update(target, body, optionsOf(call, warnings));
  answer(call, 200, object, warnings);
}

/** A custom resource is replaced only by who says which state they saw. */
function refuseBlindUpdate({ path }: Call, body: Json): void {
  const { definition, name } = path;
  const version = stringAt(body, 'metadata', 'resourceVersion') ?? '';
  if (!definition.isCustom || version !== '') return;
  const subject = { group: definition.group, plural: definition.plural, name };
  const why = 'must be specified for an update';
  throw invalid(subject, definition.kind, [invalidField('metadata.resourceVersion', 0, why)]);
}

/** The function from the present state to the patched one, by the patch's language. */
function patched(contentType: string, patch: Json, call: Call): (old: Json) => Json {
  switch (contentType) {
    case 'application/json-patch+json':
      return (old) => applyJsonPatch(old, patch);
    case 'application/merge-patch+json':
      return (old) => applyMergePatch(old, patch);
    case 'application/strategic-merge-patch+json': {
      const { definition } = call.path;
      if (!definition.isCustom) {
        return (old) => applyStrategicMergePatch(old, patch, definition.schema);
      }
      break;
    }
    default:
      break;
  }
  const message =
    'the body of the request was in an unknown format - accepted media types include: ' +
    'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml';
  throw new ApiError(415, 'UnsupportedMediaType', message);
}

async function patch(call: Call): Promise<void> {
  const warnings: string[] = [];
  const { api, path } = call;
  const type = (call.request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  const body = await bodyOf(call);
  const options = optionsOf(call, warnings);
  const target = targetOf(path);
  if (type === 'application/apply-patch+yaml') {
    if ((call.query.get('fieldManager') ?? '') === '') {
      throw badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    }
    if (path.subresource === 'scale') throw notImplemented('server-side apply of scale');
    const isNew =
      api.store.get(
        `${path.definition.group}/${path.definition.plural}`,
        path.namespace,
        path.name,
      ) === undefined;
    answer(call, isNew ? 201 : 200, api.apply(target, body, options), warnings);
    return;
  }
  if (path.subresource === 'scale') {
    const next = patched(type, body, call)(readScale(api, target));
    sendJson(call.response, 200, writeScale(api, target, next, options));
    return;
  }
  const object = api.modify(target, patched(type, body, call), options);
  answer(call, 200, object, warnings);
}

function refuseMethod(call: Call): never {
  const message = 'the server does not allow this method on the requested resource';
  throw new ApiError(405, 'MethodNotAllowed', `${message}: ${call.request.method}`);
}

function read(call: Call): void {
  const { api, path } = call;
  if (path.name === '') {
    list(call);
  } else if (path.subresource === 'scale') {
    sendJson(call.response, 200, readScale(api, targetOf(path)));
  } else if (isTrueParameter(call.query, 'watch')) {
    watchCall(call);
  } else {
    answer(call, 200, api.get(targetOf(path)));
  }
}

/**
 * Answers a request for objects: get, list, watch, create, update, patch, delete.
 * @throws ApiError that becomes the answer.
 */
export async function serveObjects(call: Call): Promise<void> {
  const isCollection = call.path.name === '';
  const isObjectItself = call.path.subresource === '';
  switch (call.request.method ?? '') {
    case 'GET':
      read(call);
      return;
    case 'POST':
      if (!isCollection) refuseMethod(call);
      return create(call);
    case 'PUT':
      if (isCollection) refuseMethod(call);
      return update(call);
    case 'PATCH':
      if (isCollection) refuseMethod(call);
      return patch(call);
    case 'DELETE':
      if (!isObjectItself) refuseMethod(call);
      return remove(call);
    default:
      refuseMethod(call);
  }
}
