import type { Zxid } from '../protocol/zxid.ts';
import type { Disk } from './disk.ts';
import { removeSetAside, type DataDirs } from './data-dir.ts';
import { lastFileUpTo, listLogs, type LogFile } from './log-files.ts';
import { endsLikeSnapshot, listSnapshots } from './snapshot-store.ts';

/** Fewer are never kept. Source: configuration, autopurge.snapRetainCount. */
const retainCountMin = 3;

/**
 * Removes snapshots older than the newest `retainCount` and the logs that only those need. Nothing
 * goes unless a snapshot that is known to load (`proven`: loaded or written in this run) stays.
 * Files set aside earlier go too. Returns the removed names.
 *
 * Source: storage, section 9.
 */
export function purgeFiles(
  disk: Disk,
  dirs: DataDirs,
  retainCount: number,
  proven: Zxid | null,
): string[] {
  if (proven === null) return [];
  const snapshots = listSnapshots(disk, dirs.snapshots);
  const kept = snapshots
    .filter((file) => endsLikeSnapshot(disk, file))
    .slice(0, Math.max(retainCount, retainCountMin));
  const oldest = kept.at(-1);
  if (oldest === undefined || kept.length < retainCountMin) return [];
  const keepFrom = Math.min(oldest.zxid, proven) as Zxid;
  const removed: string[] = removeSetAside(disk, dirs);
  const remove = (file: { readonly name: string; readonly path: string }): void => {
    disk.remove(file.path);
    removed.push(file.name);
  };
  for (const file of snapshots) if (file.zxid < keepFrom) remove(file);
  const logs = listLogs(disk, dirs.logs);
  // The file that holds the entry behind the oldest snapshot may begin before it.
  const firstNeeded = lastFileUpTo(logs, keepFrom);
  for (let index = 0; index < firstNeeded; index += 1) remove(logs[index] as LogFile);
  return removed;
}
