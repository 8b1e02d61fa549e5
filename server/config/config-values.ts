import { hostOf } from './host-address.ts';
import { limits } from './limits.ts';
import type { ConfigProblem, RawEntry } from './zoo-cfg.ts';

/** Bounds of a number, both included. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Largest value of Java's int, in which the reference keeps nearly every number. */
const intMax = 2 ** 31 - 1;

/**
 * Where a key's value comes from. `file`: a key known by name, from the file alone. `property`: a
 * process property `zookeeper.<key>`, which the file may set without the prefix and then wins.
 * `process`: a process property of exactly that name, which the file cannot set.
 *
 * Source: configuration, section 1.
 */
export type Scope = 'file' | 'property' | 'process';

interface Found {
  readonly line: number;
  readonly value: string;
}

/** Reads typed values and gathers what is wrong with them; a wrong value reads as its default. */
export class ConfigValues {
  readonly problems: ConfigProblem[] = [];
  readonly warnings: ConfigProblem[] = [];
  readonly #file = new Map<string, RawEntry>();
  readonly #properties: ReadonlyMap<string, string>;

  /** Of repeated keys the last counts. */
  constructor(entries: readonly RawEntry[], properties: ReadonlyMap<string, string>) {
    for (const entry of entries) this.#file.set(entry.key, entry);
    this.#properties = properties;
  }

  /** The value and its line (0: not in the file); `null`: not set. Empty is as good as not set. */
  find(key: string, scope: Scope): Found | null {
    const entry = scope === 'process' ? undefined : this.#file.get(key);
    if (entry !== undefined) return entry.value === '' ? null : entry;
    if (scope === 'file') return null;
    const value = this.#properties.get(scope === 'process' ? key : `zookeeper.${key}`);
    return value === undefined || value.trim() === '' ? null : { line: 0, value: value.trim() };
  }

  text(key: string, scope: Scope): string | null {
    return this.find(key, scope)?.value ?? null;
  }

  /** A whole number, decimal or `0x…`. */
  integer<T>(key: string, scope: Scope, standard: T, bounds: Partial<Bounds> = {}): number | T {
    const found = this.find(key, scope);
    if (found === null) return standard;
    const { min = 0, max = intMax } = bounds;
    const isNumber = /^[-+]?(\d+|0[xX][0-9a-fA-F]+)$/.test(found.value);
    const value = isNumber ? numberOf(found.value) : Number.NaN;
    if (value >= min && value <= max) return value;
    this.refuse(key, found, `It must be a whole number from ${min} to ${max}.`);
    return standard;
  }

  /** A number with or without a fraction. */
  decimal(key: string, scope: Scope, standard: number): number {
    const found = this.find(key, scope);
    if (found === null) return standard;
    if (/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(found.value)) return Number(found.value);
    this.refuse(key, found, 'It must be a number such as 0.33.');
    return standard;
  }

  /** `null` where the key is unset or 0, which the reference takes for "not set". */
  port(key: string, scope: Scope): number | null {
    const value = this.integer(key, scope, 0, { min: 0, max: limits.port });
    return value === 0 ? null : value;
  }

  /** A name or an address; brackets around IPv6 go. */
  host<T>(key: string, scope: Scope, standard: T): string | T {
    const found = this.find(key, scope);
    if (found === null) return standard;
    const host = hostOf(found.value);
    if (host !== null) return host;
    this.refuse(key, found, 'It must be a host name or an IP address.');
    return standard;
  }

  /** Keys known by name take nothing but true and false; of a property only `true` is true. */
  flag(key: string, scope: Scope, standard: boolean): boolean {
    const found = this.find(key, scope);
    if (found === null) return standard;
    const value = found.value.toLowerCase();
    if (scope === 'file' && value !== 'true' && value !== 'false') {
      this.refuse(key, found, 'It must be true or false.');
      return standard;
    }
    return value === 'true';
  }

  /** Switches that are words: `word` (any case) is the other position than the standard one. */
  word(key: string, scope: Scope, word: string): boolean {
    return this.find(key, scope)?.value.toLowerCase() === word;
  }

  oneOf<T extends string>(key: string, scope: Scope, standard: T, allowed: readonly T[]): T {
    const found = this.find(key, scope);
    if (found === null) return standard;
    const value = allowed.find((word) => word.toLowerCase() === found.value.toLowerCase());
    if (value !== undefined) return value;
    this.refuse(
      key,
      found,
      `It must be one of: ${allowed.map((word) => word || '(empty)').join(', ')}.`,
    );
    return standard;
  }

  refuse(key: string, found: Found | null, remedy: string): void {
    this.problems.push({ line: found?.line ?? 0, key, value: found?.value ?? '', remedy });
  }

  warn(key: string, found: Found | null, remedy: string): void {
    this.warnings.push({ line: found?.line ?? 0, key, value: found?.value ?? '', remedy });
  }
}

function numberOf(text: string): number {
  const isNegative = text.startsWith('-');
  const size = Number(text.replace(/^[-+]/, ''));
  return isNegative ? -size : size;
}
