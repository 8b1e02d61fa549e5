import type { Proposal } from '../../server/zab/events.ts';
import type { Prng } from './prng.ts';
import type { CrashMode } from './sim-inode.ts';
import type { SimProcess } from './sim-host.ts';

/** What is on a member's platter in the zab-level simulation: histories, not bytes. */
export interface ZabPlatter {
  history: Proposal[];
  acceptedEpoch: number;
  currentEpoch: number;
}

/** Chances of a plain disk whose every act takes a while and completes in order. */
export class ZabDisk {
  readonly platter: ZabPlatter;
  readonly #process: SimProcess;
  readonly #random: Prng;
  #syncMsMax: number;
  #gathered: Proposal[] = [];
  #inFlight: Proposal[] = [];
  /** Last in the queue and not begun: what is flushed meanwhile joins it. */
  #nextBatch: Proposal[] | null = null;
  #queue: ((done: () => void) => void)[] = [];
  #isBusy = false;

  constructor(platter: ZabPlatter, process: SimProcess, syncMsMax: number) {
    this.platter = platter;
    this.#process = process;
    this.#random = process.random.fork('zab disk');
    this.#syncMsMax = syncMsMax;
  }

  append(proposal: Proposal): void {
    this.#gathered.push(proposal);
  }

  /** Writes what was gathered as one batch; `done` gets the last of them. */
  flush(done: (last: Proposal) => void): void {
    if (this.#gathered.length === 0) return;
    const gathered = this.#gathered;
    this.#gathered = [];
    if (this.#nextBatch !== null) {
      this.#nextBatch.push(...gathered);
      return;
    }
    const batch = gathered;
    this.#nextBatch = batch;
    this.#enqueue((free) => {
      if (this.#nextBatch === batch) this.#nextBatch = null;
      this.#inFlight = batch;
      this.#later(() => {
        this.#inFlight = [];
        this.platter.history.push(...batch);
        done(batch.at(-1) as Proposal);
        free();
      });
    });
  }

  /** In the order of the log's writes. */
  inOrder(act: () => void, done: () => void): void {
    this.#nextBatch = null;
    this.#enqueue((free) => {
      this.#later(() => {
        act();
        this.#later(() => {
          done();
          free();
        });
      });
    });
  }

  /** Beside the log's writes. */
  beside(act: () => void, done: () => void): void {
    this.#later(() => {
      act();
      this.#later(done);
    });
  }

  /** The process has died: of the batch under way some may be there. */
  afterCrash(mode: CrashMode): void {
    if (mode === 'lost') return;
    const count = this.#random.int(0, this.#inFlight.length);
    this.platter.history.push(...this.#inFlight.slice(0, count));
  }

  #enqueue(act: (done: () => void) => void): void {
    this.#queue.push(act);
    this.#next();
  }

  #next(): void {
    if (this.#isBusy) return;
    const act = this.#queue.shift();
    if (act === undefined) return;
    this.#isBusy = true;
    act(() => {
      this.#isBusy = false;
      this.#next();
    });
  }

  #later(act: () => void): void {
    this.#process.after(this.#random.between(0.05, this.#syncMsMax), act);
  }
}
