import type { Disk, PackDone } from './disk.ts';
import { GzipPacker } from './gzip-packer.ts';
import { SnappyPacker } from './snappy-packer.ts';
import type { Compression } from './snapshot-format.ts';

/** Compresses a snapshot on its way to the disk, slice by slice. */
export interface SnapshotPacker {
  /** One at a time; the bytes must not change until `done`. */
  push(bytes: Uint8Array, done: PackDone): void;
  /** What is left, and the stream's end. */
  end(): Uint8Array;
}

/** `null`: the bytes go to the disk as they are. */
export function createPacker(compression: Compression, disk: Disk): SnapshotPacker | null {
  if (compression === 'none') return null;
  if (compression === 'gz') return new GzipPacker(disk);
  const snappy = new SnappyPacker();
  return {
    push: (bytes, done) => done(null, snappy.push(bytes)),
    end: () => snappy.end(),
  };
}

/** A whole snapshot at once: for the empty database. */
export function packWhole(bytes: Buffer, compression: Compression): Buffer {
  if (compression === 'none') return bytes;
  if (compression === 'gz') return process.getBuiltinModule('node:zlib').gzipSync(bytes);
  const snappy = new SnappyPacker();
  return Buffer.concat([snappy.push(bytes), snappy.end()]);
}
