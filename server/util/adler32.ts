const base = 65521;

/** Bytes that can be summed before the second sum leaves 31 bits. */
const runBytes = 3840;

/** Checksum of no bytes: where every running sum starts. */
export const adler32Start = 1;

/**
 * Adler-32 of `bytes[start, end)`, 0..2^32-1. A running checksum passes the previous value as
 * `seed`: `adler32(b, 0, n, adler32(a))` is the checksum of `a` followed by `b`.
 *
 * Source: RFC 1950, section 8.2.
 */
export function adler32(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
  seed: number = adler32Start,
): number {
  let low = seed & 0xffff;
  let high = seed >>> 16;
  let at = start;
  while (at < end) {
    const runEnd = Math.min(end, at + runBytes);
    for (; at + 8 <= runEnd; at += 8) {
      const b0 = bytes[at] as number;
      const b1 = bytes[at + 1] as number;
      const b2 = bytes[at + 2] as number;
      const b3 = bytes[at + 3] as number;
      const b4 = bytes[at + 4] as number;
      const b5 = bytes[at + 5] as number;
      const b6 = bytes[at + 6] as number;
      const b7 = bytes[at + 7] as number;
      // The weights make the eight bytes independent of each other: about twice as fast.
      high = (high + (low << 3) + (b0 << 3) + 7 * b1 + 6 * b2 + 5 * b3 + (b4 << 2) + 3 * b5) | 0;
      high = (high + (b6 << 1) + b7) | 0;
      low = (low + b0 + b1 + b2 + b3 + b4 + b5 + b6 + b7) | 0;
    }
    for (; at < runEnd; at += 1) {
      low = (low + (bytes[at] as number)) | 0;
      high = (high + low) | 0;
    }
    low %= base;
    high %= base;
  }
  return high * 0x10000 + low;
}

/** Checksum of `a` followed by `b`, from their own checksums and the length of `b` in bytes. */
export function adler32Combine(a: number, b: number, bytesOfB: number): number {
  const length = bytesOfB % base;
  const lowA = a & 0xffff;
  const low = (lowA + (b & 0xffff) + base - 1) % base;
  const high = (((length * lowA) % base) + (a >>> 16) + (b >>> 16) + base - length) % base;
  return high * 0x10000 + low;
}
