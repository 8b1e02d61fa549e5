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

/** Read, summed and handed to the tree at once: what is in the processor's cache is read once. */
const chunkBytes: number = 256 * 1024;

/** Read of what follows the body; more than any version has there. */
const endBytesMax = 1024;

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
 * Puts a snapshot into the tree. Its last seal, which covers the whole file, is checked on the way:
 * the file is read once, and the target is told of its end only when the seal is right. Returns
 * `null`, or what is wrong with the file; then the tree holds nothing of use and the next older
 * file is to be tried.
 */
export function loadSnapshot(
  disk: Disk,
  file: SnapshotFile,
  target: RecoveryTarget,
): string | null {
  let reader: DiskReader | null = null;
  try {
    reader = openSnapshot(disk, file);
    const problem = loadBody(reader, file.zxid, target);
    return problem === null ? null : (checkSeal(reader) ?? problem);
  } catch (error) {
    // Damaged bytes may look like anything; only a sound file proves that the mistake is ours.
    const damage = reader === null ? null : sealProblem(reader);
    if (damage === null && error instanceof AssertionFailure) throw error;
    return damage ?? messageOf(error);
  } finally {
    reader?.close();
  }
}

function sealProblem(reader: DiskReader): string | null {
  try {
    return checkSeal(reader);
  } catch (error) {
    return messageOf(error);
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
  const sums = new SealedBytes(reader);
  return sums.problem ?? sums.finish();
}

/** A snapshot's bytes in order, summed as they are read, in one buffer that is used again. */
class SealedBytes {
  /** What shows without reading it all; `null`: nothing. */
  readonly problem: string | null;
  readonly #reader: DiskReader;
  readonly #chunk: Buffer;
  readonly #expected: number;
  readonly #sealAt: number;
  #checksum = adler32Start;
  #at = 0;

  constructor(reader: DiskReader) {
    this.#reader = reader;
    this.#chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, Math.max(reader.bytes, 16)));
    this.#sealAt = reader.bytes - snapshotSealBytes;
    const seal = Buffer.alloc(snapshotSealBytes);
    if (this.#sealAt >= snapshotHeaderBytes) reader.read(seal, this.#sealAt);
    this.#expected = readSnapshotSeal(seal, 0);
    if (this.#sealAt < snapshotHeaderBytes) this.problem = `it has ${reader.bytes} bytes only`;
    else this.problem = this.#expected < 0 ? 'its end is missing' : null;
  }

  /** The next bytes, at most so many; none where the file ends. Valid until the next call. */
  next(bytesMax: number = chunkBytes): Buffer {
    const bytes = Math.min(bytesMax, this.#chunk.length, this.#reader.bytes - this.#at);
    const read = this.#reader.read(this.#chunk.subarray(0, bytes), this.#at);
    const summed = Math.min(read, this.#sealAt - this.#at);
    if (summed > 0) this.#checksum = adler32(this.#chunk, 0, summed, this.#checksum);
    this.#at += read;
    return this.#chunk.subarray(0, read);
  }

  /** Reads what is left. Returns `null`, or how the seal differs. */
  finish(): string | null {
    while (this.#at < this.#sealAt) {
      if (this.next().length === 0) return `it cannot be read beyond byte ${this.#at}`;
    }
    if (this.#checksum === this.#expected) return null;
    return `its checksum is ${this.#checksum} and should be ${this.#expected}`;
  }
}

function loadBody(reader: DiskReader, zxid: Zxid, target: RecoveryTarget): string | null {
  const bytes = new SealedBytes(reader);
  if (bytes.problem !== null) return bytes.problem;
  if (!isSnapshotHeader(bytes.next(snapshotHeaderBytes))) return 'it does not begin with ZKSN';
  const sink = target.beginSnapshot();
  let at = snapshotHeaderBytes;
  while (!sink.complete) {
    const chunk = bytes.next();
    if (chunk.length === 0) return 'its body has no end';
    const taken = sink.push(chunk);
    at += taken;
    if (taken < chunk.length && !sink.complete) return `its body cannot be read at byte ${at}`;
  }
  const damage = bytes.finish();
  if (damage !== null) return damage;
  const rest = Buffer.alloc(Math.min(reader.bytes - at, endBytesMax));
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
