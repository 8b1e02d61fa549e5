import { epochMax, epochOf, type Zxid } from '../protocol/zxid.ts';
import type { Disk } from './disk.ts';
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
 * Reads both files and brings them in line with the history: a missing one is written. A history
 * that ends beyond `currentEpoch` is what a crash leaves between "the synchronized transactions are
 * durable" and "currentEpoch is": the promise for that epoch is then in `acceptedEpoch`, and the
 * history contains the whole start of that epoch, so the file catches up. Without that promise
 * somebody mixed directories.
 *
 * Source: storage, section 3; zab-properties, Z11.
 *
 * @throws StorageError when the files and the history exclude each other.
 */
export function recoverEpochs(disk: Disk, dir: string, lastZxid: Zxid): Epochs {
  const historyEpoch = lastZxid < 0 ? 0 : epochOf(lastZxid);
  const acceptedFound = readEpoch(disk, dir, names.accepted);
  let current = readEpoch(disk, dir, names.current);
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
    throw new StorageError(
      'EPOCH',
      `${dir}/${names.accepted}`,
      `${dir}/${names.accepted} says ${accepted} and ${names.current} says ${current}, but an epoch ` +
        `is accepted before it becomes current. One of the files was changed by hand or restored ` +
        `from elsewhere; restore the whole directory, or empty it and let the server copy the ` +
        `state from the others.`,
    );
  }
  return { accepted, current };
}

function ahead(dir: string, lastZxid: Zxid, current: number): StorageError {
  return new StorageError(
    'EPOCH',
    `${dir}/${names.current}`,
    `${dir}/${names.current} says ${current}, but the history ends at zxid 0x${lastZxid.toString(16)} ` +
      `of epoch ${epochOf(lastZxid)}, which this server never accepted. The files belong to different ` +
      `servers or times; restore the whole directory, or empty it and let the server copy the state ` +
      `from the others.`,
  );
}

function readEpoch(disk: Disk, dir: string, name: string): number | null {
  const path = `${dir}/${name}`;
  if (!disk.exists(path)) return null;
  const text = disk.readAll(path).toString('latin1').split('\n', 1)[0]?.trim() ?? '';
  const epoch = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (epoch >= 0 && epoch <= epochMax) return epoch;
  // A temporary file that a crash left half written says nothing.
  if (name.endsWith('.tmp')) return null;
  throw new StorageError(
    'EPOCH',
    path,
    `${path} holds ${JSON.stringify(text.slice(0, 40))} and not an epoch from 0 to ${epochMax}. ` +
      `A guess could break a promise to the other servers; restore the file, or empty ${dir} and ` +
      `let the server copy the state from the others.`,
  );
}
