import type { Zxid } from '../protocol/zxid.ts';
import type { DiskReader } from './disk.ts';
import { isIntact, isZero, scanWindowBytes, type ScanEnd } from './log-scan.ts';
import {
  entryOverheadBytes,
  entryPrefixBytes,
  payloadBytesMin,
  payloadZxid,
  readSeal,
  sealBytes,
} from './txn-log-format.ts';

/** Disks keep or lose whole sectors. */
const sectorBytes = 512;

/** As much may follow a hole without a seal to vouch for it; our own batches are far smaller. */
export const unsealedTailBytesMax: number = 8 * 1024 * 1024;

/**
 * What stands behind the last intact entry. `clean`: nothing. `torn`: a write that a crash cut
 * short, never confirmed to anybody. `corrupt`: bytes that went bad after they were confirmed.
 */
export type Tail = 'clean' | 'torn' | 'corrupt';

/**
 * Judges a log's end. A write that a crash cut short lacks whole sectors, or stops; nothing else
 * changes. So a damaged entry is torn only if missing bytes explain it, if no seal says that it was
 * durable before, and if it stands near the end of the data. Everything else went bad.
 *
 * Source: storage, section 4.5; reliability: a torn tail is told from a flipped bit.
 */
export function judgeTail(reader: DiskReader, scan: ScanEnd, lastZxid: Zxid): Tail {
  const dataEnd = lastDataByte(reader, scan.at);
  if (dataEnd <= scan.at) return scan.reason === 'damage' ? 'torn' : 'clean';
  if (scan.reason === 'zeros' && sealStart(reader, scan.at) >= 0) {
    // This seal vouches for all before it; what follows it is the batch that was never confirmed.
    return dataEnd === scan.at + sealBytes ? 'clean' : 'torn';
  }
  const batchStart = sealStart(reader, dataEnd - sealBytes);
  if (batchStart > scan.at) return 'corrupt';
  const isSealed = batchStart >= 0;
  // With a seal at the end of the data the batch was written to its end: only a hole can explain.
  // A write that failed after a few bytes ends where the older seal ends, which it did not cover.
  if (!isSealed && (scan.claimedEnd > dataEnd || dataEnd <= scan.at + sealBytes)) {
    const ambiguous = dataEnd - scan.at <= unsealedTailBytesMax;
    return ambiguous && hasIntactEntry(reader, scan.at + 1, dataEnd, lastZxid) ? 'corrupt' : 'torn';
  }
  if (!isSealed && dataEnd - scan.at > unsealedTailBytesMax) return 'corrupt';
  return hasHole(reader, scan, dataEnd) ? 'torn' : 'corrupt';
}

/** Offset behind the last byte that is not zero, or `from`. */
export function lastDataByte(reader: DiskReader, from: number): number {
  const pieceBytes = Math.min(scanWindowBytes, Math.max(0, reader.bytes - from));
  const zeros = Buffer.alloc(pieceBytes);
  const chunk = Buffer.allocUnsafeSlow(pieceBytes);
  let end = reader.bytes;
  while (end > from) {
    const start = Math.max(from, end - pieceBytes);
    const read = chunk.subarray(0, reader.read(chunk.subarray(0, end - start), start));
    if (!read.equals(zeros.subarray(0, read.length))) {
      for (let index = read.length - 1; index >= 0; index -= 1) {
        if (read[index] !== 0) return start + index + 1;
      }
    }
    end = start;
  }
  return from;
}

function sealStart(reader: DiskReader, at: number): number {
  return at < 0 ? -1 : readSeal(readRange(reader, at, at + sealBytes), 0);
}

/**
 * Whether a sector that the damaged entry touches is missing, i.e. zero. The first bytes do not
 * count: an older seal may show there through a lost sector.
 */
function hasHole(reader: DiskReader, scan: ScanEnd, dataEnd: number): boolean {
  if (scan.reason === 'zeros') return true;
  if (isStartMissing(reader, scan.at)) return true;
  const until = Math.min(Math.max(scan.claimedEnd, scan.at + entryPrefixBytes), dataEnd);
  const from = scan.at + sealBytes;
  // The sector it begins in was looked at: few bytes of it that are zero would say nothing.
  for (let sector = sectorBehind(scan.at); sector < until; sector += sectorBytes) {
    const bytes = readRange(reader, Math.max(from, sector), sector + sectorBytes);
    if (bytes.length > 0 && isZero(bytes, 0, bytes.length)) return true;
  }
  return false;
}

/**
 * Whether the damaged entry's first bytes, as far as their sector reaches, are zeros: nothing was
 * there, or the zeros of an older seal. An entry's own first four bytes are zeros, no more.
 */
function isStartMissing(reader: DiskReader, at: number): boolean {
  const bytes = readRange(reader, at, Math.min(sectorBehind(at), at + entryPrefixBytes));
  return bytes.length > 4 && isZero(bytes, 0, bytes.length);
}

/** Where the next sector begins. */
function sectorBehind(at: number): number {
  return at - (at % sectorBytes) + sectorBytes;
}

/** Whether a later entry of this history stands whole in `[from, to)`, at whatever offset. */
function hasIntactEntry(reader: DiskReader, from: number, to: number, after: Zxid): boolean {
  const bytes = readRange(reader, from, to);
  const last = bytes.length - entryOverheadBytes - payloadBytesMin;
  for (let at = 0; at <= last; at += 1) {
    if (bytes[at] !== 0 || bytes.readUInt32BE(at) !== 0) continue;
    const length = bytes.readInt32BE(at + 8);
    const start = at + entryPrefixBytes;
    if (length < payloadBytesMin || start + length >= bytes.length) continue;
    if (payloadZxid(bytes, start) > after && isIntact(bytes, start, start + length)) return true;
  }
  return false;
}

function readRange(reader: DiskReader, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  return bytes.subarray(0, reader.read(bytes, from));
}
