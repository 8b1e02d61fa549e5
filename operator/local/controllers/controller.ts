import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../api/json.ts';
import { arrayAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { isTerminating, microTimestamp, namespaceOf, timestamp } from '../api/kube-object.ts';
import type { Api } from '../resources/api.ts';
import { targetOf } from '../resources/target.ts';
import { builtin } from '../resources/builtin.ts';
import type { ResourceDefinition } from '../resources/definition.ts';
import { ownManager } from '../seed.ts';
import type { Change } from '../store/store.ts';

/** A part of the control plane that watches objects and brings the world level with them. */
export interface Controller {
  readonly changed: (change: Change) => void;
  readonly start: () => void;
  readonly stop: () => void;
}

export interface ControllerContext {
  readonly api: Api;
  readonly nowMs: () => number;
  readonly log: (message: string) => void;
}

/** Port of this machine that a pod's port listens on; `undefined` while it has none. */
export type PortLookup = (pod: KubeObject, containerPort: number) => number | undefined;

export function keyOf(object: KubeObject): string {
  return `${namespaceOf(object)}/${object.metadata.name}`;
}

export function splitKey(key: string): readonly [string, string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}

export function conditionOf(object: KubeObject, type: string): Json | undefined {
  return arrayAt(object, 'status', 'conditions').find((one) => stringAt(one, 'type') === type);
}

/** Running, with every container ready, and not on its way out. */
export function isPodReady(pod: KubeObject): boolean {
  return !isTerminating(pod) && stringAt(conditionOf(pod, 'Ready'), 'status') === 'True';
}

export function writeStatus(
  api: Api,
  definition: ResourceDefinition,
  object: KubeObject,
  status: JsonObject,
): void {
  api.modify(targetOf(definition, object), (old) => ({ ...old, status }), {
    manager: ownManager,
    subresource: 'status',
  });
}

/** Tells people what happened to an object, as `kubectl describe` shows it. */
export function recordEvent(
  context: ControllerContext,
  object: KubeObject,
  event: {
    readonly type: 'Normal' | 'Warning';
    readonly reason: string;
    readonly message: string;
    readonly component: string;
  },
): void {
  const { api, nowMs } = context;
  const namespace = namespaceOf(object) === '' ? 'default' : namespaceOf(object);
  const definition = builtin('events');
  const time = timestamp(nowMs());
  const { name, uid, resourceVersion } = object.metadata;
  const mark = [uid, event.component, event.reason, event.message].join('\u0000');
  const eventName = `${name}.${createHash('sha256').update(mark).digest('hex').slice(0, 16)}`;
  // What is said again is counted, not listed again.
  const known = api.store.get('/events', namespace, eventName);
  if (known !== undefined) {
    const count = typeof known['count'] === 'number' ? known['count'] + 1 : 2;
    api.modify(targetOf(definition, known), (old) => ({ ...old, count, lastTimestamp: time }), {
      manager: ownManager,
    });
    return;
  }
  const body: JsonObject = {
    metadata: { name: eventName },
    involvedObject: {
      apiVersion: object.apiVersion,
      kind: object.kind,
      namespace,
      name,
      uid,
      resourceVersion,
    },
    type: event.type,
    reason: event.reason,
    message: event.message,
    source: { component: event.component },
    reportingComponent: event.component,
    reportingInstance: '',
    firstTimestamp: time,
    lastTimestamp: time,
    eventTime: microTimestamp(nowMs()),
    count: 1,
  };
  try {
    api.create(definition, namespace, body, { manager: ownManager });
  } catch {
    // A namespace that is going away takes no events, and nobody is left to read them.
  }
}
