import type { Disk, DiskDone, DiskFile, DiskReader } from '../../server/storage/disk.ts';

/** A file's bytes as a reader sees them, and as a crash would leave them. */
class Inode {
  cached: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);

  sync(): void {
    this.durable = Buffer.from(this.cached);
  }

  write(bytes: Uint8Array, position: number): void {
    const end = Math.max(this.cached.length, position + bytes.length);
    const next = Buffer.alloc(end);
    this.cached.copy(next);
    next.set(bytes, position);
    this.cached = next;
  }

  resize(bytes: number): void {
    const next = Buffer.alloc(bytes);
    this.cached.copy(next, 0, 0, bytes);
    this.cached = next;
  }
}

/** Chooses, for each sector that was not synced, whether a crash keeps it. */
export type Keep = (path: string, sector: number) => boolean;

/**
 * A disk in memory, as strict as POSIX allows: data is durable after sync, a name after syncDir of
 * its directory. Writes and syncs wait in {@link pending} until the test lets them happen.
 */
export class MemoryDisk implements Disk {
  readonly pending: (() => void)[] = [];
  syncCount = 0;
  writeCount = 0;
  /** Fails the next write or sync, or a synchronous act whose name it equals. */
  failNext: { readonly act: string; readonly error: Error } | null = null;
  /** Throws {@link Crash} before the act with that number; acts are counted. */
  crashAt: number = Infinity;
  actCount = 0;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #dirs = new Set<string>(['/']);

  /** Lets everything that waits happen, and what follows from it. */
  run(): void {
    while (this.pending.length > 0) this.runOne();
  }

  runOne(): void {
    this.pending.shift()?.();
  }

  /** Power loss: what is not durable is gone, except the sectors that `keep` chooses. */
  crash(keep: Keep = () => false): void {
    this.pending.length = 0;
    this.crashAt = Infinity;
    this.failNext = null;
    this.#names = new Map(this.#durableNames);
    for (const [path, inode] of this.#names) {
      inode.cached = afterCrash(inode, (sector) => keep(path, sector));
      inode.sync();
    }
  }

  /** Puts a durable file there. */
  put(path: string, bytes: Uint8Array): void {
    const inode = new Inode();
    inode.cached = Buffer.from(bytes);
    inode.sync();
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  makeDir(path: string): void {
    this.#act('makeDir');
    const parts = path.split('/');
    for (let count = 2; count <= parts.length; count += 1) {
      this.#dirs.add(parts.slice(0, count).join('/'));
    }
  }

  list(path: string): string[] {
    const prefix = `${path}/`;
    return [...this.#names.keys()]
      .filter((name) => name.startsWith(prefix) && !name.slice(prefix.length).includes('/'))
      .map((name) => name.slice(prefix.length));
  }

  exists(path: string): boolean {
    return this.#names.has(path) || this.#dirs.has(path);
  }

  size(path: string): number {
    return this.#inode(path).cached.length;
  }

  readAll(path: string): Buffer {
    return Buffer.from(this.#inode(path).cached);
  }

  openRead(path: string): DiskReader {
    const inode = this.#inode(path);
    return {
      bytes: inode.cached.length,
      read: (target, position) =>
        inode.cached.copy(
          target,
          0,
          position,
          Math.min(position + target.length, inode.cached.length),
        ),
      close: () => {},
    };
  }

  create(path: string): DiskFile {
    this.#act('create');
    // A new inode: what a crash does to the old one no longer matters to this name.
    const inode = new Inode();
    this.#names.set(path, inode);
    return {
      write: (bytes, position, done) =>
        this.#later('write', done, () => inode.write(bytes, position)),
      sync: (done) => this.#later('sync', done, () => inode.sync()),
      extend: (bytes) => inode.resize(bytes),
      close: () => {},
    };
  }

  replaceAtomically(path: string, bytes: Uint8Array): void {
    this.#act('replaceAtomically');
    const inode = new Inode();
    inode.cached = Buffer.from(bytes);
    inode.sync();
    this.#names.set(path, inode);
    this.syncDir(path.slice(0, path.lastIndexOf('/')));
  }

  rename(from: string, to: string): void {
    this.#act('rename');
    this.#names.set(to, this.#inode(from));
    this.#names.delete(from);
  }

  remove(path: string): void {
    this.#act('remove');
    this.#inode(path);
    this.#names.delete(path);
  }

  truncate(path: string, bytes: number): void {
    this.#act('truncate');
    const inode = this.#inode(path);
    inode.resize(bytes);
    inode.sync();
  }

  /** A sync that fails leaves nothing behind here that only looks written. */
  secure(path: string, bytes: number): void {
    this.truncate(path, bytes);
  }

  syncDir(path: string): void {
    this.#act('syncDir');
    const isIn = (name: string): boolean => name.slice(0, name.lastIndexOf('/')) === path;
    for (const name of this.#durableNames.keys()) {
      if (isIn(name) && !this.#names.has(name)) this.#durableNames.delete(name);
    }
    for (const [name, inode] of this.#names) if (isIn(name)) this.#durableNames.set(name, inode);
  }

  #later(act: 'write' | 'sync', done: DiskDone, run: () => void): void {
    this.pending.push(() => {
      try {
        this.#act(act);
      } catch (error) {
        if (error instanceof Crash) throw error;
        return done(error as Error);
      }
      run();
      if (act === 'sync') this.syncCount += 1;
      else this.writeCount += 1;
      done(null);
    });
  }

  #act(act: string): void {
    this.actCount += 1;
    if (this.actCount >= this.crashAt) throw new Crash();
    if (this.failNext?.act !== act) return;
    const { error } = this.failNext;
    this.failNext = null;
    throw error;
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new Error(`ENOENT: no such file '${path}'`);
    return inode;
  }
}

/** The machine lost power before this act. */
export class Crash extends Error {
  override readonly name: string = 'Crash';
}

const sectorBytes = 512;

function afterCrash(inode: Inode, keep: (sector: number) => boolean): Buffer {
  if (inode.cached.equals(inode.durable)) return inode.cached;
  const result = Buffer.alloc(Math.max(inode.cached.length, inode.durable.length));
  inode.durable.copy(result);
  let end = inode.durable.length;
  for (let at = 0; at < inode.cached.length; at += sectorBytes) {
    if (!keep(at / sectorBytes)) continue;
    const to = Math.min(at + sectorBytes, inode.cached.length);
    inode.cached.copy(result, at, at, to);
    end = Math.max(end, to);
  }
  return result.subarray(0, end);
}
