import type { Disk } from './disk.ts';
import { listLogs } from './log-files.ts';
import { listSnapshots } from './snapshot-store.ts';
import { unfinishedPrefix } from './unfinished.ts';
import { messageOf, StorageError } from './storage-error.ts';
import type { StorageOptions } from './storage-options.ts';

/** Held while a server uses a directory. */
const lockName = 'zk-server.lock';

/** Files that a snapshot or a truncation replaced get this in front; the next such act removes them. */
const setAsidePrefix = 'set-aside.';

/** Where the files are. Source: storage, section 1. */
export interface DataDirs {
  readonly snapshots: string;
  readonly logs: string;
  /** Marker file of an operator: an empty directory here is meant to be empty. */
  readonly initializePaths: readonly string[];
}

export function dataDirs(options: Pick<StorageOptions, 'dataDir' | 'dataLogDir'>): DataDirs {
  const { dataDir, dataLogDir } = options;
  return {
    snapshots: `${dataDir}/version-2`,
    logs: `${dataLogDir}/version-2`,
    initializePaths: [...new Set([`${dataLogDir}/initialize`, `${dataDir}/initialize`])],
  };
}

/**
 * Makes sure that both directories exist, are ours alone, and hold what they should. Returns how
 * to give them back.
 *
 * @throws StorageError DATA_DIR or LOCKED, with the remedy.
 */
export function openDataDirs(disk: Disk, options: StorageOptions): () => void {
  const dirs = dataDirs(options);
  try {
    prepare(disk, options, dirs);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw new StorageError(
      'DATA_DIR',
      options.dataDir,
      `${options.dataDir} cannot be used: ${messageOf(error)}. Make it a directory that this ` +
        `user may write to, on a file system that is mounted read-write.`,
      { cause: error },
    );
  }
  return lock(disk, options);
}

function prepare(disk: Disk, options: StorageOptions, dirs: DataDirs): void {
  for (const dir of new Set([dirs.snapshots, dirs.logs])) {
    if (!disk.exists(dir)) {
      if (options.dataDirAutocreate === false) {
        throw new StorageError(
          'DATA_DIR',
          dir,
          `${dir} does not exist and zookeeper.datadir.autocreate is false. Create it, or check ` +
            `dataDir and dataLogDir: the volume may not be mounted.`,
        );
      }
      makeDirDurably(disk, dir);
    }
  }
  if (dirs.snapshots === dirs.logs) return;
  if (listLogs(disk, dirs.snapshots).length > 0) {
    throw misplaced(dirs.snapshots, 'transaction logs', 'dataLogDir', dirs.logs);
  }
  if (listSnapshots(disk, dirs.logs).length > 0) {
    throw misplaced(dirs.logs, 'snapshots', 'dataDir', dirs.snapshots);
  }
}

/** With every directory above it that did not exist either. */
function makeDirDurably(disk: Disk, dir: string): void {
  const parents: string[] = [];
  let existing = dir;
  do {
    existing = parentOf(existing);
    parents.push(existing);
  } while (existing !== '.' && existing !== '/' && !disk.exists(existing));
  disk.makeDir(dir);
  for (const parent of parents) disk.syncDir(parent);
}

function misplaced(dir: string, what: string, key: string, wanted: string): StorageError {
  return new StorageError(
    'DATA_DIR',
    dir,
    `${dir} holds ${what}, but by ${key} they belong into ${wanted}; starting without them could ` +
      `lose data. Move them there, or set ${key} back to what it was.`,
  );
}

function lock(disk: Disk, options: StorageOptions): () => void {
  const releases: (() => void)[] = [];
  const release = (): void => {
    for (const give of releases.splice(0)) give();
  };
  for (const dir of new Set([options.dataDir, options.dataLogDir])) {
    const taken = lockOne(disk, dir);
    if (taken === undefined) continue;
    if ('holder' in taken) {
      release();
      throw new StorageError(
        'LOCKED',
        `${dir}/${lockName}`,
        `${dir} is in use by ${taken.holder}; two servers on one directory destroy it. Stop the ` +
          `other one, or give each server its own dataDir.`,
      );
    }
    releases.push(taken.release);
  }
  return release;
}

function lockOne(disk: Disk, dir: string): ReturnType<NonNullable<Disk['lock']>> | undefined {
  try {
    return disk.lock?.(`${dir}/${lockName}`);
  } catch (error) {
    throw new StorageError(
      'DATA_DIR',
      dir,
      `${dir} cannot be written: ${messageOf(error)}. Make it a directory that this user may ` +
        `write to, on a file system that is mounted read-write.`,
      { cause: error },
    );
  }
}

/** Removes what an interrupted snapshot, or the first moment of a log, left. */
export function removeUnfinished(disk: Disk, dirs: DataDirs): void {
  for (const dir of new Set([dirs.snapshots, dirs.logs])) {
    for (const name of disk.list(dir)) {
      if (name.startsWith(unfinishedPrefix)) disk.remove(`${dir}/${name}`);
    }
  }
}

/** Renames files out of the way of recovery, in place of those set aside earlier. Durable on return. */
export function setAside(
  disk: Disk,
  dirs: DataDirs,
  names: { readonly snapshots: readonly string[]; readonly logs: readonly string[] },
): void {
  if (names.snapshots.length + names.logs.length === 0) return;
  removeSetAside(disk, dirs);
  const move = (dir: string, name: string): void => {
    disk.rename(`${dir}/${name}`, `${dir}/${setAsidePrefix}${name}`);
  };
  // Newest first and logs before snapshots: a crash in between leaves a shorter history.
  for (const name of names.logs.toReversed()) move(dirs.logs, name);
  for (const name of names.snapshots) move(dirs.snapshots, name);
  for (const dir of new Set([dirs.logs, dirs.snapshots])) disk.syncDir(dir);
}

/** Removes what earlier acts set aside; returns the names. */
export function removeSetAside(disk: Disk, dirs: DataDirs): string[] {
  const removed: string[] = [];
  for (const dir of new Set([dirs.logs, dirs.snapshots])) {
    for (const name of disk.list(dir)) {
      if (!name.startsWith(setAsidePrefix)) continue;
      disk.remove(`${dir}/${name}`);
      removed.push(name);
    }
  }
  return removed;
}

function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  if (at < 0) return '.';
  return at === 0 ? '/' : path.slice(0, at);
}
