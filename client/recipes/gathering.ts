import { ZkError } from '../index.ts';
import type { ZooKeeper } from '../index.ts';
import { enterLine, leave } from './line.ts';
import { childOf, getOrNull, readLine, removeIfThere } from './places.ts';
import type { OwnPlace, Place } from './places.ts';
import { SharedWatches } from './shared-watches.ts';
import { hasCode, retried, Retries, waitFor } from './waiting.ts';

/** Name of the node that says that all have come. */
export const readyName = 'ready';

export interface Gathered {
  readonly place: OwnPlace;
  /** Who they are, in the order of coming: the same list for everyone. */
  readonly ids: readonly string[];
}

/** @throws ZkError BAD_ARGUMENTS */
export function checkCount(count: number, path: string): void {
  if (Number.isInteger(count) && count >= 1) return;
  throw new ZkError('BAD_ARGUMENTS', path, `${count} is too few to gather`);
}

/**
 * Takes a place among those who gather and waits until there are enough. Whoever finds that makes
 * a node that says so, and which lists them; from then on nobody who goes is missed.
 *
 * @throws ZkError SESSION_EXPIRED; the signal's reason.
 */
export async function gather(
  zk: ZooKeeper,
  directory: string,
  who: { readonly id: string; readonly count: number },
  signal: AbortSignal,
): Promise<Gathered> {
  const options = { directory, kind: 'member', data: who.id };
  const place = await enterLine(zk, options, signal);
  const watches = SharedWatches.of(zk);
  const ready = childOf(directory, readyName);
  try {
    for (;;) {
      const { value, changed } = await retried(zk, signal, () => watches.exists(ready));
      const node = value === null ? null : await getOrNull(zk, ready, signal);
      if (node !== null) return { place, ids: JSON.parse(String(node.data)) as string[] };
      const line = await readLine(zk, directory, signal);
      if (line.length >= who.count) await announce(zk, ready, line, signal);
      else await waitFor(zk, changed, signal);
    }
  } catch (error) {
    leave(zk, place.path);
    throw error;
  }
}

/**
 * Waits until everyone of a gathering has left. The first in line stays to the last and waits for
 * the last one there; the others go, and wait for the first: nobody wakes in vain.
 *
 * @throws ZkError SESSION_EXPIRED; the signal's reason.
 */
export async function disperse(
  zk: ZooKeeper,
  directory: string,
  place: OwnPlace,
  signal: AbortSignal,
): Promise<void> {
  const watches = SharedWatches.of(zk);
  for (;;) {
    const line = await readLine(zk, directory, signal);
    const [first] = line;
    const last = line.at(-1);
    // The first in line, who was to leave last, died: what it would have taken along stays behind.
    if (first === undefined || last === undefined) {
      return removeIfThere(zk, childOf(directory, readyName));
    }
    const isFirst = first.name === place.name;
    if (isFirst && line.length === 1) return leaveLast(zk, directory, place);
    if (!isFirst && line.some(({ name }) => name === place.name)) {
      await removeIfThere(zk, place.path);
      continue;
    }
    try {
      const awaited = (isFirst ? last : first).path;
      const { changed } = await retried(zk, signal, () => watches.get(awaited));
      await waitFor(zk, changed, signal);
    } catch (error) {
      if (!hasCode(error, 'NO_NODE')) throw error;
    }
  }
}

/** Done by whoever comes first; done twice does no harm. */
async function announce(
  zk: ZooKeeper,
  ready: string,
  line: readonly Place[],
  signal: AbortSignal,
): Promise<void> {
  const nodes = await Promise.all(line.map(({ path }) => getOrNull(zk, path, signal)));
  // Somebody went meanwhile: the list, and the count, are to be taken again.
  if (nodes.includes(null)) return;
  const ids = JSON.stringify(nodes.map((node) => String(node?.data ?? '')));
  try {
    await retried(zk, signal, () => zk.create(ready, ids));
  } catch (error) {
    if (!hasCode(error, 'NODE_EXISTS')) throw error;
  }
}

/** The place and the announcement go together, so that the directory can be used again. */
async function leaveLast(zk: ZooKeeper, directory: string, place: OwnPlace): Promise<void> {
  const retries = new Retries(zk, place.path);
  for (;;) {
    try {
      await zk.multi([
        { op: 'remove', path: childOf(directory, readyName) },
        { op: 'remove', path: place.path },
      ]);
      return;
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return removeIfThere(zk, place.path);
      retries.judge(error);
    }
  }
}
