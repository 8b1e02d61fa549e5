import { basename } from 'node:path';
import { zxidHex, type Zxid } from '../protocol/zxid.ts';
import { JuteError } from '../protocol/jute.ts';
import { decodeTxn } from '../protocol/txn-codec.ts';
import type { Disk, DiskReader } from '../storage/disk.ts';
import { payloadZxid } from '../storage/txn-log-format.ts';
import { shortHex } from './java-text.ts';
import { LogCopy } from './log-copy.ts';
import { rawEntries, readLogHeader, type LogEnd, type RawEntry } from './log-reader.ts';
import { ToolRefusal, type Work } from './saying.ts';
import { txnExtras, txnLine } from './txn-text.ts';

export interface DumpOptions {
  /** Entries below it are left out; `null`: none are. */
  readonly from: Zxid | null;
  /** Entries above it are left out. */
  readonly to: Zxid | null;
  /** A second line for each entry: place, length, checksum, digest. */
  readonly isVerbose: boolean;
  /** A line with the data in base64. */
  readonly withData: boolean;
}

/** Prints a log's transactions as TxnLogToolkit does. */
export function* dumpLog(disk: Disk, path: string, options: DumpOptions): Work {
  const reader = openLog(disk, path);
  try {
    yield headerText(reader, path);
    const entries = rawEntries(reader);
    let count = 0;
    for (let step = entries.next(); ; step = entries.next()) {
      if (step.done === true) return yield* endOf(path, step.value, count);
      const entry = step.value;
      const zxid = payloadZxid(entry.payload, 0);
      const isWanted = zxid >= (options.from ?? 0) && zxid <= (options.to ?? Infinity);
      if (isWanted) yield dumpText(path, entry, options);
      if (!entry.isClosed) return yield* partial();
      count += 1;
    }
  } finally {
    reader.close();
  }
}

/**
 * Copies a log to `<file>.fixed` with right checksums, as TxnLogToolkit does: asks for each wrong
 * one, unless `isYes`.
 */
export function* recoverLog(
  disk: Disk,
  path: string,
  options: { readonly isYes: boolean; readonly isVerbose: boolean },
): Work {
  const target = `${path}.fixed`;
  const reader = openLog(disk, path);
  try {
    const header = headerText(reader, path);
    if (disk.exists(target)) {
      throw new ToolRefusal(
        `Recovery file ${target} already exists or not writable. Move it away first.`,
      );
    }
    yield header;
    using copy = new LogCopy(reader, target);
    const entries = rawEntries(reader);
    let fixedCount = 0;
    let count = 0;
    for (let step = entries.next(); ; step = entries.next()) {
      if (step.done === true) {
        if (step.value.reason === 'length') return yield* endOf(path, step.value, count);
        copy.keep();
        yield `EOF reached after ${count} txns.\n`;
        yield `Recovery file ${target} has been written with ${fixedCount} fixed CRC error(s)\n`;
        return 0;
      }
      const entry = step.value;
      const line = lineOf(path, entry);
      let isFixed = false;
      if (!isRight(entry)) {
        yield `CRC ${options.isYes ? 'FIXED' : 'ERROR'} - ${line}`;
        const answer = options.isYes ? 'y' : yield* ask();
        if (answer === 'a') return 0;
        isFixed = answer === 'y';
      }
      if (options.isVerbose) yield line;
      if (!entry.isClosed) return yield* partial();
      copy.add(entry, isFixed ? BigInt(entry.computed) : entry.checksum);
      if (isFixed) fixedCount += 1;
      count += 1;
    }
  } finally {
    reader.close();
  }
}

/**
 * Copies a log up to a transaction to `<file>.chopped<zxid in decimal>`, as TxnLogToolkit does; the
 * log itself stays.
 */
export function* chopLog(disk: Disk, path: string, zxid: Zxid): Work {
  const reader = openLog(disk, path);
  try {
    yield headerText(reader, path);
    using copy = new LogCopy(reader, `${path}.chopped${zxid}`);
    const entries = rawEntries(reader);
    let count = 0;
    for (let step = entries.next(); ; step = entries.next()) {
      if (step.done === true) {
        yield* endOf(path, step.value, count);
        return yield* notChopped(`Failed to chop ${basename(path)}`);
      }
      const entry = step.value;
      const found = payloadZxid(entry.payload, 0);
      if (found > zxid) {
        yield `This log does not contain zxid ${zxidHex(zxid)}\n`;
        return yield* notChopped(`Failed to chop ${basename(path)}`);
      }
      if (!isRight(entry)) {
        return yield* notChopped(`CRC doesn't match ${entry.checksum} vs ${entry.computed}`);
      }
      if (!entry.isClosed) return yield* notChopped('Last transaction was partial.');
      copy.add(entry, entry.checksum);
      count += 1;
      if (found < zxid) continue;
      copy.keep();
      yield `Chopping at ${zxidHex(zxid)} new log has ${count} records\n`;
      return 0;
    }
  } finally {
    reader.close();
  }
}

/** @throws ToolRefusal. */
export function openLog(disk: Disk, path: string): DiskReader {
  try {
    return disk.openRead(path);
  } catch (error) {
    const { message } = error as Error;
    throw new ToolRefusal(`File doesn't exist or not readable: ${path} (${message})`);
  }
}

/** As every mode begins. @throws ToolRefusal when the file is no log. */
function headerText(reader: DiskReader, path: string): string {
  const header = readLogHeader(reader);
  if (header === null) {
    throw new ToolRefusal(
      `Invalid magic number for ${path}: it is no transaction log, or a crash left it without its ` +
        `header. Name a file log.<zxid>.`,
      2,
    );
  }
  const { dbid, version } = header;
  return `ZooKeeper Transactional Log File with dbid ${dbid} txnlog format version ${version}\n`;
}

function isRight(entry: RawEntry): boolean {
  return entry.checksum === BigInt(entry.computed);
}

function dumpText(path: string, entry: RawEntry, options: DumpOptions): string {
  const line = lineOf(path, entry);
  let text = isRight(entry) ? line : `CRC ERROR - ${line}${line}`;
  if (options.isVerbose) {
    const { at, payload, checksum } = entry;
    text += `  offset ${at} length ${payload.length} checksum ${shortHex(checksum)}\n`;
  }
  if (options.isVerbose || options.withData) {
    const wants = { digest: options.isVerbose, data: options.withData };
    text += txnExtras(decodeTxn(entry.payload), wants);
  }
  return text;
}

function lineOf(path: string, entry: RawEntry): string {
  try {
    return txnLine(entry.payload);
  } catch (error) {
    if (!(error instanceof JuteError)) throw error;
    throw new ToolRefusal(
      `${path} has at byte ${entry.at} a transaction that cannot be read: ${error.message}. ` +
        `chop -z ZXID copies what stands before it.`,
    );
  }
}

function* endOf(path: string, end: LogEnd, count: number): Work {
  if (end.reason !== 'length') {
    yield `EOF reached after ${count} txns.\n`;
    return 0;
  }
  throw new ToolRefusal(
    `${path} is damaged at byte ${end.at}: Unreasonable length = ${end.length}. chop -z ZXID copies ` +
      `what stands before it.`,
  );
}

function* partial(): Work {
  yield { problem: 'Last transaction was partial.' };
  return 1;
}

function* notChopped(problem: string): Work {
  yield `Got exception: ${problem}\n`;
  return 1;
}

/** The first letter of the answer. */
function* ask(): Generator<{ readonly question: string }, 'y' | 'n' | 'a', string> {
  while (true) {
    const answer = (yield { question: 'Would you like to fix it (Yes/No/Abort) ? ' }).trim();
    const [letter = ''] = answer.toLowerCase();
    if (letter === 'y' || letter === 'n' || letter === 'a') return letter;
  }
}
