/** What a person typed is not a command; the message says what is. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/**
 * A line as words: blanks separate, single or double quotes hold together, a backslash inside
 * double quotes or outside takes the next character as it is.
 *
 * @throws UsageError when a quote is not closed.
 */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word = '';
  let isWord = false;
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (character === '\\' && quote !== "'" && at + 1 < line.length) {
      at += 1;
      word += line.charAt(at);
      isWord = true;
    } else if (quote !== '') {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      isWord = true;
    } else if (/\s/.test(character)) {
      if (isWord) words.push(word);
      word = '';
      isWord = false;
    } else {
      word += character;
      isWord = true;
    }
  }
  if (quote !== '') throw new UsageError(`the quote ${quote} is not closed`);
  if (isWord) words.push(word);
  return words;
}

/** Options and the other words of a command, in any order. */
export class Arguments {
  readonly positional: readonly string[];
  readonly #flags = new Set<string>();
  readonly #values = new Map<string, string>();

  /**
   * `flags` stand alone (`-s`), `valued` take the next word (`-v 3`). What stands behind a
   * `--` is no option.
   *
   * @throws UsageError on an unknown option.
   */
  constructor(words: readonly string[], flags: readonly string[], valued: readonly string[] = []) {
    const positional: string[] = [];
    for (let at = 0; at < words.length; at += 1) {
      const word = words[at] ?? '';
      const name = word.slice(1);
      if (word === '--') {
        positional.push(...words.slice(at + 1));
        break;
      }
      if (!/^-[A-Za-z]/.test(word)) {
        positional.push(word);
      } else if (flags.includes(name)) {
        this.#flags.add(name);
      } else if (valued.includes(name) && at + 1 < words.length) {
        at += 1;
        this.#values.set(name, words[at] ?? '');
      } else {
        throw new UsageError(`unknown option ${word}`);
      }
    }
    this.positional = positional;
  }

  has(flag: string): boolean {
    return this.#flags.has(flag);
  }

  value(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** @throws UsageError when it is there and no integer. */
  integer(name: string, otherwise: number): number {
    const text = this.#values.get(name);
    if (text === undefined) return otherwise;
    if (!/^-?\d+$/.test(text)) throw new UsageError(`-${name} ${text} is no integer`);
    return Number(text);
  }

  /** The word at a place. @throws UsageError when there is none. */
  at(index: number, what: string): string {
    const word = this.positional[index];
    if (word === undefined) throw new UsageError(`the ${what} is missing`);
    return word;
  }
}
