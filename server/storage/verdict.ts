import { zxidHex, zxidNone, zxidZero, type Zxid } from '../protocol/zxid.ts';
import { clearMark, lackOf, readMark, writeMark, type Lack } from './damage.ts';
import { dataDirs } from './data-dir.ts';
import type { Disk } from './disk.ts';
import type { Recovered, RecoveryTarget } from './door.ts';
import { currentEpochOf, promisedEpoch, recoverEpochs, writeEpoch } from './epoch-files.ts';
import { listLogs } from './log-files.ts';
import { logsNotedMax, readReached, writeReached, type Reached } from './reached.ts';
import { recoverHistory, type History } from './recovery.ts';
import { listSnapshots } from './snapshot-store.ts';
import { asStorageError, isInputOutput, isPassing, StorageError } from './storage-error.ts';
import type { StorageOptions } from './storage-options.ts';
import { logName } from './txn-log-format.ts';

/** What recovery found, and which snapshot it rests on. */
export interface Verdict {
  readonly recovered: Recovered;
  readonly snapshot: History['snapshot'];
}

/**
 * Reads what the disk has, and says whether it counts. A member of an ensemble whose history is
 * damaged, or that has none and was not told that this is right, comes back with
 * {@link Recovered.lack} and zxid -1: it may follow, and must not vote. A mark in the directory
 * keeps it so over restarts.
 *
 * @throws StorageError where nobody else could help: a server that is alone.
 */
export function recoverMember(
  disk: Disk,
  options: StorageOptions,
  target: RecoveryTarget,
  recentLogCount: number,
): Verdict {
  const dir = dataDirs(options).snapshots;
  const mark = readMark(disk, dir);
  if (mark !== null) {
    if (options.isStandalone) throw markedAlone(dir, mark);
    if (!isMeantToBeEmpty(disk, options)) return lacking(disk, options, target, mark);
    clearMark(disk, dir);
  }
  const isPromiseKnown = options.isStandalone || promisedEpoch(disk, dir).isKnown;
  try {
    const verdict = recoverWhole(disk, options, target, recentLogCount);
    if (options.isStandalone || verdict.recovered.lastZxid !== zxidNone) return verdict;
    return marked(disk, options, target, emptyLack(dir, isPromiseKnown));
  } catch (error) {
    const known = asStorageError(error);
    const lack = options.isStandalone ? null : lackOf(known, isPromiseKnown);
    if (lack === null) throw known;
    options.host.log('error', 'the history on this disk is damaged and does not count', {
      path: lack.path,
      ...(lack.offset === null ? {} : { byte: lack.offset }),
      ...(lack.zxid === null ? {} : { intactUpTo: `0x${zxidHex(lack.zxid)}` }),
      what: lack.what,
    });
    return marked(disk, options, target, lack);
  }
}

function recoverWhole(
  disk: Disk,
  options: StorageOptions,
  target: RecoveryTarget,
  recentLogCount: number,
): Verdict {
  const dir = dataDirs(options).snapshots;
  const reached = readReached(disk, dir);
  const history = recoverHistory(disk, options, target, recentLogCount);
  const { lastZxid } = history;
  const isMember = !options.isStandalone;
  if (reached !== null && !(isMember && isOvertaken(reached, disk, dir))) {
    if (lastZxid < reached.zxid) throw filesMissing(dir, endOf(lastZxid, reached.zxid), lastZxid);
    refuseMissing(disk, options, reached, history.snapshot?.zxid ?? zxidZero);
  }
  const epochs = isMember ? recoverEpochs(disk, dir, lastZxid, reached?.epochs ?? null) : null;
  noteReached(
    disk,
    options,
    epochs === null ? null : { ...epochs, next: epochs.current },
    lastZxid,
  );
  const recovered: Recovered = {
    lastZxid,
    acceptedEpoch: epochs?.accepted ?? null,
    currentEpoch: epochs?.current ?? null,
    recentLog: history.recentLog,
    wasEmpty: history.wasEmpty,
    lack: null,
  };
  return { recovered, snapshot: history.snapshot };
}

/** Somebody has led since, and may have cut what was noted. */
function isOvertaken(reached: Reached, disk: Disk, dir: string): boolean {
  const { epochs } = reached;
  const current = currentEpochOf(disk, dir);
  return epochs !== null && current !== epochs.current && current !== epochs.next;
}

/**
 * A log that vanishes leaves a hole, which the next one shows, unless an epoch ends there. So the
 * logs themselves are counted, from the one on that the snapshot is followed by.
 */
function refuseMissing(
  disk: Disk,
  options: StorageOptions,
  reached: Reached,
  snapshotZxid: Zxid,
): void {
  const dir = dataDirs(options).logs;
  const names = new Set(listLogs(disk, dir).map((file) => file.zxid));
  const behind = reached.logs.filter((zxid) => zxid > snapshotZxid);
  const covering = reached.logs.findLast((zxid) => zxid <= snapshotZxid);
  // What lies between the snapshot and the next log is in the one before, if there is anything.
  const isNeeded = behind.length > 0 && behind[0] !== snapshotZxid + 1;
  if (covering !== undefined && isNeeded) behind.unshift(covering);
  const missing = behind.find((zxid) => !names.has(zxid));
  if (missing === undefined) return;
  throw filesMissing(dir, `${logName(missing)} is missing`, (missing - 1) as Zxid);
}

/** Best effort: where there is no room the older note stays, and says less. */
export function noteReached(
  disk: Disk,
  options: StorageOptions,
  epochs: Reached['epochs'],
  zxid: Zxid,
): void {
  // Without fsync nothing is known to be durable; and of a server that is alone and new nothing yet.
  if (!options.forceSync || zxid < 0 || (zxid === zxidZero && epochs === null)) return;
  const dirs = dataDirs(options);
  const logs = listLogs(disk, dirs.logs).map((file) => file.zxid);
  const noted = { epochs, zxid, logs: logs.filter((name) => name <= zxid) };
  const before = readReached(disk, dirs.snapshots);
  if (before !== null && areSame(before, noted)) return;
  try {
    writeReached(disk, dirs.snapshots, noted);
  } catch (error) {
    if (!isPassing(error) || isInputOutput(error)) throw error;
  }
}

function areSame(a: Reached, b: Reached): boolean {
  return (
    a.zxid === b.zxid &&
    a.epochs?.current === b.epochs?.current &&
    a.epochs?.next === b.epochs?.next &&
    a.epochs?.accepted === b.epochs?.accepted &&
    a.logs.join() === b.logs.slice(-logsNotedMax).join()
  );
}

/** Before anything is cut behind that zxid; with all `logs`, before they give way to a snapshot there. */
export function lowerReached(
  disk: Disk,
  options: StorageOptions,
  zxid: Zxid,
  logs: 'later' | 'all' = 'later',
): void {
  const dir = dataDirs(options).snapshots;
  const before = readReached(disk, dir);
  if (before === null) return;
  const left = logs === 'all' ? [] : before.logs.filter((name) => name <= zxid);
  if (before.zxid <= zxid && left.length === before.logs.length) return;
  writeReached(disk, dir, { ...before, zxid: Math.min(before.zxid, zxid) as Zxid, logs: left });
}

function marked(disk: Disk, options: StorageOptions, target: RecoveryTarget, lack: Lack): Verdict {
  writeMark(disk, dataDirs(options).snapshots, lack);
  return lacking(disk, options, target, lack);
}

function lacking(disk: Disk, options: StorageOptions, target: RecoveryTarget, lack: Lack): Verdict {
  target.reset();
  const dir = dataDirs(options).snapshots;
  const { epoch, isKnown } = promisedEpoch(disk, dir);
  // What is left of a promise is written down before anything is promised on top of it.
  if (!isKnown) writeEpoch(disk, dir, 'accepted', epoch);
  const recovered: Recovered = {
    lastZxid: zxidNone,
    acceptedEpoch: epoch,
    currentEpoch: 0,
    recentLog: [],
    wasEmpty: lack.code === 'EMPTY',
    lack,
  };
  return { recovered, snapshot: null };
}

/** A new disk has forgotten what the old one promised; one that waits for its first history has not. */
function emptyLack(dir: string, isPromiseKnown: boolean): Lack {
  return {
    code: 'EMPTY',
    path: dir,
    offset: null,
    zxid: null,
    what: 'it is empty, and nothing says that this is a new database',
    isPromiseKnown,
    keptAs: null,
  };
}

/** Somebody put `initialize` beside a directory without a history. Source: storage, section 8. */
function isMeantToBeEmpty(disk: Disk, options: StorageOptions): boolean {
  const dirs = dataDirs(options);
  const isEmpty =
    listSnapshots(disk, dirs.snapshots).length === 0 && listLogs(disk, dirs.logs).length === 0;
  return isEmpty && dirs.initializePaths.some((path) => disk.exists(path));
}

function markedAlone(dir: string, mark: Lack): StorageError {
  return new StorageError(
    'LOG_CORRUPT',
    `${dir}/unsynced`,
    `${dir} was found damaged as a member's (${mark.path}: ${mark.what}), and was never repaired. ` +
      `Start this server as a member of its ensemble again, or restore the directory from a backup.`,
    { what: mark.what },
  );
}

function endOf(lastZxid: Zxid, reached: Zxid): string {
  return (
    `the files end at zxid 0x${zxidHex(lastZxid)}, but the history has reached ` +
    `0x${zxidHex(reached)}: log files are missing or were cut`
  );
}

function filesMissing(dir: string, what: string, intact: Zxid): StorageError {
  return new StorageError(
    'LOG_MISSING',
    dir,
    `${dir}: ${what}. Restore the files from a backup; or, if the other servers form a quorum, move ` +
      `the contents of version-2 away and let this server copy the state from them. Who shortened ` +
      `the history on purpose removes the file \`reached\` beside the snapshots.`,
    { what, ...(intact < 0 ? {} : { zxid: intact }) },
  );
}
