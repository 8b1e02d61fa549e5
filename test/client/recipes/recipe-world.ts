import { ZooKeeper } from '../../../client/index.ts';
import type { ConnectOptions } from '../../../client/index.ts';
import { RealEnsemble } from '../../support/real-ensemble.ts';
import { FaultyProxy } from './faulty-proxy.ts';

/** Outlasts a machine whose disk stands still; who tries an expiry says less. */
const sessionTimeoutMs = 120_000;

export interface FaultyClient {
  readonly zk: ZooKeeper;
  /** To the first server. */
  readonly proxy: FaultyProxy;
  /** One to each server. */
  readonly proxies: readonly FaultyProxy[];
}

/**
 * Real servers, the reference's if RECIPE_SERVER says so, and clients that reach them through
 * proxies of their own.
 */
export class RecipeWorld implements AsyncDisposable {
  readonly #ensemble: RealEnsemble;
  readonly #clients: ZooKeeper[] = [];
  readonly #proxies: FaultyProxy[] = [];

  private constructor(ensemble: RealEnsemble) {
    this.#ensemble = ensemble;
  }

  /** One server without a word; `properties` are the servers'. */
  static async start(
    options: {
      readonly members?: number;
      readonly properties?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<RecipeWorld> {
    const kind = process.env['RECIPE_SERVER'] === 'apache' ? 'apache' : 'ours';
    const ensemble = await RealEnsemble.started({
      members: Array.from({ length: options.members ?? 1 }, () => ({ kind })),
      tickMs: 200,
      settings: { maxSessionTimeout: sessionTimeoutMs },
      properties: options.properties ?? {},
    });
    return new RecipeWorld(ensemble);
  }

  get address(): string {
    return this.#ensemble.member(1).address;
  }

  /** A client without a proxy. */
  async client(options: ConnectOptions = {}): Promise<ZooKeeper> {
    const zk = await ZooKeeper.connect(this.address, { sessionTimeoutMs, ...options });
    this.#clients.push(zk);
    return zk;
  }

  /** A client, and the proxies that do damage to it alone. */
  async faultyClient(options: ConnectOptions = {}): Promise<FaultyClient> {
    const { members } = this.#ensemble;
    const proxies = await Promise.all(
      members.map(({ clientPort }) => FaultyProxy.open(clientPort)),
    );
    this.#proxies.push(...proxies);
    const hosts = proxies.map(({ connectString }) => connectString).join();
    const zk = await ZooKeeper.connect(hosts, { sessionTimeoutMs, ...options });
    this.#clients.push(zk);
    return { zk, proxy: proxies[0] as FaultyProxy, proxies };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies) proxy.open();
    await Promise.all(this.#clients.map((zk) => zk.close()));
    for (const proxy of this.#proxies) await proxy[Symbol.asyncDispose]();
    await this.#ensemble[Symbol.asyncDispose]();
  }
}

/** Resolves when the signal has fired, with its reason. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener('abort', () => resolve(signal.reason));
  });
}

/** Numbers in [0, 1), the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
