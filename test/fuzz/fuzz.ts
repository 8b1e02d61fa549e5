import { runInNewContext } from 'node:vm';
import { chanceOf, mutant, textMutant } from './mutate.ts';

/** One decoder under test. */
export interface Subject {
  readonly name: string;
  /** Good inputs to begin with. */
  readonly corpus: readonly Buffer[];
  /** Words of a text format. */
  readonly words?: readonly string[];
  /** Makes checksums right again, so that what they cover is reached. In place or anew. */
  readonly repair?: (bytes: Buffer) => Buffer;
  /**
   * Decodes, or says no by returning `null`, or throws what {@link refusals} names. What it returns
   * is a word for what was found, for the search of new inputs.
   */
  readonly decode: (bytes: Buffer) => string | null;
  /** Errors that are answers. */
  readonly refusals: readonly (abstract new (...args: never[]) => Error)[];
  /** Bytes that may be reserved whatever the input; beside {@link reservedFactor} times its length. */
  readonly reservedBytes?: number;
  /** One decoding may take so long, ms; 500 unless said. */
  readonly decodeMsMax?: number;
  /** Its part of the executions; 1 unless said. Slow ones have less. */
  readonly share?: number;
}

export interface Found {
  readonly name: string;
  readonly executions: number;
  readonly accepted: number;
  readonly refused: number;
  /** Different outcomes that were seen: kinds of records, and errors by their words. */
  readonly outcomes: number;
  /** Inputs to mutate, those of the beginning included. */
  readonly corpus: number;
  readonly slowestMs: number;
}

export interface Limits {
  /** A decoder that does not end is stopped after so long: for some hundred executions. */
  readonly batchMsMax: number;
}

/** Bytes reserved for each byte given. */
export const reservedFactor = 64;
const reservedBytesDefault = 64 * 1024;
const decodeMsMaxDefault = 500;
const batchExecutions = 500;
const corpusMax = 4000;

/** An input that broke a rule: which, and how to see it again. */
export class FuzzFailure extends Error {
  override readonly name: string = 'FuzzFailure';

  constructor(subject: string, seed: number, input: Buffer, what: string) {
    const shown =
      input.length > 2000 ? `${input.toString('hex', 0, 2000)}…` : input.toString('hex');
    super(`${subject}, seed ${seed}: ${what}; input ${shown}`);
  }
}

/**
 * Gives a decoder mutants of its corpus. An input whose outcome was new joins the corpus.
 *
 * Rules: only errors that are answers; an end within its time; no more bytes reserved than the
 * input accounts for. What the decoder itself checks comes as an error of another kind.
 *
 * @throws FuzzFailure at the first input that breaks a rule.
 */
export function fuzz(
  subject: Subject,
  executions: number,
  seed: number,
  limits: Limits = { batchMsMax: 120_000 },
): Found {
  const run = new Run(subject, seed, limits);
  for (let done = 0; done < executions; done += batchExecutions) {
    run.batch(Math.min(batchExecutions, executions - done));
  }
  return run.found();
}

class Run {
  readonly #subject: Subject;
  readonly #seed: number;
  readonly #batchMsMax: number;
  readonly #chance: (below: number) => number;
  readonly #corpus: Buffer[];
  readonly #outcomes = new Set<string>();
  #executions = 0;
  #accepted = 0;
  #slowestMs = 0;
  #input: Buffer = Buffer.alloc(0);

  constructor(subject: Subject, seed: number, limits: Limits) {
    this.#subject = subject;
    this.#batchMsMax = limits.batchMsMax;
    this.#seed = seed;
    this.#chance = chanceOf(seed);
    this.#corpus = [...subject.corpus];
    for (const input of subject.corpus) this.#try(input);
  }

  batch(executions: number): void {
    const act = (): void => {
      for (let count = 0; count < executions; count += 1) this.#try(this.#next());
    };
    try {
      // A timeout of the engine itself also ends what never returns.
      runInNewContext('act()', { act }, { timeout: this.#batchMsMax });
    } catch (error) {
      if (error instanceof FuzzFailure) throw error;
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw this.#failure('it does not end');
    }
  }

  found(): Found {
    return {
      name: this.#subject.name,
      executions: this.#executions,
      accepted: this.#accepted,
      refused: this.#executions - this.#accepted,
      outcomes: this.#outcomes.size,
      corpus: this.#corpus.length,
      slowestMs: this.#slowestMs,
    };
  }

  #next(): Buffer {
    const { words, repair } = this.#subject;
    const chance = this.#chance;
    const input = this.#corpus[chance(this.#corpus.length)] ?? Buffer.alloc(0);
    const other = this.#corpus[chance(this.#corpus.length)] ?? Buffer.alloc(0);
    const bytes =
      words === undefined ? mutant(input, other, chance) : textMutant(input, other, chance, words);
    return repair === undefined || chance(8) === 0 ? bytes : repair(bytes);
  }

  #try(input: Buffer): void {
    this.#input = input;
    const reservedBefore = reserved.bytes;
    const sinceMs = performance.now();
    const outcome = this.#outcome(input);
    const tookMs = performance.now() - sinceMs;
    const bytes = reserved.bytes - reservedBefore;
    this.#executions += 1;
    if (outcome.accepted) this.#accepted += 1;
    const { reservedBytes = reservedBytesDefault } = this.#subject;
    if (bytes > reservedBytes + reservedFactor * input.length) {
      throw this.#failure(`${bytes} bytes reserved for ${input.length}`);
    }
    if (tookMs > this.#slowestMs) this.#slowestMs = this.#leastMs(input, tookMs);
    if (this.#outcomes.has(outcome.word)) return;
    this.#outcomes.add(outcome.word);
    if (this.#corpus.length < corpusMax) this.#corpus.push(Buffer.from(input));
  }

  #outcome(input: Buffer): { readonly accepted: boolean; readonly word: string } {
    try {
      const word = this.#subject.decode(input);
      return { accepted: word !== null, word: word ?? 'no' };
    } catch (error) {
      if (this.#subject.refusals.some((kind) => error instanceof kind)) {
        return { accepted: false, word: wordsOf(error as Error) };
      }
      throw this.#failure(`${String(error)} ${(error as Error).stack ?? ''}`);
    }
  }

  /** A busy machine takes time as well: what seems slow is done again. */
  #leastMs(input: Buffer, firstMs: number): number {
    const { decodeMsMax = decodeMsMaxDefault } = this.#subject;
    let leastMs = firstMs;
    for (let count = 0; count < 5 && leastMs > decodeMsMax / 10; count += 1) {
      const sinceMs = performance.now();
      this.#outcome(input);
      leastMs = Math.min(leastMs, performance.now() - sinceMs);
    }
    if (leastMs > decodeMsMax) throw this.#failure(`${Math.round(leastMs)} ms for one input`);
    return leastMs;
  }

  #failure(what: string): FuzzFailure {
    return new FuzzFailure(this.#subject.name, this.#seed, this.#input, what);
  }
}

/** An error without its numbers and values: inputs that fail alike are alike. */
function wordsOf(error: Error): string {
  return error.message.replaceAll(/".*"|-?\d+|0x[0-9a-f]+/gs, '#').slice(0, 60);
}

const reserved = { bytes: 0 };

/** Counts the bytes of every buffer that is made from here on. */
function countReserved(): void {
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const original = Buffer[name] as (size: number, ...more: unknown[]) => Buffer;
    Object.defineProperty(Buffer, name, {
      configurable: true,
      writable: true,
      value: (size: number, ...more: unknown[]) => {
        reserved.bytes += size;
        return original.call(Buffer, size, ...more);
      },
    });
  }
}

countReserved();
