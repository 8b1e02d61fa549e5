import type { Json } from '../api/json.ts';
import { isObject } from '../api/json.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { Schema } from '../schema/schema.ts';
import { memberSchema } from '../schema/schema.ts';

/** An error of evaluation; `&&`, `||` and the macros may absorb it. */
export class CelError extends Error {
  override readonly name = 'CelError';
}

export class Quantity {
  readonly amount: number;
  constructor(amount: number) {
    this.amount = amount;
  }

  static parse(text: string): Quantity {
    const amount = parseQuantity(text);
    if (amount === null) throw new CelError(`"${text}" is no quantity`);
    return new Quantity(amount);
  }
}

export class Duration {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
}

export class Timestamp {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
}

/** A value while an expression runs: integers are bigints, doubles numbers. */
export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | CelValue[]
  | Map<CelValue, CelValue>
  | Quantity
  | Duration
  | Timestamp;

/** The value of a field, typed by its schema: a whole number of type `number` is a double. */
export function toCel(value: Json, schema: Schema | undefined): CelValue {
  if (typeof value === 'number') {
    const isInt = schema?.type === undefined || schema.type === 'integer';
    return isInt && Number.isInteger(value) ? BigInt(value) : value;
  }
  if (typeof value === 'string') {
    if (schema?.format === 'duration') return parseDuration(value);
    if (schema?.format === 'date-time') return parseTimestamp(value);
    return value;
  }
  if (Array.isArray(value)) return value.map((item) => toCel(item, schema?.items));
  if (!isObject(value)) return value;
  return new Map(
    Object.entries(value).map(([key, member]) => [key, toCel(member, memberSchema(schema, key))]),
  );
}

export function sameCel(left: CelValue, right: CelValue): boolean {
  if (typeof left === 'bigint' && typeof right === 'number') return Number(left) === right;
  if (typeof left === 'number' && typeof right === 'bigint') return left === Number(right);
  if (Array.isArray(left) && Array.isArray(right)) {
    return (
      left.length === right.length &&
      left.every((item, index) => sameCel(item, right[index] ?? null))
    );
  }
  if (left instanceof Map && right instanceof Map) {
    if (left.size !== right.size) return false;
    return [...left].every(
      ([key, item]) => right.has(key) && sameCel(item, right.get(key) ?? null),
    );
  }
  if (left instanceof Quantity && right instanceof Quantity) return left.amount === right.amount;
  if (left instanceof Duration && right instanceof Duration) return left.ms === right.ms;
  if (left instanceof Timestamp && right instanceof Timestamp) return left.ms === right.ms;
  return left === right;
}

/** Below zero, zero or above, as the left value is less, equal or greater. */
export function compareCel(left: CelValue, right: CelValue): number {
  if (typeof left === 'string' && typeof right === 'string') {
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  }
  const isNumber = (value: CelValue): value is bigint | number =>
    typeof value === 'bigint' || typeof value === 'number';
  if (isNumber(left) && isNumber(right)) return left < right ? -1 : left > right ? 1 : 0;
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  if (left instanceof Duration && right instanceof Duration) return left.ms - right.ms;
  if (left instanceof Timestamp && right instanceof Timestamp) return left.ms - right.ms;
  throw new CelError(`no such overload: ${typeNameOf(left)} < ${typeNameOf(right)}`);
}

export function typeNameOf(value: CelValue): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'double';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (Array.isArray(value)) return 'list';
  return value.constructor.name.toLowerCase();
}

const unitsMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

export function parseDuration(text: string): Duration {
  const match = /^([+-]?)((?:\d+(?:\.\d+)?(?:h|ms|us|µs|ns|m|s))+|0)$/.exec(text);
  if (match?.[2] === undefined) throw new CelError(`"${text}" is no duration`);
  let ms = 0;
  for (const [, amount, unit] of match[2].matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g)) {
    ms += Number(amount) * (unitsMs[unit ?? ''] ?? 0);
  }
  return new Duration(match[1] === '-' ? -ms : ms);
}

export function parseTimestamp(text: string): Timestamp {
  const ms = Date.parse(text);
  if (Number.isNaN(ms) || !text.includes('T')) throw new CelError(`"${text}" is no timestamp`);
  return new Timestamp(ms);
}
