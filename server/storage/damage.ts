import { zxidHex, type Zxid } from '../protocol/zxid.ts';
import type { Disk } from './disk.ts';
import { StorageError, type StorageErrorCode } from './storage-error.ts';

/**
 * Why the history in a directory does not count: this server has to take it over from the others
 * before it may vote.
 */
export interface Lack {
  /** `EMPTY`: nothing is there, and nobody said that nothing should be. */
  readonly code: StorageErrorCode | 'EMPTY';
  readonly path: string;
  /** Where in the file; `null`: the file as a whole, or its absence. */
  readonly offset: number | null;
  /** Everything up to there is intact; `null`: not known. */
  readonly zxid: Zxid | null;
  /** One sentence. */
  readonly what: string;
  /**
   * Whether the highest epoch that this server has ever promised is still known. A promise that is
   * forgotten may be in use with a server that is about to lead.
   */
  readonly isPromiseKnown: boolean;
  /** Number of the set in `damaged/` that holds the files; `null`: they still stand in place. */
  readonly keptAs: number | null;
}

const markName = 'unsynced';

/** Damaged files are moved here, below the directory they were in. */
const evidenceName = 'damaged';

/** Sets of damaged files that are kept; the oldest goes first. */
export const evidenceSetsMax = 2;

/** What an error at start-up says about the history; `null`: it is about something else. */
export function lackOf(error: unknown, isPromiseKnown: boolean): Lack | null {
  if (!(error instanceof StorageError)) return null;
  if (!damageCodes.has(error.code) && !isUnreadable(error)) return null;
  const { code, path, offset, zxid, what } = error;
  return { code, path, offset, zxid, what, isPromiseKnown, keptAs: null };
}

/** A sector that the disk cannot read any more. */
function isUnreadable({ code, cause }: StorageError): boolean {
  const { code: problem, syscall } = (cause ?? {}) as NodeJS.ErrnoException;
  return code === 'DISK' && problem === 'EIO' && syscall === 'read';
}

const damageCodes: ReadonlySet<StorageErrorCode> = new Set<StorageErrorCode>([
  'LOG_CORRUPT',
  'LOG_GAP',
  'LOG_MISSING',
  'SNAPSHOT_CORRUPT',
  'SNAPSHOT_MISSING',
  'EPOCH',
]);

/**
 * The mark in a directory whose history does not count: set before anything else happens, taken
 * away when a leader's whole history and its epoch are durable. `null`: there is none.
 */
export function readMark(disk: Disk, dir: string): Lack | null {
  const path = `${dir}/${markName}`;
  if (!disk.exists(path)) return null;
  return parsed(disk.readAll(path).toString('utf8')) ?? unreadable(path);
}

export function writeMark(disk: Disk, dir: string, lack: Lack): void {
  const zxid = lack.zxid === null ? null : `0x${zxidHex(lack.zxid)}`;
  const text = JSON.stringify({ ...lack, zxid }, null, 2);
  disk.replaceAtomically(`${dir}/${markName}`, Buffer.from(`${text}\n`));
}

/** Durable on return; also where a person was faster. */
export function clearMark(disk: Disk, dir: string): void {
  const path = `${dir}/${markName}`;
  if (disk.exists(path)) disk.remove(path);
  disk.syncDir(dir);
}

/** Moves files away from where recovery looks, into a set of their own; its number. Durable on return. */
export function keepEvidence(
  disk: Disk,
  files: readonly { readonly dir: string; readonly names: readonly string[] }[],
): number {
  const dirs = [...new Set(files.map(({ dir }) => dir))];
  const number = Math.max(0, ...dirs.flatMap((dir) => setsIn(disk, dir))) + 1;
  for (const dir of dirs) removeSetsUpTo(disk, dir, number - evidenceSetsMax);
  for (const { dir, names } of files) {
    if (names.length === 0) continue;
    disk.makeDir(`${dir}/${evidenceName}`);
    for (const name of names)
      disk.rename(`${dir}/${name}`, `${dir}/${evidenceName}/${number}.${name}`);
    disk.syncDir(`${dir}/${evidenceName}`);
    disk.syncDir(dir);
  }
  return number;
}

function setsIn(disk: Disk, dir: string): number[] {
  return disk.list(`${dir}/${evidenceName}`).map((name) => Number.parseInt(name, 10) || 0);
}

function removeSetsUpTo(disk: Disk, dir: string, last: number): void {
  for (const name of disk.list(`${dir}/${evidenceName}`)) {
    const number = Number.parseInt(name, 10);
    if (number <= last) disk.remove(`${dir}/${evidenceName}/${name}`);
  }
}

function parsed(text: string): Lack | null {
  try {
    const lack = JSON.parse(text) as Omit<Lack, 'zxid'> & { readonly zxid: string | null };
    if (typeof lack.what !== 'string' || typeof lack.code !== 'string') return null;
    return { ...lack, zxid: lack.zxid === null ? null : (Number(lack.zxid) as Zxid) };
  } catch {
    return null;
  }
}

/** The mark counts by being there, whatever it says. */
function unreadable(path: string): Lack {
  return {
    code: 'LOG_CORRUPT',
    path,
    offset: null,
    zxid: null,
    what: 'the history was found damaged earlier, and the note about it cannot be read either',
    isPromiseKnown: false,
    keptAs: null,
  };
}
