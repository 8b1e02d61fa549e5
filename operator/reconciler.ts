import { validate } from './api/validate.ts';
import type { ValidEnsemble } from './api/validate.ts';
import type { KubeObject, ZkEnsemble, ZkEnsembleStatus } from './api/zk-ensemble.ts';
import { apply, applyStatus, AppliedMemory } from './apply/apply.ts';
import type { EventRecorder } from './apply/events.ts';
import type { OperatorMetrics } from './http/metrics.ts';
import type { Clock } from './kube/clock.ts';
import type { KubeClient } from './kube/kube-client.ts';
import { isConflict, isNotFound } from './kube/kube-error.ts';
import { observe } from './observe/observe.ts';
import type { Cache } from './observe/observe.ts';
import { nothingApplied } from './plan/applied.ts';
import type { Applied } from './plan/applied.ts';
import type { Observed } from './plan/observed.ts';
import { plan } from './plan/plan.ts';
import type { Planned } from './plan/plan.ts';
import type { ServerDefaults } from './plan/resources/pod-template.ts';
import { differs, invalidStatus, statusOf } from './plan/status.ts';
import type { MemberAddress, Probed } from './zk/probe.ts';

export interface ReconcilerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly metrics: OperatorMetrics;
  readonly events: EventRecorder;
  readonly defaults: ServerDefaults;
  readonly ensembles: Cache;
  readonly statefulSets: Cache;
  readonly pods: Cache;
  readonly claims: Cache;
  readonly budgets: Cache;
  readonly services: Cache;
  readonly configMaps: Cache;
  readonly probe: (address: MemberAddress) => Promise<Probed>;
  readonly memberAddress: (pod: KubeObject, portName: string) => MemberAddress | null;
  readonly mayAct: () => boolean;
}

/** Full check of an ensemble at rest, with up to as much again of jitter below. */
const idleMs = 20_000;
/** While something is on its way. */
const busyMs = 1000;
/** A zxid that moved is written no more often than that. */
const refreshMs = 30_000;

/** One pass for one ensemble: observe, validate, plan, apply, status. Keeps nothing that matters. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #memory = new AppliedMemory();
  readonly #writtenAtMs = new Map<string, number>();
  readonly #caches: Readonly<Record<string, Cache>>;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#caches = {
      ConfigMap: options.configMaps,
      Service: options.services,
      StatefulSet: options.statefulSets,
      PodDisruptionBudget: options.budgets,
    };
  }

  /** @throws KubeError when the API server fails; the pass comes again. */
  async reconcile(key: string): Promise<{ againAfterMs: number | null }> {
    const [namespace = '', name = ''] = key.split('/');
    const object = this.#options.ensembles.get(namespace, name);
    if (object === undefined || !this.#options.mayAct()) {
      this.#options.metrics.forget(namespace, name);
      this.#writtenAtMs.delete(key);
      return { againAfterMs: null };
    }
    const ensemble = object as unknown as ZkEnsemble;
    const validated = validate(ensemble);
    if ('problems' in validated) {
      const { generation = 0 } = ensemble.metadata;
      const status = invalidStatus(
        ensemble.status ?? {},
        validated.problems,
        generation,
        this.#now(),
      );
      await this.#write(ensemble, status);
      const [first] = validated.problems;
      const message = `${first?.field} ${first?.message}`;
      await this.#options.events.record(ensemble, 'Warning', 'InvalidSpec', message);
      return { againAfterMs: null };
    }
    return this.#pass(validated.valid);
  }

  async #pass(ensemble: ValidEnsemble): Promise<{ againAfterMs: number }> {
    const observed = await observe(ensemble, {
      ...this.#options,
      wallMs: () => this.#options.clock.wallMs(),
    });
    const planned = plan(observed, this.#options.defaults);
    const applied = await this.#apply(ensemble, planned);
    const status = statusOf(observed, planned, applied, this.#now());
    await this.#write(ensemble.object, status);
    await this.#announce(observed, planned, applied, status);
    return { againAfterMs: this.#againAfterMs(planned, applied, status) };
  }

  async #apply(ensemble: ValidEnsemble, planned: Planned): Promise<Applied> {
    if (ensemble.deleting || ensemble.spec.paused) return nothingApplied;
    const { client, events, metrics, mayAct } = this.#options;
    const applied = await apply(ensemble, planned, {
      client,
      mayAct,
      memory: this.#memory,
      live: (_apiVersion, kind, name) => this.#caches[kind]?.get(ensemble.namespace, name),
      announce: (type, reason, message) => events.record(ensemble.object, type, reason, message),
    });
    if (planned.step.type === 'evict') {
      const blocked = applied.evictionBlocked !== null;
      const result = applied.evicted !== null ? 'done' : blocked ? 'blocked' : 'skipped';
      metrics.acted('restart', result);
    }
    return applied;
  }

  /** At once when something changed; a zxid alone only now and then. */
  async #write(ensemble: ZkEnsemble, status: ZkEnsembleStatus): Promise<void> {
    const { namespace = '', name = '' } = ensemble.metadata;
    const key = `${namespace}/${name}`;
    const before = ensemble.status ?? {};
    this.#options.metrics.ensemble({ ...ensemble, status });
    if (!differs(before, status)) {
      if (before.zxid === status.zxid) return;
      const writtenAtMs = this.#writtenAtMs.get(key) ?? -Infinity;
      if (this.#options.clock.nowMs() - writtenAtMs < refreshMs) return;
    }
    try {
      await applyStatus(this.#options.client, { namespace, name }, status);
      this.#writtenAtMs.set(key, this.#options.clock.nowMs());
    } catch (error) {
      // Deleted or changed meanwhile: the next pass knows.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async #announce(
    observed: Observed,
    planned: Planned,
    applied: Applied,
    status: ZkEnsembleStatus,
  ): Promise<void> {
    const { object } = observed.ensemble;
    const { events } = this.#options;
    const condition = (of: ZkEnsembleStatus, type: string) =>
      of.conditions?.find((each) => each.type === type);
    const stalled = condition(status, 'Stalled');
    const before = observed.status;
    if (stalled?.status === 'True' && stalled.reason !== condition(before, 'Stalled')?.reason) {
      await events.record(object, 'Warning', stalled.reason, stalled.message);
    }
    if (applied.evictionBlocked !== null && before.plan?.reason !== 'DisruptionBudget') {
      const member = planned.step.type === 'evict' ? planned.step.server.name : '';
      const message = `${member} may not be restarted now: ${applied.evictionBlocked}`;
      await events.record(object, 'Warning', 'EvictionBlocked', message);
    }
    const was = condition(before, 'Available')?.status;
    const is = condition(status, 'Available');
    if (is !== undefined && is.status !== was && !(is.status === 'False' && was === undefined)) {
      const type = is.status === 'True' ? 'Normal' : 'Warning';
      await events.record(object, type, is.status === 'True' ? 'Available' : is.reason, is.message);
    }
    if (status.leader?.name !== before.leader?.name && status.leader !== undefined) {
      const message = `${status.leader.name} leads since epoch ${status.epoch}`;
      await events.record(object, 'Normal', 'LeaderChanged', message);
    }
  }

  #againAfterMs(planned: Planned, applied: Applied, status: ZkEnsembleStatus): number {
    const { step } = planned;
    if (applied.evicted !== null || planned.growth !== null) return busyMs;
    const ready = status.phase === 'Ready' || status.phase === 'Paused';
    const restMs = step.type === 'wait' && step.againAfterMs !== null ? step.againAfterMs : busyMs;
    if (!ready && status.phase !== 'Hibernated') return Math.max(restMs, 200);
    return idleMs / 2 + (this.#options.clock.random() * idleMs) / 2;
  }

  #now(): string {
    return new Date(this.#options.clock.wallMs()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}
