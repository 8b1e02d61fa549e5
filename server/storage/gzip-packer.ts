import type { Disk, PackDone } from './disk.ts';

/** Magic, deflate, no name, no time, fast or best unknown, system unknown. */
const gzipHeader: Buffer = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

/** An empty last block of a deflate stream. */
const deflateEnd: Buffer = Buffer.from([3, 0]);

/**
 * Writes one ordinary gzip member, piece by piece. Every piece is a deflate stream of its own that
 * ends at a byte, so pieces can be made by whoever has time, and stand in a row as one stream.
 *
 * Source: storage, section 5.4; RFC 1951 and 1952.
 */
export class GzipPacker {
  readonly #disk: Disk;
  #checksum = 0;
  #bytes = 0;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** The bytes must not change until `done`. */
  push(bytes: Uint8Array, done: PackDone): void {
    const zlib = process.getBuiltinModule('node:zlib');
    const isFirst = this.#bytes === 0;
    this.#checksum = zlib.crc32(bytes, this.#checksum);
    this.#bytes += bytes.length;
    const take = (error: Error | null, packed: Uint8Array): void => {
      if (error !== null || !isFirst) done(error, packed);
      else done(null, Buffer.concat([gzipHeader, packed]));
    };
    if (this.#disk.deflate !== undefined) return this.#disk.deflate(bytes, take);
    take(null, zlib.deflateRawSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }));
  }

  end(): Buffer {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#checksum, 0);
    trailer.writeUInt32LE(this.#bytes % 2 ** 32, 4);
    return Buffer.concat([deflateEnd, trailer]);
  }
}
