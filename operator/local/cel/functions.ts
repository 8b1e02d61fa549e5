import type { CelValue } from './value.ts';
import {
  CelError,
  compareCel,
  Duration,
  parseDuration,
  parseTimestamp,
  Quantity,
  sameCel,
  Timestamp,
  typeNameOf,
} from './value.ts';

/** A function with its numbers of arguments, the target of a method not counted. */
interface CelFunction {
  readonly counts: readonly number[];
  readonly run: (...args: CelValue[]) => CelValue;
}

function text(value: CelValue | undefined): string {
  if (typeof value !== 'string') throw new CelError('no such overload: a string is needed');
  return value;
}

function whole(value: CelValue | undefined): number {
  if (typeof value !== 'bigint') throw new CelError('no such overload: an int is needed');
  return Number(value);
}

function list(value: CelValue | undefined): CelValue[] {
  if (!Array.isArray(value)) throw new CelError('no such overload: a list is needed');
  return value;
}

function quantity(value: CelValue | undefined): Quantity {
  if (!(value instanceof Quantity)) throw new CelError('no such overload: a quantity is needed');
  return value;
}

function sizeOf(value: CelValue | undefined): bigint {
  if (typeof value === 'string') return BigInt(Array.from(value).length);
  if (Array.isArray(value)) return BigInt(value.length);
  if (value instanceof Map) return BigInt(value.size);
  throw new CelError('no such overload: size');
}

function matches(value: CelValue, pattern: CelValue): boolean {
  return regularExpression(text(pattern)).test(text(value));
}

/**
 * A pattern of RE2 as this runtime runs it.
 * @throws CelError for syntax that RE2 lacks or that would mean something else here.
 */
export function regularExpression(pattern: string): RegExp {
  if (/\(\?[=!<]|\\[1-9]/.test(pattern)) {
    throw new CelError(`the pattern ${pattern} looks around or back, which RE2 does not`);
  }
  try {
    return new RegExp(pattern, 'u');
  } catch {
    throw new CelError(`the pattern ${pattern} is not one that both RE2 and this runtime know`);
  }
}

function toText(value: CelValue): string {
  if (typeof value === 'string') return value;
  if (value instanceof Timestamp) return new Date(value.ms).toISOString().replace('.000Z', 'Z');
  if (value instanceof Duration) return `${value.ms / 1000}s`;
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') {
    return String(value);
  }
  throw new CelError(`no such overload: string(${typeNameOf(value)})`);
}

function toInt(value: CelValue): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return BigInt(Math.trunc(value));
  if (typeof value === 'string' && /^[+-]?\d+$/.test(value)) return BigInt(value);
  throw new CelError(`int(${typeNameOf(value)}) is no int`);
}

function toDouble(value: CelValue): number {
  if (typeof value === 'bigint' || typeof value === 'number') return Number(value);
  if (typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) {
    return Number(value);
  }
  throw new CelError(`double(${typeNameOf(value)}) is no double`);
}

function extreme(values: CelValue[], sign: number): CelValue {
  const [first, ...rest] = values;
  if (first === undefined) throw new CelError('min and max need a list that is not empty');
  return rest.reduce((best, one) => (compareCel(one, best) * sign > 0 ? one : best), first);
}

function sum(values: CelValue[]): CelValue {
  if (values.every((one) => typeof one === 'bigint')) {
    return values.reduce((total, one) => total + one, 0n);
  }
  return values.reduce<number>((total, one) => total + toDouble(one), 0);
}

/** Functions called by name. Macros are not here. Source: Kubernetes' CEL reference. */
export const globals: Readonly<Record<string, CelFunction>> = {
  size: { counts: [1], run: (value) => sizeOf(value) },
  string: { counts: [1], run: (value = null) => toText(value) },
  int: { counts: [1], run: (value = null) => toInt(value) },
  double: { counts: [1], run: (value = null) => toDouble(value) },
  dyn: { counts: [1], run: (value = null) => value },
  duration: { counts: [1], run: (value) => parseDuration(text(value)) },
  timestamp: { counts: [1], run: (value) => parseTimestamp(text(value)) },
  matches: { counts: [2], run: (value = null, pattern = null) => matches(value, pattern) },
  quantity: {
    counts: [1],
    run: (value) =>
      typeof value === 'bigint' ? new Quantity(Number(value)) : Quantity.parse(text(value)),
  },
  isQuantity: {
    counts: [1],
    run: (value) => {
      try {
        Quantity.parse(text(value));
        return true;
      } catch {
        return false;
      }
    },
  },
};

const stringMethods: Readonly<Record<string, CelFunction>> = {
  contains: { counts: [1], run: (it, part) => text(it).includes(text(part)) },
  startsWith: { counts: [1], run: (it, part) => text(it).startsWith(text(part)) },
  endsWith: { counts: [1], run: (it, part) => text(it).endsWith(text(part)) },
  matches: { counts: [1], run: (it = null, pattern = null) => matches(it, pattern) },
  charAt: { counts: [1], run: (it, index) => Array.from(text(it))[whole(index)] ?? '' },
  lowerAscii: { counts: [0], run: (it) => text(it).replaceAll(/[A-Z]/g, (c) => c.toLowerCase()) },
  upperAscii: { counts: [0], run: (it) => text(it).replaceAll(/[a-z]/g, (c) => c.toUpperCase()) },
  trim: { counts: [0], run: (it) => text(it).trim() },
  replace: { counts: [2], run: (it, from, to) => text(it).replaceAll(text(from), text(to)) },
  split: { counts: [1], run: (it, by) => text(it).split(text(by)) },
  substring: {
    counts: [1, 2],
    run: (it, from, to) => {
      const characters = Array.from(text(it));
      const end = to === undefined ? characters.length : whole(to);
      return characters.slice(whole(from), end).join('');
    },
  },
  find: {
    counts: [1],
    run: (it, pattern) => regularExpression(text(pattern)).exec(text(it))?.[0] ?? '',
  },
};

const listMethods: Readonly<Record<string, CelFunction>> = {
  join: {
    counts: [0, 1],
    run: (it, by) =>
      list(it)
        .map(text)
        .join(by === undefined ? '' : text(by)),
  },
  isSorted: {
    counts: [0],
    run: (it) =>
      list(it).every(
        (one, index, all) => index === 0 || compareCel(all[index - 1] ?? null, one) <= 0,
      ),
  },
  sum: { counts: [0], run: (it) => sum(list(it)) },
  min: { counts: [0], run: (it) => extreme(list(it), -1) },
  max: { counts: [0], run: (it) => extreme(list(it), 1) },
};

const otherMethods: Readonly<Record<string, CelFunction>> = {
  size: { counts: [0], run: (it) => sizeOf(it) },
  indexOf: {
    counts: [1],
    run: (it, part = null) =>
      typeof it === 'string'
        ? BigInt(it.indexOf(text(part)))
        : BigInt(list(it).findIndex((one) => sameCel(one, part))),
  },
  lastIndexOf: {
    counts: [1],
    run: (it, part = null) =>
      typeof it === 'string'
        ? BigInt(it.lastIndexOf(text(part)))
        : BigInt(list(it).findLastIndex((one) => sameCel(one, part))),
  },
  compareTo: {
    counts: [1],
    run: (it, other) => BigInt(Math.sign(quantity(it).amount - quantity(other).amount)),
  },
  isGreaterThan: { counts: [1], run: (it, other) => quantity(it).amount > quantity(other).amount },
  isLessThan: { counts: [1], run: (it, other) => quantity(it).amount < quantity(other).amount },
  sign: { counts: [0], run: (it) => BigInt(Math.sign(quantity(it).amount)) },
  isInteger: { counts: [0], run: (it) => Number.isSafeInteger(quantity(it).amount) },
  asInteger: { counts: [0], run: (it) => toInt(quantity(it).amount) },
  asApproximateFloat: { counts: [0], run: (it) => quantity(it).amount },
  add: {
    counts: [1],
    run: (it, other) =>
      new Quantity(
        quantity(it).amount + (typeof other === 'bigint' ? whole(other) : quantity(other).amount),
      ),
  },
  sub: {
    counts: [1],
    run: (it, other) =>
      new Quantity(
        quantity(it).amount - (typeof other === 'bigint' ? whole(other) : quantity(other).amount),
      ),
  },
};

/** Functions called on a value, the value first among the arguments of `run`. */
export const methods: Readonly<Record<string, CelFunction>> = {
  ...stringMethods,
  ...listMethods,
  ...otherMethods,
};
