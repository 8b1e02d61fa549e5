import { gone } from '../api/api-error.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { namespaceOf } from '../api/kube-object.ts';
import type { Journal } from './journal.ts';

/** Events kept for watches that come back; an older position is answered with 410 Gone. */
export const historyEventsMax = 4000;

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One write, as watches and controllers see it. */
export interface Change {
  readonly type: ChangeType;
  /** `group/plural`. */
  readonly resource: string;
  /** State after the write; for DELETED the last state, at the revision of the deletion. */
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
  readonly revision: number;
}

export type ChangeListener = (change: Change) => void;

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/**
 * Every object of the control plane, each write numbered by one counter, in memory, with a
 * journal behind it. Reads and writes are synchronous; listeners run inside the write, in the
 * order of their subscription, and must not write themselves.
 */
export class Store {
  readonly #tables = new Map<string, Map<string, KubeObject>>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #journal: Journal | null;
  #history: Change[] = [];
  #revision: number;
  /** Positions at or below this one are no longer complete. */
  #compacted: number;

  constructor(journal: Journal | null) {
    this.#journal = journal;
    this.#revision = 1;
    for (const { resource, object } of journal?.load() ?? []) {
      this.#table(resource).set(keyOf(namespaceOf(object), object.metadata.name), object);
    }
    this.#revision = Math.max(this.#revision, journal?.revision ?? 0);
    this.#compacted = this.#revision;
  }

  get revision(): number {
    return this.#revision;
  }

  get(resource: string, namespace: string, name: string): KubeObject | undefined {
    return this.#tables.get(resource)?.get(keyOf(namespace, name));
  }

  /** Objects of a resource, sorted by namespace and name; of all namespaces without one. */
  list(resource: string, namespace = ''): KubeObject[] {
    const found: KubeObject[] = [];
    for (const object of this.#tables.get(resource)?.values() ?? []) {
      if (namespace === '' || namespaceOf(object) === namespace) found.push(object);
    }
    const keys = new Map(found.map((it) => [it, keyOf(namespaceOf(it), it.metadata.name)]));
    return found.sort((a, b) => ((keys.get(a) ?? '') < (keys.get(b) ?? '') ? -1 : 1));
  }

  /** Objects of a resource in no order, for whoever looks at all of them often. */
  each(resource: string): Iterable<KubeObject> {
    return this.#tables.get(resource)?.values() ?? [];
  }

  resources(): string[] {
    return [...this.#tables.keys()];
  }

  /** Stores a new state of an object and gives it the next revision. */
  put(resource: string, object: KubeObject): KubeObject {
    const table = this.#table(resource);
    const key = keyOf(namespaceOf(object), object.metadata.name);
    const previous = table.get(key);
    const stored = this.#numbered(object);
    table.set(key, stored);
    this.#journal?.put(resource, stored);
    const type = previous === undefined ? 'ADDED' : 'MODIFIED';
    this.#publish({ type, resource, object: stored, previous, revision: this.#revision });
    return stored;
  }

  /** Takes an object out. The answer is its last state at the revision of the deletion. */
  remove(resource: string, object: KubeObject): KubeObject {
    const namespace = namespaceOf(object);
    const name = object.metadata.name;
    const previous = this.get(resource, namespace, name);
    const last = this.#numbered(object);
    this.#table(resource).delete(keyOf(namespace, name));
    this.#journal?.remove(resource, namespace, name, this.#revision);
    this.#publish({ type: 'DELETED', resource, object: last, previous, revision: this.#revision });
    return last;
  }

  /** Calls the listener for every write from now on; the answer ends that. */
  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * Writes to a resource after a revision, oldest first.
   * @throws ApiError 410 when the history no longer reaches back so far.
   */
  changesSince(resource: string, revision: number): Change[] {
    if (revision < this.#compacted) {
      throw gone(`too old resource version: ${revision} (${this.#compacted})`);
    }
    return this.#history.filter(
      (change) => change.revision > revision && change.resource === resource,
    );
  }

  /** Forgets the history up to now, so that older watch positions are answered with 410. */
  compact(): void {
    this.#history = [];
    this.#compacted = this.#revision;
  }

  close(): void {
    this.#listeners.clear();
    this.#journal?.close();
  }

  #table(resource: string): Map<string, KubeObject> {
    let table = this.#tables.get(resource);
    if (table === undefined) {
      table = new Map();
      this.#tables.set(resource, table);
    }
    return table;
  }

  #numbered(object: KubeObject): KubeObject {
    this.#revision += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#revision) };
    return { ...object, metadata };
  }

  #publish(change: Change): void {
    this.#history.push(change);
    if (this.#history.length > historyEventsMax * 1.25) {
      this.#history = this.#history.slice(-historyEventsMax);
      this.#compacted = (this.#history[0]?.revision ?? this.#revision) - 1;
    }
    for (const listener of this.#listeners) listener(change);
  }
}
