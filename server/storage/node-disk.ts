import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Disk, DiskDone, DiskFile, DiskReader, PackDone } from './disk.ts';
import { lockFile } from './lock-file.ts';
import { closeFile, openFile, withSpares } from './spare-descriptors.ts';
import { unfinishedPrefix } from './unfinished.ts';

/** The disk of this machine. Writes and syncs go through libuv's thread pool, the rest is synchronous. */
export function createNodeDisk(): Disk {
  return {
    makeDir: (path) => void fs.mkdirSync(path, { recursive: true }),
    list,
    exists: (path) => fs.existsSync(path),
    size: (path) => fs.statSync(path).size,
    readAll: (path) => withSpares(() => fs.readFileSync(path)),
    openRead: (path) => new NodeDiskReader(path),
    create: (path, head) => new NodeDiskFile(path, head),
    replaceAtomically,
    rename: (from, to) => fs.renameSync(from, to),
    remove: (path) => fs.rmSync(path),
    truncate,
    secure,
    syncDir,
    lock: lockFile,
    deflate,
  };
}

class NodeDiskReader implements DiskReader {
  readonly bytes: number;
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openFile(path, 'r');
    this.bytes = fs.fstatSync(this.#fd).size;
  }

  read(target: Uint8Array, position: number): number {
    let filled = 0;
    while (filled < target.length) {
      const read = fs.readSync(this.#fd, target, filled, target.length - filled, position + filled);
      if (read === 0) break;
      filled += read;
    }
    return filled;
  }

  close(): void {
    closeFile(this.#fd);
  }
}

class NodeDiskFile implements DiskFile {
  readonly #path: string;
  readonly #fd: number;
  /** The same file, opened so that a write returns when it is on disk; -1: not yet. */
  #durableFd = -1;

  constructor(path: string, head: Uint8Array | undefined) {
    this.#path = path;
    this.#fd = head === undefined ? openFile(path, 'w') : createWith(path, head);
  }

  write(bytes: Uint8Array, position: number, done: DiskDone): void {
    this.#writeFrom(this.#fd, bytes, 0, position, done);
  }

  /** One trip through the thread pool instead of two: O_DSYNC is a write and an fdatasync. */
  writeDurably(bytes: Uint8Array, position: number, done: DiskDone): void {
    if (this.#durableFd === -1) {
      const { O_WRONLY, O_DSYNC } = fs.constants;
      this.#durableFd = openFile(this.#path, O_WRONLY | O_DSYNC);
    }
    this.#writeFrom(this.#durableFd, bytes, 0, position, done);
  }

  sync(done: DiskDone): void {
    fs.fdatasync(this.#fd, (error) => done(this.#named(error)));
  }

  extend(bytes: number): void {
    fs.ftruncateSync(this.#fd, bytes);
  }

  close(): void {
    closeFile(this.#fd);
    if (this.#durableFd !== -1) closeFile(this.#durableFd);
  }

  #writeFrom(fd: number, bytes: Uint8Array, from: number, position: number, done: DiskDone): void {
    fs.write(fd, bytes, from, bytes.length - from, position + from, (error, written) => {
      if (error !== null) return done(this.#named(error));
      const next = from + written;
      if (next >= bytes.length) return done(null);
      // A short write is no error yet; the next attempt says why, e.g. that the disk is full.
      this.#writeFrom(fd, bytes, next, position, done);
    });
  }

  /** Errors on a descriptor do not carry the path by themselves. */
  #named(error: NodeJS.ErrnoException | null): Error | null {
    if (error === null || error === undefined) return null;
    error.message = `${error.message} '${this.#path}'`;
    error.path = this.#path;
    return error;
  }
}

/** The file gets its name when it has its first bytes. */
function createWith(path: string, head: Uint8Array): number {
  const temporary = join(dirname(path), `${unfinishedPrefix}${basename(path)}`);
  const fd = openFile(temporary, 'w');
  try {
    fs.writeSync(fd, head);
    fs.renameSync(temporary, path);
    return fd;
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

/** In a thread of the pool, with one thread's worth of the machine at most: pieces come one by one. */
function deflate(bytes: Uint8Array, done: PackDone): void {
  // Loaded when it is needed: few servers compress.
  const zlib = process.getBuiltinModule('node:zlib');
  zlib.deflateRaw(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }, done);
}

function list(path: string): string[] {
  try {
    return withSpares(() => fs.readdirSync(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function replaceAtomically(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  const fd = openFile(temporary, 'w');
  try {
    let written = 0;
    while (written < bytes.length) {
      written += fs.writeSync(fd, bytes, written, bytes.length - written, written);
    }
    fs.fsyncSync(fd);
  } finally {
    closeFile(fd);
  }
  fs.renameSync(temporary, path);
  syncDir(dirname(path));
}

function truncate(path: string, bytes: number): void {
  const fd = openFile(path, 'r+');
  try {
    fs.ftruncateSync(fd, bytes);
    fs.fsyncSync(fd);
  } finally {
    closeFile(fd);
  }
}

function secure(path: string, bytes: number, rewriteFrom: number): void {
  const fd = openFile(path, 'r+');
  try {
    fs.ftruncateSync(fd, bytes);
    const tail = Buffer.allocUnsafeSlow(Math.max(0, bytes - rewriteFrom));
    const read = fs.readSync(fd, tail, 0, tail.length, rewriteFrom);
    let written = 0;
    while (written < read) {
      written += fs.writeSync(fd, tail, written, read - written, rewriteFrom + written);
    }
    fs.fsyncSync(fd);
  } finally {
    closeFile(fd);
  }
}

function syncDir(path: string): void {
  const fd = openFile(path, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    closeFile(fd);
  }
}
