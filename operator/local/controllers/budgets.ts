import type { JsonObject } from '../api/json.ts';
import { at, numberAt, objectAt, sameJson, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { controllerOf, labelsOf, namespaceOf, timestamp } from '../api/kube-object.ts';
import type { Api } from '../resources/api.ts';
import { builtin } from '../resources/builtin.ts';
import { resourceKey } from '../resources/definition.ts';
import { selectsLabels } from '../resources/selectors.ts';
import type { Change } from '../store/store.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { conditionOf, isPodReady, keyOf, splitKey, writeStatus } from './controller.ts';
import { WorkLoop } from './work-loop.ts';

const budgetsKey = 'policy/poddisruptionbudgets';
const podsKey = '/pods';

/** How many pods of a budget there should be, are healthy, must be, and may be disrupted. */
export interface BudgetCounts {
  readonly expectedPods: number;
  readonly currentHealthy: number;
  readonly desiredHealthy: number;
  readonly disruptionsAllowed: number;
}

export function isCovered(budget: KubeObject, pod: KubeObject): boolean {
  return (
    namespaceOf(budget) === namespaceOf(pod) &&
    at(budget, 'spec', 'selector') !== undefined &&
    selectsLabels(at(budget, 'spec', 'selector'), labelsOf(pod))
  );
}

/** Replicas that the owners of the pods want; pods nobody owns count for none. */
function ownersReplicas(api: Api, pods: readonly KubeObject[]): number {
  const replicas = new Map<string, number>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    const definition =
      owner === undefined ? undefined : api.catalog.ofKind(owner.apiVersion, owner.kind);
    if (owner === undefined || definition === undefined || definition.scale === null) continue;
    const object = api.store.get(resourceKey(definition), namespaceOf(pod), owner.name);
    if (object?.metadata.uid !== owner.uid) continue;
    replicas.set(owner.uid, numberAt(object, ...definition.scale.specReplicas) ?? 1);
  }
  return [...replicas.values()].reduce((sum, one) => sum + one, 0);
}

function scaled(bound: string | number, total: number): number {
  if (typeof bound === 'number') return bound;
  return Math.ceil((Number.parseInt(bound, 10) / 100) * total);
}

/** Counts of a budget at this moment; a pod on its way out is not healthy. */
export function budgetCounts(api: Api, budget: KubeObject): BudgetCounts {
  const pods = api.store.list(podsKey, namespaceOf(budget)).filter((pod) => isCovered(budget, pod));
  const currentHealthy = pods.filter(isPodReady).length;
  const minAvailable = at(budget, 'spec', 'minAvailable') as string | number | undefined;
  const maxUnavailable = at(budget, 'spec', 'maxUnavailable') as string | number | undefined;
  // A plain number of available pods needs no owner to be known.
  const expectedPods = typeof minAvailable === 'number' ? pods.length : ownersReplicas(api, pods);
  let desiredHealthy = expectedPods;
  if (maxUnavailable !== undefined) {
    desiredHealthy = Math.max(0, expectedPods - scaled(maxUnavailable, expectedPods));
  } else if (minAvailable !== undefined) {
    desiredHealthy = scaled(minAvailable, expectedPods);
  }
  return {
    expectedPods,
    currentHealthy,
    desiredHealthy,
    disruptionsAllowed: expectedPods === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy),
  };
}

/** Keeps the status of disruption budgets. */
export class BudgetController implements Controller {
  readonly #context: ControllerContext;
  readonly #loop: WorkLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#loop = new WorkLoop('budgets', (key) => this.#reconcile(key), context.log);
  }

  start(): void {
    for (const budget of this.#context.api.store.list(budgetsKey)) {
      this.#loop.enqueue(keyOf(budget));
    }
  }

  stop(): void {
    this.#loop.stop();
  }

  changed(change: Change): void {
    const { resource, object } = change;
    if (resource === budgetsKey) this.#loop.enqueue(keyOf(object));
    if (resource !== podsKey && resource !== 'apps/statefulsets') return;
    for (const budget of this.#context.api.store.list(budgetsKey, namespaceOf(object))) {
      this.#loop.enqueue(keyOf(budget));
    }
  }

  #reconcile(key: string): null {
    const { api, nowMs } = this.#context;
    const budget = api.store.get(budgetsKey, ...splitKey(key));
    if (budget === undefined) return null;
    const counts = budgetCounts(api, budget);
    const isAllowed = counts.disruptionsAllowed > 0;
    const before = conditionOf(budget, 'DisruptionAllowed');
    const state = isAllowed ? 'True' : 'False';
    const isSame = stringAt(before, 'status') === state;
    const status: JsonObject = {
      ...counts,
      observedGeneration: numberAt(budget.metadata, 'generation') ?? 1,
      conditions: [
        {
          type: 'DisruptionAllowed',
          status: state,
          reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
          message: '',
          observedGeneration: numberAt(budget.metadata, 'generation') ?? 1,
          lastTransitionTime:
            (isSame ? stringAt(before, 'lastTransitionTime') : undefined) ?? timestamp(nowMs()),
        },
      ],
    };
    if (!sameJson(status, objectAt(budget, 'status'))) {
      writeStatus(api, builtin('poddisruptionbudgets'), budget, status);
    }
    return null;
  }
}
