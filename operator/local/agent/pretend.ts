import type { JsonObject } from '../api/json.ts';
import { arrayAt, sameJson, objectAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { annotationsOf, isTerminating, namespaceOf } from '../api/kube-object.ts';
import type { Controller, ControllerContext } from '../controllers/controller.ts';
import { keyOf, splitKey } from '../controllers/controller.ts';
import { WorkLoop } from '../controllers/work-loop.ts';
import { targetOf } from '../resources/target.ts';
import { builtin } from '../resources/builtin.ts';
import type { Change } from '../store/store.ts';
import { podStatus, writePodStatus } from './pod-status.ts';

/** A pod with this annotation set to `"false"` runs and is not ready. */
export const pretendReadyAnnotation = 'zkensemble.io/pretend-ready';

function pretendContainer(spec: JsonObject, isReady: boolean, startedAt: string): JsonObject {
  return {
    name: stringAt(spec, 'name') ?? '',
    image: stringAt(spec, 'image') ?? '',
    imageID: '',
    containerID: 'pretend://1',
    ready: isReady,
    started: true,
    restartCount: 0,
    state: { running: { startedAt } },
    lastState: {},
  };
}

/** Reports pods as running without running anything: for tests of what happens to objects. */
export class PretendAgent implements Controller {
  readonly #context: ControllerContext;
  readonly #loop: WorkLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#loop = new WorkLoop('pretended pods', (key) => this.#reconcile(key), context.log);
  }

  start(): void {
    for (const pod of this.#context.api.store.list('/pods')) this.#loop.enqueue(keyOf(pod));
  }

  stop(): void {
    this.#loop.stop();
  }

  changed(change: Change): void {
    if (change.resource === '/pods' && change.type !== 'DELETED') {
      this.#loop.enqueue(keyOf(change.object));
    }
  }

  #reconcile(key: string): null {
    const { api } = this.#context;
    const pod = api.store.get('/pods', ...splitKey(key));
    if (pod === undefined) return null;
    if (isTerminating(pod)) {
      const options = { uid: pod.metadata.uid, graceSeconds: 0 };
      api.delete(targetOf(builtin('pods'), pod), options);
      return null;
    }
    if (stringAt(pod, 'spec', 'nodeName') !== undefined) this.#report(pod);
    return null;
  }

  #report(pod: KubeObject): void {
    const isReady = annotationsOf(pod)[pretendReadyAnnotation] !== 'false';
    const startedAt = pod.metadata.creationTimestamp;
    const containers = arrayAt(pod, 'spec', 'containers').map((spec) => ({
      isReady,
      isRunning: true,
      finalCode: null,
      status: () => pretendContainer(spec as JsonObject, isReady, startedAt),
    }));
    const status = podStatus({
      before: objectAt(pod, 'status'),
      inits: [],
      containers,
      isInitialized: true,
      restartPolicy: 'Always',
      startTime: startedAt,
      nowMs: this.#context.nowMs(),
    });
    const isNew = !sameJson(status, objectAt(pod, 'status'));
    const present = this.#context.api.store.get('/pods', namespaceOf(pod), pod.metadata.name);
    if (isNew && present !== undefined) writePodStatus(this.#context.api, present, status);
  }
}
