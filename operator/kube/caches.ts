import type { KubeObject } from '../api/zk-ensemble.ts';
import type { Clock } from './clock.ts';
import { Informer, keyOf } from './informer.ts';
import type { KubeClient } from './kube-client.ts';
import * as resources from './resources.ts';
import type { Resource } from './resources.ts';

export interface CachesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  /** Selects everything that belongs to an ensemble. */
  readonly labelSelector: string;
  /** An ensemble, or something of it, changed: its namespace/name. */
  readonly onKey: (key: string) => void;
  readonly onRestart: (resource: string, cause: string, error: unknown) => void;
  readonly onDrift: (resource: string, count: number) => void;
}

const owned: readonly Resource[] = [
  resources.statefulSets,
  resources.pods,
  resources.volumeClaims,
  resources.disruptionBudgets,
  resources.services,
  resources.configMaps,
];

/** Local copies of everything the operator looks at, over one, several or all namespaces. */
export class Caches {
  readonly #options: CachesOptions;
  readonly #informers = new Map<string, Informer[]>();
  readonly #seenGeneration = new Map<string, string>();

  constructor(options: CachesOptions) {
    this.#options = options;
    const namespaces = options.namespaces.length === 0 ? [null] : options.namespaces;
    const { labelSelector } = options;
    for (const resource of [resources.zkEnsembles, ...owned]) {
      const own = resource === resources.zkEnsembles;
      this.#informers.set(
        resource.plural,
        namespaces.map(
          (namespace) =>
            new Informer({
              client: options.client,
              clock: options.clock,
              resource,
              namespace,
              ...(own ? {} : { labelSelector }),
              onChange: own
                ? (object, change) => this.#ensembleChanged(object, change)
                : (object) => this.#partChanged(object),
              onRestart: (cause, error) => options.onRestart(resource.plural, cause, error),
              onDrift: (count) => options.onDrift(resource.plural, count),
            }),
        ),
      );
    }
  }

  get synced(): boolean {
    return this.#every().every(({ synced }) => synced);
  }

  of(resource: Resource): {
    get(namespace: string, name: string): KubeObject | undefined;
    all(): Iterable<KubeObject>;
  } {
    const informers = this.#informers.get(resource.plural) ?? [];
    return {
      get(namespace, name) {
        for (const informer of informers) {
          const found = informer.get(namespace, name);
          if (found !== undefined) return found;
        }
        return undefined;
      },
      *all() {
        for (const informer of informers) yield* informer.all();
      },
    };
  }

  /** Keys of all ensembles. */
  keys(): string[] {
    return [...this.of(resources.zkEnsembles).all()].map(keyOf);
  }

  /** Resolves when every cache is filled. */
  async start(): Promise<void> {
    await Promise.all(this.#every().map((informer) => informer.start()));
    for (const key of this.keys()) this.#options.onKey(key);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#every().map((informer) => informer.stop()));
  }

  #every(): Informer[] {
    return [...this.#informers.values()].flat();
  }

  /** A new status is our own doing and no reason for another pass. */
  #ensembleChanged(object: KubeObject, change: 'set' | 'gone'): void {
    const key = keyOf(object);
    const { uid, generation, deletionTimestamp } = object.metadata;
    const seen = `${uid}/${generation}/${deletionTimestamp}`;
    if (change === 'gone') this.#seenGeneration.delete(key);
    else if (this.#seenGeneration.get(key) === seen) return;
    else this.#seenGeneration.set(key, seen);
    this.#tell(key);
  }

  #partChanged(object: KubeObject): void {
    const instance = object.metadata.labels?.['app.kubernetes.io/instance'];
    if (instance !== undefined) this.#tell(`${object.metadata.namespace ?? ''}/${instance}`);
  }

  /** Before everything is known, a pass would take what is not seen yet for missing. */
  #tell(key: string): void {
    if (this.synced) this.#options.onKey(key);
  }
}
