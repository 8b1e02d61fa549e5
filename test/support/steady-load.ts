import { setTimeout as delay } from 'node:timers/promises';
import { ZooKeeper } from '../../client/index.ts';
import { Lock } from '../../client/recipes/index.ts';
import type { LoadHistory } from './load-history.ts';
import { LoadWriter, Stall } from './load-writer.ts';
import { until } from './real-ensemble.ts';

/** Between two rounds of a client, ms: the load is steady, not the most that goes. */
const paceMs = 15;
/** The most that servers with ticks of a second grant. */
const sessionTimeoutMs = 20_000;
/** Lets all pass, or holds each until it is opened again. */
class Gate {
  waiting = 0;
  #opened: PromiseWithResolvers<void> | null = null;

  close(): void {
    this.#opened ??= Promise.withResolvers<void>();
  }

  open(): void {
    this.#opened?.resolve();
    this.#opened = null;
  }

  async pass(): Promise<void> {
    if (this.#opened === null) return;
    this.waiting += 1;
    await this.#opened.promise;
    this.waiting -= 1;
  }
}

export interface LoadFigures {
  /** Longest time in which no write of anyone was acknowledged, ms. */
  readonly stallMs: number;
  /** Longest time in which none of one client was, ms. */
  readonly clientStallMs: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly lockHolders: number;
}

/**
 * Clients that write, read and lock until they are stopped, each in one session, and tell a
 * {@link LoadHistory} what they asked for and were told. Works below `/load`, which it makes.
 */
export class SteadyLoad implements AsyncDisposable {
  readonly history: LoadHistory;
  /**
   * Whether a read behind a sync has to see every write answered before; else it is counted. The
   * leader of the reference answers a sync of its own clients at once, and may be a write behind
   * its followers: they apply what it commits when they hear of it, and so does it.
   */
  areSyncsBound = false;
  readonly #gate = new Gate();
  readonly #writers: LoadWriter[] = [];
  readonly #sessions: ZooKeeper[] = [];
  readonly #loops: Promise<void>[] = [];
  readonly #stall = new Stall();
  #lockHolder: string | null = null;
  #lockHolders = 0;
  #lastFence = 0;
  #isStopped = false;
  #seen = { acknowledged: 0, unknown: 0, lockHolders: 0 };

  private constructor(history: LoadHistory) {
    this.history = history;
  }

  static async start(
    connectString: string,
    history: LoadHistory,
    counts: { readonly writers: number; readonly lockers: number },
  ): Promise<SteadyLoad> {
    const load = new SteadyLoad(history);
    const first = await load.#connect(connectString, 'w0');
    for (const path of ['/load', '/load/registers', '/load/kept', '/load/made', '/load/lock']) {
      await first.create(path);
    }
    for (let index = 0; index < counts.writers; index += 1) {
      const zk = index === 0 ? first : await load.#connect(connectString, `w${index}`);
      const writer = new LoadWriter(zk, index, counts.writers, load, load.#stall);
      await writer.prepare();
      load.#writers.push(writer);
    }
    for (const writer of load.#writers) load.#repeat(() => writer.round());
    for (let index = 0; index < counts.lockers; index += 1) {
      const name = `l${index}`;
      const lock = new Lock(await load.#connect(connectString, name), '/load/lock', { data: name });
      load.#repeat(() => load.#holdOnce(name, lock));
    }
    load.reset();
    return load;
  }

  /** Figures count from here. */
  reset(): void {
    this.#seen = { ...this.#totals(), lockHolders: this.#lockHolders };
    this.#stall.reset();
    for (const writer of this.#writers) writer.stall.reset();
  }

  /** Since the last {@link reset}. */
  figures(): LoadFigures {
    const { acknowledged, unknown } = this.#totals();
    return {
      stallMs: Math.round(this.#stall.longestMs),
      clientStallMs: Math.round(Math.max(...this.#writers.map(({ stall }) => stall.longestMs))),
      acknowledged: acknowledged - this.#seen.acknowledged,
      unknown: unknown - this.#seen.unknown,
      lockHolders: this.#lockHolders - this.#seen.lockHolders,
    };
  }

  /** Everyone's work goes on from here: each writer gets answers, the lock another holder. */
  async goesOn(rounds: number): Promise<void> {
    const goals = this.#writers.map((writer) => writer.rounds + rounds);
    const holders = this.#lockHolders + 2;
    await until('the work to go on', 60_000, () => {
      const isLate = this.#writers.some((writer, index) => writer.rounds < (goals[index] ?? 0));
      return this.#isStopped || (!isLate && this.#lockHolders >= holders);
    });
  }

  /** Resolves when everything asked for has been answered; {@link resume} goes on. */
  async pause(): Promise<void> {
    this.#gate.close();
    await until(
      'the load to rest',
      60_000,
      () => this.#isStopped || this.#gate.waiting === this.#loops.length,
    );
  }

  resume(): void {
    this.#gate.open();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.resume();
    await Promise.all(this.#loops);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    this.resume();
    await Promise.allSettled(this.#loops);
    await Promise.all(this.#sessions.map((zk) => zk.close()));
  }

  async #connect(connectString: string, name: string): Promise<ZooKeeper> {
    const zk = await ZooKeeper.connect(connectString, { sessionTimeoutMs });
    zk.onState((state, reason) => {
      if (state === 'expired') this.history.incidents.push(`${name}: session ended: ${reason}`);
    });
    this.#sessions.push(zk);
    return zk;
  }

  /** What goes wrong in a round is an incident, and the end of that client's work. */
  #repeat(round: () => Promise<void>): void {
    const run = async (): Promise<void> => {
      try {
        while (!this.#isStopped) {
          await this.#gate.pass();
          await round();
          await delay(paceMs);
        }
      } catch (error) {
        this.history.incidents.push(`a client gave up: ${String(error)}`);
        this.#isStopped = true;
        this.#gate.waiting += 1;
      }
    };
    this.#loops.push(run());
  }

  async #holdOnce(name: string, lock: Lock): Promise<void> {
    const { incidents } = this.history;
    await using held = await lock.acquire();
    if (this.#lockHolder !== null) incidents.push(`${name} and ${this.#lockHolder} hold the lock`);
    if (held.fence <= this.#lastFence) incidents.push(`${name} holds the lock with an old fence`);
    this.#lockHolder = name;
    this.#lastFence = held.fence;
    this.#lockHolders += 1;
    await delay(paceMs);
    if (held.lost.aborted) incidents.push(`${name} lost the lock: ${String(held.lost.reason)}`);
    this.#lockHolder = null;
  }

  #totals(): { acknowledged: number; unknown: number } {
    const acknowledged = this.#writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
    const unknown = this.#writers.reduce((sum, writer) => sum + writer.unknown, 0);
    return { acknowledged, unknown };
  }
}
