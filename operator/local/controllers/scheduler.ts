import type { JsonObject } from '../api/json.ts';
import { at, objectAt, sameJson, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { isTerminating, timestamp } from '../api/kube-object.ts';
import { targetOf } from '../resources/target.ts';
import { builtin } from '../resources/builtin.ts';
import { nodeName } from '../resources/strategies/workloads.ts';
import { ownManager } from '../seed.ts';
import type { Change } from '../store/store.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { conditionOf, keyOf, recordEvent, splitKey, writeStatus } from './controller.ts';
import { WorkLoop } from './work-loop.ts';

/**
 * Gives pods their node. There is one: a pod waits while it is cordoned, and rules of placement
 * (selectors, affinity, spread) have nothing to choose between and are not looked at.
 */
export class Scheduler implements Controller {
  readonly #context: ControllerContext;
  readonly #loop: WorkLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#loop = new WorkLoop('scheduler', (key) => this.#reconcile(key), context.log);
  }

  start(): void {
    this.#enqueueWaiting();
  }

  stop(): void {
    this.#loop.stop();
  }

  changed(change: Change): void {
    const { resource, object, type } = change;
    if (resource === '/pods' && type === 'ADDED') this.#loop.enqueue(keyOf(object));
    if (resource === '/nodes') this.#enqueueWaiting();
  }

  #enqueueWaiting(): void {
    for (const pod of this.#context.api.store.list('/pods')) {
      if (stringAt(pod, 'spec', 'nodeName') === undefined) this.#loop.enqueue(keyOf(pod));
    }
  }

  #reconcile(key: string): null {
    const { api } = this.#context;
    const pod = api.store.get('/pods', ...splitKey(key));
    if (pod === undefined || isTerminating(pod)) return null;
    if (stringAt(pod, 'spec', 'nodeName') !== undefined) return null;
    const node = api.store.get('/nodes', '', nodeName);
    if (node === undefined || at(node, 'spec', 'unschedulable') === true) {
      this.#hold(pod);
      return null;
    }
    api.modify(
      targetOf(builtin('pods'), pod),
      (old) => ({ ...old, spec: { ...objectAt(old, 'spec'), nodeName } }),
      { manager: ownManager },
    );
    return null;
  }

  #hold(pod: KubeObject): void {
    const { api, nowMs } = this.#context;
    const message = '0/1 nodes are available: 1 node(s) were unschedulable';
    const condition: JsonObject = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime:
        stringAt(conditionOf(pod, 'PodScheduled'), 'lastTransitionTime') ?? timestamp(nowMs()),
    };
    const status: JsonObject = { ...objectAt(pod, 'status'), conditions: [condition] };
    if (sameJson(status, objectAt(pod, 'status'))) return;
    writeStatus(api, builtin('pods'), pod, status);
    const event = { type: 'Warning', reason: 'FailedScheduling', message } as const;
    recordEvent(this.#context, pod, { ...event, component: 'scheduler' });
  }
}
