import { zxidHex, type Zxid } from '../protocol/zxid.ts';
import { adler32 } from '../util/adler32.ts';

/** Magic, version, dbid. */
export const logHeaderBytes = 16;

/** Checksum and length before a payload. */
export const entryPrefixBytes = 12;

/** What an entry adds to its payload: prefix and end byte. */
export const entryOverheadBytes: number = entryPrefixBytes + 1;

/** Behind every payload: `B`. */
export const entryEnd = 0x42;

/** Session id, cxid, zxid, time, type: the least that a payload can be. */
export const payloadBytesMin = 32;

/** Where a payload has its zxid: behind session id and cxid. */
const zxidOffset = 12;

const magic = 0x5a4b4c47; // ZKLG
const version = 2;

/**
 * Start of a log file.
 *
 * ```
 * magic    4 bytes  ZKLG
 * version  int32    2
 * dbid     int64    0
 * ```
 * Source: storage, section 4.1.
 */
export function writeLogHeader(target: Buffer, at: number): number {
  target.writeUInt32BE(magic, at);
  target.writeUInt32BE(version, at + 4);
  target.fill(0, at + 8, at + 16);
  return at + logHeaderBytes;
}

/** A log without an entry. */
export const logHeader: Buffer = Buffer.alloc(logHeaderBytes);
writeLogHeader(logHeader, 0);

/** Version and dbid are not looked at, as the reference does not. */
export function isLogHeader(bytes: Buffer): boolean {
  return bytes.length >= logHeaderBytes && bytes.readUInt32BE(0) === magic;
}

/**
 * One entry; returns the offset behind it.
 *
 * ```
 * checksum  int64  Adler-32 of the payload, never sign-extended
 * length    int32
 * payload   bytes  the same as in a PROPOSAL
 * end       byte   'B'
 * ```
 * Source: storage, section 4.2.
 */
export function writeEntry(target: Buffer, at: number, payload: Uint8Array): number {
  target.writeUInt32BE(0, at);
  target.writeUInt32BE(adler32(payload), at + 4);
  target.writeUInt32BE(payload.length, at + 8);
  target.set(payload, at + entryPrefixBytes);
  const end = at + entryPrefixBytes + payload.length;
  target[end] = entryEnd;
  return end + 1;
}

/** Zxid of the payload that starts at that offset; beyond 2^53 it is not exact, see {@link isZxid}. */
export function payloadZxid(bytes: Buffer, payloadAt: number): Zxid {
  const at = payloadAt + zxidOffset;
  return (bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)) as Zxid;
}

/** Whether a 64-bit number read as a double is a zxid that we can hold. */
export function isZxid(value: number): value is Zxid {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * Behind each batch stands a seal, in what reads as padding: it says where the batch began, so
 * everything before was durable when the batch was written. The next batch overwrites it. It lets
 * recovery tell a write that a crash tore from bytes that went bad later.
 *
 * ```
 * zeros       12 bytes  checksum 0, length 0: the end, to every reader of logs
 * batchStart  uint48    offset in the file
 * (zero)      uint16
 * checksum    uint32    Adler-32 of the six bytes of batchStart
 * magic       4 bytes   ZKES
 * ```
 * Source: our own; the reference stops at the zeros (storage, section 4.5).
 */
export const sealBytes = 28;

const sealMagic = 0x5a4b4553;

export function writeSeal(target: Buffer, at: number, batchStart: number): number {
  target.fill(0, at, at + sealBytes);
  target.writeUIntBE(batchStart, at + 12, 6);
  target.writeUInt32BE(adler32(target, at + 12, at + 18), at + 20);
  target.writeUInt32BE(sealMagic, at + 24);
  return at + sealBytes;
}

/** Where the batch began, from the seal at that offset; -1: there is no intact seal. */
export function readSeal(bytes: Buffer, at: number): number {
  if (at < 0 || at + sealBytes > bytes.length) return -1;
  if (bytes.readUInt32BE(at + 24) !== sealMagic) return -1;
  for (let index = at; index < at + entryPrefixBytes; index += 1) {
    if (bytes[index] !== 0) return -1;
  }
  if (bytes.readUInt32BE(at + 20) !== adler32(bytes, at + 12, at + 18)) return -1;
  return bytes.readUIntBE(at + 12, 6);
}

/** `log.<hex of the first entry's zxid>`. */
export function logName(zxid: Zxid): string {
  return `log.${zxidHex(zxid)}`;
}

/** Zxid of a log file's name; `null`: it is none. */
export function zxidOfLogName(name: string): Zxid | null {
  const match = /^log\.([0-9a-fA-F]{1,16})$/.exec(name);
  if (match === null) return null;
  const value = Number.parseInt(match[1] as string, 16);
  return isZxid(value) ? value : null;
}
