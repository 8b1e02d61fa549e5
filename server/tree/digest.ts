import type { SessionId } from '../protocol/session-id.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { crcBytes, crcEnd, crcStart, crcWords } from '../util/crc32.ts';
import { isOutsideDigest, PathBytes } from './path-bytes.ts';

/** The numbers of a node that its digest covers, as persisted. */
export interface DigestStat {
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  readonly pzxid: Zxid;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  /** The persisted counter, not the visible cversion. */
  readonly createsCount: number;
  readonly aversion: number;
  /** As stored: with container and TTL markers. */
  readonly ephemeralOwner: SessionId;
}

/** The digest of the tree at birth: `/` and `/zookeeper` with zero stats. */
export const digestAtBirth = 1371985504n;

/** What version of the digest this is, in transactions and snapshots. */
export const digestVersion = 2;

const span = 2 ** 32;
const stat = new Int32Array(15);
const pathBytes = new PathBytes();
const view = new DataView(new ArrayBuffer(8));

/**
 * Digest of one node, 0..2^32-1: CRC-32 over path (`/` as nothing), data and 60 bytes of stat; 0
 * below `/zookeeper/`.
 *
 * Source: storage, section 7.
 */
export function nodeDigestOf(path: string, data: Uint8Array | null, numbers: DigestStat): number {
  return nodeDigestAfter(digestPrefixOf(path, data), numbers);
}

/** What path and data leave in the CRC register; 0 stands for "outside the digest". */
export function digestPrefixOf(path: string, data: Uint8Array | null): number | null {
  const length = pathBytes.load(path);
  if (isOutsideDigest(pathBytes.buffer, length)) return null;
  return digestPrefix(pathBytes.buffer, length, data);
}

/** The same from bytes that are known to count; the data may be a part of a larger buffer. */
export function digestPrefix(
  path: Uint8Array,
  length: number,
  data: Uint8Array | null,
  dataStart: number = 0,
  dataEnd: number = data === null ? 0 : data.length,
): number {
  const register = length === 1 ? crcStart : crcBytes(crcStart, path, 0, length);
  return data === null ? register : crcBytes(register, data, dataStart, dataEnd);
}

/** Goes on from {@link digestPrefixOf}: cheap when only the numbers changed. */
export function nodeDigestAfter(prefix: number | null, numbers: DigestStat): number {
  if (prefix === null) return 0;
  putInt64(0, numbers.czxid);
  putInt64(2, numbers.mzxid);
  putInt64(4, numbers.pzxid);
  putInt64(6, numbers.ctimeMs);
  putInt64(8, numbers.mtimeMs);
  stat[10] = numbers.version;
  stat[11] = numbers.createsCount;
  stat[12] = numbers.aversion;
  view.setBigInt64(0, numbers.ephemeralOwner);
  stat[13] = view.getInt32(0);
  stat[14] = view.getInt32(4);
  return crcEnd(crcWords(prefix, stat, 0, 15));
}

function putInt64(at: number, value: number): void {
  stat[at] = Math.floor(value / span);
  stat[at + 1] = value;
}

/** A sum of node digests modulo 2^64, as two halves. */
export class DigestSum {
  #high = 0;
  #low = 0;

  add(digest: number): void {
    this.#low += digest;
    if (this.#low < span) return;
    this.#low -= span;
    this.#high = (this.#high + 1) >>> 0;
  }

  subtract(digest: number): void {
    this.#low -= digest;
    if (this.#low >= 0) return;
    this.#low += span;
    this.#high = (this.#high - 1) >>> 0;
  }

  clear(): void {
    this.#high = 0;
    this.#low = 0;
  }

  /** Goes on from a tree's digest. */
  set(value: bigint): void {
    view.setBigInt64(0, value);
    this.#high = view.getUint32(0);
    this.#low = view.getUint32(4);
  }

  /** Signed, as on the wire. */
  get value(): bigint {
    view.setUint32(0, this.#high);
    view.setUint32(4, this.#low);
    return view.getBigInt64(0);
  }
}
