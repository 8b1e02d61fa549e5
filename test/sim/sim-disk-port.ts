import type { Disk, DiskDone, DiskFile, DiskReader } from '../../server/storage/disk.ts';
import { clean, diskError, split } from './sim-disk.ts';
import type { SimDisk } from './sim-disk.ts';
import { ProcessEnded } from './sim-host.ts';
import type { SimProcess } from './sim-host.ts';
import type { SimInode } from './sim-inode.ts';

/** The {@link Disk} door over a {@link SimDisk}, for one process. */
export class DiskPort implements Disk {
  readonly #disk: SimDisk;
  readonly #process: SimProcess;

  constructor(disk: SimDisk, process: SimProcess) {
    this.#disk = disk;
    this.#process = process;
  }

  makeDir(path: string): void {
    this.#step('makeDir', path);
    this.#disk.makeDir(clean(path));
  }

  list(path: string): string[] {
    return this.#disk.list(clean(path));
  }

  exists(path: string): boolean {
    return this.#disk.find(clean(path)) !== undefined || this.#disk.isDirectory(clean(path));
  }

  size(path: string): number {
    return this.#disk.inode(clean(path)).length;
  }

  readAll(path: string): Buffer {
    return this.#disk.inode(clean(path)).read();
  }

  openRead(path: string): DiskReader {
    const inode = this.#disk.inode(clean(path));
    return {
      get bytes() {
        return inode.length;
      },
      read: (target, position) => inode.readInto(target, position),
      close: () => {},
    };
  }

  create(path: string): DiskFile {
    this.#step('create', path);
    this.#checkRoom(path);
    return new SimFile(this.#disk, this.#process, this.#disk.create(clean(path)), path);
  }

  replaceAtomically(path: string, bytes: Uint8Array): void {
    const target = clean(path);
    this.#step('replace: create', path);
    this.#checkRoom(path);
    const inode = this.#disk.create(`${target}.tmp`);
    this.#step('replace: write', path);
    inode.write(Buffer.from(bytes), 0);
    this.#step('replace: fsync', path, inode);
    if (!this.#disk.faults.lies) inode.sync();
    this.#step('replace: rename', path);
    this.#disk.rename(`${target}.tmp`, target);
    this.#step('replace: fsync of the directory', path);
    this.#disk.syncDir(split(target)[0]);
    this.#step('replace: done', path);
  }

  rename(from: string, to: string): void {
    this.#step('rename', from);
    this.#disk.rename(clean(from), clean(to));
    this.#step('rename: done', from);
  }

  remove(path: string): void {
    this.#step('remove', path);
    this.#disk.remove(clean(path));
    this.#step('remove: done', path);
  }

  truncate(path: string, bytes: number): void {
    const inode = this.#disk.inode(clean(path));
    this.#step('truncate', path);
    if (this.#disk.random.chance(this.#disk.faults.writeErrorChance)) {
      throw diskError('EIO', 'truncate', path);
    }
    inode.truncate(bytes);
    this.#step('truncate: fsync', path, inode);
    if (!this.#disk.faults.lies) inode.sync();
    this.#step('truncate: done', path);
  }

  secure(path: string, bytes: number, rewriteFrom: number): void {
    const inode = this.#disk.inode(clean(path));
    this.#step('secure', path);
    if (this.#disk.random.chance(this.#disk.faults.writeErrorChance)) {
      throw diskError('EIO', 'write', path);
    }
    inode.truncate(bytes);
    inode.write(inode.read().subarray(rewriteFrom), rewriteFrom);
    this.#step('secure: fsync', path, inode);
    if (this.#disk.random.chance(this.#disk.faults.syncErrorChance)) {
      inode.forgetUnsynced();
      throw diskError('EIO', 'fsync', path);
    }
    if (!this.#disk.faults.lies) inode.sync();
    this.#step('secure: done', path);
  }

  syncDir(path: string): void {
    this.#step('fsync of the directory', path);
    this.#disk.syncDir(clean(path));
  }

  /** @param inode what a failed fsync forgets. */
  #step(what: string, path: string, inode?: SimInode): void {
    try {
      this.#disk.step(this.#process, `${what} ${path}`);
    } catch (error) {
      if (!(error instanceof ProcessEnded)) inode?.forgetUnsynced();
      throw error;
    }
  }

  #checkRoom(path: string): void {
    if (this.#disk.faults.full) throw diskError('ENOSPC', 'write', path);
  }
}

/** An open file: writes and syncs complete by callback, in the order asked for. */
class SimFile implements DiskFile {
  readonly #disk: SimDisk;
  readonly #process: SimProcess;
  readonly #inode: SimInode;
  readonly #path: string;
  #freeAtMs = 0;

  constructor(disk: SimDisk, process: SimProcess, inode: SimInode, path: string) {
    this.#disk = disk;
    this.#process = process;
    this.#inode = inode;
    this.#path = path;
  }

  write(bytes: Uint8Array, position: number, done: DiskDone): void {
    const { faults, random } = this.#disk;
    const copy = Buffer.from(bytes);
    const failure = this.#failure(`write ${this.#path}`);
    if (failure !== null) {
      this.#inode.write(copy.subarray(0, random.int(0, copy.length)), position);
      return this.#later(faults.writeMsMax, () => done(failure));
    }
    const fails = faults.full || random.chance(faults.writeErrorChance);
    if (fails) {
      // A short write: some of it is there.
      this.#inode.write(copy.subarray(0, random.int(0, copy.length)), position);
      const code = faults.full ? 'ENOSPC' : 'EIO';
      this.#later(faults.writeMsMax, () => done(diskError(code, 'write', this.#path)));
      return;
    }
    this.#inode.write(copy, position);
    this.#later(faults.writeMsMax, () => {
      this.#disk.step(this.#process, `written ${this.#path}`);
      this.#disk.world.expect(Buffer.compare(copy, bytes) === 0, 'bytes under way', () => {
        return `${this.#process.name} changed bytes while they were written to ${this.#path}`;
      });
      done(null);
    });
  }

  sync(done: DiskDone): void {
    const { faults, random } = this.#disk;
    const failure = this.#failure(`fsync ${this.#path}`);
    const covered = this.#inode.unsyncedCount;
    const fails = random.chance(faults.syncErrorChance);
    const lies = faults.lies;
    const afterMs = random.between(faults.syncMsMin, faults.syncMsMax);
    this.#later(afterMs, () => {
      if (fails || failure !== null) {
        this.#inode.forgetUnsynced();
        done(failure ?? diskError('EIO', 'fsync', this.#path));
        return;
      }
      if (!lies) this.#inode.sync(covered);
      this.#disk.step(this.#process, `fsynced ${this.#path}`);
      done(null);
    });
  }

  extend(bytes: number): void {
    this.#disk.step(this.#process, `extend ${this.#path}`);
    if (this.#disk.faults.full) throw diskError('ENOSPC', 'extend', this.#path);
    this.#inode.extend(bytes);
  }

  close(): void {}

  /** Of a step that is to fail; told by callback. */
  #failure(what: string): Error | null {
    try {
      this.#disk.step(this.#process, what);
      return null;
    } catch (error) {
      if (error instanceof ProcessEnded || !(error instanceof Error)) throw error;
      return error;
    }
  }

  /** In order, after a while. */
  #later(delayMs: number, act: () => void): void {
    const { world, random } = this.#disk;
    const atMs = Math.max(this.#freeAtMs, world.nowMs + random.between(delayMs / 2, delayMs));
    this.#freeAtMs = atMs;
    world.schedule(atMs - world.nowMs, () => this.#process.run(act));
  }
}
