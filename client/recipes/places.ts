import type { Acl, Node, NodeData, Stat, ZooKeeper } from '../index.ts';
import { hasCode, isLost, retried, Retries } from './waiting.ts';

/**
 * A node in a line: `<guid>-<kind>-<number>`, the number given by the servers. The guid is this
 * client's own, so that a node whose create was answered by nobody is found again.
 */
export interface Place {
  readonly path: string;
  readonly name: string;
  readonly kind: string;
  readonly number: number;
}

/** A place of one's own, with the transaction that made it. */
export interface OwnPlace extends Place {
  readonly zxid: Stat['czxid'];
}

export interface PlaceOptions {
  readonly directory: string;
  readonly kind: string;
  readonly data: NodeData;
  readonly acl?: readonly Acl[];
}

const namePattern = /^[0-9a-f-]{36}-([^-]+)-(-?\d+)$/;

export function childOf(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** `null`: not a place's name. */
export function placeOf(directory: string, name: string): Place | null {
  const match = namePattern.exec(name);
  const [, kind, digits] = match ?? [];
  if (kind === undefined) return null;
  return { path: childOf(directory, name), name, kind, number: Number(digits) };
}

/** In the order in which they were taken. The servers' 32-bit numbers may wrap meanwhile. */
export function placesOf(directory: string, names: readonly string[]): Place[] {
  const places: Place[] = [];
  for (const name of names) {
    const place = placeOf(directory, name);
    if (place !== null) places.push(place);
  }
  return places.sort((a, b) => (a.number - b.number) | 0);
}

/** Everyone in a line, in order; nobody when the directory is not there. */
export async function readLine(
  zk: ZooKeeper,
  directory: string,
  signal: AbortSignal | null = null,
): Promise<Place[]> {
  try {
    return placesOf(directory, await retried(zk, signal, () => zk.children(directory)));
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return [];
    throw error;
  }
}

/** A node's data, `null` when it is gone. */
export async function getOrNull(
  zk: ZooKeeper,
  path: string,
  signal: AbortSignal | null = null,
): Promise<Node | null> {
  try {
    return await retried(zk, signal, () => zk.get(path));
  } catch (error) {
    if (hasCode(error, 'NO_NODE')) return null;
    throw error;
  }
}

/**
 * Takes the next place, which goes with the session. When the reply is lost, the node is looked
 * for by its guid before another is made: there is never more than one. The look comes behind a
 * sync, because a server that is behind may not have seen what the last one committed.
 *
 * @throws ZkError SESSION_EXPIRED: there is none, or it went with the session.
 */
export async function takePlace(zk: ZooKeeper, options: PlaceOptions): Promise<OwnPlace> {
  const { directory, kind, data, acl } = options;
  const prefix = `${crypto.randomUUID()}-${kind}-`;
  const retries = new Retries(zk, directory);
  for (let mayExist = false; ;) {
    try {
      const found = mayExist ? await findPlace(zk, directory, prefix) : null;
      if (found !== null) return found;
      const path = childOf(directory, prefix);
      const kinds = { ephemeral: true, sequential: true, ...(acl === undefined ? {} : { acl }) };
      const made = await zk.createWithStat(path, data, kinds);
      const name = made.path.slice(made.path.lastIndexOf('/') + 1);
      const number = Number(name.slice(prefix.length));
      return { path: made.path, name, kind, number, zxid: made.stat.czxid };
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) await makeDirectory(zk, directory);
      else {
        retries.judge(error);
        mayExist = true;
      }
    }
  }
}

/**
 * Sees to it that a directory is there: itself a container, which the servers remove some time
 * after its last child, its parents ordinary nodes.
 *
 * @throws ZkError NO_NODE when this client lives below a node that is not there, nor its parent.
 */
export async function makeDirectory(
  zk: ZooKeeper,
  directory: string,
  isContainer: boolean = true,
): Promise<void> {
  // The root is missing when it is a chroot that nobody made.
  const container = isContainer && directory !== '/';
  for (;;) {
    try {
      await retried(zk, null, () => zk.create(directory, null, { container }));
      return;
    } catch (error) {
      if (hasCode(error, 'NODE_EXISTS')) return;
      if (!hasCode(error, 'NO_NODE') || directory === '/') throw error;
      await makeDirectory(zk, parentOf(directory), false);
    }
  }
}

/** Removes a node, whatever its version; gone already is fine. @throws ZkError SESSION_EXPIRED */
export async function removeIfThere(zk: ZooKeeper, path: string): Promise<void> {
  try {
    await retried(zk, null, () => zk.remove(path));
  } catch (error) {
    if (!hasCode(error, 'NO_NODE')) throw error;
  }
}

/** As {@link removeIfThere}, for ephemeral nodes, and never gives up before the session is over. */
export async function removeSurely(zk: ZooKeeper, path: string): Promise<void> {
  for (;;) {
    try {
      return await removeIfThere(zk, path);
    } catch (error) {
      if (hasCode(error, 'SESSION_EXPIRED')) return;
      if (!isLost(error)) throw error;
    }
  }
}

export function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at <= 0 ? '/' : path.slice(0, at);
}

async function findPlace(
  zk: ZooKeeper,
  directory: string,
  prefix: string,
): Promise<OwnPlace | null> {
  await zk.sync(directory);
  const names = await zk.children(directory);
  const place = placesOf(directory, names).find(({ name }) => name.startsWith(prefix));
  if (place === undefined) return null;
  const stat = await zk.exists(place.path);
  return stat === null ? null : { ...place, zxid: stat.czxid };
}
