import { zxidHex, type Zxid } from '../protocol/zxid.ts';
import { adler32 } from '../util/adler32.ts';
import type { Disk } from './disk.ts';

/**
 * How far the history and the epochs in a directory have come for certain, so that files that
 * vanish from the end, and epochs that go back, are missed. Written when a log file is begun, before
 * an epoch becomes current, and before anything is cut; it lags behind, and never runs ahead.
 *
 * ```
 * 4 5 5 500000012 1,500000001 3a1    currentEpoch, the next currentEpoch, acceptedEpoch (all `-`: a
 *                                    server that is alone), zxid in hex, names of the newest logs,
 *                                    Adler-32 of what stands before, in hex
 * ```
 * Our own file; the reference does not read it. Its zxid and logs count only while `currentEpoch` is
 * one of the two: whoever led since may have cut what it speaks of.
 */
export interface Reached {
  readonly epochs: {
    readonly current: number;
    /** About to become current; the same when none is. */
    readonly next: number;
    readonly accepted: number;
  } | null;
  readonly zxid: Zxid;
  /** Log files up to there, by their names, oldest first; at most {@link logsNotedMax}. */
  readonly logs: readonly Zxid[];
}

/** Older logs are not missed: snapshots are taken far more often than this many are begun. */
export const logsNotedMax = 64;

const reachedName = 'reached';

export function writeReached(disk: Disk, dir: string, reached: Reached): void {
  const { epochs, zxid, logs } = reached;
  const names = logs.slice(-logsNotedMax).map(zxidHex).join(',') || '-';
  const text = `${numbersOf(epochs)} ${zxidHex(zxid)} ${names} `;
  const bytes = Buffer.from(`${text}${checksumOf(text)}\n`, 'latin1');
  disk.replaceAtomically(`${dir}/${reachedName}`, bytes);
}

/** `null`: there is none, or it cannot be read and says nothing. */
export function readReached(disk: Disk, dir: string): Reached | null {
  const path = `${dir}/${reachedName}`;
  if (!disk.exists(path)) return null;
  const found = disk.readAll(path).toString('latin1');
  const match =
    /^((-|\d{1,7}) (-|\d{1,7}) (-|\d{1,7}) ([0-9a-f]{1,16}) (-|[0-9a-f,]+) )([0-9a-f]{1,8})\n$/.exec(
      found,
    );
  if (match === null || checksumOf(match[1] as string) !== match[7]) return null;
  const [, , current, next, accepted, zxid = '', logs = ''] = match;
  return {
    epochs:
      current === '-'
        ? null
        : { current: Number(current), next: Number(next), accepted: Number(accepted) },
    zxid: zxidOfHex(zxid),
    logs: logs === '-' ? [] : logs.split(',').map(zxidOfHex),
  };
}

function numbersOf(epochs: Reached['epochs']): string {
  return epochs === null ? '- - -' : `${epochs.current} ${epochs.next} ${epochs.accepted}`;
}

function zxidOfHex(hex: string): Zxid {
  return Number.parseInt(hex, 16) as Zxid;
}

function checksumOf(text: string): string {
  return adler32(Buffer.from(text, 'latin1')).toString(16);
}
