import { CelSyntaxError } from './ast.ts';

export type Token =
  | { readonly type: 'int'; readonly value: bigint; readonly at: number }
  | { readonly type: 'double'; readonly value: number; readonly at: number }
  | { readonly type: 'string'; readonly value: string; readonly at: number }
  | { readonly type: 'name'; readonly value: string; readonly at: number }
  | { readonly type: 'symbol'; readonly value: string; readonly at: number }
  | { readonly type: 'end'; readonly at: number };

const space = /(?:\s|\/\/[^\n]*)+/y;
const double = /(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)/y;
const int = /(?:0x[0-9a-fA-F]+|\d+)/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const symbol = /(?:\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()[\]{}])/y;
const text = /(r|R)?('''|"""|'|")/y;

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

/** Character an escape stands for, and how long the escape is. */
function unescape(source: string, at: number): readonly [string, number] {
  const letter = source[at + 1] ?? '';
  const simple = escapes[letter];
  if (simple !== undefined) return [simple, 2];
  const numeric = /(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/y;
  const match = matchAt(numeric, source, at + 1);
  if (match !== null) {
    const [whole, hex, short, long, octal] = match;
    const code = parseInt(hex ?? short ?? long ?? octal ?? '', octal === undefined ? 16 : 8);
    return [String.fromCodePoint(code), whole.length + 1];
  }
  if ('\\?"\'`'.includes(letter) && letter !== '') return [letter, 2];
  throw new CelSyntaxError(`no escape \\${letter} at ${at}`);
}

function lexString(source: string, at: number, open: RegExpExecArray): readonly [string, number] {
  const isRaw = open[1] !== undefined;
  const quote = open[2] ?? '';
  let value = '';
  let position = at + open[0].length;
  while (!source.startsWith(quote, position)) {
    const character = source[position];
    if (character === undefined || (quote.length === 1 && character === '\n')) {
      throw new CelSyntaxError(`a string without an end at ${at}`);
    }
    if (character === '\\' && !isRaw) {
      const [meant, length] = unescape(source, position);
      value += meant;
      position += length;
    } else {
      value += character;
      position += 1;
    }
  }
  return [value, position + quote.length];
}

/** @throws CelSyntaxError where the text is no CEL. */
export function lex(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const blank = matchAt(space, source, at);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    const quoted = matchAt(text, source, at);
    if (quoted !== null) {
      const [value, next] = lexString(source, at, quoted);
      tokens.push({ type: 'string', value, at });
      at = next;
      continue;
    }
    const found =
      matchAt(double, source, at) ??
      matchAt(int, source, at) ??
      matchAt(name, source, at) ??
      matchAt(symbol, source, at);
    const value = found?.[0] ?? '';
    if (value === '') throw new CelSyntaxError(`unexpected ${JSON.stringify(source[at])} at ${at}`);
    if (/^\.?\d/.test(value)) {
      if (/^(\d+|0x[0-9a-fA-F]+)$/.test(value)) {
        tokens.push({ type: 'int', value: BigInt(value), at });
      } else {
        tokens.push({ type: 'double', value: Number(value), at });
      }
    } else {
      tokens.push({ type: /^\w/.test(value) ? 'name' : 'symbol', value, at });
    }
    at += value.length;
  }
  tokens.push({ type: 'end', at });
  return tokens;
}
