import { zxidHex, zxidNone, zxidZero, type Zxid } from '../protocol/zxid.ts';
import type { Disk } from './disk.ts';
import type { LogEntry, RecoveryTarget } from './door.ts';
import { dataDirs, type DataDirs } from './data-dir.ts';
import { hasEpochs } from './epoch-files.ts';
import { listLogs } from './log-files.ts';
import { logsHaveEntries, replayLogs } from './log-replay.ts';
import { readReached } from './reached.ts';
import { snapshotBytes } from './snapshot-bytes.ts';
import {
  endsLikeSnapshot,
  listSnapshots,
  loadSnapshot,
  type SnapshotFile,
} from './snapshot-store.ts';
import { snapshotName } from './snapshot-format.ts';
import { packWhole } from './snapshot-packer.ts';
import { unfinishedPrefix } from './unfinished.ts';
import { StorageError } from './storage-error.ts';
import type { StorageOptions } from './storage-options.ts';

/** Older snapshots that are tried when newer ones are damaged. Source: storage, section 5.3. */
const snapshotsTriedMax = 100;

/** What recovery found, before the epochs. */
export interface History {
  readonly lastZxid: Zxid;
  readonly recentLog: readonly LogEntry[];
  readonly wasEmpty: boolean;
  /** The snapshot that loaded, or was made for an empty database; `null`: there is none. */
  readonly snapshot: { readonly zxid: Zxid; readonly path: string } | null;
}

/**
 * Brings the tree to where the disk ends: the newest snapshot that is whole, then every log entry
 * behind it. Leaves the log's end clean and durable: what was replayed is then on disk for certain.
 *
 * Source: storage, section 8.
 *
 * @throws StorageError with the file, the place and the remedy.
 */
export function recoverHistory(
  disk: Disk,
  options: StorageOptions,
  target: RecoveryTarget,
  recentLogCount: number,
): History {
  const dirs = dataDirs(options);
  const snapshot = loadNewest(disk, options, dirs, target);
  if (snapshot === null && !logsHaveEntries(disk, dirs.logs))
    return startEmpty(disk, options, target);
  if (snapshot === null && !options.snapshotTrustEmpty) throw snapshotMissing(dirs);
  if (snapshot === null) target.reset();
  const birth = snapshot === null ? birthBytes(options, target) : null;
  // A name that is found may be in the cache alone: what follows must not be on disk before it.
  disk.syncDir(dirs.snapshots);
  const from = snapshot?.zxid ?? zxidZero;
  const replayed = replayLogs(
    { disk, dir: dirs.logs, log: (...line) => options.host.log(...line) },
    { from, target, recentLogCount },
  );
  // Once is enough: the log was found whole from its first transaction on.
  const proven = birth === null ? snapshot : writeBirth(disk, options, birth);
  return { ...replayed, wasEmpty: false, snapshot: proven };
}

/** The snapshot that stands before the first transaction. The tree is the one at birth. */
function birthBytes(options: StorageOptions, target: RecoveryTarget): Uint8Array {
  const compression = options.snapshotCompression ?? 'none';
  return packWhole(snapshotBytes(target.snapshotSource(), options.snapshotSections), compression);
}

function writeBirth(
  disk: Disk,
  options: StorageOptions,
  bytes: Uint8Array,
): { readonly zxid: Zxid; readonly path: string } {
  const { snapshots } = dataDirs(options);
  const name = snapshotName(zxidZero, options.snapshotCompression ?? 'none');
  const temporary = `${snapshots}/${unfinishedPrefix}${name}`;
  disk.replaceAtomically(temporary, bytes);
  disk.rename(temporary, `${snapshots}/${name}`);
  disk.syncDir(snapshots);
  return { zxid: zxidZero, path: `${snapshots}/${name}` };
}

/** The newest snapshot that loads; `null`: there is none to lose. */
function loadNewest(
  disk: Disk,
  options: StorageOptions,
  dirs: DataDirs,
  target: RecoveryTarget,
): SnapshotFile | null {
  const files = listSnapshots(disk, dirs.snapshots);
  const problems: string[] = [];
  for (const file of files.slice(0, snapshotsTriedMax)) {
    const problem = endsLikeSnapshot(disk, file)
      ? loadSnapshot(disk, file, target)
      : 'its end is missing';
    if (problem === null) return file;
    problems.push(`${file.path}: ${problem}`);
    options.host.log('warn', 'a snapshot is damaged; an older one is tried', {
      path: file.path,
      problem,
    });
  }
  // A first start that was interrupted: the empty database's own snapshot is not whole.
  const isBirth = files.every((file) => file.zxid === zxidZero);
  if (files.length === 0 || (isBirth && !logsHaveEntries(disk, dirs.logs))) return null;
  const what = `no snapshot is whole (${problems.join('; ')})`;
  throw new StorageError(
    'SNAPSHOT_CORRUPT',
    dirs.snapshots,
    `No snapshot in ${dirs.snapshots} is whole (${problems.join('; ')}). Restore one from a backup; ` +
      `or, if the other servers form a quorum, move the contents of ${dirs.snapshots} and ` +
      `${dirs.logs} away and let this server copy the state from them.`,
    { what },
  );
}

function snapshotMissing(dirs: DataDirs): StorageError {
  return new StorageError(
    'SNAPSHOT_MISSING',
    dirs.snapshots,
    `${dirs.logs} has transactions, but ${dirs.snapshots} has no snapshot that they could follow. ` +
      `Restore the snapshots; or, if the log is complete from the first transaction on, start once ` +
      `with zookeeper.snapshot.trust.empty=true; or, if the other servers form a quorum, move the ` +
      `log away and let this server copy the state from them.`,
    { what: `${dirs.logs} has transactions and no snapshot that they could follow` },
  );
}

/** Neither snapshot nor log: a new database, if that is allowed. Source: storage, section 8. */
function startEmpty(disk: Disk, options: StorageOptions, target: RecoveryTarget): History {
  const dirs = dataDirs(options);
  target.reset();
  const markers = dirs.initializePaths.filter((path) => disk.exists(path));
  if (markers.length === 0) refuseIfLost(disk, options);
  for (const file of listLogs(disk, dirs.logs)) disk.remove(file.path);
  if (markers.length === 0 && options.databaseAutocreate === false) {
    return { lastZxid: zxidNone, recentLog: [], wasEmpty: true, snapshot: null };
  }
  const snapshot = writeBirth(disk, options, birthBytes(options, target));
  for (const path of markers) disk.remove(path);
  options.host.log('info', 'a new, empty database was made', {
    path: snapshot.path,
    zxid: zxidHex(zxidZero),
  });
  return { lastZxid: zxidZero, recentLog: [], wasEmpty: true, snapshot };
}

/** Small files beside the history tell that there was one. */
function refuseIfLost(disk: Disk, options: StorageOptions): void {
  const dirs = dataDirs(options);
  const dir = dirs.snapshots;
  const reached = readReached(disk, dir);
  const hasReached = reached !== null && (reached.zxid > 0 || (reached.epochs?.accepted ?? 0) > 0);
  if (!hasReached && (options.isStandalone || !hasEpochs(disk, dir))) return;
  const what = 'neither a snapshot nor a log is left of the history that was there';
  throw new StorageError(
    'SNAPSHOT_MISSING',
    dir,
    `${dir}: ${what}. Restore it from a backup. A database that is meant to be new and empty starts ` +
      `in an empty directory, or beside a file ${dirs.initializePaths[0] ?? 'initialize'}.`,
    { what },
  );
}
