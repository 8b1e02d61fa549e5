import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { KubeConfig } from '@kubernetes/client-node';
import type { KubeObject } from './api/zk-ensemble.ts';
import { EventRecorder } from './apply/events.ts';
import { startOperatorHttp } from './http/http.ts';
import type { OperatorHttp } from './http/http.ts';
import { OperatorMetrics } from './http/metrics.ts';
import { Caches } from './kube/caches.ts';
import { realClock } from './kube/clock.ts';
import type { Clock } from './kube/clock.ts';
import { defaultAccess } from './kube/cluster-access.ts';
import { KubeClient } from './kube/kube-client.ts';
import { LeaseElector } from './kube/lease.ts';
import * as resources from './kube/resources.ts';
import { WorkQueue } from './kube/work-queue.ts';
import { podAddress } from './observe/observe.ts';
import { selectorLabels } from './plan/names.ts';
import { Reconciler } from './reconciler.ts';
import { Prober } from './zk/probe.ts';
import type { MemberAddress } from './zk/probe.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type Log = (
  level: LogLevel,
  message: string,
  values: Readonly<Record<string, unknown>>,
) => void;

export interface OperatorOptions {
  /** The cluster. Where absent: KUBECONFIG, the pod's service account, ~/.kube/config. */
  readonly kubeConfig?: KubeConfig;
  /** Namespaces to look after; all where absent or empty. */
  readonly namespaces?: readonly string[];
  /** One of several operators acts at a time. Default: true. */
  readonly leaseEnabled?: boolean;
  readonly leaseNamespace?: string;
  readonly leaseName?: string;
  /** How a member's port is reached; `null` while it cannot be. Default: pod address and port. */
  readonly memberAddress?: (pod: KubeObject, portName: string) => MemberAddress | null;
  readonly serverImage?: string;
  readonly serverVersion?: string;
  readonly serverCommand?: readonly string[];
  /** Health and metrics; none where absent. */
  readonly http?: { readonly host: string; readonly port: number };
  readonly probeTimeoutMs?: number;
  readonly workersMax?: number;
  readonly log?: Log;
  readonly clock?: Clock;
}

export interface Operator {
  /** Resolves when the caches are filled. */
  readonly ready: Promise<void>;
  /** Port of health and metrics; `null` without. */
  readonly httpPort: number | null;
  readonly leading: boolean;
  /** Ends what runs, gives the lease back, closes every connection. */
  stop(): Promise<void>;
}

const labelSelector = `app.kubernetes.io/name=${selectorLabels('')['app.kubernetes.io/name']}`;

/** Version of this build, from its package. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/**
 * Starts the operator in this process. It is up at once and acts as soon as its caches are
 * filled and it holds the lease.
 * @throws KubeError when the kubeconfig names no cluster.
 */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { log = () => {}, clock = realClock } = options;
  const metrics = new OperatorMetrics();
  const client = new KubeClient(options.kubeConfig ?? (await defaultAccess()), (method, code) =>
    metrics.requested(method, code),
  );
  const prober = new Prober(options.probeTimeoutMs ?? 1000);
  const stopping = { now: false };
  let lease: LeaseElector | null = null;
  const mayAct = (): boolean => !stopping.now && (lease === null || lease.leading);

  const caches = new Caches({
    client,
    clock,
    namespaces: options.namespaces ?? [],
    labelSelector,
    onKey: (key) => {
      if (mayAct()) queue.add(key);
    },
    onRestart: (resource, cause, error) => {
      metrics.watchRestarted(resource, cause);
      if (error === null) return;
      if (cause === 'http404' && resource === resources.zkEnsembles.plural) {
        log('error', 'the CRD is missing: kubectl apply -f crds/zkensembles.yaml', {});
      } else {
        log('warn', `watch of ${resource} broke off`, { cause, error: textOf(error) });
      }
    },
    onDrift: (resource, count) => metrics.drifted(resource, count),
  });
  const events = new EventRecorder(client, clock, (error) =>
    log('warn', 'an event could not be written', { error: textOf(error) }),
  );
  const reconciler = new Reconciler({
    client,
    clock,
    metrics,
    events,
    defaults: defaultsOf(options),
    ensembles: caches.of(resources.zkEnsembles),
    statefulSets: caches.of(resources.statefulSets),
    pods: caches.of(resources.pods),
    claims: caches.of(resources.volumeClaims),
    budgets: caches.of(resources.disruptionBudgets),
    services: caches.of(resources.services),
    configMaps: caches.of(resources.configMaps),
    probe: (address) => prober.probe(address),
    memberAddress: options.memberAddress ?? podAddress,
    mayAct,
  });
  const queue = new WorkQueue(
    {
      clock,
      workersMax: options.workersMax ?? 4,
      onError: (key, error) => log('error', `${key}: the pass failed`, { error: textOf(error) }),
      onDone: (_key, tookMs, result) => metrics.reconciled(result, tookMs),
    },
    (key) => reconciler.reconcile(key),
  );
  metrics.watchQueue(
    () => queue.depth,
    () => queue.running,
  );

  const http: OperatorHttp | null =
    options.http === undefined
      ? null
      : await startOperatorHttp({ ...options.http, metrics, isReady: () => caches.synced });
  const ready = caches.start();
  const begin = (): void => {
    for (const key of caches.keys()) queue.add(key);
  };
  if (options.leaseEnabled ?? true) {
    lease = leaseOf(options, { client, clock, log, metrics, begin: () => void ready.then(begin) });
    lease.start();
  }
  return {
    ready,
    httpPort: http?.port ?? null,
    get leading() {
      return mayAct();
    },
    async stop() {
      stopping.now = true;
      await queue.stop();
      await caches.stop();
      await lease?.stop();
      await http?.close();
      prober.close();
      client.close();
    },
  };
}

function defaultsOf(options: OperatorOptions) {
  const version = options.serverVersion ?? packageVersion();
  return {
    version,
    image: options.serverImage ?? `zkensemble:${version}`,
    command: options.serverCommand ?? ['node', 'server/pod-main.ts'],
  };
}

function leaseOf(
  options: OperatorOptions,
  by: { client: KubeClient; clock: Clock; log: Log; metrics: OperatorMetrics; begin: () => void },
): LeaseElector {
  const name = options.leaseName ?? 'zkensemble-operator';
  const identity = `${hostname()}_${randomUUID()}`;
  by.metrics.leading(name, false);
  return new LeaseElector({
    client: by.client,
    clock: by.clock,
    namespace: options.leaseNamespace ?? options.namespaces?.[0] ?? 'default',
    name,
    identity,
    onLeading: () => {
      by.log('info', 'holds the lease and acts', { name, identity });
      by.metrics.leading(name, true);
      by.begin();
    },
    onLost: () => {
      by.log('warn', 'lost the lease and only watches', { name, identity });
      by.metrics.leading(name, false);
    },
    onError: (error) => by.log('warn', 'the lease cannot be renewed', { error: textOf(error) }),
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
