import { ZkError } from '../index.ts';
import type { GroupView } from './group.ts';
import { roundRobin } from './load-balancing.ts';
import type { Strategy } from './load-balancing.ts';
import { instancesOf } from './service-instance.ts';
import type { ServiceInstance } from './service-instance.ts';
import { Listeners } from './waiting.ts';

export interface ConsumerOptions {
  /** Default: {@link roundRobin}. */
  readonly strategy?: Strategy;
  /** For how long an instance is left out that failed, while there are others. Default 10 s. */
  readonly failurePauseMs?: number;
}

const failurePauseMsDefault = 10_000;

/** A consumer's own part: knows the instances and chooses among them. */
export class ServiceConsumer implements Disposable {
  readonly service: string;
  readonly #view: GroupView;
  readonly #strategy: Strategy;
  readonly #failurePauseMs: number;
  readonly #listeners = new Listeners<readonly ServiceInstance[]>();
  readonly #failedAtMs = new Map<string, number>();
  readonly #loads = new Map<string, number>();
  #instances: readonly ServiceInstance[];

  constructor(service: string, view: GroupView, options: ConsumerOptions) {
    this.service = service;
    this.#view = view;
    this.#strategy = options.strategy ?? roundRobin();
    this.#failurePauseMs = options.failurePauseMs ?? failurePauseMsDefault;
    this.#instances = instancesOf(view.members);
    view.onChange(() => {
      this.#instances = instancesOf(view.members);
      for (const id of this.#failedAtMs.keys()) {
        if (!this.#instances.some((instance) => instance.id === id)) this.#failedAtMs.delete(id);
      }
      this.#listeners.tell(this.#instances);
    });
  }

  /** All that are registered, sorted by id. */
  get instances(): readonly ServiceInstance[] {
    return this.#instances;
  }

  /** False: suspended or expired, and maybe out of date. */
  get isLive(): boolean {
    return this.#view.isLive;
  }

  /** Returns what ends it. */
  onChange(listener: (instances: readonly ServiceInstance[]) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** `null`: nobody provides it. One that failed lately is chosen only when all have. */
  choose(key?: string): ServiceInstance | null {
    return this.#chooseFrom(this.#instances, key);
  }

  /** Leaves an instance out for a while. */
  failed(instance: ServiceInstance): void {
    this.#failedAtMs.set(instance.id, performance.now());
  }

  /**
   * Calls one instance, and on failure others, each once.
   *
   * @throws ZkError NO_NODE when nobody provides it; what the last call threw.
   */
  async call<T>(
    work: (instance: ServiceInstance) => Promise<T>,
    options: { readonly key?: string; readonly attempts?: number } = {},
  ): Promise<T> {
    const { key, attempts = Infinity } = options;
    const tried = new Set<string>();
    for (let failure: unknown = null; ;) {
      const left = this.#instances.filter(({ id }) => !tried.has(id));
      const instance = tried.size < attempts ? this.#chooseFrom(left, key) : null;
      if (instance === null) {
        if (tried.size > 0) throw failure;
        throw new ZkError('NO_NODE', null, `nobody provides ${this.service}`);
      }
      tried.add(instance.id);
      this.#addLoad(instance, 1);
      try {
        return await work(instance);
      } catch (error) {
        failure = error;
        this.failed(instance);
      } finally {
        this.#addLoad(instance, -1);
      }
    }
  }

  /** Follows no longer. */
  close(): void {
    this.#view.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #chooseFrom(
    instances: readonly ServiceInstance[],
    key: string | undefined,
  ): ServiceInstance | null {
    const sinceMs = performance.now() - this.#failurePauseMs;
    const good = instances.filter(({ id }) => (this.#failedAtMs.get(id) ?? -Infinity) < sinceMs);
    const open = good.length > 0 ? good : instances;
    if (open.length === 0) return null;
    const loadOf = ({ id }: ServiceInstance): number => this.#loads.get(id) ?? 0;
    return this.#strategy(open, key === undefined ? { loadOf } : { key, loadOf });
  }

  #addLoad({ id }: ServiceInstance, change: number): void {
    const load = (this.#loads.get(id) ?? 0) + change;
    if (load > 0) this.#loads.set(id, load);
    else this.#loads.delete(id);
  }
}
