import { zxidHex, type Zxid } from '../protocol/zxid.ts';
import { setAside, type DataDirs } from './data-dir.ts';
import type { Disk } from './disk.ts';
import { listLogs, truncateLogs } from './log-files.ts';
import { listSnapshots } from './snapshot-store.ts';

/** `replacing.<hex>`: stands while a snapshot from the leader takes the place of the own history. */
const markerPattern = /^replacing\.([0-9a-f]+)$/;

/**
 * Puts a snapshot from the leader in place of the own history, whose tail may differ from the
 * leader's. Entries above its zxid were never committed and go first; entries at or below it may
 * count for a quorum and stay until the snapshot has its name. After that no older file is left
 * that recovery could mix with what follows. A marker lets a restart finish what a crash cut short.
 *
 * @param nameSnapshot gives the written and synced file its name, durably.
 */
export function replaceHistory(
  disk: Disk,
  dirs: DataDirs,
  zxid: Zxid,
  nameSnapshot: () => void,
): void {
  const marker = `${dirs.snapshots}/replacing.${zxidHex(zxid)}`;
  disk.replaceAtomically(marker, Buffer.alloc(0));
  const newer = listSnapshots(disk, dirs.snapshots).filter((file) => file.zxid > zxid);
  setAside(disk, dirs, { snapshots: newer.map((file) => file.name), logs: [] });
  truncateLogs(disk, dirs.logs, zxid);
  nameSnapshot();
  setOthersAside(disk, dirs, zxid);
  disk.remove(marker);
  disk.syncDir(dirs.snapshots);
}

/** At start: completes or forgets a replacement that a crash interrupted. */
export function finishReplacing(disk: Disk, dirs: DataDirs): void {
  for (const name of disk.list(dirs.snapshots)) {
    const match = markerPattern.exec(name);
    if (match === null) continue;
    const zxid = Number.parseInt(match[1] as string, 16) as Zxid;
    // Without the snapshot the own history is still the one that counts.
    const isThere = listSnapshots(disk, dirs.snapshots).some((file) => file.zxid === zxid);
    if (isThere) setOthersAside(disk, dirs, zxid);
    disk.remove(`${dirs.snapshots}/${name}`);
    disk.syncDir(dirs.snapshots);
  }
}

function setOthersAside(disk: Disk, dirs: DataDirs, zxid: Zxid): void {
  const snapshots = listSnapshots(disk, dirs.snapshots).filter((file) => file.zxid !== zxid);
  setAside(disk, dirs, {
    snapshots: snapshots.map((file) => file.name),
    logs: listLogs(disk, dirs.logs).map((file) => file.name),
  });
}
