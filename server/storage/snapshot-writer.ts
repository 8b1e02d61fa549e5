import { adler32, adler32Start } from '../util/adler32.ts';
import type { Disk, DiskFile } from './disk.ts';
import type { SnapshotSource } from './door.ts';
import { lastZxidOf, snapshotEnd } from './snapshot-bytes.ts';
import {
  snapshotHeader,
  snapshotName,
  type Compression,
  type SnapshotDigest,
  type SnapshotSections,
} from './snapshot-format.ts';
import { createPacker, type SnapshotPacker } from './snapshot-packer.ts';
import { unfinishedPrefix } from './unfinished.ts';

/** Asked of the tree at once: about a millisecond of its time and of ours. */
const sliceBytes: number = 256 * 1024;

/** The same where it is compressed, which takes longer. */
const packedSliceBytes: number = 64 * 1024;

export interface SnapshotPlace {
  readonly dir: string;
  /** Keeps two writers of one zxid apart. */
  readonly serial: number;
  readonly compression: Compression;
  readonly sections: SnapshotSections;
}

export type SnapshotDone = (
  error: unknown,
  /** What the finished file holds; `null` on error. */
  written: { readonly digest: SnapshotDigest; readonly bytes: number } | null,
) => void;

/**
 * Writes one snapshot under a temporary name, slice by slice, and fsyncs it. The file gets its
 * name by {@link finish}.
 */
export class SnapshotWriter {
  readonly source: SnapshotSource;
  /** Of the finished file. */
  readonly path: string;
  /** The error is a sync's: what the disk does with the next one nobody knows. */
  isSyncBroken = false;
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #temporary: string;
  readonly #packer: SnapshotPacker | null;
  readonly #sections: SnapshotSections;
  readonly #done: SnapshotDone;
  #file: DiskFile | null = null;
  #position = 0;
  #checksum: number = adler32Start;
  #isCancelled = false;

  /** @param place the serial number keeps two writers of one zxid apart. */
  constructor(disk: Disk, place: SnapshotPlace, source: SnapshotSource, done: SnapshotDone) {
    const { dir, serial, compression } = place;
    this.#sections = place.sections;
    const name = snapshotName(source.zxid, compression);
    this.source = source;
    this.#disk = disk;
    this.#dir = dir;
    this.path = `${dir}/${name}`;
    this.#temporary = `${dir}/${unfinishedPrefix}${serial}.${name}`;
    this.#packer = createPacker(compression, disk);
    this.#done = done;
  }

  start(): void {
    try {
      this.#file = this.#disk.create(this.#temporary);
      this.#write(snapshotHeader(), () => this.#nextSlice());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Gives up; `done` is not called any more. */
  cancel(): void {
    this.#isCancelled = true;
    // Otherwise the write that is under way finds out when it ends.
    if (this.#file === null) this.#discard();
  }

  /** Gives the written file its name. Durable on return. @throws the disk's error. */
  finish(): void {
    this.#disk.rename(this.#temporary, this.path);
    this.#disk.syncDir(this.#dir);
  }

  #nextSlice(): void {
    const slice = this.source.next(this.#packer === null ? sliceBytes : packedSliceBytes);
    if (slice === null) return this.#writeEnd();
    this.#write(slice, () => this.#nextSlice());
  }

  #writeEnd(): void {
    const digest = this.source.digest();
    const last = lastZxidOf(this.source, digest);
    const end = snapshotEnd(this.#checksum, digest, last, this.#sections);
    const sync = (): void => this.#sync(digest);
    const packer = this.#packer;
    this.#write(end, packer === null ? sync : () => this.#writeBytes(packer.end(), sync));
  }

  #sync(digest: SnapshotDigest): void {
    this.#file?.sync((error) => {
      if (this.#isCancelled) return this.#discard();
      this.isSyncBroken = error !== null;
      if (error !== null) return this.#fail(error);
      this.#close();
      this.#done(null, { digest, bytes: this.#position });
    });
  }

  #write(bytes: Uint8Array, then: () => void): void {
    // Seals are over the bytes as they are before any compression.
    this.#checksum = adler32(bytes, 0, bytes.length, this.#checksum);
    if (this.#packer === null) return this.#writeBytes(bytes, then);
    this.#packer.push(bytes, (error, packed) => {
      if (this.#isCancelled) return this.#discard();
      if (error !== null) return this.#fail(error);
      // Nothing yet where a block is not full.
      this.#writeBytes(packed, then);
    });
  }

  #writeBytes(bytes: Uint8Array, then: () => void): void {
    this.#file?.write(bytes, this.#position, (error) => {
      if (this.#isCancelled) return this.#discard();
      if (error !== null) return this.#fail(error);
      this.#position += bytes.length;
      then();
    });
  }

  #fail(error: unknown): void {
    this.#discard();
    this.#done(error, null);
  }

  #discard(): void {
    this.#close();
    this.source.cancel?.();
    try {
      if (this.#disk.exists(this.#temporary)) this.#disk.remove(this.#temporary);
    } catch {
      // The next start removes it; the error that led here is the one to report.
    }
  }

  #close(): void {
    this.#file?.close();
    this.#file = null;
  }
}
