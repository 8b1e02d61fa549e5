import { zxidHex, type Zxid } from '../protocol/zxid.ts';
import { AssertionFailure } from '../util/assert.ts';
import type { Disk, DiskReader } from './disk.ts';
import type { LogEntry, RecoveryTarget } from './door.ts';
import { follows } from './history.ts';
import { judgeTail, unsealedTailBytesMax, lastDataByte } from './log-damage.ts';
import { lastFileUpTo, listLogs, type LogFile } from './log-files.ts';
import { isZero, scanLog } from './log-scan.ts';
import { messageOf, StorageError } from './storage-error.ts';
import type { StorageHost } from './storage-options.ts';
import { batchBytesMax } from './txn-log.ts';
import { isLogHeader, logHeaderBytes, writeLogHeader } from './txn-log-format.ts';

/** More cannot be unconfirmed at the end of a log: one batch is written at a time. */
const unconfirmedBytesMax: number = 4 * batchBytesMax;

export interface LogPlace {
  readonly disk: Disk;
  readonly dir: string;
  readonly log: StorageHost['log'];
}

export interface ReplayRequest {
  /** The tree's zxid; entries above it are replayed. */
  readonly from: Zxid;
  readonly target: RecoveryTarget;
  readonly recentLogCount: number;
}

export interface Replayed {
  readonly lastZxid: Zxid;
  readonly recentLog: readonly LogEntry[];
}

/** The newest entries' places: the bytes are copied once it is known which those are. */
interface RecentPlaces {
  readonly fileIndex: Int32Array;
  readonly at: Float64Array;
  count: number;
}

/** Whether any file holds an entry, whole or not. */
export function logsHaveEntries(disk: Disk, dir: string): boolean {
  return listLogs(disk, dir).some((file) => {
    const reader = disk.openRead(file.path);
    try {
      return lastDataByte(reader, Math.min(logHeaderBytes, reader.bytes)) > logHeaderBytes;
    } finally {
      reader.close();
    }
  });
}

/**
 * Replays every entry above `from`, in order and without a hole, and leaves the newest file cut
 * behind its last entry and synced.
 *
 * Source: storage, sections 4.5 and 8.
 *
 * @throws StorageError LOG_CORRUPT or LOG_GAP.
 */
export function replayLogs(place: LogPlace, request: ReplayRequest): Replayed {
  const { recentLogCount } = request;
  const files = listLogs(place.disk, place.dir);
  const replay = new Replay(request);
  const first = Math.max(0, lastFileUpTo(files, request.from));
  const recent: RecentPlaces = {
    fileIndex: new Int32Array(recentLogCount),
    at: new Float64Array(recentLogCount),
    count: 0,
  };
  for (let index = first; index < files.length; index += 1) {
    const file = files[index] as LogFile;
    replayFile(place, files, index, (zxid, window, start, end, at) => {
      replay.take(file, zxid, window.subarray(start, end), at);
      if (zxid > request.from) remember(recent, index, at);
    });
  }
  return {
    lastZxid: replay.last,
    recentLog: readRecent(place.disk, files, recent, recentLogCount),
  };
}

class Replay {
  last: Zxid;
  readonly #target: RecoveryTarget;
  readonly #from: Zxid;
  #previous: Zxid | null = null;

  constructor(request: ReplayRequest) {
    this.last = request.from;
    this.#from = request.from;
    this.#target = request.target;
  }

  take(file: LogFile, zxid: Zxid, bytes: Buffer, at: number): void {
    if (this.#previous !== null && zxid <= this.#previous) {
      throw outOfOrder(file, at, zxid, this.#previous);
    }
    this.#previous = zxid;
    if (zxid <= this.#from) return;
    if (!follows(this.last, zxid)) throw gap(file, at, zxid, this.last);
    try {
      this.#target.replay({ zxid, bytes });
    } catch (error) {
      if (error instanceof AssertionFailure) throw error;
      throw corrupt(file, at, this.last, `its transaction cannot be read: ${messageOf(error)}`);
    }
    this.last = zxid;
  }
}

function remember(recent: RecentPlaces, fileIndex: number, at: number): void {
  const slots = recent.at.length;
  if (slots === 0) return;
  const slot = recent.count % slots;
  recent.fileIndex[slot] = fileIndex;
  recent.at[slot] = at;
  recent.count += 1;
}

/** Scans one file to its end and secures what was read, if the file may not be durable yet. */
function replayFile(
  place: LogPlace,
  files: readonly LogFile[],
  index: number,
  take: (zxid: Zxid, window: Buffer, start: number, end: number, at: number) => void,
): void {
  const { disk } = place;
  const file = files[index] as LogFile;
  const isNewest = index === files.length - 1;
  const reader = disk.openRead(file.path);
  let end: number | null;
  try {
    end = hasHeader(file, reader, isNewest) ? scanFile(place, file, reader, take) : null;
  } finally {
    reader.close();
  }
  if (end === null) {
    place.log('warn', 'a log file without content was left by a crash', { path: file.path });
    if (!isNewest) return;
    disk.remove(file.path);
  } else if (index >= files.length - 2) {
    // Durable from here on, even if only the page cache had it: it is about to be counted on.
    disk.secure(file.path, end, Math.max(0, end - unconfirmedBytesMax));
  }
  if (isNewest) disk.syncDir(place.dir);
}

/** Offset behind the last entry. */
function scanFile(
  place: LogPlace,
  file: LogFile,
  reader: DiskReader,
  take: (zxid: Zxid, window: Buffer, start: number, end: number, at: number) => void,
): number {
  let last = (file.zxid - 1) as Zxid;
  const scan = scanLog(reader, logHeaderBytes, reader.bytes, (zxid, window, start, end, at) => {
    take(zxid, window, start, end, at);
    last = zxid;
    return true;
  });
  const tail = judgeTail(reader, scan, last);
  if (tail === 'corrupt') {
    throw corrupt(file, scan.at, last, 'what stands there was changed after it was written');
  }
  if (tail === 'torn') {
    place.log('warn', 'the last write to a log was cut short by a crash; nobody was told of it', {
      path: file.path,
      offset: scan.at,
      lastZxid: zxidHex(last),
    });
  }
  return scan.at;
}

/**
 * Whether the file begins as a log. False for one that a crash left before its first write was
 * durable: empty, or with a header that stops.
 */
function hasHeader(file: LogFile, reader: DiskReader, isNewest: boolean): boolean {
  if (reader.bytes === 0) return false;
  const found = Buffer.alloc(logHeaderBytes);
  reader.read(found, 0);
  if (reader.bytes >= logHeaderBytes && isLogHeader(found)) return true;
  const expected = Buffer.alloc(logHeaderBytes);
  writeLogHeader(expected, 0);
  let same = 0;
  while (same < found.length && found[same] === expected[same]) same += 1;
  const dataEnd = lastDataByte(reader, 0);
  const firstSector = Buffer.alloc(512);
  firstSector.fill(0, reader.read(firstSector, 0));
  const isLost = isZero(firstSector, 0, firstSector.length) && dataEnd <= unsealedTailBytesMax;
  if (isNewest && isZero(found, same, found.length) && (dataEnd <= logHeaderBytes || isLost)) {
    return false;
  }
  throw new StorageError(
    'LOG_CORRUPT',
    file.path,
    `${file.path} is damaged: it does not begin with ZKLG. ${remedy}`,
    { what: 'it does not begin with ZKLG' },
  );
}

const remedy =
  'Restore the file from a backup; or, if the other servers form a quorum, move the contents of ' +
  'version-2 away and let this server copy the state from them. Cutting the log here would lose ' +
  'transactions that were confirmed.';

function corrupt(file: LogFile, at: number, zxid: Zxid, problem: string): StorageError {
  return new StorageError(
    'LOG_CORRUPT',
    file.path,
    `${file.path} is damaged at byte ${at}, behind zxid 0x${zxidHex(zxid)}: ${problem}. ${remedy}`,
    { offset: at, zxid, what: problem },
  );
}

function outOfOrder(file: LogFile, at: number, zxid: Zxid, previous: Zxid): StorageError {
  const problem = `zxid 0x${zxidHex(zxid)} follows 0x${zxidHex(previous)}`;
  return corrupt(file, at, previous, problem);
}

function gap(file: LogFile, at: number, zxid: Zxid, last: Zxid): StorageError {
  return new StorageError(
    'LOG_GAP',
    file.path,
    `Transactions are missing: ${file.path} goes on at byte ${at} with zxid 0x${zxidHex(zxid)}, but ` +
      `the state ends at 0x${zxidHex(last)}. ${remedy}`,
    { offset: at, zxid: last, what: `transactions are missing in front of 0x${zxidHex(zxid)}` },
  );
}

/** Copies of the newest entries, oldest first. */
function readRecent(
  disk: Disk,
  files: readonly LogFile[],
  recent: RecentPlaces,
  countMax: number,
): LogEntry[] {
  const entries: LogEntry[] = [];
  const count = Math.min(recent.count, countMax);
  let slot = (recent.count - count) % Math.max(countMax, 1);
  while (entries.length < count) {
    const file = files[recent.fileIndex[slot] as number] as LogFile;
    const reader = disk.openRead(file.path);
    const before = entries.length;
    try {
      scanLog(reader, recent.at[slot] as number, reader.bytes, (zxid, window, start, end) => {
        if (entries.length === count) return false;
        entries.push({ zxid, bytes: Buffer.from(window.subarray(start, end)) });
        return true;
      });
    } finally {
      reader.close();
    }
    slot = (slot + entries.length - before) % countMax;
  }
  return entries;
}
