import type { ServiceInstance } from './service-instance.ts';

/** What a choice may depend on, besides the instances. */
export interface Choice {
  /** What the call is about: the same key goes to the same instance, where that counts. */
  readonly key?: string;
  /** Calls that are on their way to an instance from this consumer. */
  readonly loadOf: (instance: ServiceInstance) => number;
}

/**
 * Chooses one of the instances that can be called now; there is at least one, sorted by id. A
 * strategy may remember what it chose: each consumer needs one of its own.
 */
export type Strategy = (instances: readonly ServiceInstance[], choice: Choice) => ServiceInstance;

/** One after the other. */
export function roundRobin(): Strategy {
  let lastId = '';
  return (instances) => {
    const next = instances.find(({ id }) => id > lastId) ?? first(instances);
    lastId = next.id;
    return next;
  };
}

/** Any. `random` is uniform in [0, 1). */
export function randomly(random: () => number = Math.random): Strategy {
  return (instances) => instances[Math.floor(random() * instances.length)] ?? first(instances);
}

/** Any, in proportion to their weights; those with weight 0 only when there are no others. */
export function byWeight(random: () => number = Math.random): Strategy {
  return (instances) => {
    let rest = random() * instances.reduce((sum, { weight }) => sum + weight, 0);
    for (const instance of instances) {
      if (rest < instance.weight) return instance;
      rest -= instance.weight;
    }
    return first(instances);
  };
}

/** The one with the fewest calls on their way for its weight; the first of those that are equal. */
export function leastLoaded(): Strategy {
  return (instances, { loadOf }) => {
    const costOf = (instance: ServiceInstance): number =>
      (loadOf(instance) + 1) / Math.max(instance.weight, Number.MIN_VALUE);
    return instances.reduce((best, other) => (costOf(other) < costOf(best) ? other : best));
  };
}

/** The same one for as long as it is there, then another. */
export function sticky(strategy: Strategy = randomly()): Strategy {
  let lastId: string | null = null;
  return (instances, choice) => {
    const chosen = instances.find(({ id }) => id === lastId) ?? strategy(instances, choice);
    lastId = chosen.id;
    return chosen;
  };
}

/**
 * The same one for the same key at every consumer; when instances come or go, only the keys move
 * that have to. Without a key: that of the empty one.
 */
export function byKey(): Strategy {
  return (instances, { key = '' }) =>
    instances.reduce((best, other) =>
      scoreOf(key, other.id) > scoreOf(key, best.id) ? other : best,
    );
}

/** FNV-1a of both, and its bits well stirred. */
function scoreOf(key: string, id: string): number {
  let hash = 0x811c9dc5;
  for (const unit of Buffer.from(`${key}\0${id}`)) hash = Math.imul(hash ^ unit, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function first(instances: readonly ServiceInstance[]): ServiceInstance {
  const [instance] = instances;
  if (instance === undefined) throw new RangeError('there is nothing to choose from');
  return instance;
}
