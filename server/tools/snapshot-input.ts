import { createReadStream, openSync, readSync, closeSync } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { decodeSnappyBlock, snappyMagic } from '../storage/snappy.ts';
import type { Compression } from '../storage/snapshot-format.ts';
import { SnapshotDamage } from './snapshot-records.ts';

/** Read at once. */
const chunkBytes: number = 1024 * 1024;

/** Longer blocks than this are damage: writers make them of 32 KiB. */
const snappyBlockBytesMax: number = 64 * 1024 * 1024;

const snappyHeaderBytes = 16;

/**
 * The uncompressed bytes of a snapshot, chunk by chunk, however it is compressed.
 *
 * @throws as the file system does; SnapshotDamage for a compressed stream that cannot be read.
 */
export async function* snapshotChunks(path: string): AsyncGenerator<Buffer> {
  const compression = compressionOf(path);
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  if (compression === 'snappy') return yield* snappyChunks(file);
  try {
    if (compression === 'none') return yield* file as AsyncIterable<Buffer>;
    const plain = createGunzip({ chunkSize: chunkBytes });
    // The error arrives at the reader of the last stream.
    pipeline(file, plain, () => undefined);
    return yield* plain as AsyncIterable<Buffer>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_') !== true) throw error;
    throw new SnapshotDamage(`it cannot be unzipped: ${(error as Error).message}`);
  } finally {
    file.destroy();
  }
}

/** By the first bytes, whatever the name says. */
export function compressionOf(path: string): Compression {
  const head = Buffer.alloc(8);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  if (head.readUInt16BE(0) === 0x1f8b) return 'gz';
  return head.equals(snappyMagic) ? 'snappy' : 'none';
}

async function* snappyChunks(file: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let window: Buffer = Buffer.alloc(0);
  let at = snappyHeaderBytes;
  let offset = 0;
  for await (const chunk of file) {
    window = Buffer.concat([window, chunk]);
    while (at + 4 <= window.length) {
      const length = window.readInt32BE(at);
      if (length < 0 || length > snappyBlockBytesMax) {
        throw new SnapshotDamage(`a snappy block of ${length} bytes at byte ${offset + at}`);
      }
      if (at + 4 + length > window.length) break;
      yield snappyBlock(window.subarray(at + 4, at + 4 + length), offset + at);
      at += 4 + length;
    }
    const used = Math.min(at, window.length);
    window = window.subarray(used);
    offset += used;
    at -= used;
  }
  if (window.length > 0 || at > 0) throw new SnapshotDamage('its last snappy block is cut');
}

function snappyBlock(block: Buffer, at: number): Buffer {
  try {
    return decodeSnappyBlock(block);
  } catch (error) {
    throw new SnapshotDamage(
      `the snappy block at byte ${at} is damaged: ${(error as Error).message}`,
    );
  }
}
