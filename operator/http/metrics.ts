import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ZkEnsemble } from '../api/zk-ensemble.ts';

const ensembleLabels = ['namespace', 'name'] as const;
const secondsBuckets = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

/**
 * Figures of the operator. Names of controller-runtime where it has one, so that existing
 * dashboards work; ours begin with `zke_`.
 */
export class OperatorMetrics {
  readonly registry: Registry = new Registry();
  readonly #reconciles = this.#counter('controller_runtime_reconcile_total', 'Passes by result.', [
    'controller',
    'result',
  ]);
  readonly #errors = this.#counter(
    'controller_runtime_reconcile_errors_total',
    'Passes that failed.',
    ['controller'],
  );
  readonly #seconds = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of a pass.',
    labelNames: ['controller'],
    buckets: secondsBuckets,
    registers: [this.registry],
  });
  readonly #requests = this.#counter('rest_client_requests_total', 'Requests to the API server.', [
    'code',
    'method',
  ]);
  readonly #master = this.#gauge('leader_election_master_status', '1 while this operator leads.', [
    'name',
  ]);
  readonly #restarts = this.#counter('zke_watch_restarts_total', 'Watches begun again.', [
    'resource',
    'cause',
  ]);
  readonly #drift = this.#counter(
    'zke_relist_drift_total',
    'Changes found only by a full list: must stay 0.',
    ['resource'],
  );
  readonly #actions = this.#counter('zke_actions_total', 'Restarts and other actions.', [
    'action',
    'result',
  ]);
  readonly #condition = this.#gauge('zke_condition', '1 for the status that a condition has.', [
    ...ensembleLabels,
    'type',
    'status',
  ]);
  readonly #blocked = this.#gauge('zke_plan_blocked', '1 while the plan waits.', [
    ...ensembleLabels,
    'reason',
  ]);
  readonly #voters = this.#gauge('zke_spec_voters', 'Voters asked for.', [...ensembleLabels]);
  readonly #inSync = this.#gauge('zke_voters_in_sync', 'Voters in sync with the leader.', [
    ...ensembleLabels,
  ]);
  readonly #epoch = this.#gauge('zke_member_epoch', 'Epoch of a member.', [
    ...ensembleLabels,
    'member',
  ]);
  readonly #lag = this.#gauge('zke_member_lag_txns', 'Transactions behind the leader.', [
    ...ensembleLabels,
    'member',
  ]);
  readonly #role = this.#gauge('zke_member_role', '1 for the role that a member has.', [
    ...ensembleLabels,
    'member',
    'role',
  ]);
  /** Series of each ensemble, to take them back before they are told anew. */
  readonly #told = new Map<string, (() => void)[]>();

  /** Depth of the queue is read when it is asked for. */
  watchQueue(depth: () => number, running: () => number): void {
    for (const [name, help, read] of [
      ['workqueue_depth', 'Keys that wait.', depth],
      ['controller_runtime_active_workers', 'Passes that run.', running],
    ] as const) {
      const gauge: Gauge = new Gauge({
        name,
        help,
        labelNames: ['name'],
        registers: [this.registry],
        collect: () => gauge.set({ name: 'zkensemble' }, read()),
      });
    }
  }

  reconciled(result: 'success' | 'error', tookMs: number): void {
    this.#reconciles.inc({ controller: 'zkensemble', result });
    if (result === 'error') this.#errors.inc({ controller: 'zkensemble' });
    this.#seconds.observe({ controller: 'zkensemble' }, tookMs / 1000);
  }

  requested(method: string, code: number): void {
    this.#requests.inc({ method, code: String(code) });
  }

  leading(name: string, leads: boolean): void {
    this.#master.set({ name }, leads ? 1 : 0);
  }

  watchRestarted(resource: string, cause: string): void {
    this.#restarts.inc({ resource, cause });
  }

  drifted(resource: string, count: number): void {
    this.#drift.inc({ resource }, count);
  }

  acted(action: string, result: string): void {
    this.#actions.inc({ action, result });
  }

  /** Mirrors the status, for clusters that scrape the operator only. */
  ensemble(object: ZkEnsemble): void {
    const { namespace = '', name = '' } = object.metadata;
    const { status } = object;
    this.forget(namespace, name);
    const told: (() => void)[] = [];
    this.#told.set(`${namespace}/${name}`, told);
    const tell = (gauge: Gauge, value: number, labels: Record<string, string> = {}): void => {
      const all = { namespace, name, ...labels };
      gauge.set(all, value);
      told.push(() => gauge.remove(all));
    };
    tell(this.#voters, object.spec?.replicas ?? 3);
    if (status === undefined) return;
    tell(this.#inSync, status.inSyncVoters ?? 0);
    for (const each of status.conditions ?? []) {
      tell(this.#condition, 1, { type: each.type, status: each.status });
    }
    const { plan } = status;
    if (plan?.action === 'Wait') tell(this.#blocked, 1, { reason: plan.reason });
    for (const { name: member, role, epoch, lagTxns } of status.members ?? []) {
      tell(this.#role, 1, { member, role });
      if (epoch !== undefined) tell(this.#epoch, epoch, { member });
      if (lagTxns !== undefined) tell(this.#lag, lagTxns, { member });
    }
  }

  forget(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    for (const takeBack of this.#told.get(key) ?? []) takeBack();
    this.#told.delete(key);
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}
