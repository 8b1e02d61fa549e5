import type { Zxid } from '../protocol/zxid.ts';
import { adler32, adler32Start } from '../util/adler32.ts';
import { AssertionFailure } from '../util/assert.ts';
import type { Disk, DiskReader } from './disk.ts';
import type { RecoveryTarget } from './door.ts';
import { decodeSnappyStream, snappyMagic } from './snappy.ts';
import {
  digestBehindBody,
  isSnapshotHeader,
  parseSnapshotName,
  readSnapshotSeal,
  snapshotHeaderBytes,
  snapshotSealBytes,
  type Compression,
} from './snapshot-format.ts';
import { messageOf } from './storage-error.ts';

/** Read and handed to the tree at once. */
const chunkBytes: number = 1024 * 1024;

/** Deflate makes bytes at most so many times as short. */
const deflateRatioMax = 1032;

export interface SnapshotFile {
  /** From the name: what was applied before it was begun. */
  readonly zxid: Zxid;
  readonly name: string;
  readonly path: string;
  readonly compression: Compression;
}

/** The finished snapshots of a directory, newest first; other names are ignored. */
export function listSnapshots(disk: Disk, dir: string): SnapshotFile[] {
  const files: SnapshotFile[] = [];
  for (const name of disk.list(dir)) {
    const parsed = parseSnapshotName(name);
    if (parsed !== null) files.push({ ...parsed, name, path: `${dir}/${name}` });
  }
  return files.sort((a, b) => b.zxid - a.zxid);
}

/**
 * Whether the file ends like a finished snapshot: cheap, and true of damaged ones too.
 *
 * Source: storage, section 5.3.
 */
export function endsLikeSnapshot(disk: Disk, file: SnapshotFile): boolean {
  const reader = disk.openRead(file.path);
  try {
    if (file.compression === 'none') {
      const tail = Buffer.alloc(snapshotSealBytes);
      if (reader.bytes < snapshotHeaderBytes + snapshotSealBytes) return false;
      reader.read(tail, reader.bytes - snapshotSealBytes);
      return readSnapshotSeal(tail, 0) >= 0;
    }
    const head = Buffer.alloc(8);
    if (reader.read(head, 0) < 8) return false;
    return file.compression === 'gz' ? head.readUInt16BE(0) === 0x1f8b : head.equals(snappyMagic);
  } finally {
    reader.close();
  }
}

/**
 * Puts a snapshot into the tree. Its last seal, which covers the whole file, is checked before
 * the tree sees a byte. Returns `null`, or what is wrong with the file; then the tree holds nothing
 * of use and the next older file is to be tried.
 */
export function loadSnapshot(
  disk: Disk,
  file: SnapshotFile,
  target: RecoveryTarget,
): string | null {
  let reader: DiskReader | null = null;
  try {
    reader = openSnapshot(disk, file);
    return checkSeal(reader) ?? loadBody(reader, file.zxid, target);
  } catch (error) {
    if (error instanceof AssertionFailure) throw error;
    return messageOf(error);
  } finally {
    reader?.close();
  }
}

function openSnapshot(disk: Disk, file: SnapshotFile): DiskReader {
  if (file.compression === 'none') return disk.openRead(file.path);
  const packed = disk.readAll(file.path);
  if (file.compression === 'snappy') return memoryReader(decodeSnappyStream(packed));
  return memoryReader(gunzip(packed));
}

/** Into one buffer, where the length at the end of the file can be true: pieces would take twice that. */
function gunzip(packed: Buffer): Buffer {
  // Loaded when it is needed: few servers have such a file.
  const zlib = process.getBuiltinModule('node:zlib');
  const length = packed.length < 4 ? 0 : packed.readUInt32LE(packed.length - 4);
  const isPossible = length >= snapshotHeaderBytes && length <= packed.length * deflateRatioMax;
  return zlib.gunzipSync(packed, isPossible ? { chunkSize: length + 64 } : {});
}

function checkSeal(reader: DiskReader): string | null {
  const sealAt = reader.bytes - snapshotSealBytes;
  if (sealAt < snapshotHeaderBytes) return `it has ${reader.bytes} bytes only`;
  const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, reader.bytes));
  const seal = chunk.subarray(0, reader.read(chunk.subarray(0, snapshotSealBytes), sealAt));
  const expected = readSnapshotSeal(seal, 0);
  if (expected < 0) return 'its end is missing';
  let checksum = adler32Start;
  for (let at = 0; at < sealAt;) {
    const read = reader.read(chunk.subarray(0, Math.min(chunkBytes, sealAt - at)), at);
    if (read === 0) return `it cannot be read beyond byte ${at}`;
    checksum = adler32(chunk, 0, read, checksum);
    at += read;
  }
  return checksum === expected ? null : `its checksum is ${checksum} and should be ${expected}`;
}

function loadBody(reader: DiskReader, zxid: Zxid, target: RecoveryTarget): string | null {
  const header = Buffer.alloc(snapshotHeaderBytes);
  reader.read(header, 0);
  if (!isSnapshotHeader(header)) return 'it does not begin with ZKSN';
  const sink = target.beginSnapshot();
  let at = snapshotHeaderBytes;
  while (!sink.complete) {
    // A fresh buffer each time: the tree may keep views of a record that continues.
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, reader.bytes - at));
    const read = reader.read(chunk, at);
    if (read === 0) return 'its body has no end';
    const taken = sink.push(read === chunk.length ? chunk : chunk.subarray(0, read));
    at += taken;
    if (taken < read && !sink.complete) return `its body cannot be read at byte ${at}`;
  }
  const rest = Buffer.alloc(reader.bytes - at);
  reader.read(rest, at);
  if (readSnapshotSeal(rest, 0) < 0) return `no seal follows the body at byte ${at}`;
  const digest = digestBehindBody(rest.subarray(snapshotSealBytes));
  // One from before the snapshot says nothing about it. Source: storage, section 7.
  target.endSnapshot(
    zxid,
    digest !== null && digest.zxid >= zxid && digest.zxid > 0 ? digest : null,
  );
  return null;
}

function memoryReader(bytes: Buffer): DiskReader {
  return {
    bytes: bytes.length,
    read: (into, position) => bytes.copy(into, 0, position, position + into.length),
    close: () => {},
  };
}
