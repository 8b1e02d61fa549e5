import { ZkError, ZooKeeper } from '../../client/index.ts';
import { until } from './real-ensemble.ts';
import type { TreeDump } from './tree-dump.ts';

/** Writes one node after another until told to stop; remembers what was acknowledged. */
export class AcknowledgedWriter implements AsyncDisposable {
  /** Path → data. */
  readonly acknowledged: Map<string, string> = new Map<string, string>();
  readonly #parent: string;
  readonly #name: string;
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();

  /** `parent` exists; empty for the root. */
  constructor(parent: string, name: string) {
    this.#parent = parent;
    this.#name = name;
  }

  async start(connectString: string): Promise<void> {
    const zk = await ZooKeeper.connect(connectString, { sessionTimeoutMs: 10_000 });
    this.#done = this.#run(zk);
    // Looked at when it is stopped.
    this.#done.catch(() => undefined);
  }

  /** Waits for so many more to be acknowledged. */
  async grows(by: number, withinMs: number): Promise<void> {
    const goal = this.acknowledged.size + by;
    const grown = until(`${this.#name} to go on`, withinMs, () => this.acknowledged.size >= goal);
    await Promise.race([grown, this.#done.then(() => grown)]);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#done.catch(() => undefined);
  }

  /** Those that a tree does not hold as written. */
  missingIn(dump: TreeDump): string[] {
    return [...this.acknowledged]
      .filter(([path, data]) => {
        const held = dump.get(path) ?? '';
        return !held.startsWith(`"${Buffer.from(data).toString('base64')}" `);
      })
      .map(([path]) => path);
  }

  async #run(zk: ZooKeeper): Promise<void> {
    try {
      for (let number = 0; !this.#isStopped; number += 1) {
        const data = `${this.#name} ${number}`;
        const path = `${this.#parent}/${this.#name}-${number}`;
        if (await isWritten(zk, path, data)) this.acknowledged.set(path, data);
      }
    } finally {
      await zk.close();
    }
  }
}

/** Of a lost connection nobody knows what became of it: it is neither promised nor forbidden. */
async function isWritten(zk: ZooKeeper, path: string, data: string): Promise<boolean> {
  try {
    await zk.create(path, data);
    return true;
  } catch (error) {
    if (error instanceof ZkError && error.code === 'CONNECTION_LOSS') return false;
    throw error;
  }
}
