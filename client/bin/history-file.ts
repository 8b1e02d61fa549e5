import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

/** Lines that are kept from one run to the next. */
export const historyLinesMax: number = 1000;

/** Lines of a shell on disk, for its owner alone; those with a proof of identity are left out. */
export class HistoryFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Newest first, as `node:readline` wants them. What cannot be read is no history. */
  load(): string[] {
    let lines: string[];
    try {
      lines = readFileSync(this.#path, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
    } catch {
      return [];
    }
    if (lines.length > 2 * historyLinesMax) {
      lines = lines.slice(-historyLinesMax);
      this.#try(() => writeFileSync(this.#path, `${lines.join('\n')}\n`, { mode: 0o600 }));
    }
    return lines.slice(-historyLinesMax).reverse();
  }

  add(line: string): void {
    if (line.trim() === '' || /^\s*addauth\b/.test(line)) return;
    this.#try(() => appendFileSync(this.#path, `${line}\n`, { mode: 0o600 }));
  }

  /** A shell works without its history as well. */
  #try(write: () => void): void {
    try {
      write();
    } catch {
      return;
    }
  }
}
