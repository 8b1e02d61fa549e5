import { EventType } from '../server/protocol/event-type.ts';
import { parentOf } from '../server/protocol/path.ts';
import type { SetWatchesRequest } from '../server/protocol/requests/watch.ts';
import { WatcherType } from '../server/protocol/requests/watch.ts';
import type { Zxid } from '../server/protocol/zxid.ts';

/** What a watch is told. The path is the client's own, without the chroot. */
export interface WatchEvent {
  readonly type: 'NODE_CREATED' | 'NODE_DELETED' | 'NODE_DATA_CHANGED' | 'NODE_CHILDREN_CHANGED';
  readonly path: string;
  /** Transaction that fired it; -1 for one that was missed while disconnected. */
  readonly zxid: Zxid;
}

export type WatchListener = (event: WatchEvent) => void;

/** One table for each way of asking. The first three hear once, the others until removed. */
export type WatchKind = 'data' | 'exist' | 'child' | 'persistent' | 'recursive';

/** Bytes of paths in one re-registration, so that no frame grows beyond what a server takes. */
const setWatchesBytesMax = 128 * 1024;

type Table = Map<string, Set<WatchListener>>;

const kindsByType: Readonly<Record<WatcherType, readonly WatchKind[]>> = {
  [WatcherType.CHILDREN]: ['child'],
  [WatcherType.DATA]: ['data', 'exist'],
  [WatcherType.ANY]: ['data', 'exist', 'child', 'persistent', 'recursive'],
  [WatcherType.PERSISTENT]: ['persistent'],
  [WatcherType.PERSISTENT_RECURSIVE]: ['recursive'],
};

/**
 * Who waits for what, as the server knows it too: by the server's paths. Survives the connection;
 * what the server forgot with it is asked for again by {@link registrations}.
 */
export class WatchTable {
  readonly #tables: Readonly<Record<WatchKind, Table>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
    persistent: new Map(),
    recursive: new Map(),
  };

  add(kind: WatchKind, path: string, listener: WatchListener): void {
    const listeners = this.#tables[kind].get(path);
    if (listeners === undefined) this.#tables[kind].set(path, new Set([listener]));
    else listeners.add(listener);
  }

  /** Everyone who is to hear of the event, each once; those that hear once are forgotten. */
  take(type: EventType, path: string): Set<WatchListener> {
    const heard = new Set<WatchListener>();
    const isChildren = type === EventType.NODE_CHILDREN_CHANGED;
    if (!isChildren) {
      this.#takeAll('data', path, heard);
      this.#takeAll('exist', path, heard);
    }
    if (isChildren || type === EventType.NODE_DELETED) this.#takeAll('child', path, heard);
    for (const listener of this.#tables.persistent.get(path) ?? []) heard.add(listener);
    if (isChildren || this.#tables.recursive.size === 0) return heard;
    for (let above = path; ; above = parentOf(above)) {
      for (const listener of this.#tables.recursive.get(above) ?? []) heard.add(listener);
      if (above === '/') return heard;
    }
  }

  /** Is anyone waiting here in one of these ways? */
  has(path: string, type: WatcherType, listener: WatchListener | null): boolean {
    return kindsByType[type].some((kind) => {
      const listeners = this.#tables[kind].get(path);
      return listeners !== undefined && (listener === null || listeners.has(listener));
    });
  }

  /** `listener` null: all of them. The kinds that somebody was taken from. */
  remove(path: string, type: WatcherType, listener: WatchListener | null): WatchKind[] {
    const kinds: WatchKind[] = [];
    for (const kind of kindsByType[type]) {
      const listeners = this.#tables[kind].get(path);
      if (listeners === undefined || (listener !== null && !listeners.has(listener))) continue;
      kinds.push(kind);
      if (listener !== null) listeners.delete(listener);
      if (listener === null || listeners.size === 0) this.#tables[kind].delete(path);
    }
    return kinds;
  }

  /** The requests that make a new connection know all watches. */
  registrations(relativeZxid: Zxid): SetWatchesRequest[] {
    const requests: SetWatchesRequest[] = [];
    let batch = newBatch();
    let bytes = 0;
    for (const kind of Object.keys(this.#tables) as WatchKind[]) {
      for (const path of this.#tables[kind].keys()) {
        if (bytes > setWatchesBytesMax) {
          requests.push(requestOf(batch, relativeZxid));
          batch = newBatch();
          bytes = 0;
        }
        batch[kind].push(path);
        bytes += path.length * 3 + 4;
      }
    }
    if (bytes > 0) requests.push(requestOf(batch, relativeZxid));
    return requests;
  }

  #takeAll(kind: WatchKind, path: string, heard: Set<WatchListener>): void {
    const listeners = this.#tables[kind].get(path);
    if (listeners === undefined) return;
    this.#tables[kind].delete(path);
    for (const listener of listeners) heard.add(listener);
  }
}

function newBatch(): Record<WatchKind, string[]> {
  return { data: [], exist: [], child: [], persistent: [], recursive: [] };
}

function requestOf(
  batch: Readonly<Record<WatchKind, readonly string[]>>,
  relativeZxid: Zxid,
): SetWatchesRequest {
  return {
    relativeZxid,
    dataWatches: batch.data,
    existWatches: batch.exist,
    childWatches: batch.child,
    persistentWatches: batch.persistent,
    persistentRecursiveWatches: batch.recursive,
  };
}
