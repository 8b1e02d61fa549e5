import { zxidHex, zxidZero, type Zxid } from '../protocol/zxid.ts';
import { decodeTxn, peekTxnHeader } from '../protocol/txn-codec.ts';
import type { Disk, DiskReader } from '../storage/disk.ts';
import { follows } from '../storage/history.ts';
import { judgeTail } from '../storage/log-damage.ts';
import { listLogs } from '../storage/log-files.ts';
import { scanLog } from '../storage/log-scan.ts';
import { logHeaderBytes } from '../storage/txn-log-format.ts';
import { javaShortDate } from './java-text.ts';
import { readLogHeader } from './log-reader.ts';
import { openLog } from './log-tool.ts';
import { isDirectory } from './places.ts';
import type { Work } from './saying.ts';

/** What a log file holds, and what is wrong with it. */
export interface LogReport {
  readonly path: string;
  readonly count: number;
  /** `null`: no entry. */
  readonly first: Zxid | null;
  readonly last: Zxid | null;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Behind the last intact entry. */
  readonly endAt: number;
  /** A server starts with it and nothing is lost; `null`: there is nothing to say. */
  readonly note: string | null;
  /** A server refuses to start; `null`: it does not. */
  readonly problem: string | null;
}

/**
 * Reads a log as a server would at its start: entries, checksums, transactions, and whether its end
 * is one that a crash leaves.
 */
export function checkLogFile(disk: Disk, path: string): LogReport {
  const reader = openLog(disk, path);
  try {
    return report(reader, path);
  } finally {
    reader.close();
  }
}

function report(reader: DiskReader, path: string): LogReport {
  const empty = { path, count: 0, first: null, last: null, firstMs: 0, lastMs: 0, endAt: 0 };
  if (reader.bytes < logHeaderBytes) {
    return { ...empty, note: `it has ${reader.bytes} bytes: a crash left it empty`, problem: null };
  }
  if (readLogHeader(reader) === null) {
    return { ...empty, note: null, problem: 'it does not begin with ZKLG' };
  }
  let count = 0;
  let first: Zxid | null = null;
  let last: Zxid | null = null;
  let firstMs = 0;
  let lastMs = 0;
  let problem: string | null = null;
  const scan = scanLog(reader, logHeaderBytes, reader.bytes, (zxid, window, start, end, at) => {
    if (last !== null && !follows(last, zxid)) {
      problem = `at byte ${at} zxid 0x${zxidHex(zxid)} follows 0x${zxidHex(last)}`;
      return false;
    }
    try {
      decodeTxn(window, start, end);
    } catch (error) {
      problem = `the transaction at byte ${at} cannot be read: ${(error as Error).message}`;
      return false;
    }
    lastMs = peekTxnHeader(window, start, end).timeMs;
    if (first === null) firstMs = lastMs;
    first ??= zxid;
    last = zxid;
    count += 1;
    return true;
  });
  const held = { path, count, first, last, firstMs, lastMs, endAt: scan.at };
  if (problem !== null) return { ...held, note: null, problem };
  const tail = judgeTail(reader, scan, last ?? zxidZero);
  const place = `at byte ${scan.at}, behind ${last === null ? 'its header' : `zxid 0x${zxidHex(last)}`}`;
  return {
    ...held,
    note: tail === 'torn' ? `its last write was cut short ${place}; nobody was told of it` : null,
    problem: tail === 'corrupt' ? `what stands ${place} was changed after it was written` : null,
  };
}

/** Logs that are one history: those of a directory, by their first zxid; or a file alone. */
function historiesOf(disk: Disk, paths: readonly string[]): string[][] {
  return paths.map((path) => {
    if (!isDirectory(path)) return [path];
    const dir = [`${path}/version-2`, path].find((at) => listLogs(disk, at).length > 0);
    return dir === undefined ? [] : listLogs(disk, dir).map((file) => file.path);
  });
}

/** One line for each log; fails when a server would refuse to start with one of them. */
export function* checkLogs(disk: Disk, paths: readonly string[]): Work {
  let exitCode = 0;
  for (const files of historiesOf(disk, paths)) {
    let last: Zxid | null = null;
    for (const path of files) {
      const found = checkLogFile(disk, path);
      const hole = holeBefore(last, found);
      yield `${lineOf(found)}\n`;
      if (hole !== null) yield `${path}: DAMAGED: ${hole}\n`;
      if (found.problem !== null || hole !== null) exitCode = 1;
      last = found.last ?? last;
    }
  }
  if (exitCode !== 0) {
    yield {
      problem:
        'A server does not start on this. recover repairs checksums, chop -z ZXID copies what stands ' +
        'before a damage; or let the server copy the state from the others.',
    };
  }
  return exitCode;
}

/** What is missing between two logs of one history; `null`: nothing. */
export function holeBefore(last: Zxid | null, { first }: LogReport): string | null {
  if (last === null || first === null || follows(last, first)) return null;
  return `it begins with zxid 0x${zxidHex(first)}, but the log before ends with 0x${zxidHex(last)}`;
}

/** One line for each log: what it covers. */
export function* logRanges(disk: Disk, paths: readonly string[]): Work {
  for (const path of historiesOf(disk, paths).flat()) {
    const found = checkLogFile(disk, path);
    const times =
      found.count === 0 ? '' : `, ${javaShortDate(found.firstMs)} - ${javaShortDate(found.lastMs)}`;
    yield `${path}: ${rangeText(found)}${times}\n`;
  }
  return 0;
}

function lineOf(found: LogReport): string {
  const verdict = found.problem === null ? 'OK' : 'DAMAGED';
  const reason = found.problem ?? found.note;
  return `${found.path}: ${verdict}, ${rangeText(found)}${reason === null ? '' : `: ${reason}`}`;
}

function rangeText({ first, last, count, endAt }: LogReport): string {
  const span = first === null || last === null ? '' : ` 0x${zxidHex(first)}..0x${zxidHex(last)},`;
  return `${count} txns,${span} ${endAt} bytes`;
}
