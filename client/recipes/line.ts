import { ZkError } from '../index.ts';
import type { ZooKeeper } from '../index.ts';
import { readLine, removeSurely, takePlace } from './places.ts';
import type { OwnPlace, Place, PlaceOptions } from './places.ts';
import { SharedWatches } from './shared-watches.ts';
import { Tenure } from './tenure.ts';
import { hasCode, Limit, racedOrUndone, retried, waitFor } from './waiting.ts';
import type { WaitOptions } from './waiting.ts';

export interface Entrance extends PlaceOptions {
  /** Does a place further ahead keep this one waiting? */
  readonly isBlockedBy: (ahead: Place) => boolean;
}

/**
 * Takes a place in a line and waits until nobody ahead blocks it. Each watches only the nearest
 * one that does, so that one departure wakes one (the readers behind a writer: all of them).
 * Whoever gives up waiting takes the place out of the line again.
 *
 * @throws ZkError OPERATION_TIMEOUT; SESSION_EXPIRED; NO_NODE when somebody removed the place; the
 * signal's reason.
 */
export async function standInLine(
  zk: ZooKeeper,
  entrance: Entrance,
  options: WaitOptions,
): Promise<Tenure> {
  using limit = new Limit(options, entrance.directory);
  limit.signal.throwIfAborted();
  const place = await enterLine(zk, entrance, limit.signal);
  try {
    await untilFree(zk, entrance, place, limit.signal);
  } catch (error) {
    leave(zk, place.path);
    throw error;
  }
  return new Tenure(zk, place);
}

/** Takes a place if nobody blocks it; `null`, and no place kept, if somebody does. */
export async function stepIn(zk: ZooKeeper, entrance: Entrance): Promise<Tenure | null> {
  const place = await takePlace(zk, entrance);
  const blocker = await blockerOf(zk, entrance, place, null).catch((error: unknown) => {
    leave(zk, place.path);
    throw error;
  });
  if (blocker === null) return new Tenure(zk, place);
  await removeSurely(zk, place.path);
  return null;
}

/** Takes a place; one that comes into being after the signal is removed again. */
export function enterLine(
  zk: ZooKeeper,
  options: PlaceOptions,
  signal: AbortSignal,
): Promise<OwnPlace> {
  return racedOrUndone(takePlace(zk, options), signal, ({ path }) => leave(zk, path));
}

/** Takes a place out of the line, without waiting. What cannot be removed goes with the session. */
export function leave(zk: ZooKeeper, path: string): void {
  removeSurely(zk, path).catch(() => undefined);
}

async function untilFree(
  zk: ZooKeeper,
  entrance: Entrance,
  place: OwnPlace,
  signal: AbortSignal,
): Promise<void> {
  const watches = SharedWatches.of(zk);
  for (;;) {
    const blocker = await blockerOf(zk, entrance, place, signal);
    if (blocker === null) return;
    try {
      const { changed } = await retried(zk, signal, () => watches.get(blocker.path));
      await waitFor(zk, changed, signal);
    } catch (error) {
      // Gone between the look and the watch.
      if (!hasCode(error, 'NO_NODE')) throw error;
    }
  }
}

async function blockerOf(
  zk: ZooKeeper,
  entrance: Entrance,
  place: OwnPlace,
  signal: AbortSignal | null,
): Promise<Place | null> {
  const line = await readLine(zk, entrance.directory, signal);
  const index = line.findIndex(({ name }) => name === place.name);
  if (index === -1) throw new ZkError('NO_NODE', place.path, 'somebody removed it from the line');
  return line.slice(0, index).findLast((ahead) => entrance.isBlockedBy(ahead)) ?? null;
}
