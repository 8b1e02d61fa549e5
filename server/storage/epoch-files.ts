import { epochMax, epochOf, zxidHex, type Zxid } from '../protocol/zxid.ts';
import type { Disk } from './disk.ts';
import { readReached } from './reached.ts';
import { StorageError } from './storage-error.ts';

export interface Epochs {
  readonly accepted: number;
  readonly current: number;
}

const names = { accepted: 'acceptedEpoch', current: 'currentEpoch' } as const;

/** Atomically; durable on return. Source: storage, section 3. */
export function writeEpoch(
  disk: Disk,
  dir: string,
  which: 'accepted' | 'current',
  epoch: number,
): void {
  disk.replaceAtomically(`${dir}/${names[which]}`, Buffer.from(String(epoch), 'latin1'));
}

/**
 * Reads both files and brings them in line with the history: a missing one is written, unless
 * it is known what they said `before`. A history that ends beyond `currentEpoch` is what a crash leaves between "the
 * synchronized transactions are durable" and "currentEpoch is": the promise for that epoch is then
 * in `acceptedEpoch`, and the history contains the whole start of that epoch, so the file catches
 * up. Without that promise somebody mixed directories.
 *
 * Source: storage, section 3; zab-properties, Z11.
 *
 * @throws StorageError when the files and the history exclude each other.
 */
export function recoverEpochs(
  disk: Disk,
  dir: string,
  lastZxid: Zxid,
  before: Epochs | null = null,
): Epochs {
  const historyEpoch = lastZxid < 0 ? 0 : epochOf(lastZxid);
  const acceptedFound = readEpoch(disk, dir, names.accepted);
  let current = readEpoch(disk, dir, names.current);
  if (before !== null) {
    refuseBelow(dir, names.accepted, acceptedFound, before.accepted);
    refuseBelow(dir, names.current, current, before.current);
  }
  if (current === null) {
    current = historyEpoch;
    writeEpoch(disk, dir, 'current', current);
  }
  if (historyEpoch > current) {
    const interrupted = readEpoch(disk, dir, `${names.current}.tmp`);
    const known = interrupted !== null && interrupted >= historyEpoch ? interrupted : null;
    if (known === null && (acceptedFound ?? 0) < historyEpoch) throw ahead(dir, lastZxid, current);
    current = known ?? historyEpoch;
    writeEpoch(disk, dir, 'current', current);
  }
  let accepted = acceptedFound;
  if (accepted === null) {
    accepted = Math.max(historyEpoch, current);
    writeEpoch(disk, dir, 'accepted', accepted);
  }
  if (accepted < current) {
    throw epochError(
      `${dir}/${names.accepted}`,
      `it says ${accepted} and ${names.current} says ${current}, but an epoch is accepted before ` +
        `it becomes current`,
      `One of the files was changed by hand or restored from elsewhere; restore the whole directory`,
    );
  }
  return { accepted, current };
}

/**
 * The highest epoch that was promised. Not `isKnown`: the file is gone, cannot be read, or has gone
 * back; then it is the least that it can have been.
 */
export function promisedEpoch(
  disk: Disk,
  dir: string,
): { readonly epoch: number; readonly isKnown: boolean } {
  const accepted = epochOrNull(disk, dir, names.accepted);
  const atLeast = Math.max(
    epochOrNull(disk, dir, names.current) ?? 0,
    readReached(disk, dir)?.epochs?.accepted ?? 0,
  );
  return {
    epoch: Math.max(accepted ?? 0, atLeast),
    isKnown: accepted !== null && accepted >= atLeast,
  };
}

/** What `currentEpoch` says; `null`: nothing that can be read. */
export function currentEpochOf(disk: Disk, dir: string): number | null {
  return epochOrNull(disk, dir, names.current);
}

function epochOrNull(disk: Disk, dir: string, name: string): number | null {
  try {
    return readEpoch(disk, dir, name);
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
}

/** Whether an epoch has ever begun here: one of the files says so, or cannot be read. */
export function hasEpochs(disk: Disk, dir: string): boolean {
  return Object.values(names).some((name) => {
    try {
      return (readEpoch(disk, dir, name) ?? 0) > 0;
    } catch (error) {
      if (error instanceof StorageError) return true;
      throw error;
    }
  });
}

function ahead(dir: string, lastZxid: Zxid, current: number): StorageError {
  return epochError(
    `${dir}/${names.current}`,
    `it says ${current}, but the history ends at zxid 0x${zxidHex(lastZxid)} of epoch ` +
      `${epochOf(lastZxid)}, which this server never accepted`,
    `The files belong to different servers or times; restore the whole directory`,
  );
}

/** Epochs that were durable once do not vanish, nor go back. */
function refuseBelow(dir: string, name: string, found: number | null, before: number): void {
  if (found !== null && found >= before) return;
  throw epochError(
    `${dir}/${name}`,
    found === null ? `it is missing, and said ${before}` : `it says ${found}, and said ${before}`,
    `A guess could break a promise to the other servers; restore the file`,
  );
}

function epochError(path: string, what: string, remedy: string): StorageError {
  const dir = path.slice(0, path.lastIndexOf('/'));
  const message =
    `${path} is damaged: ${what}. ${remedy}; or, if the other servers form a quorum, empty ${dir} ` +
    `and let this server copy the state from them.`;
  return new StorageError('EPOCH', path, message, { what });
}

function readEpoch(disk: Disk, dir: string, name: string): number | null {
  const path = `${dir}/${name}`;
  if (!disk.exists(path)) return null;
  const text = disk.readAll(path).toString('latin1').split('\n', 1)[0]?.trim() ?? '';
  const epoch = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (epoch >= 0 && epoch <= epochMax) return epoch;
  // A temporary file that a crash left half written says nothing.
  if (name.endsWith('.tmp')) return null;
  throw epochError(
    path,
    `it holds ${JSON.stringify(text.slice(0, 40))} and not an epoch from 0 to ${epochMax}`,
    `A guess could break a promise to the other servers; restore the file`,
  );
}
