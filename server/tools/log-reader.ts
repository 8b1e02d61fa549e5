import type { DiskReader } from '../storage/disk.ts';
import { isZero } from '../storage/log-scan.ts';
import {
  entryEnd,
  entryOverheadBytes,
  entryPrefixBytes,
  isLogHeader,
  logHeaderBytes,
  payloadBytesMin,
} from '../storage/txn-log-format.ts';
import { adler32 } from '../util/adler32.ts';

/** Read at once. */
const windowBytes: number = 1024 * 1024;

/** A longer entry is taken for damage; larger ones than a frame can bring are never written. */
export const entryBytesMax: number = 256 * 1024 * 1024;

/** One entry as it stands there, right or wrong. */
export interface RawEntry {
  /** Offset in the file. */
  readonly at: number;
  /** A view, valid until the next entry. */
  readonly payload: Buffer;
  /** The stored checksum, and that of the payload. */
  readonly checksum: bigint;
  readonly computed: number;
  /** False: the byte behind the payload is not `B`. */
  readonly isClosed: boolean;
}

/** Why the entries end: offset, and what is found there. */
export interface LogEnd {
  readonly at: number;
  readonly reason: 'end' | 'zeros' | 'cut' | 'length';
  /** The length that no entry has; 0 otherwise. */
  readonly length: number;
}

/** Size of the file and of what its header says; `null`: it does not begin as a log. */
export function readLogHeader(
  reader: DiskReader,
): { readonly version: number; readonly dbid: bigint } | null {
  const bytes = Buffer.alloc(logHeaderBytes);
  if (reader.read(bytes, 0) < logHeaderBytes || !isLogHeader(bytes)) return null;
  return { version: bytes.readInt32BE(4), dbid: bytes.readBigInt64BE(8) };
}

/**
 * The entries of a log file in order, also those whose checksum is wrong. Ends where lengths stop to
 * make sense. Holds a mebibyte, or one entry.
 */
export function* rawEntries(reader: DiskReader): Generator<RawEntry, LogEnd> {
  let window: Buffer = Buffer.alloc(0);
  let windowAt = logHeaderBytes;
  let at = logHeaderBytes;
  const has = (bytes: number): boolean => {
    if (at + bytes <= windowAt + window.length) return true;
    const next = Buffer.allocUnsafeSlow(
      Math.min(Math.max(windowBytes, bytes), Math.max(0, reader.bytes - at)),
    );
    window = next.subarray(0, reader.read(next, at));
    windowAt = at;
    return bytes <= window.length;
  };
  while (true) {
    if (!has(entryPrefixBytes)) {
      const isClean = isZero(window, at - windowAt, window.length);
      return { at, reason: isClean ? 'end' : 'cut', length: 0 };
    }
    const length = window.readInt32BE(at - windowAt + 8);
    if (length === 0 || length === -1) return { at, reason: 'zeros', length: 0 };
    if (length < payloadBytesMin || length > entryBytesMax) return { at, reason: 'length', length };
    if (!has(entryOverheadBytes + length)) return { at, reason: 'cut', length: 0 };
    const start = at - windowAt + entryPrefixBytes;
    const payload = window.subarray(start, start + length);
    yield {
      at,
      payload,
      checksum: window.readBigInt64BE(start - entryPrefixBytes),
      computed: adler32(payload),
      isClosed: window[start + length] === entryEnd,
    };
    at += entryOverheadBytes + length;
  }
}
