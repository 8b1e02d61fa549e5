const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** `%#016x` of a 64-bit number: sixteen characters at least, `0x` counted. */
export function wideHex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16).padStart(14, '0')}`;
}

/** `0x` and the digits. */
export function shortHex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}

/** `Date.toString()`: `Sun Nov 22 03:27:14 UTC 2026`, in the zone of this process. */
export function javaDate(ms: number): string {
  const date = new Date(ms);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  const day = `${days[date.getDay()]} ${months[date.getMonth()]} ${two(date.getDate())}`;
  return `${day} ${time} ${zoneOf(date)} ${date.getFullYear()}`;
}

/** A short date with a long time, as in English: `11/22/26, 3:27:14 AM UTC`, in the zone of this process. */
export function javaShortDate(ms: number): string {
  const date = new Date(ms);
  const hours = date.getHours();
  const day = `${date.getMonth() + 1}/${date.getDate()}/${two(date.getFullYear() % 100)}`;
  const time = `${hours % 12 || 12}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day}, ${time} ${hours < 12 ? 'AM' : 'PM'} ${zoneOf(date)}`;
}

/** A string in a record's text form: what would end it is escaped. */
export function csvString(text: string): string {
  return `'${text.replaceAll(/[\0\n\r%,}]/g, escaped)}`;
}

/** A buffer in a record's text form. */
export function csvBuffer(bytes: Uint8Array | null): string {
  return `#${bytes === null ? '' : Buffer.from(bytes).toString('hex')}`;
}

/** As Jackson quotes: control characters and what JSON must escape, nothing else. */
export function jsonString(text: string): string {
  let quoted = '';
  for (const char of text) {
    quoted += shortEscapes.get(char) ?? (char < ' ' ? unicodeEscape(char) : char);
  }
  return `"${quoted}"`;
}

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\f', '\\f'],
  ['\r', '\\r'],
]);

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function escaped(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

const zones: Intl.DateTimeFormat = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' });

function zoneOf(date: Date): string {
  return zones.formatToParts(date).find((part) => part.type === 'timeZoneName')?.value ?? 'UTC';
}
