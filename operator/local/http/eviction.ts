import { ApiError, badRequest } from '../api/api-error.ts';
import { at, numberAt, objectAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { isTerminating } from '../api/kube-object.ts';
import { budgetCounts, isCovered } from '../controllers/budgets.ts';
import { isPodReady } from '../controllers/controller.ts';
import type { Api } from '../resources/api.ts';
import type { DeleteOptions } from '../resources/deletion.ts';
import { parseBody, readBody, sendJson } from './answer.ts';
import type { Call } from './call.ts';

const retryAfterSeconds = 10;

/** Whether a budget has a say: a pod that does no work may go, by the budget's policy. */
function isGuarded(api: Api, budget: KubeObject, pod: KubeObject): boolean {
  if (isPodReady(pod)) return true;
  if (stringAt(budget, 'spec', 'unhealthyPodEvictionPolicy') === 'AlwaysAllow') return false;
  const counts = budgetCounts(api, budget);
  return counts.currentHealthy < counts.desiredHealthy || counts.desiredHealthy === 0;
}

/**
 * Refuses an eviction that a disruption budget does not allow.
 * @throws ApiError 429 while the budget is spent, 500 for a pod with two budgets.
 */
export function refuseOverBudget(api: Api, pod: KubeObject): void {
  const isEnded = ['Succeeded', 'Failed', 'Pending'].includes(
    stringAt(pod, 'status', 'phase') ?? 'Pending',
  );
  if (isEnded || isTerminating(pod)) return;
  const budgets = api.store
    .list('policy/poddisruptionbudgets', stringAt(pod, 'metadata', 'namespace'))
    .filter((budget) => isCovered(budget, pod));
  const [budget, second] = budgets;
  if (budget === undefined) return;
  if (second !== undefined) {
    const message =
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new ApiError(500, 'InternalError', message);
  }
  if (!isGuarded(api, budget, pod)) return;
  const counts = budgetCounts(api, budget);
  if (counts.disruptionsAllowed > 0) return;
  const { name } = budget.metadata;
  throw new ApiError(
    429,
    'TooManyRequests',
    "Cannot evict pod as it would violate the pod's disruption budget.",
    {
      retryAfterSeconds,
      causes: [
        {
          reason: 'DisruptionBudget',
          message: `The disruption budget ${name} needs ${counts.desiredHealthy} healthy pods and has ${counts.currentHealthy} currently`,
        },
      ],
    },
  );
}

/** Answers `POST pods/{name}/eviction`. */
export async function serveEviction(call: Call): Promise<void> {
  const { api, path, request, response } = call;
  if (request.method !== 'POST') {
    throw new ApiError(405, 'MethodNotAllowed', 'an eviction is created');
  }
  const body = parseBody(await readBody(request), request.headers['content-type'] ?? '');
  const asked = stringAt(body, 'metadata', 'name');
  if (asked !== undefined && asked !== path.name) {
    throw badRequest(`name in URL does not match name in Eviction object: ${asked}`);
  }
  const target = { definition: path.definition, namespace: path.namespace, name: path.name };
  const pod = api.get(target);
  const wanted = objectAt(body, 'deleteOptions');
  const uid = stringAt(wanted, 'preconditions', 'uid');
  const resourceVersion = stringAt(wanted, 'preconditions', 'resourceVersion');
  const graceSeconds = numberAt(wanted, 'gracePeriodSeconds');
  const options: DeleteOptions = {
    isDryRun: call.query.get('dryRun') === 'All' || at(wanted, 'dryRun') !== undefined,
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(graceSeconds === undefined ? {} : { graceSeconds }),
  };
  // Another pod of the same name is a conflict, whatever its budget says.
  if (uid === undefined || uid === pod.metadata.uid) refuseOverBudget(api, pod);
  api.delete(target, options);
  sendJson(response, 201, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    code: 201,
  });
}
