import { ZkError } from '../../client/index.ts';
import type { Stat, ZooKeeper } from '../../client/index.ts';
import type { LoadHistory, WriteRecord } from './load-history.ts';

/** Registers of each writer; all are set in one pipeline. */
const registersEach = 4;
/** One node of a writer's own is made in so many rounds. */
const roundsPerCreate = 6;
/** A synced read of a neighbour's register is done in so many rounds. */
const roundsPerSync = 5;
/** More than there are writers: values of different writers never meet. */
const valueStep = 64;

/** What a writer works for. */
interface Load {
  readonly history: LoadHistory;
  /** Whether a read behind a sync has to see every write answered before. */
  readonly areSyncsBound: boolean;
}

/** The longest time without an answer since it was reset, ms. */
export class Stall {
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

/** The only one that writes its registers and its directory. */
export class LoadWriter {
  readonly stall: Stall = new Stall();
  rounds = 0;
  acknowledged = 0;
  unknown = 0;
  readonly #zk: ZooKeeper;
  readonly #index: number;
  readonly #name: string;
  readonly #neighbour: string;
  readonly #load: Load;
  readonly #history: LoadHistory;
  readonly #anyone: Stall;
  #number = 0;

  constructor(zk: ZooKeeper, index: number, writerCount: number, load: Load, anyone: Stall) {
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
