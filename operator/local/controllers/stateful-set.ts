import type { JsonObject } from '../api/json.ts';
import { at, numberAt, objectAt, sameJson, stringAt } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import {
  controllerOf,
  isTerminating,
  labelsOf,
  namespaceOf,
  ownersOf,
} from '../api/kube-object.ts';
import { targetOf } from '../resources/target.ts';
import { builtin } from '../resources/builtin.ts';
import { selectsLabels } from '../resources/selectors.ts';
import { ownManager } from '../seed.ts';
import type { Change } from '../store/store.ts';
import type { Controller, ControllerContext } from './controller.ts';
import {
  conditionOf,
  isPodReady,
  keyOf,
  recordEvent,
  splitKey,
  writeStatus,
} from './controller.ts';
import { claimsFor, ordinalOf, ownerOf, podFor, revisionLabel, startOf } from './stateful-pods.ts';
import { Revisions } from './revisions.ts';
import { WorkLoop } from './work-loop.ts';

const setsKey = 'apps/statefulsets';
const podsKey = '/pods';
const claimsKey = '/persistentvolumeclaims';

const options = { manager: ownManager } as const;

/** What one pass over a set works with. */
interface Pass {
  readonly set: KubeObject;
  readonly namespace: string;
  readonly replicas: number;
  readonly isParallel: boolean;
  readonly updateRevision: string;
  readonly currentRevision: string;
  /** By ordinal. */
  readonly pods: ReadonlyMap<number, KubeObject>;
}

/**
 * Keeps the pods of stateful sets: one for each ordinal with its claims, in order or at once,
 * updated in reverse order or when they are deleted.
 * Source: the StatefulSet page of the Kubernetes documentation, and its API reference.
 */
export class StatefulSetController implements Controller {
  readonly #context: ControllerContext;
  readonly #loop: WorkLoop;
  readonly #revisions: Revisions;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#revisions = new Revisions(context);
    this.#loop = new WorkLoop('statefulsets', (key) => this.#reconcile(key), context.log);
  }

  start(): void {
    for (const set of this.#context.api.store.list(setsKey)) this.#loop.enqueue(keyOf(set));
  }

  stop(): void {
    this.#loop.stop();
  }

  changed(change: Change): void {
    const { resource, object } = change;
    if (resource === setsKey) {
      this.#loop.enqueue(keyOf(object));
      return;
    }
    if (resource === claimsKey && change.type === 'DELETED') {
      // A pod may have waited for the old claim to go.
      for (const set of this.#context.api.store.list(setsKey, namespaceOf(object))) {
        this.#loop.enqueue(keyOf(set));
      }
    }
    if (resource !== podsKey) return;
    for (const pod of [object, change.previous]) {
      const owner = pod === undefined ? undefined : controllerOf(pod);
      if (owner?.kind === 'StatefulSet') {
        this.#loop.enqueue(`${namespaceOf(object)}/${owner.name}`);
        return;
      }
    }
    // A pod without an owner may be one to take over.
    for (const set of this.#context.api.store.list(setsKey, namespaceOf(object))) {
      if (ordinalOf(set, object.metadata.name) !== null) this.#loop.enqueue(keyOf(set));
    }
  }

  #reconcile(key: string): number | null {
    const [namespace, name] = splitKey(key);
    const set = this.#context.api.store.get(setsKey, namespace, name);
    if (set === undefined || isTerminating(set)) return null;
    const updateRevision = this.#revisions.ensure(set);
    const pass: Pass = {
      set,
      namespace,
      replicas: numberAt(set, 'spec', 'replicas') ?? 1,
      isParallel: stringAt(set, 'spec', 'podManagementPolicy') === 'Parallel',
      updateRevision,
      currentRevision: stringAt(set, 'status', 'currentRevision') ?? updateRevision,
      pods: this.#podsOf(set),
    };
    if (this.#scale(pass)) this.#update(pass);
    return this.#writeStatus(pass);
  }

  /** The set's pods by ordinal; takes over those that have no owner and fit. */
  #podsOf(set: KubeObject): ReadonlyMap<number, KubeObject> {
    const { api } = this.#context;
    const found = new Map<number, KubeObject>();
    for (const pod of api.store.list(podsKey, namespaceOf(set))) {
      const ordinal = ordinalOf(set, pod.metadata.name);
      if (ordinal === null) continue;
      const owner = controllerOf(pod);
      if (owner?.uid === set.metadata.uid) found.set(ordinal, pod);
      if (owner !== undefined || isTerminating(pod)) continue;
      if (!selectsLabels(at(set, 'spec', 'selector'), labelsOf(pod))) continue;
      const owners = [...ownersOf(pod), ownerOf(set)];
      const adopted = api.modify(
        targetOf(builtin('pods'), pod),
        (old) => ({ ...old, metadata: { ...old.metadata, ownerReferences: owners } }),
        options,
      );
      found.set(ordinal, adopted);
    }
    return found;
  }

  /** Template revision a new pod of an ordinal gets. */
  #revisionFor(pass: Pass, ordinal: number): string {
    const isRolling = stringAt(pass.set, 'spec', 'updateStrategy', 'type') === 'RollingUpdate';
    const partition = numberAt(pass.set, 'spec', 'updateStrategy', 'rollingUpdate', 'partition');
    const isHeldBack = isRolling && ordinal < startOf(pass.set) + (partition ?? 0);
    return isHeldBack ? pass.currentRevision : pass.updateRevision;
  }

  /** Makes and removes pods. True when the number is right and, in order, all are ready. */
  #scale(pass: Pass): boolean {
    const start = startOf(pass.set);
    const end = start + pass.replicas;
    for (let ordinal = start; ordinal < end; ordinal += 1) {
      const pod = pass.pods.get(ordinal);
      if (pod === undefined) {
        this.#createPod(pass, ordinal);
        if (!pass.isParallel) return false;
        continue;
      }
      const isEnded = ['Failed', 'Succeeded'].includes(stringAt(pod, 'status', 'phase') ?? '');
      if (isEnded && !isTerminating(pod)) this.#deletePod(pass, pod, 'has ended');
      this.#ensureClaims(pass, ordinal);
      if (!pass.isParallel && !isPodReady(pod)) return false;
    }
    const condemned = [...pass.pods].filter(([ordinal]) => ordinal < start || ordinal >= end);
    condemned.sort(([a], [b]) => b - a);
    for (const [, pod] of condemned) {
      if (!isTerminating(pod)) this.#condemn(pass, pod);
      if (!pass.isParallel) return false;
    }
    return condemned.length === 0;
  }

  /** False while a claim is on its way out: a pod that took it would keep it from going. */
  #ensureClaims(pass: Pass, ordinal: number): boolean {
    const { api } = this.#context;
    let isComplete = true;
    for (const plan of claimsFor(pass.set, ordinal)) {
      const claim = api.store.get(claimsKey, pass.namespace, plan.name);
      if (claim === undefined) {
        api.create(builtin('persistentvolumeclaims'), pass.namespace, plan.body, options);
      } else if (isTerminating(claim)) {
        isComplete = false;
      }
    }
    return isComplete;
  }

  #createPod(pass: Pass, ordinal: number): void {
    const { api } = this.#context;
    if (!this.#ensureClaims(pass, ordinal)) return;
    const revision = this.#revisionFor(pass, ordinal);
    const body = podFor(
      pass.set,
      ordinal,
      this.#revisions.templateOf(pass.set, revision),
      revision,
    );
    if (api.store.get(podsKey, pass.namespace, `${pass.set.metadata.name}-${ordinal}`)) return;
    const pod = api.create(builtin('pods'), pass.namespace, body, options);
    this.#tell(pass, 'SuccessfulCreate', `create Pod ${pod.metadata.name} successful`);
  }

  #deletePod(pass: Pass, pod: KubeObject, why: string): void {
    this.#context.api.delete(targetOf(builtin('pods'), pod), { uid: pod.metadata.uid });
    this.#tell(pass, 'SuccessfulDelete', `delete Pod ${pod.metadata.name}: ${why}`);
  }

  /** Removes a pod by scaling down; its claims go with it where the policy says so. */
  #condemn(pass: Pass, pod: KubeObject): void {
    const { api } = this.#context;
    const policy = stringAt(pass.set, 'spec', 'persistentVolumeClaimRetentionPolicy', 'whenScaled');
    const ordinal = ordinalOf(pass.set, pod.metadata.name) ?? 0;
    if (policy === 'Delete') {
      for (const plan of claimsFor(pass.set, ordinal)) {
        const claim = api.store.get(claimsKey, pass.namespace, plan.name);
        if (claim === undefined) continue;
        const owner = { ...ownerOf(pod), controller: false };
        api.modify(
          targetOf(builtin('persistentvolumeclaims'), claim),
          (old) => ({ ...old, metadata: { ...old.metadata, ownerReferences: [owner] } }),
          options,
        );
      }
    }
    this.#deletePod(pass, pod, 'scaled down');
  }

  /** A rolling update takes one pod at a time, from the highest ordinal, and waits for it. */
  #update(pass: Pass): void {
    const strategy = objectAt(pass.set, 'spec', 'updateStrategy');
    if (strategy['type'] !== 'RollingUpdate') return;
    const first = startOf(pass.set) + (numberAt(strategy, 'rollingUpdate', 'partition') ?? 0);
    for (let ordinal = startOf(pass.set) + pass.replicas - 1; ordinal >= first; ordinal -= 1) {
      const pod = pass.pods.get(ordinal);
      if (pod === undefined) return;
      const isOld = labelsOf(pod)[revisionLabel] !== pass.updateRevision;
      if (isOld && !isTerminating(pod)) this.#deletePod(pass, pod, 'rolling update');
      if (isOld || !isPodReady(pod)) return;
    }
  }

  #writeStatus(pass: Pass): number | null {
    const { set } = pass;
    const pods = this.#podsOf(set);
    const all = [...pods.values()];
    const minReadyMs = (numberAt(set, 'spec', 'minReadySeconds') ?? 0) * 1000;
    const ready = all.filter(isPodReady);
    const waits = ready.map((pod) => minReadyMs - this.#readyForMs(pod));
    const updated = all.filter((pod) => labelsOf(pod)[revisionLabel] === pass.updateRevision);
    const isRolling = stringAt(set, 'spec', 'updateStrategy', 'type') === 'RollingUpdate';
    const isComplete = isRolling && updated.length === all.length && ready.length === pass.replicas;
    const currentRevision = isComplete ? pass.updateRevision : pass.currentRevision;
    const status: JsonObject = {
      observedGeneration: numberAt(set.metadata, 'generation') ?? 1,
      replicas: all.length,
      readyReplicas: ready.length,
      availableReplicas: waits.filter((wait) => wait <= 0).length,
      currentReplicas: all.filter((pod) => labelsOf(pod)[revisionLabel] === currentRevision).length,
      updatedReplicas: updated.length,
      currentRevision,
      updateRevision: pass.updateRevision,
      collisionCount: 0,
    };
    if (!sameJson(status, objectAt(set, 'status'))) {
      writeStatus(this.#context.api, builtin('statefulsets'), set, status);
    }
    const due = waits.filter((wait) => wait > 0);
    return due.length === 0 ? null : Math.min(...due) + 10;
  }

  #readyForMs(pod: KubeObject): number {
    const since = stringAt(conditionOf(pod, 'Ready'), 'lastTransitionTime');
    return since === undefined ? 0 : this.#context.nowMs() - Date.parse(since);
  }

  #tell(pass: Pass, reason: string, message: string): void {
    recordEvent(this.#context, pass.set, {
      type: 'Normal',
      reason,
      message: `${message} in StatefulSet ${pass.set.metadata.name}`,
      component: 'statefulset-controller',
    });
  }
}
