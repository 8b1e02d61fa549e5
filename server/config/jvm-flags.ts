/**
 * System properties in a list of Java options: `-Dname=value` and `-Dname` (empty). Other options
 * are for a machine that we do not have and are ignored. A later one wins.
 *
 * Source: configuration, section 1: SERVER_JVMFLAGS and JVMFLAGS.
 */
export function systemPropertiesOf(options: readonly string[]): Map<string, string> {
  const properties = new Map<string, string>();
  for (const option of options) {
    if (!option.startsWith('-D')) continue;
    const at = option.indexOf('=');
    const name = option.slice(2, at < 0 ? undefined : at);
    if (name !== '') properties.set(name, at < 0 ? '' : option.slice(at + 1));
  }
  return properties;
}

/** Options that are no properties: they mean something to a Java machine alone. */
export function otherOptionsOf(options: readonly string[]): readonly string[] {
  return options.filter((option) => !/^-D[^=]/.test(option));
}

/** Splits a line of options at blanks, with `'…'`, `"…"` and `\` as a shell has them. */
export function splitOptions(line: string): string[] {
  const options: string[] = [];
  for (const match of line.matchAll(/(?:[^\s'"\\]|\\[^]|'[^']*'|"(?:\\[^]|[^"\\])*")+/g)) {
    options.push(
      match[0].replaceAll(
        /\\([^])|'([^']*)'|"((?:\\[^]|[^"\\])*)"/g,
        (_all, bare, single, double) => {
          if (bare !== undefined) return String(bare);
          return single === undefined
            ? String(double).replaceAll(/\\(["\\$`])/g, '$1')
            : String(single);
        },
      ),
    );
  }
  return options;
}

/**
 * The configuration text for `clientPort dataDir [tickTime [maxClientCnxns]]`; `null` when the
 * number of arguments is another.
 *
 * Source: configuration, section 1.
 */
export function textOfArguments(values: readonly string[]): string | null {
  const keys = ['clientPort', 'dataDir', 'tickTime', 'maxClientCnxns'];
  if (values.length < 2 || values.length > keys.length) return null;
  return values
    .map((value, index) => `${keys[index]}=${value.replaceAll('\\', '\\\\')}`)
    .join('\n');
}
