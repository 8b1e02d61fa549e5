import { Prng } from './prng.ts';
import { Trace } from './trace.ts';

/** A thing to happen at a simulated moment. */
export interface Scheduled {
  readonly atMs: number;
  cancel(): void;
}

/** An invariant did not hold: the seed has found a bug. */
export class InvariantViolation extends Error {
  override readonly name: string = 'InvariantViolation';
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

class Entry implements Scheduled {
  readonly atMs: number;
  readonly sequence: number;
  run: (() => void) | null;

  constructor(atMs: number, sequence: number, run: () => void) {
    this.atMs = atMs;
    this.sequence = sequence;
    this.run = run;
  }

  cancel(): void {
    this.run = null;
  }
}

/**
 * Simulated time: one queue of things to happen, one source of chance, one trace. Things of the
 * same moment happen in the order they were asked for. Nothing here waits for real time.
 */
export class World {
  readonly seed: number;
  readonly random: Prng;
  readonly trace: Trace;
  /** Milliseconds since the world began. */
  nowMs = 0;
  eventCount = 0;
  #sequence = 0;
  readonly #heap: Entry[] = [];

  constructor(seed: number, linesMax?: number) {
    this.seed = seed;
    this.random = new Prng(seed, 'world');
    this.trace = new Trace(linesMax);
  }

  /** @param afterMs not negative. */
  schedule(afterMs: number, run: () => void): Scheduled {
    const entry = new Entry(this.nowMs + Math.max(0, afterMs), (this.#sequence += 1), run);
    this.#push(entry);
    return entry;
  }

  /** Runs everything due within that time; afterwards it is that much later. */
  run(forMs: number): void {
    const endMs = this.nowMs + forMs;
    while (this.#stepUntil(endMs));
    this.nowMs = endMs;
  }

  /** Runs until the condition holds; false when it did not within the time. Looked at every `everyMs`. */
  runUntil(condition: () => boolean, withinMs: number, everyMs: number = 20): boolean {
    const endMs = this.nowMs + withinMs;
    while (this.nowMs < endMs) {
      if (condition()) return true;
      this.run(Math.min(everyMs, endMs - this.nowMs));
    }
    return condition();
  }

  say(actor: string, text: string): void {
    this.trace.say(this.nowMs, actor, text);
  }

  /** @throws InvariantViolation always. */
  fail(invariant: string, message: string): never {
    this.say('check', `VIOLATED ${invariant}: ${message}`);
    throw new InvariantViolation(invariant, message);
  }

  /** @throws InvariantViolation when the condition does not hold. */
  expect(condition: boolean, invariant: string, message: () => string): void {
    if (!condition) this.fail(invariant, message());
  }

  #stepUntil(endMs: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > endMs) return false;
    this.#pop();
    const run = first.run;
    if (run === null) return true;
    this.nowMs = first.atMs;
    this.eventCount += 1;
    this.trace.mix(first.atMs * 1000);
    run();
    return true;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(entry, heap[parent] as Entry)) break;
      heap[index] = heap[parent] as Entry;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) {
        child += 1;
      }
      if (!before(heap[child] as Entry, last)) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = last;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
