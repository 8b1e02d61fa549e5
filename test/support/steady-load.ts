import { setTimeout as delay } from 'node:timers/promises';
import { ZkError, ZooKeeper } from '../../client/index.ts';
import type { Stat } from '../../client/index.ts';
import { Lock } from '../../client/recipes/index.ts';
import type { LoadHistory, WriteRecord } from './load-history.ts';
import { until } from './real-ensemble.ts';

/** Registers of each writer; all are set in one pipeline. */
const registersEach = 4;
/** One node of a writer's own is made in so many rounds. */
const roundsPerCreate = 6;
/** A synced read of a neighbour's register is done in so many rounds. */
const roundsPerSync = 5;
/** Between two rounds of a client, ms: the load is steady, not the most that goes. */
const paceMs = 15;
/** The most that servers with ticks of a second grant. */
const sessionTimeoutMs = 20_000;
/** More than there are writers: values of different writers never meet. */
const valueStep = 64;

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

/** The longest time without an answer since it was reset, ms. */
class Stall {
  #lastMs = performance.now();
  #longestMs = 0;

  reset(): void {
    this.#lastMs = performance.now();
    this.#longestMs = 0;
  }

  answered(): void {
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  /** The time since the last answer counts. */
  get longestMs(): number {
    return Math.max(this.#longestMs, performance.now() - this.#lastMs);
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
  readonly #writers: Writer[] = [];
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
      const writer = new Writer(zk, index, counts.writers, load, load.#stall);
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

/** The only one that writes its registers and its directory. */
class Writer {
  readonly stall = new Stall();
  rounds = 0;
  acknowledged = 0;
  unknown = 0;
  readonly #zk: ZooKeeper;
  readonly #index: number;
  readonly #name: string;
  readonly #neighbour: string;
  readonly #load: SteadyLoad;
  readonly #history: LoadHistory;
  readonly #anyone: Stall;
  #number = 0;

  constructor(zk: ZooKeeper, index: number, writerCount: number, load: SteadyLoad, anyone: Stall) {
    this.#zk = zk;
    this.#index = index;
    this.#name = `w${index}`;
    this.#neighbour = `w${(index + 1) % writerCount}`;
    this.#load = load;
    this.#history = load.history;
    this.#anyone = anyone;
  }

  async prepare(): Promise<void> {
    await this.#zk.create(`/load/made/${this.#name}`);
    for (let register = 0; register < registersEach; register += 1) {
      await this.#zk.create(registerOf(this.#name, register), '0');
      const path = `/load/kept/${this.#name}-${register}`;
      const { stat } = await this.#zk.createWithStat(path, '0', { ephemeral: true });
      this.#history.kept.push({ path, owner: stat.ephemeralOwner, czxid: stat.czxid });
    }
  }

  /** One pipeline of writes with a read behind them; now and then a synced read. */
  async round(): Promise<void> {
    const writes = Array.from({ length: registersEach }, (_, register) => this.#set(register));
    if (this.rounds % roundsPerCreate === 0) writes.push(this.#create());
    const register = this.rounds % registersEach;
    const own = this.#read(registerOf(this.#name, register), null);
    await Promise.all([...writes, own]);
    if (this.rounds % roundsPerSync === 0) await this.#syncedRead(register);
    this.rounds += 1;
  }

  async #set(register: number): Promise<void> {
    const path = registerOf(this.#name, register);
    const record = this.#asked('set', path);
    await this.#answer(record, async () => {
      const stat = await this.#zk.set(path, String(record.value));
      record.zxid = stat.mzxid;
      record.version = stat.version;
      this.#history.floors.set(path, record.value);
    });
  }

  async #create(): Promise<void> {
    const record = this.#asked('create', `/load/made/${this.#name}/n-`);
    await this.#answer(record, async () => {
      const options = { sequential: true };
      const made = await this.#zk.createWithStat(record.path, String(record.value), options);
      record.path = made.path;
      record.zxid = made.stat.czxid;
    });
  }

  #asked(kind: WriteRecord['kind'], path: string): WriteRecord {
    this.#number += 1;
    const record: WriteRecord = {
      client: this.#name,
      kind,
      path,
      value: this.#number * valueStep + this.#index,
      fate: 'unknown',
      answeredMs: 0,
      zxid: 0 as Stat['czxid'],
      version: 0,
      detail: '',
    };
    this.#history.writes.push(record);
    return record;
  }

  async #answer(record: WriteRecord, ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
      record.fate = 'acknowledged';
      this.acknowledged += 1;
      this.stall.answered();
      this.#anyone.answered();
    } catch (error) {
      if (!(error instanceof ZkError)) throw error;
      record.detail = error.code;
      if (error.code !== 'CONNECTION_LOSS') record.fate = 'refused';
      else this.unknown += 1;
    }
    record.answeredMs = performance.now();
  }

  async #syncedRead(register: number): Promise<void> {
    const path = registerOf(this.#neighbour, register);
    const floor = this.#history.floors.get(path) ?? 0;
    const isBound = this.#load.areSyncsBound;
    if (!(await isKnown(this.#zk.sync('/')))) return;
    await this.#read(path, floor, isBound);
  }

  /** Without a floor it is one's own register: what was answered before this answer counts. */
  async #read(path: string, floor: number | null, isBound: boolean = true): Promise<void> {
    const { floors, reads } = this.#history;
    try {
      const { data, stat } = await this.#zk.get(path);
      const value = Number(data?.toString('utf8'));
      const least = floor ?? floors.get(path) ?? 0;
      reads.push({ client: this.#name, path, value, mzxid: stat.mzxid, floor: least, isBound });
    } catch (error) {
      if (!isConnectionLoss(error)) throw error;
    }
  }
}

function registerOf(name: string, register: number): string {
  return `/load/registers/${name}-${register}`;
}

function isConnectionLoss(error: unknown): boolean {
  return error instanceof ZkError && error.code === 'CONNECTION_LOSS';
}

/** Whether it is answered; a lost connection says nothing. */
async function isKnown(answer: Promise<void>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (isConnectionLoss(error)) return false;
    throw error;
  }
}
