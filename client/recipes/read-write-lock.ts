import type { Acl, NodeData, ZooKeeper } from '../index.ts';
import { standInLine, stepIn } from './line.ts';
import type { Entrance } from './line.ts';
import type { LockOptions } from './lock.ts';
import type { Place } from './places.ts';
import type { Tenure } from './tenure.ts';
import type { WaitOptions } from './waiting.ts';

/**
 * A lock that many read under together, or one writes under alone, in the order of asking: a
 * reader waits for the writers before it, a writer for everyone before it, so that neither
 * starves. Not reentrant, and a reader does not become a writer: release first.
 *
 * Suspended, lost, expired and a lost reply: as with {@link Lock}.
 *
 * Source: the recipe "Shared Locks" of the ZooKeeper documentation.
 */
export class ReadWriteLock {
  readonly path: string;
  readonly #zk: ZooKeeper;
  readonly #reader: Entrance;
  readonly #writer: Entrance;

  constructor(zk: ZooKeeper, path: string, options: LockOptions = {}) {
    this.#zk = zk;
    this.path = path;
    const { data = null, acl } = options;
    this.#reader = entranceOf(path, 'read', data, acl, ({ kind }) => kind === 'write');
    this.#writer = entranceOf(path, 'write', data, acl, () => true);
  }

  /** @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED, NO_NODE; the signal's reason. */
  read(options: WaitOptions = {}): Promise<Tenure> {
    return standInLine(this.#zk, this.#reader, options);
  }

  /** @throws ZkError OPERATION_TIMEOUT, SESSION_EXPIRED, NO_NODE; the signal's reason. */
  write(options: WaitOptions = {}): Promise<Tenure> {
    return standInLine(this.#zk, this.#writer, options);
  }

  /** `null`: somebody writes, or waits to. */
  tryRead(): Promise<Tenure | null> {
    return stepIn(this.#zk, this.#reader);
  }

  /** `null`: somebody is there. */
  tryWrite(): Promise<Tenure | null> {
    return stepIn(this.#zk, this.#writer);
  }
}

function entranceOf(
  directory: string,
  kind: string,
  data: NodeData,
  acl: readonly Acl[] | undefined,
  isBlockedBy: (ahead: Place) => boolean,
): Entrance {
  const open = acl === undefined ? {} : { acl };
  return { directory, kind, data, isBlockedBy, ...open };
}
