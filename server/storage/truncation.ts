import type { Zxid } from '../protocol/zxid.ts';
import type { DataDirs } from './data-dir.ts';
import type { Disk } from './disk.ts';
import { lastFileUpTo, listLogs } from './log-files.ts';
import { scanLog } from './log-scan.ts';
import { listSnapshots } from './snapshot-store.ts';
import { logHeaderBytes } from './txn-log-format.ts';

/**
 * Whether the files lead exactly to `zxid`: a snapshot at or before it to build on, and the
 * transaction itself, in the log or as a snapshot's name. Otherwise a truncation would leave another
 * history than the leader counts on.
 */
export function canTruncate(disk: Disk, dirs: DataDirs, zxid: Zxid): boolean {
  const snapshots = listSnapshots(disk, dirs.snapshots).filter((file) => file.zxid <= zxid);
  const newest = snapshots[0];
  return newest !== undefined && (newest.zxid === zxid || isLogged(disk, dirs.logs, zxid));
}

function isLogged(disk: Disk, dir: string, zxid: Zxid): boolean {
  const files = listLogs(disk, dir);
  const file = files[lastFileUpTo(files, zxid)];
  if (file === undefined) return false;
  const reader = disk.openRead(file.path);
  let isFound = false;
  try {
    scanLog(reader, logHeaderBytes, reader.bytes, (found) => {
      isFound = found === zxid;
      return found < zxid;
    });
  } finally {
    reader.close();
  }
  return isFound;
}
