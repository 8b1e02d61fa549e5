import { badRequest } from '../api/api-error.ts';
import type { Json } from '../api/json.ts';
import { isObject, numberAt, objectAt, stringAt } from '../api/json.ts';
import { apiVersionOf } from '../resources/definition.ts';
import type { DeleteOptions } from '../resources/deletion.ts';
import { sendJson } from './answer.ts';
import type { Call } from './call.ts';
import { bodyOf, targetOf } from './call.ts';
import { selectorOf, writeOptions } from './query.ts';

function deleteOptions(call: Call, body: Json): DeleteOptions {
  const from = isObject(body) ? body : {};
  const { query } = call;
  const asked = query.get('propagationPolicy') ?? stringAt(from, 'propagationPolicy');
  const grace = query.get('gracePeriodSeconds') ?? numberAt(from, 'gracePeriodSeconds');
  const preconditions = objectAt(from, 'preconditions');
  const uid = stringAt(preconditions, 'uid');
  const resourceVersion = stringAt(preconditions, 'resourceVersion');
  const propagation = (['Background', 'Foreground', 'Orphan'] as const).find((it) => it === asked);
  if (asked !== undefined && asked !== null && propagation === undefined) {
    throw badRequest(`propagationPolicy: Unsupported value: "${asked}"`);
  }
  const isDry = writeOptions(query, undefined, []).isDryRun === true || 'dryRun' in from;
  return {
    isDryRun: isDry,
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(propagation === undefined ? {} : { propagation }),
    ...(grace === undefined || grace === null ? {} : { graceSeconds: Number(grace) }),
  };
}

/** Deletes an object, or every object of a collection that the query selects. */
export async function remove(call: Call): Promise<void> {
  const { api, path, query } = call;
  const options = deleteOptions(call, await bodyOf(call));
  if (path.name === '') {
    const found = api.list(path.definition, path.namespace, selectorOf(query, path.definition));
    const items = found.map((object) => {
      const namespace = stringAt(object, 'metadata', 'namespace') ?? '';
      const target = { definition: path.definition, namespace, name: object.metadata.name };
      return api.delete(target, options).object;
    });
    sendJson(call.response, 200, {
      kind: `${path.definition.kind}List`,
      apiVersion: apiVersionOf(path.definition),
      metadata: { resourceVersion: String(api.store.revision) },
      items,
    });
    return;
  }
  const { object, isGone } = api.delete(targetOf(path), options);
  if (!isGone || path.definition.plural === 'pods') {
    sendJson(call.response, 200, object);
    return;
  }
  sendJson(call.response, 200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: path.name,
      group: path.definition.group,
      kind: path.definition.plural,
      uid: object.metadata.uid,
    },
  });
}
