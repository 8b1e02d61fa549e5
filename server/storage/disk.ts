/**
 * The disk as storage sees it. Start-up and rare acts are synchronous; the two that a write waits
 * for, {@link DiskFile.write} and {@link DiskFile.sync}, complete by callback and never before the
 * call returns. Every error carries the path.
 */
export interface Disk {
  makeDir(path: string): void;
  /** Names in a directory, unsorted; empty when it does not exist. */
  list(path: string): string[];
  exists(path: string): boolean;
  /** @throws when it does not exist. */
  size(path: string): number;
  readAll(path: string): Buffer;
  /** Random reads without loading the whole file. */
  openRead(path: string): DiskReader;
  /**
   * Creates or empties the file. The directory entry is durable only after {@link syncDir}.
   *
   * @param head whoever looks at the name sees these bytes at least, also after the end of this
   * process at any moment; not so after a loss of power. A disk may leave them to the first write.
   */
  create(path: string, head?: Uint8Array): DiskFile;
  /** Small files: temporary file, fsync, rename, fsync of the directory. */
  replaceAtomically(path: string, bytes: Uint8Array): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Cuts a file to that many bytes and fsyncs it. */
  truncate(path: string, bytes: number): void;
  /**
   * As {@link truncate}, and writes what stands behind `rewriteFrom` once more before the fsync.
   * After a failed fsync a cache may show bytes that the disk never got and that it takes for
   * written: another fsync alone would not bring them there.
   */
  secure(path: string, bytes: number, rewriteFrom: number): void;
  syncDir(path: string): void;
  /**
   * Marks a directory as used by this process, until `release` or the end of the process. A disk
   * without it has one user by nature.
   */
  lock?(path: string): DiskLock;
  /**
   * Makes bytes a deflate stream that ends at a byte, where that takes none of this thread's time. A
   * disk without it leaves it to the caller.
   */
  deflate?(bytes: Uint8Array, done: PackDone): void;
}

/** Called later, or at once. */
export type PackDone = (error: Error | null, packed: Uint8Array) => void;

/** `holder`: who has the directory instead of us. */
export type DiskLock = { readonly release: () => void } | { readonly holder: string };

export interface DiskReader {
  readonly bytes: number;
  /** Fills the target from a position; returns bytes read, fewer only at the end of the file. */
  read(target: Uint8Array, position: number): number;
  close(): void;
}

export type DiskDone = (error: Error | null) => void;

export interface DiskFile {
  /** Writes all bytes at the position. The bytes must not change until `done`. */
  write(bytes: Uint8Array, position: number, done: DiskDone): void;
  /** Data and length are durable when `done` is called without an error (fdatasync). */
  sync(done: DiskDone): void;
  /** As `write`, then `sync`, where the disk does both in one act. */
  writeDurably?(bytes: Uint8Array, position: number, done: DiskDone): void;
  /** Extends the file with zeros, without a promise of durability. */
  extend(bytes: number): void;
  close(): void;
}
