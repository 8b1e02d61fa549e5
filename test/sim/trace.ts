import { hashOf } from './prng.ts';

/** One line of a transcript: when, who, what. */
export interface TraceLine {
  readonly atMs: number;
  readonly actor: string;
  readonly text: string;
}

/**
 * What happened in a run: a running hash over everything, and the newest lines for a person. Two
 * runs of one seed end with the same hash, or the simulation is not deterministic.
 */
export class Trace {
  readonly #lines: TraceLine[] = [];
  readonly #linesMax: number;
  #low = 0x9e3779b9 | 0;
  #high = 0x85ebca6b | 0;
  #dropped = 0;

  constructor(linesMax: number = 4_000) {
    this.#linesMax = linesMax;
  }

  /** Takes a number into the hash, without a line. */
  mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193) ^ (this.#high >>> 15);
    this.#high = Math.imul(this.#high ^ (value / 2 ** 16), 0x85ebca6b) ^ (this.#low >>> 13);
  }

  say(atMs: number, actor: string, text: string): void {
    this.mix(Math.round(atMs * 1000));
    this.mix(hashOf(actor));
    this.mix(hashOf(text));
    this.#lines.push({ atMs, actor, text });
    if (this.#lines.length > this.#linesMax * 2) {
      this.#dropped += this.#lines.length - this.#linesMax;
      this.#lines.splice(0, this.#lines.length - this.#linesMax);
    }
  }

  /** 64 bits in hex. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }

  get lines(): readonly TraceLine[] {
    return this.#lines;
  }

  /**
   * The newest lines as text: time in seconds, one column for each server, the world's own acts
   * (faults, clients) at the left margin.
   */
  transcript(columns: readonly string[], linesMax: number = 300): string {
    const shown = this.#lines.slice(-linesMax);
    const skipped = this.#dropped + this.#lines.length - shown.length;
    const head = `     time  who   ${columns.map((name) => name.padEnd(columnWidth)).join('')}`;
    const body = shown.map((line) => {
      const column = columns.indexOf(line.actor);
      const indent = column < 0 ? '' : ' '.repeat(column * columnWidth);
      return `${(line.atMs / 1000).toFixed(4).padStart(9)}  ${line.actor.padEnd(5)} ${indent}${line.text}`;
    });
    const lead = skipped > 0 ? [`(${skipped} earlier lines left out)`] : [];
    return [...lead, head, ...body].join('\n');
  }
}

const columnWidth = 14;
