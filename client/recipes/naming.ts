import { ZkError } from '../index.ts';
import type { NodeData, ZooKeeper } from '../index.ts';
import { isSame, publish } from './configuration.ts';
import { childOf, getOrNull, makeDirectory, parentOf, removeIfThere } from './places.ts';
import { hasCode, retried } from './waiting.ts';

/**
 * Names that stand for something: `db/primary` for an address. A name may have several parts, and
 * stays until it is unbound, whoever bound it. (For names that go with a session: {@link Group}.)
 *
 * Suspended: calls wait for the next connection. Expired: SESSION_EXPIRED, and whether the last
 * change was done is not known. A lost reply: the call is made again, which does no harm, because
 * binding a name to what it stands for already is fine.
 */
export class Naming {
  readonly path: string;
  readonly #zk: ZooKeeper;

  constructor(zk: ZooKeeper, path: string) {
    this.#zk = zk;
    this.path = path;
  }

  /** @throws ZkError NODE_EXISTS when it stands for something else; SESSION_EXPIRED. */
  async bind(name: string, data: NodeData): Promise<void> {
    const path = childOf(this.path, name);
    for (;;) {
      try {
        await retried(this.#zk, null, () => this.#zk.create(path, data));
        return;
      } catch (error) {
        if (hasCode(error, 'NO_NODE')) {
          await makeDirectory(this.#zk, parentOf(path), false);
        } else if (!hasCode(error, 'NODE_EXISTS')) throw error;
        else {
          const node = await getOrNull(this.#zk, path);
          if (node === null) continue;
          if (isSame(node.data, data)) return;
          throw new ZkError('NODE_EXISTS', path, 'the name stands for something else', error);
        }
      }
    }
  }

  /** Gives a name, or gives it anew. @throws ZkError SESSION_EXPIRED */
  async rebind(name: string, data: NodeData): Promise<void> {
    await publish(this.#zk, childOf(this.path, name), data);
  }

  /** What it stands for; `undefined`: nothing. */
  async lookUp(name: string): Promise<Buffer | null | undefined> {
    return (await getOrNull(this.#zk, childOf(this.path, name)))?.data;
  }

  /** Unbound already is fine. @throws ZkError NOT_EMPTY while longer names begin with it. */
  async unbind(name: string): Promise<void> {
    await removeIfThere(this.#zk, childOf(this.path, name));
  }

  /** Names one part longer than the prefix, sorted. */
  async list(prefix: string = ''): Promise<string[]> {
    const path = prefix === '' ? this.path : childOf(this.path, prefix);
    try {
      const names = await retried(this.#zk, null, () => this.#zk.children(path));
      return names.map((name) => (prefix === '' ? name : `${prefix}/${name}`)).sort();
    } catch (error) {
      if (hasCode(error, 'NO_NODE')) return [];
      throw error;
    }
  }
}
