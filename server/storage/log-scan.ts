import type { Zxid } from '../protocol/zxid.ts';
import { adler32 } from '../util/adler32.ts';
import type { DiskReader } from './disk.ts';
import {
  entryEnd,
  entryOverheadBytes,
  entryPrefixBytes,
  isZxid,
  payloadBytesMin,
  payloadZxid,
} from './txn-log-format.ts';

/** Read at once; entries are views into it. */
export const scanWindowBytes: number = 1024 * 1024;

/**
 * Sees each intact entry: its payload is `window[start, end)`, a view that nobody overwrites. `at`
 * is the entry's offset in the file. Returns false to stop before this entry.
 */
export type EntryVisitor = (
  zxid: Zxid,
  window: Buffer,
  start: number,
  end: number,
  at: number,
) => boolean;

export interface ScanEnd {
  /** Offset behind the last intact entry. */
  readonly at: number;
  /**
   * `end`: the file ends exactly here. `zeros`: padding follows, at least as far as an entry's
   * prefix. `damage`: what stands here is no entry. `stopped`: by the visitor.
   */
  readonly reason: 'end' | 'zeros' | 'damage' | 'stopped';
  /** Offset behind the entry that the damaged prefix announces; `at` when it says nothing. */
  readonly claimedEnd: number;
}

/**
 * Reads entries in order from an offset up to `limit` bytes of the file. Checks end byte,
 * checksum and length; allocates one buffer for each MiB and nothing for an entry.
 */
export function scanLog(
  reader: DiskReader,
  from: number,
  limit: number,
  visit: EntryVisitor,
): ScanEnd {
  let window: Buffer = Buffer.alloc(0);
  let windowAt = from;
  let at = from;

  /** Makes `bytes` from `at` on available; false when the file has fewer. */
  const fill = (bytes: number): boolean => {
    const have = windowAt + window.length - at;
    if (have >= bytes) return true;
    if (at + bytes > limit) return false;
    const next = Buffer.allocUnsafeSlow(Math.min(Math.max(scanWindowBytes, bytes), limit - at));
    window.copy(next, 0, at - windowAt);
    const kept = Math.max(have, 0);
    const read = reader.read(next.subarray(kept), at + kept);
    window = next.subarray(0, kept + read);
    windowAt = at;
    return window.length >= bytes;
  };
  const ended = (reason: ScanEnd['reason'], claimedEnd: number = at): ScanEnd => ({
    at,
    reason,
    claimedEnd,
  });

  while (true) {
    if (!fill(entryPrefixBytes)) {
      if (at >= limit) return ended('end');
      fill(limit - at);
      const reason = isZero(window, at - windowAt, window.length) ? 'zeros' : 'damage';
      return ended(reason, at + entryOverheadBytes + payloadBytesMin);
    }
    const offset = at - windowAt;
    const length = window.readInt32BE(offset + 8);
    if (length === 0 && isZero(window, offset, offset + 8)) return ended('zeros');
    if (length < payloadBytesMin) return ended('damage');
    const claimedEnd = at + entryOverheadBytes + length;
    if (!fill(entryOverheadBytes + length)) return ended('damage', claimedEnd);
    const start = at - windowAt + entryPrefixBytes;
    const end = start + length;
    if (!isIntact(window, start, end)) return ended('damage', claimedEnd);
    const zxid = payloadZxid(window, start);
    if (!visit(zxid, window, start, end, at)) return ended('stopped');
    at = claimedEnd;
  }
}

/** Whether `bytes[start, end)` is a payload that its prefix and its end byte vouch for. */
export function isIntact(bytes: Buffer, start: number, end: number): boolean {
  return (
    bytes[end] === entryEnd &&
    bytes.readUInt32BE(start - entryPrefixBytes) === 0 &&
    bytes.readUInt32BE(start - entryPrefixBytes + 4) === adler32(bytes, start, end) &&
    isZxid(payloadZxid(bytes, start))
  );
}

/** Whether all of `bytes[start, end)` is zero. */
export function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) {
    if (bytes[index] !== 0) return false;
  }
  return true;
}
