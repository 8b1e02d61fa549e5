import type { ConfigValues, Scope } from './config-values.ts';
import { knownSettings, type KnownSetting } from './known-settings.ts';
import type { RawEntry } from './zoo-cfg.ts';

const prefix = 'zookeeper.';

/** Names of settings whose first value was found. */
type Named = Pick<KnownSetting, 'key' | 'scope'>;

/**
 * Names everything that is set and does nothing: what the reference has and this server does not,
 * what no one knows, and what stands where it is not read.
 *
 * Source: configuration, section 1.
 */
export function warnIdle(
  values: ConfigValues,
  entries: readonly RawEntry[],
  properties: ReadonlyMap<string, string>,
): void {
  for (const entry of entries) warnOf(values, entry, settingOf(entry.key, inFile));
  for (const [name, value] of properties) {
    const found = { key: name, line: 0, value };
    const known = name.startsWith(prefix)
      ? settingOf(name.slice(prefix.length), asProperty)
      : settingOf(name, asProcess);
    if (known === null && settingOf(name.replace(prefix, ''), ['file']) !== null) {
      values.warn(name, found, 'It is read from the file alone. Write it there.');
    } else {
      warnOf(values, found, known);
    }
  }
}

/** In the file a process property is pointed out elsewhere, with how to set it. */
const inFile: readonly Scope[] = ['file', 'property', 'process'];
const asProperty: readonly Scope[] = ['property'];
const asProcess: readonly Scope[] = ['process'];

function warnOf(values: ConfigValues, found: RawEntry, known: KnownSetting | null): void {
  if (known === null) {
    const isOurs = found.line > 0 || found.key.startsWith(prefix);
    const remedy = isOurs
      ? 'No setting has that name, so it does nothing. Correct or remove it.'
      : 'No Java machine runs here, so it does nothing. It may stay.';
    values.warn(found.key, found, remedy);
  } else if (known.idle !== null && !isStandard(known, found.value)) {
    values.warn(found.key, found, `${known.idle} It does nothing and may stay.`);
  }
}

function isStandard({ standard }: KnownSetting, value: string): boolean {
  return value === '' || value.toLowerCase() === standard?.toLowerCase();
}

/** The one of that very name, or else the first whose `*` covers it. */
export function settingOf(key: string, scopes: readonly Scope[]): KnownSetting | null {
  const own = knownSettings.filter(({ scope }) => scopes.includes(scope));
  return own.find((each) => each.key === key) ?? own.find((each) => covers(each, key)) ?? null;
}

function covers({ key }: Named, name: string): boolean {
  return key.endsWith('*') && name.startsWith(key.slice(0, -1));
}
