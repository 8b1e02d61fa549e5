import { statSync } from 'node:fs';
import { zxidHex, type Zxid } from '../protocol/zxid.ts';
import type { Disk } from '../storage/disk.ts';
import { lastFileUpTo, listLogs } from '../storage/log-files.ts';
import { listSnapshots, type SnapshotFile } from '../storage/snapshot-store.ts';
import { checkLogFile, holeBefore } from './log-check.ts';
import { checkSnapshotFile } from './snapshot-check.ts';
import { SnapshotDamage } from './snapshot-records.ts';
import { ToolRefusal, type AsyncWork } from './saying.ts';

/** Fewer are never kept. Source: configuration, autopurge.snapRetainCount. */
const retainCountMin = 3;

export interface PurgePlace {
  /** Directories above `version-2`. */
  readonly dataLogDir: string;
  readonly dataDir: string;
}

/**
 * Removes snapshots beyond the newest `retainCount` and the logs that only those need, as PurgeTxnLog
 * does, with one difference: only snapshots that were read whole count, and nothing goes while the
 * log that a server needs behind the oldest of them is damaged. So what stays can always be started
 * from.
 */
export async function* purge(disk: Disk, place: PurgePlace, retainCount: number): AsyncWork {
  if (retainCount < retainCountMin) {
    throw new ToolRefusal(`count should be greater than or equal to ${retainCountMin}`);
  }
  const snapshotDir = versionDir(disk, place.dataDir);
  const logDir = versionDir(disk, place.dataLogDir);
  const snapshots = listSnapshots(disk, snapshotDir);
  const whole: SnapshotFile[] = [];
  for (const file of snapshots) {
    if (whole.length === retainCount) break;
    try {
      await checkSnapshotFile(file.path);
      whole.push(file);
    } catch (error) {
      if (!(error instanceof SnapshotDamage)) throw error;
      yield { problem: `${file.path} is damaged and counts for nothing: ${error.message}` };
    }
  }
  const oldest = whole.at(-1);
  if (oldest === undefined || whole.length < retainCount) return 0;
  const logs = listLogs(disk, logDir);
  const firstNeeded = lastFileUpTo(logs, oldest.zxid);
  let last: Zxid | null = null;
  for (const log of logs.slice(Math.max(0, firstNeeded))) {
    const found = checkLogFile(disk, log.path);
    const problem = found.problem ?? holeBefore(last, found);
    last = found.last ?? last;
    if (problem === null) continue;
    yield {
      problem:
        `${log.path} is damaged: ${problem}. Nothing is removed: a server needs it behind snapshot ` +
        `0x${zxidHex(oldest.zxid)}, and older files may help to repair it.`,
    };
    return 1;
  }
  const removed = [
    ...logs.slice(0, Math.max(0, firstNeeded)),
    ...snapshots.filter((file) => file.zxid < oldest.zxid),
  ];
  for (const file of removed) {
    yield `Removing file: ${dateOf(file.path)}\t${file.path}\n`;
    disk.remove(file.path);
  }
  return 0;
}

function versionDir(disk: Disk, dir: string): string {
  if (!disk.exists(dir)) throw new ToolRefusal(`Path '${dir}' does not exist. `);
  const version = `${dir}/version-2`;
  if (disk.exists(version)) return version;
  throw new ToolRefusal(`Path '${version}' does not exist: ${dir} is no data directory.`);
}

/** A medium date and time of the file's last change: `Nov 25, 2026, 6:43:27 PM`. */
function dateOf(path: string): string {
  return dates.format(statSync(path).mtime).replaceAll('\u202f', ' ');
}

const dates: Intl.DateTimeFormat = new Intl.DateTimeFormat('en-US', {
  dateStyle: 'medium',
  timeStyle: 'medium',
});
