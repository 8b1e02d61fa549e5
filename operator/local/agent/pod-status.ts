import type { JsonObject } from '../api/json.ts';
import { arrayAt, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { timestamp } from '../api/kube-object.ts';
import { writeStatus } from '../controllers/controller.ts';
import type { Api } from '../resources/api.ts';
import { builtin } from '../resources/builtin.ts';
import { podAddress } from './port-book.ts';

/** What a container looks like from the pod's point of view. */
export interface ContainerView {
  readonly isReady: boolean;
  readonly isRunning: boolean;
  readonly finalCode: number | null;
  status(): JsonObject;
}

interface PodFacts {
  readonly before: JsonObject;
  readonly inits: readonly ContainerView[];
  readonly containers: readonly ContainerView[];
  readonly isInitialized: boolean;
  readonly restartPolicy: string;
  readonly startTime: string;
  readonly nowMs: number;
}

function condition(facts: PodFacts, type: string, isTrue: boolean, reason: string): JsonObject {
  const status = isTrue ? 'True' : 'False';
  const old = arrayAt(facts.before, 'conditions').find((one) => stringAt(one, 'type') === type);
  const since =
    stringAt(old, 'status') === status ? stringAt(old, 'lastTransitionTime') : undefined;
  const made: JsonObject = {
    type,
    status,
    lastTransitionTime: since ?? timestamp(facts.nowMs),
  };
  if (!isTrue) made['reason'] = reason;
  return made;
}

function phaseOf(facts: PodFacts): string {
  const failedInit = facts.inits.some((one) => one.finalCode !== null && one.finalCode !== 0);
  if (failedInit && facts.restartPolicy === 'Never') return 'Failed';
  const hasEnded =
    facts.restartPolicy !== 'Always' &&
    facts.containers.length > 0 &&
    facts.containers.every((one) => one.finalCode !== null);
  if (hasEnded) {
    const isFailed = facts.containers.some((one) => one.finalCode !== 0);
    if (!isFailed) return 'Succeeded';
    if (facts.restartPolicy === 'Never') return 'Failed';
  }
  const wasRunning = stringAt(facts.before, 'phase') === 'Running';
  return wasRunning || facts.containers.some((one) => one.isRunning) ? 'Running' : 'Pending';
}

/** Status of a pod by its containers; conditions keep the time they last changed. */
export function podStatus(facts: PodFacts): JsonObject {
  const isReady = facts.containers.length > 0 && facts.containers.every((one) => one.isReady);
  const status: JsonObject = {
    phase: phaseOf(facts),
    conditions: [
      condition(facts, 'PodScheduled', true, ''),
      condition(facts, 'Initialized', facts.isInitialized, 'ContainersNotInitialized'),
      condition(facts, 'ContainersReady', isReady, 'ContainersNotReady'),
      condition(facts, 'Ready', isReady, 'ContainersNotReady'),
    ],
    hostIP: podAddress,
    podIP: podAddress,
    podIPs: [{ ip: podAddress }],
    startTime: stringAt(facts.before, 'startTime') ?? facts.startTime,
    qosClass: 'BestEffort',
    containerStatuses: facts.containers.map((one) => one.status()),
  };
  if (facts.inits.length > 0) {
    status['initContainerStatuses'] = facts.inits.map((one) => one.status());
  }
  return status;
}

export function writePodStatus(api: Api, pod: KubeObject, status: JsonObject): void {
  writeStatus(api, builtin('pods'), pod, status);
}
