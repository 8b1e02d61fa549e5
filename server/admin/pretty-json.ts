/** A number that keeps its fraction: `0.0`. */
export class Decimal {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | Decimal
  | readonly Json[]
  | { readonly [key: string]: Json };

/**
 * JSON as the reference prints it: two blanks a level, ` : ` behind keys, lists on one line,
 * `[ ]` and `{ }` when empty. 64-bit numbers keep all digits.
 *
 * Source: four-letter-words, section 3.
 */
export function prettyJson(value: Json, indent: string = ''): string {
  if (value instanceof Decimal) return value.text;
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) {
    if (value.length === 0) return '[ ]';
    return `[ ${value.map((item) => prettyJson(item, indent)).join(', ')} ]`;
  }
  const inner = `${indent}  `;
  const members = Object.entries(value).map(
    ([key, member]) => `${inner}${JSON.stringify(key)} : ${prettyJson(member, inner)}`,
  );
  return members.length === 0 ? '{ }' : `{\n${members.join(',\n')}\n${indent}}`;
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
