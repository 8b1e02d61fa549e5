import { badRequest, notFound } from '../api/api-error.ts';
import type { Json, JsonObject } from '../api/json.ts';
import { at, ensureObject, numberAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { Api, WriteOptions } from '../resources/api.ts';
import type { Target } from '../resources/target.ts';
import type { ScalePaths } from '../resources/definition.ts';
import { selectorText } from '../resources/selectors.ts';

function pathsOf(target: Target): ScalePaths {
  const { scale, group, plural } = target.definition;
  if (scale === null) throw notFound({ group, plural: `${plural}/scale`, name: target.name });
  return scale;
}

function toScale(object: KubeObject, paths: ScalePaths): JsonObject {
  const selector = paths.selector === null ? undefined : at(object, ...paths.selector);
  const { name, uid, resourceVersion, creationTimestamp } = object.metadata;
  const metadata: JsonObject = { name, uid, resourceVersion, creationTimestamp };
  const namespace = stringAt(object, 'metadata', 'namespace');
  if (namespace !== undefined) metadata['namespace'] = namespace;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata,
    spec: { replicas: numberAt(object, ...paths.specReplicas) ?? 0 },
    status: {
      replicas: numberAt(object, ...paths.statusReplicas) ?? 0,
      selector: typeof selector === 'string' ? selector : selectorText(selector),
    },
  };
}

/** The `Scale` of an object. @throws ApiError 404, also for a kind that has none. */
export function readScale(api: Api, target: Target): JsonObject {
  return toScale(api.get(target), pathsOf(target));
}

/** Sets the replicas of an object by its `Scale`; its `resourceVersion`, where given, must hold. */
export function writeScale(
  api: Api,
  target: Target,
  body: Json,
  options: WriteOptions,
): JsonObject {
  const paths = pathsOf(target);
  const replicas = numberAt(body, 'spec', 'replicas') ?? 0;
  if (!Number.isInteger(replicas) || replicas < 0) {
    throw badRequest('spec.replicas: must be a whole number, 0 or more');
  }
  const version = stringAt(body, 'metadata', 'resourceVersion');
  const object = api.modify(
    target,
    (old) => {
      const next = structuredClone(old);
      if (version !== undefined) next.metadata.resourceVersion = version;
      const field = paths.specReplicas.at(-1) ?? '';
      ensureObject(next, ...paths.specReplicas.slice(0, -1))[field] = replicas;
      return next;
    },
    options,
  );
  return toScale(object, paths);
}
