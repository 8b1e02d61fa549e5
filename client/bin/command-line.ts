/**
 * What a person typed is not a command. The message says what is wrong; without one, the command's
 * usage does.
 */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** A configuration that cannot be used; the program ends with 2. */
export class ConfigurationError extends UsageError {}

/**
 * A line as words, as the reference's shell cuts it: blanks separate, and quotes at the beginning
 * of a word hold it together up to the next one of their kind. Everywhere else a quote and a
 * backslash are characters like any other, so that `{"a":1}` stays what it is.
 */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']\S*)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  );
}

/** Options and the other words of a command, in any order. */
export class Arguments {
  readonly positional: readonly string[];
  readonly #flags = new Set<string>();
  readonly #values = new Map<string, string>();

  /**
   * `flags` stand alone (`-s`, and `-sw` for two), `valued` take the next word (`-v 3`). What
   * stands behind a `--` is no option.
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
      } else if (valued.includes(name)) {
        at += 1;
        const value = words[at];
        if (value === undefined) throw new UsageError(`Missing argument for option: ${name}`);
        this.#values.set(name, value);
      } else if (name.split('').every((letter) => flags.includes(letter))) {
        for (const letter of name) this.#flags.add(letter);
      } else {
        throw new UsageError(`Unrecognized option: ${word}`);
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

  /** The word at a place. @throws UsageError, without words, when there is none. */
  at(index: number): string {
    const word = this.positional[index];
    if (word === undefined) throw new UsageError();
    return word;
  }
}
