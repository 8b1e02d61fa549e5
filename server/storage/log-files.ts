import type { Zxid } from '../protocol/zxid.ts';
import type { Disk } from './disk.ts';
import type { LogEntry } from './door.ts';
import { follows } from './history.ts';
import { scanLog } from './log-scan.ts';
import { logHeaderBytes, zxidOfLogName } from './txn-log-format.ts';

export interface LogFile {
  /** From the name: its first entry. */
  readonly zxid: Zxid;
  readonly name: string;
  readonly path: string;
}

/** The log files of a directory, oldest first; other names are ignored. */
export function listLogs(disk: Disk, dir: string): LogFile[] {
  const files: LogFile[] = [];
  for (const name of disk.list(dir)) {
    const zxid = zxidOfLogName(name);
    if (zxid !== null) files.push({ zxid, name, path: `${dir}/${name}` });
  }
  return files.sort((a, b) => a.zxid - b.zxid);
}

/** Index of the last file whose name is at most `zxid`; -1: every file is newer. */
export function lastFileUpTo(files: readonly LogFile[], zxid: Zxid): number {
  let index = files.length - 1;
  while (index >= 0 && (files[index] as LogFile).zxid > zxid) index -= 1;
  return index;
}

/**
 * Removes every entry above `zxid`: later files as a whole, newest first, so that a crash in
 * between leaves a shorter history and never one with a hole; then the rest of the last one. Durable
 * on return.
 *
 * Source: storage, section 4.6.
 */
export function truncateLogs(disk: Disk, dir: string, zxid: Zxid): void {
  const files = listLogs(disk, dir);
  const last = lastFileUpTo(files, zxid);
  for (let index = files.length - 1; index > last; index -= 1) {
    disk.remove((files[index] as LogFile).path);
    disk.syncDir(dir);
  }
  const file = files[last];
  if (file === undefined || disk.size(file.path) < logHeaderBytes) return;
  const reader = disk.openRead(file.path);
  let keep: number;
  try {
    keep = scanLog(reader, logHeaderBytes, reader.bytes, (entry) => entry <= zxid).at;
  } finally {
    reader.close();
  }
  disk.truncate(file.path, keep);
}

/** Where to read a log, and how far. */
export interface ReadRange {
  readonly dir: string;
  /** The file being written and its confirmed length. */
  readonly current: { readonly path: string; readonly bytes: number } | null;
  /** Payload bytes to read at most. */
  readonly bytesMax: number;
  /** Payload bytes in the files behind the first at most. */
  readonly laterBytesMax: number;
}

/**
 * Entries from `from` to the end, beginning with the one at or before it. `null`: there is no such
 * entry, there is a hole behind it, or they are larger than the bound.
 */
export function readLogs(disk: Disk, range: ReadRange, from: Zxid): LogEntry[] | null {
  const files = listLogs(disk, range.dir);
  const first = lastFileUpTo(files, from);
  if (first < 0) return null;
  const entries: LogEntry[] = [];
  let bytes = 0;
  let laterBytes = 0;
  let isLater = false;
  let isWhole = true;
  /** The newest entry seen at or before `from`; a view made only when it is known to be the one. */
  let before: { zxid: Zxid; window: Buffer; start: number; end: number } | null = null;
  const take = (zxid: Zxid, window: Buffer, start: number, end: number): boolean => {
    const previous = entries.at(-1);
    bytes += end - start;
    if (isLater) laterBytes += end - start;
    isWhole &&= bytes <= range.bytesMax && laterBytes <= range.laterBytesMax;
    isWhole &&= previous === undefined || follows(previous.zxid, zxid);
    if (isWhole) entries.push({ zxid, bytes: Buffer.from(window.subarray(start, end)) });
    return isWhole;
  };
  for (const file of files.slice(first)) {
    isLater = file !== files[first];
    const limit = file.path === range.current?.path ? range.current.bytes : disk.size(file.path);
    if (limit < logHeaderBytes) continue;
    const reader = disk.openRead(file.path);
    try {
      scanLog(reader, logHeaderBytes, limit, (zxid, window, start, end) => {
        if (zxid <= from) {
          if (before === null) before = { zxid, window, start, end };
          else {
            before.zxid = zxid;
            before.window = window;
            before.start = start;
            before.end = end;
          }
          return true;
        }
        if (entries.length === 0) {
          if (before === null) isWhole = false;
          else take(before.zxid, before.window, before.start, before.end);
        }
        return isWhole && take(zxid, window, start, end);
      });
    } finally {
      reader.close();
    }
    if (!isWhole) return null;
  }
  const only = before as { zxid: Zxid; window: Buffer; start: number; end: number } | null;
  if (entries.length === 0 && only !== null) take(only.zxid, only.window, only.start, only.end);
  return entries.length > 0 && isWhole ? entries : null;
}
