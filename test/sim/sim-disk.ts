import type { Prng } from './prng.ts';
import { ProcessEnded } from './sim-host.ts';
import type { SimProcess } from './sim-host.ts';
import { SimInode } from './sim-inode.ts';
import type { CrashMode } from './sim-inode.ts';
import type { World } from './world.ts';

/** A change of a directory that a crash may take back. */
interface NameOp {
  readonly remove: string | null;
  readonly name: string | null;
  readonly inode: SimInode | null;
}

class Directory {
  readonly entries = new Map<string, SimInode>();
  readonly durable = new Map<string, SimInode>();
  readonly unsynced: NameOp[] = [];

  /** Changes what is seen now; what a crash leaves changes with the next {@link sync}. */
  change(op: NameOp): void {
    apply(this.entries, op);
    this.unsynced.push(op);
  }

  sync(): void {
    for (const op of this.unsynced) apply(this.durable, op);
    this.unsynced.length = 0;
  }
}

function apply(names: Map<string, SimInode>, op: NameOp): void {
  if (op.remove !== null) names.delete(op.remove);
  if (op.name !== null && op.inode !== null) names.set(op.name, op.inode);
}

/** How a disk misbehaves; all off at first. */
export interface DiskFaults {
  /** Takes no more bytes: ENOSPC. */
  full: boolean;
  /** Chance that a write fails with EIO after a part of it. */
  writeErrorChance: number;
  /** Chance that an fsync fails; what was to be synced may be lost though it can still be read. */
  syncErrorChance: number;
  /** Answers fsync without having done it. */
  lies: boolean;
  writeMsMax: number;
  syncMsMin: number;
  syncMsMax: number;
}

/**
 * A machine's disk: it outlives the process. Three levels, as real ones have: written (the page
 * cache), durable (fsync returned), named (the directory was synced). A crash keeps the durable
 * and named, and of the rest what its mode and chance say. Directories themselves are durable at
 * once.
 */
export class SimDisk {
  readonly world: World;
  readonly name: string;
  readonly random: Prng;
  readonly faults: DiskFaults = {
    full: false,
    writeErrorChance: 0,
    syncErrorChance: 0,
    lies: false,
    writeMsMax: 0.05,
    syncMsMin: 0.1,
    syncMsMax: 1.5,
  };
  /** Longest fsync of this disk when it is well, ms. */
  usualSyncMsMax = 1.5;
  /** The step with that number, counted by {@link stepCount}, fails with this error code; once. */
  failAtStep = 0;
  failCode = 'EIO';
  /** What failed by {@link failAtStep}. */
  readonly failed: string[] = [];
  /** After so many more steps, `crash` is called in the middle of whatever goes on. */
  crashAfterSteps = 0;
  crash: ((step: string) => void) | null = null;
  stepCount = 0;
  #directories = new Map<string, Directory>();

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    this.random = world.random.fork(`disk ${name}`);
  }

  /** What is on the platter when the power fails or (mode `kept`) the process is killed. */
  afterCrash(mode: CrashMode): void {
    if (mode === 'kept') return;
    for (const directory of this.#directories.values()) {
      for (const op of directory.unsynced) {
        if (mode === 'torn' && this.random.chance(0.5)) apply(directory.durable, op);
      }
      directory.unsynced.length = 0;
      directory.entries.clear();
      for (const [name, inode] of directory.durable) directory.entries.set(name, inode);
    }
    for (const directory of this.#directories.values()) {
      for (const inode of directory.entries.values()) inode.afterCrash(mode, this.random);
    }
  }

  /** Another disk with what this one would have after losing everything that is not synced. */
  worstCase(world: World): SimDisk {
    const copy = new SimDisk(world, `${this.name}'`);
    for (const [path, directory] of this.#directories) {
      const target = copy.#directory(path);
      for (const [name, inode] of directory.durable) {
        const twin = inode.durableCopy();
        target.entries.set(name, twin);
        target.durable.set(name, twin);
      }
    }
    return copy;
  }

  /** Everything gone, as a new volume. */
  wipe(): void {
    this.#directories = new Map();
  }

  /** Paths of all files, sorted. */
  files(): string[] {
    const paths: string[] = [];
    for (const [path, directory] of this.#directories) {
      for (const name of directory.entries.keys()) paths.push(`${path}/${name}`);
    }
    return paths.sort();
  }

  size(path: string): number {
    return this.inode(path).length;
  }

  /** Turns one bit of a file, on the platter and in the cache. */
  flipBit(path: string, byte: number, bit: number): void {
    this.inode(path).flipBit(byte, bit);
  }

  /** Other bytes than were written, on the platter and in the cache. */
  overwrite(path: string, bytes: Uint8Array, at: number): void {
    const inode = this.inode(path);
    inode.write(bytes, at);
    inode.sync();
  }

  inode(path: string): SimInode {
    const [directory, name] = split(path);
    const inode = this.#directories.get(directory)?.entries.get(name);
    if (inode === undefined) throw diskError('ENOENT', 'open', path);
    return inode;
  }

  find(path: string): SimInode | undefined {
    const [directory, name] = split(path);
    return this.#directories.get(directory)?.entries.get(name);
  }

  makeDir(path: string): void {
    this.#directory(path);
  }

  isDirectory(path: string): boolean {
    return this.#directories.has(path) || this.#hasBelow(path);
  }

  list(path: string): string[] {
    const names = new Set(this.#directories.get(path)?.entries.keys());
    for (const other of this.#directories.keys()) {
      if (!other.startsWith(`${path}/`)) continue;
      names.add(other.slice(path.length + 1).split('/')[0] as string);
    }
    return this.random.shuffle([...names]);
  }

  create(path: string): SimInode {
    const [directoryPath, name] = split(path);
    const directory = this.#directories.get(directoryPath);
    if (directory === undefined) throw diskError('ENOENT', 'open', path);
    const existing = directory.entries.get(name);
    if (existing !== undefined) {
      existing.truncate(0);
      return existing;
    }
    const inode = new SimInode();
    directory.change({ remove: null, name, inode });
    return inode;
  }

  rename(from: string, to: string): void {
    const inode = this.inode(from);
    const [fromDirectory, fromName] = split(from);
    const [toDirectory, toName] = split(to);
    if (fromDirectory === toDirectory) {
      this.#directory(toDirectory).change({ remove: fromName, name: toName, inode });
      return;
    }
    this.#directory(toDirectory).change({ remove: null, name: toName, inode });
    this.#directory(fromDirectory).change({ remove: fromName, name: null, inode: null });
  }

  remove(path: string): void {
    this.inode(path);
    const [directory, name] = split(path);
    this.#directory(directory).change({ remove: name, name: null, inode: null });
  }

  syncDir(path: string): void {
    if (!this.faults.lies) this.#directory(path).sync();
  }

  /** One step of the disk: a crash may come before what follows it. @throws ProcessEnded after one. */
  step(process: SimProcess, what: string): void {
    if (!process.alive) throw new ProcessEnded('the process has ended');
    this.stepCount += 1;
    if (this.stepCount === this.failAtStep) this.#failStep(what);
    if (this.crashAfterSteps <= 0) return;
    this.crashAfterSteps -= 1;
    if (this.crashAfterSteps > 0) return;
    this.crash?.(what);
    if (!process.alive) throw new ProcessEnded(what);
  }

  #failStep(what: string): void {
    // What is done is done; only what is begun can fail.
    if (/(^|: )(done|written|fsynced)\b/.test(what)) {
      this.failAtStep += 1;
      return;
    }
    this.failed.push(what);
    const words = what.split(' ');
    throw diskError(this.failCode, words.slice(0, -1).join(' '), words.at(-1) ?? '');
  }

  #hasBelow(path: string): boolean {
    for (const other of this.#directories.keys()) if (other.startsWith(`${path}/`)) return true;
    return false;
  }

  #directory(path: string): Directory {
    let directory = this.#directories.get(path);
    if (directory === undefined) {
      directory = new Directory();
      this.#directories.set(path, directory);
    }
    return directory;
  }
}

export function clean(path: string): string {
  const tidy = path.replaceAll(/\/+/g, '/');
  return tidy.length > 1 && tidy.endsWith('/') ? tidy.slice(0, -1) : tidy;
}

export function split(path: string): readonly [string, string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, slash), path.slice(slash + 1)];
}

export function diskError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, path, syscall: call });
}
