import { zxidHex, type Zxid } from '../protocol/zxid.ts';
import { isZxid } from './txn-log-format.ts';

/** Magic, version, dbid. */
export const snapshotHeaderBytes = 16;

/** Checksum and the marker `"/"`. */
export const snapshotSealBytes = 13;

/** Zxid, digest version, digest. */
export const digestSectionBytes = 20;

/** The last processed zxid. */
export const zxidSectionBytes = 8;

const magic = 0x5a4b534e; // ZKSN
const version = 2;
const digestVersion = 2;

/**
 * ```
 * magic    4 bytes  ZKSN
 * version  int32    2
 * dbid     int64    -1
 * ```
 * Source: storage, section 5.1.
 */
export function snapshotHeader(): Buffer {
  const bytes = Buffer.alloc(snapshotHeaderBytes, 0xff);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt32BE(version, 4);
  return bytes;
}

export function isSnapshotHeader(bytes: Buffer): boolean {
  return bytes.length >= snapshotHeaderBytes && bytes.readUInt32BE(0) === magic;
}

/**
 * A checksum over everything before it, earlier seals included.
 *
 * ```
 * checksum  int64   Adler-32, never sign-extended
 * marker    string  "/"
 * ```
 * Source: storage, section 5.1.
 */
export function snapshotSeal(checksum: number): Buffer {
  const bytes = Buffer.alloc(snapshotSealBytes);
  bytes.writeUInt32BE(checksum, 4);
  bytes.writeUInt32BE(1, 8);
  bytes[12] = 0x2f;
  return bytes;
}

/** The checksum of the seal at that offset; -1: no seal stands there. */
export function readSnapshotSeal(bytes: Buffer, at: number): number {
  if (at < 0 || at + snapshotSealBytes > bytes.length) return -1;
  const isSeal =
    bytes.readUInt32BE(at) === 0 && bytes.readUInt32BE(at + 8) === 1 && bytes[at + 12] === 0x2f;
  return isSeal ? bytes.readUInt32BE(at + 4) : -1;
}

export interface SnapshotDigest {
  readonly zxid: Zxid;
  /** Of the whole tree, version 2, signed. */
  readonly digest: bigint;
}

/** Which of the optional sections are written. Source: storage, section 5.1. */
export interface SnapshotSections {
  readonly digest: boolean;
  readonly lastZxid: boolean;
}

export const allSections: SnapshotSections = { digest: true, lastZxid: true };

export function digestSection(value: SnapshotDigest): Buffer {
  const bytes = Buffer.alloc(digestSectionBytes);
  writeZxid(bytes, 0, value.zxid);
  bytes.writeInt32BE(digestVersion, 8);
  bytes.writeBigInt64BE(value.digest, 12);
  return bytes;
}

export function zxidSection(zxid: Zxid): Buffer {
  const bytes = Buffer.alloc(zxidSectionBytes);
  writeZxid(bytes, 0, zxid);
  return bytes;
}

/**
 * The digest from what follows the body: which sections are there shows by their length alone
 * (seal; digest and seal; zxid and seal). `null`: none, or one of another version.
 *
 * @param rest everything behind the first seal.
 */
export function digestBehindBody(rest: Buffer): SnapshotDigest | null {
  const digestOnly = digestSectionBytes + snapshotSealBytes;
  const both = digestOnly + zxidSectionBytes + snapshotSealBytes;
  if (rest.length !== digestOnly && rest.length !== both) return null;
  if (rest.readInt32BE(8) !== digestVersion) return null;
  const zxid = rest.readInt32BE(0) * 2 ** 32 + rest.readUInt32BE(4);
  return isZxid(zxid) ? { zxid, digest: rest.readBigInt64BE(12) } : null;
}

export type Compression = 'none' | 'gz' | 'snappy';

/** `snapshot.<hex>`, with `.gz` or `.snappy` behind it. */
export function snapshotName(zxid: Zxid, compression: Compression = 'none'): string {
  const plain = `snapshot.${zxidHex(zxid)}`;
  return compression === 'none' ? plain : `${plain}.${compression}`;
}

/** Zxid and compression from a file's name; `null`: it is no finished snapshot. */
export function parseSnapshotName(
  name: string,
): { readonly zxid: Zxid; readonly compression: Compression } | null {
  const match = /^snapshot\.([0-9a-fA-F]{1,16})(?:\.(gz|snappy))?$/.exec(name);
  if (match === null) return null;
  const zxid = Number.parseInt(match[1] as string, 16);
  if (!isZxid(zxid)) return null;
  return { zxid, compression: (match[2] ?? 'none') as Compression };
}

function writeZxid(bytes: Buffer, at: number, zxid: Zxid): void {
  const high = Math.floor(zxid / 2 ** 32);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(zxid - high * 2 ** 32, at + 4);
}
