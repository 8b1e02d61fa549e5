/** One line of a section: a login module and what it is told. */
export interface JaasEntry {
  readonly module: string;
  /** required, requisite, sufficient or optional. */
  readonly flag: string;
  readonly options: ReadonlyMap<string, string>;
}

/** A file that is no JAAS configuration: which line, what was expected. No values. */
export class JaasError extends Error {
  override readonly name: string = 'JaasError';
}

interface Token {
  readonly text: string;
  readonly isQuoted: boolean;
  readonly line: number;
}

const flags: ReadonlySet<string> = new Set(['required', 'requisite', 'sufficient', 'optional']);

/**
 * Sections of a JAAS login configuration.
 *
 * ```
 * Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="secret"; };
 * ```
 * Source: configuration, section 7.
 *
 * @throws JaasError
 */
export function parseJaas(text: string): ReadonlyMap<string, readonly JaasEntry[]> {
  const tokens = new Tokens(text);
  const sections = new Map<string, readonly JaasEntry[]>();
  while (!tokens.isAtEnd) {
    const name = tokens.word('the name of a section');
    if (sections.has(name)) throw new JaasError(`Section ${name} stands in it twice.`);
    tokens.mark('{');
    const entries: JaasEntry[] = [];
    while (!tokens.takes('}')) entries.push(entryOf(tokens));
    tokens.mark(';');
    sections.set(name, entries);
  }
  return sections;
}

function entryOf(tokens: Tokens): JaasEntry {
  const module = tokens.word('the class of a login module');
  const flag = tokens.word('required, requisite, sufficient or optional').toLowerCase();
  if (!flags.has(flag)) {
    throw tokens.error('required, requisite, sufficient or optional must follow the class');
  }
  const options = new Map<string, string>();
  while (!tokens.takes(';')) {
    const key = tokens.word('an option or ;');
    tokens.mark('=');
    options.set(key, tokens.word('the value of an option'));
  }
  return { module, flag, options };
}

class Tokens {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#tokens.length;
  }

  word(what: string): string {
    const token = this.#tokens[this.#next];
    if (token === undefined || (!token.isQuoted && marks.has(token.text))) {
      throw this.error(`${what} is missing`);
    }
    this.#next += 1;
    return token.text;
  }

  mark(mark: string): void {
    if (!this.takes(mark)) throw this.error(`${mark} is missing`);
  }

  takes(mark: string): boolean {
    const token = this.#tokens[this.#next];
    if (token === undefined || token.isQuoted || token.text !== mark) return false;
    this.#next += 1;
    return true;
  }

  error(what: string): JaasError {
    const { line } = this.#tokens[this.#next] ?? this.#tokens.at(-1) ?? { line: 1 };
    return new JaasError(`Line ${line}: ${what}.`);
  }
}

const marks: ReadonlySet<string> = new Set(['{', '}', ';', '=']);

const pattern =
  /(?<blank>\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)|"(?<quoted>(?:[^"\\\n]|\\.)*)"|(?<mark>[{};=])|(?<word>[^\s{};="]+)/y;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  pattern.lastIndex = 0;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) throw new JaasError(`Line ${line}: a quote is not closed.`);
    const { blank, quoted, mark, word } = match.groups ?? {};
    if (quoted !== undefined) {
      tokens.push({ text: quoted.replace(/\\(.)/g, '$1'), isQuoted: true, line });
    } else if (blank === undefined) {
      tokens.push({ text: mark ?? word ?? '', isQuoted: false, line });
    }
    line += match[0].split('\n').length - 1;
  }
  return tokens;
}
