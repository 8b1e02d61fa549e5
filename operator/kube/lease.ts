import type { Json, KubeObject } from '../api/zk-ensemble.ts';
import { pause } from './clock.ts';
import type { Clock } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import { isConflict, isNotFound } from './kube-error.ts';
import { leases } from './resources.ts';

export interface LeaseOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly namespace: string;
  readonly name: string;
  /** Unique for each process. */
  readonly identity: string;
  readonly durationMs?: number;
  /** Must stay well below the duration. */
  readonly renewMs?: number;
  readonly onLeading: () => void;
  /** The lease is lost (not given back): stop acting at once. */
  readonly onLost: () => void;
  readonly onError?: (error: unknown) => void;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/**
 * One of several operators leads: the one whose name stands in the Lease. Times in the Lease are
 * opaque; whether a holder is alive is judged by this process's own monotonic clock, from the
 * moment at which the Lease was last seen to change.
 */
export class LeaseElector {
  readonly #options: LeaseOptions;
  readonly #durationMs: number;
  readonly #renewMs: number;
  readonly #stop = new AbortController();
  #leading = false;
  #deadline: { cancel(): void } | null = null;
  #seenVersion = '';
  #seenAtMs = 0;
  #running: Promise<void> | null = null;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#durationMs = options.durationMs ?? 15_000;
    this.#renewMs = options.renewMs ?? 3_000;
  }

  get leading(): boolean {
    return this.#leading;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Gives the lease back, so that the next one need not wait. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#deadline?.cancel();
    if (!this.#leading) return;
    this.#leading = false;
    try {
      const lease = await this.#read();
      if (lease !== null && specOf(lease).holderIdentity === this.#options.identity) {
        await this.#write(lease, { ...specOf(lease), holderIdentity: '', leaseDurationSeconds: 1 });
      }
    } catch (error) {
      this.#options.onError?.(error);
    }
  }

  async #run(): Promise<void> {
    const { clock, onError } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#step();
      } catch (error) {
        if (!isConflict(error)) onError?.(error);
      }
      await pause(clock, this.#renewMs, signal);
    }
  }

  async #step(): Promise<void> {
    const { clock, client, namespace, identity } = this.#options;
    const startedMs = clock.nowMs();
    const lease = await this.#read();
    if (lease === null) {
      await client.create(leases, namespace, this.#body(undefined, this.#spec(0)));
      return this.#win(startedMs);
    }
    const spec = specOf(lease);
    const version = lease.metadata.resourceVersion ?? '';
    if (version !== this.#seenVersion) {
      this.#seenVersion = version;
      this.#seenAtMs = startedMs;
    }
    const mine = spec.holderIdentity === identity;
    const lifeMs = (spec.leaseDurationSeconds ?? this.#durationMs / 1000) * 1000;
    const free = (spec.holderIdentity ?? '') === '' || startedMs - this.#seenAtMs > lifeMs;
    if (!mine && this.#leading) return this.#lose();
    if (!mine && !free) return;
    const transitions = spec.leaseTransitions ?? 0;
    await this.#write(lease, this.#spec(mine ? transitions : transitions + 1));
    this.#win(startedMs);
  }

  #win(startedMs: number): void {
    // A third is left for the clocks: nobody else takes the lease before it runs out for them.
    const leftMs = (this.#durationMs * 2) / 3 - (this.#options.clock.nowMs() - startedMs);
    this.#deadline?.cancel();
    this.#deadline = this.#options.clock.timer(leftMs, () => this.#lose());
    if (this.#leading || this.#stop.signal.aborted) return;
    this.#leading = true;
    this.#options.onLeading();
  }

  #lose(): void {
    this.#deadline?.cancel();
    if (!this.#leading) return;
    this.#leading = false;
    this.#options.onLost();
  }

  async #read(): Promise<KubeObject | null> {
    const { client, namespace, name } = this.#options;
    try {
      return await client.get(leases, namespace, name);
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }

  async #write(lease: KubeObject, spec: LeaseSpec): Promise<void> {
    const { client, namespace, name } = this.#options;
    const body = this.#body(lease.metadata.resourceVersion, spec);
    const written = await client.replace(leases, namespace, name, body);
    this.#seenVersion = written.metadata.resourceVersion ?? '';
    this.#seenAtMs = this.#options.clock.nowMs();
  }

  #spec(transitions: number): LeaseSpec {
    const now = microTime(this.#options.clock.wallMs());
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      renewTime: now,
      leaseTransitions: transitions,
    };
  }

  #body(resourceVersion: string | undefined, spec: LeaseSpec): Json {
    const { namespace, name } = this.#options;
    return {
      apiVersion: leases.apiVersion,
      kind: leases.kind,
      metadata: { namespace, name, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      spec,
    };
  }
}

function specOf(lease: KubeObject): LeaseSpec {
  return lease['spec'] ?? {};
}

/** Kubernetes wants six digits of a second here. */
function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z');
}
