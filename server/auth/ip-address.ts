/** An address, or a range of them: the first `bits` bits count. */
export interface AddressRange {
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  readonly bits: number;
}

const ipv4Bytes = 4;
const ipv6Bytes = 16;
const ipv6Groups = 8;

/**
 * `1.2.3.4`, `1.2.3.0/24`, `fe80::1`, `fe80::/10`; `null` for anything else. Of IPv6 text: `::` at
 * most once, 1 to 4 hex digits a group, no embedded IPv4, no zone.
 *
 * Source: semantics, section 5, scheme ip.
 */
export function addressRangeOf(text: string): AddressRange | null {
  const slash = text.indexOf('/');
  const bytes = addressBytes(slash === -1 ? text : text.slice(0, slash));
  if (bytes === null) return null;
  const bitsMax = bytes.length * 8;
  if (slash === -1) return { bytes, bits: bitsMax };
  const bits = decimal(text.slice(slash + 1), bitsMax);
  return bits === null ? null : { bytes, bits };
}

/** Same family and the same first bits? */
export function isWithin(address: AddressRange, range: AddressRange): boolean {
  if (address.bytes.length !== range.bytes.length) return false;
  const whole = range.bits >> 3;
  for (let index = 0; index < whole; index += 1) {
    if (address.bytes[index] !== range.bytes[index]) return false;
  }
  const rest = range.bits & 7;
  if (rest === 0) return true;
  const difference = (address.bytes[whole] ?? 0) ^ (range.bytes[whole] ?? 0);
  return difference >> (8 - rest) === 0;
}

/**
 * A socket's remote address as an id: without zone, and IPv4 as IPv4 also when the socket is a
 * dual-stack one (`::ffff:127.0.0.1`).
 */
export function addressIdOf(remoteAddress: string): string {
  const zone = remoteAddress.indexOf('%');
  const text = zone === -1 ? remoteAddress : remoteAddress.slice(0, zone);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text);
  return mapped?.[1] ?? text;
}

function addressBytes(text: string): Uint8Array | null {
  return text.includes(':') ? addressBytesOfIpv6(text) : addressBytesOfIpv4(text);
}

function addressBytesOfIpv4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== ipv4Bytes) return null;
  const bytes = new Uint8Array(ipv4Bytes);
  for (const [index, part] of parts.entries()) {
    const value = decimal(part, 255);
    if (value === null) return null;
    bytes[index] = value;
  }
  return bytes;
}

function addressBytesOfIpv6(text: string): Uint8Array | null {
  const gap = text.indexOf('::');
  if (gap === -1) {
    const groups = groupsOf(text);
    return groups?.length === ipv6Groups ? bytesOf(groups, []) : null;
  }
  if (text.indexOf('::', gap + 1) !== -1) return null;
  const head = groupsOf(text.slice(0, gap));
  const tail = groupsOf(text.slice(gap + 2));
  if (head === null || tail === null || head.length + tail.length >= ipv6Groups) return null;
  return bytesOf(head, tail);
}

function groupsOf(text: string): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  for (const part of text.split(':')) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
    groups.push(Number.parseInt(part, 16));
  }
  return groups;
}

function bytesOf(head: readonly number[], tail: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(ipv6Bytes);
  const put = (group: number, at: number): void => {
    bytes[at] = group >> 8;
    bytes[at + 1] = group & 0xff;
  };
  for (const [index, group] of head.entries()) put(group, index * 2);
  for (const [index, group] of tail.entries()) put(group, (ipv6Groups - tail.length + index) * 2);
  return bytes;
}

function decimal(text: string, max: number): number | null {
  if (!/^\d{1,3}$/.test(text)) return null;
  const value = Number(text);
  return value <= max ? value : null;
}
