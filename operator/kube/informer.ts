import type { KubeObject } from '../api/zk-ensemble.ts';
import { backoffMs, pause } from './clock.ts';
import type { Clock } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import { isGone, KubeError } from './kube-error.ts';
import { pathOf } from './resources.ts';
import type { Resource } from './resources.ts';

export interface InformerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly resource: Resource;
  /** `null`: all namespaces. */
  readonly namespace: string | null;
  readonly labelSelector?: string;
  readonly onChange: (object: KubeObject, change: 'set' | 'gone') => void;
  /** A list or watch ended and begins again; for metrics and the log. */
  readonly onRestart?: (cause: string, error: unknown) => void;
  /** Changes that only a new list showed: a watch that lost something. */
  readonly onDrift?: (count: number) => void;
  /** A full list at the first end of a watch after that long. */
  readonly relistMs?: number;
}

const watchSeconds = 300;
const silenceMsMax = 150_000;
const pageCount = 500;
const backoffMsMin = 100;
const backoffMsMax = 10_000;

/** Key of an object in every cache: namespace/name. */
export function keyOf(object: { readonly metadata: KubeObject['metadata'] }): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;
}

/**
 * A local copy of one kind of object that heals itself: whatever ends a watch (an orderly end,
 * a reset, silence, any HTTP status, a version that is gone), it begins again with a growing
 * pause, from the last version seen if that is still kept and from a full list otherwise.
 */
export class Informer {
  readonly #options: InformerOptions;
  readonly #objects = new Map<string, KubeObject>();
  readonly #stop = new AbortController();
  #version = '';
  #listedAtMs = 0;
  #synced = false;
  #running: Promise<void> | null = null;
  #onSynced: (() => void)[] = [];

  constructor(options: InformerOptions) {
    this.#options = options;
  }

  /** Has seen a full list. */
  get synced(): boolean {
    return this.#synced;
  }

  get(namespace: string, name: string): KubeObject | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  all(): Iterable<KubeObject> {
    return this.#objects.values();
  }

  /** Resolves with the first full list. */
  start(): Promise<void> {
    this.#running ??= this.#run();
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve) => this.#onSynced.push(resolve));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, onRestart } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = clock.nowMs();
      let cause = 'ended';
      let problem: unknown = null;
      try {
        if (this.#version === '' || this.#listIsOld()) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        problem = error;
        cause = isGone(error) ? 'gone' : causeOf(error);
        if (isGone(error)) this.#version = '';
      }
      if (signal.aborted) return;
      onRestart?.(cause, problem);
      failures = clock.nowMs() - startedMs > backoffMsMax ? 0 : failures + 1;
      await pause(clock, backoffMs(clock, failures - 1, backoffMsMin, backoffMsMax), signal);
    }
  }

  #listIsOld(): boolean {
    const { relistMs = 600_000, clock } = this.#options;
    return clock.nowMs() - this.#listedAtMs > relistMs;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, labelSelector } = this.#options;
    const seen = new Map<string, KubeObject>();
    let next = '';
    let version = '';
    do {
      const page = await client.list(
        resource,
        namespace,
        {
          limit: String(pageCount),
          ...(labelSelector === undefined ? {} : { labelSelector }),
          ...(next === '' ? {} : { continue: next }),
        },
        signal,
      );
      for (const item of page.items) seen.set(keyOf(item), lean(item));
      next = page.continue;
      version = page.resourceVersion;
    } while (next !== '');
    const drift = this.#replaceAll(seen);
    this.#version = version;
    this.#listedAtMs = this.#options.clock.nowMs();
    if (this.#synced && drift > 0) this.#options.onDrift?.(drift);
    this.#synced = true;
    for (const resolve of this.#onSynced) resolve();
    this.#onSynced = [];
  }

  /** Takes a full list in; the number of objects that it changed. */
  #replaceAll(seen: ReadonlyMap<string, KubeObject>): number {
    let changed = 0;
    for (const [key, object] of this.#objects) {
      if (seen.has(key)) continue;
      this.#objects.delete(key);
      changed += 1;
      this.#options.onChange(object, 'gone');
    }
    for (const [key, object] of seen) {
      const before = this.#objects.get(key)?.metadata.resourceVersion;
      this.#objects.set(key, object);
      if (before === object.metadata.resourceVersion) continue;
      changed += 1;
      this.#options.onChange(object, 'set');
    }
    return changed;
  }

  #watch(signal: AbortSignal): Promise<void> {
    const { client, clock, resource, namespace, labelSelector } = this.#options;
    return client.watch(
      {
        path: pathOf(resource, namespace, null),
        query: {
          watch: 'true',
          allowWatchBookmarks: 'true',
          resourceVersion: this.#version,
          timeoutSeconds: String(watchSeconds + Math.floor(clock.random() * watchSeconds)),
          ...(labelSelector === undefined ? {} : { labelSelector }),
        },
        silenceMsMax,
        signal,
      },
      (event) => this.#take(event.type, event.object),
    );
  }

  #take(type: string, object: KubeObject): void {
    if (type === 'ERROR') {
      const status = object as unknown as { code?: number; reason?: string; message?: string };
      const { code = 0, reason = '', message = 'error event' } = status;
      throw new KubeError(`WATCH ${this.#options.resource.plural}`, code, reason, message);
    }
    this.#version = object.metadata.resourceVersion ?? this.#version;
    if (type === 'BOOKMARK') return;
    const key = keyOf(object);
    if (type === 'DELETED') {
      this.#objects.delete(key);
      this.#options.onChange(object, 'gone');
      return;
    }
    const kept = lean(object);
    this.#objects.set(key, kept);
    this.#options.onChange(kept, 'set');
  }
}

/** Without who wrote which field: half of many an object, and of no use here. */
function lean(object: KubeObject): KubeObject {
  if (!('managedFields' in object.metadata)) return object;
  return { ...object, metadata: { ...object.metadata, managedFields: undefined } };
}

function causeOf(error: unknown): string {
  if (!(error instanceof KubeError)) return 'internal';
  return error.code === 0 ? 'connection' : `http${error.code}`;
}
