/**
 * CRC-32 (IEEE 802.3, reflected, as in zlib), eight bytes a step.
 *
 * The register form lets a value be continued: start with {@link crcStart}, feed bytes and words,
 * finish with {@link crcEnd}. The register is an int32 and may be kept.
 */

const tables: Int32Array = makeTables();
const table0 = tables.subarray(0, 256);
const table1 = tables.subarray(256, 512);
const table2 = tables.subarray(512, 768);
const table3 = tables.subarray(768, 1024);
const table4 = tables.subarray(1024, 1280);
const table5 = tables.subarray(1280, 1536);
const table6 = tables.subarray(1536, 1792);
const table7 = tables.subarray(1792, 2048);

/** The register before the first byte. */
export const crcStart: number = -1;

/** The register after more bytes. */
export function crcBytes(register: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = register;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    crc =
      table7[(crc ^ bytes[at]!) & 255]! ^
      table6[((crc >>> 8) ^ bytes[at + 1]!) & 255]! ^
      table5[((crc >>> 16) ^ bytes[at + 2]!) & 255]! ^
      table4[(crc >>> 24) ^ bytes[at + 3]!]! ^
      table3[bytes[at + 4]!]! ^
      table2[bytes[at + 5]!]! ^
      table1[bytes[at + 6]!]! ^
      table0[bytes[at + 7]!]!;
  }
  for (; at < end; at += 1) crc = table0[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return crc;
}

/** The register after `count` big-endian int32 words. */
export function crcWords(
  register: number,
  words: Int32Array,
  start: number,
  count: number,
): number {
  let crc = register;
  for (let at = start; at < start + count; at += 1) {
    const word = words[at]!;
    crc =
      table3[(crc ^ (word >>> 24)) & 255]! ^
      table2[((crc >>> 8) ^ (word >>> 16)) & 255]! ^
      table1[((crc >>> 16) ^ (word >>> 8)) & 255]! ^
      table0[((crc >>> 24) ^ word) & 255]!;
  }
  return crc;
}

/** 0..2^32-1. */
export function crcEnd(register: number): number {
  return ~register >>> 0;
}

/** CRC-32 of bytes, 0..2^32-1. */
export function crc32(bytes: Uint8Array, start: number = 0, end: number = bytes.length): number {
  return crcEnd(crcBytes(crcStart, bytes, start, end));
}

/** `table[k][b]`: the register after byte `b` and `k` zero bytes. */
function makeTables(): Int32Array {
  const all = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    all[byte] = crc;
  }
  for (let at = 256; at < all.length; at += 1) {
    const before = all[at - 256]!;
    all[at] = (before >>> 8) ^ all[before & 255]!;
  }
  return all;
}
