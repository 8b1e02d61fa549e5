/** One key of a configuration text, as written. */
export interface RawEntry {
  readonly key: string;
  readonly value: string;
  /** Where the entry begins, from 1. */
  readonly line: number;
}

/** Something in a configuration that a person has to change or should know. */
export interface ConfigProblem {
  /** From 1; 0: not from a line of the file. */
  readonly line: number;
  readonly key: string;
  readonly value: string;
  /** What is wrong and what to do, in one or two sentences. */
  readonly remedy: string;
}

/** What a text holds, in order, repeated keys included. */
export interface RawConfig {
  readonly entries: readonly RawEntry[];
  readonly problems: readonly ConfigProblem[];
}

/**
 * Reads a text in the syntax of Java properties: `key=value`, `key:value` or `key value`; `#` and
 * `!` begin a comment; `\` at the end of a line joins the next; `\uXXXX`, `\t`, `\\` and so on are
 * characters. Keys and values are trimmed. Everything is kept, also unknown and repeated keys.
 *
 * Source: configuration, section 1.
 */
export function parseZooCfg(text: string): RawConfig {
  const entries: RawEntry[] = [];
  const problems: ConfigProblem[] = [];
  for (const { text: line, number } of logicalLines(text)) {
    const [rawKey, rawValue] = splitEntry(line);
    const key = unescape(rawKey);
    const value = unescape(rawValue);
    if (key === null || value === null) {
      const remedy = 'After \\u there must be four hexadecimal digits. Write \\\\ for a backslash.';
      problems.push({ line: number, key: rawKey, value: rawValue, remedy });
      continue;
    }
    entries.push({ key: key.trim(), value: value.trim(), line: number });
  }
  return { entries, problems };
}

/** Lines without comments and blank ones, continuations joined. */
function* logicalLines(
  text: string,
): Generator<{ readonly text: string; readonly number: number }> {
  let joined: string | null = null;
  let start = 0;
  const natural = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  for (const [index, line] of natural.entries()) {
    const part = line.replace(/^[ \t\f]+/, '');
    if (joined === null) {
      if (part === '' || part.startsWith('#') || part.startsWith('!')) continue;
      start = index + 1;
    }
    const whole: string = (joined ?? '') + part;
    if (hasOddBackslashes(part) && index < natural.length - 1) {
      joined = whole.slice(0, -1);
      continue;
    }
    joined = null;
    yield { text: hasOddBackslashes(part) ? whole.slice(0, -1) : whole, number: start };
  }
}

function hasOddBackslashes(line: string): boolean {
  let count = 0;
  while (line[line.length - 1 - count] === '\\') count += 1;
  return count % 2 === 1;
}

/** The key ends at the first `=`, `:` or blank that no backslash precedes. */
function splitEntry(line: string): readonly [string, string] {
  let end = 0;
  while (end < line.length && !/[=: \t\f]/.test(line[end] as string)) {
    end += line[end] === '\\' ? 2 : 1;
  }
  const value = line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '');
  return [line.slice(0, end), value];
}

const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** `null`: a `\u` without four digits. */
function unescape(text: string): string | null {
  let isBroken = false;
  const result = text.replaceAll(
    /\\(u([0-9a-fA-F]{4})?|[^])/g,
    (_match, escape: string, hex?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (escape === 'u') isBroken = true;
      return escapes[escape] ?? escape;
    },
  );
  return isBroken ? null : result;
}
