import type { EventType } from '../protocol/event-type.ts';

/** STANDARD fires once; PERSISTENT stays; RECURSIVE stays and hears of every descendant. */
export const WatchMode = { STANDARD: 1, PERSISTENT: 2, RECURSIVE: 4 } as const;
export type WatchMode = (typeof WatchMode)[keyof typeof WatchMode];

/** One server's watches, local and never replicated. `W` is the connection; compared by identity. */
export interface WatchTable<W extends object> {
  readonly watchCount: number;
  /** Paths with at least one watch. */
  readonly pathCount: number;
  readonly watcherCount: number;
  addData(path: string, watcher: W, mode: WatchMode): void;
  addChild(path: string, watcher: W, mode: WatchMode): void;
  /** types: 1 children, 2 data, 3 any, 4 persistent, 5 persistent recursive. False: no match. */
  has(path: string, watcher: W, type: number): boolean;
  remove(path: string, watcher: W, type: number): boolean;
  removeWatcher(watcher: W): void;
  /**
   * Fires for one change (NODE_CREATED, NODE_DELETED or NODE_DATA_CHANGED) everything it implies,
   * in order: the node's data watches, its child watches, the parent's child watches.
   */
  fire(
    change: { readonly type: EventType; readonly path: string },
    emit: (watcher: W, type: EventType, path: string) => void,
  ): void;
  /** For `wchp` and `dump`. */
  forEach(visit: (path: string, watcher: W) => void): void;
}
