import { zxidNone, type Zxid } from '../protocol/zxid.ts';
import { clearMark, keepEvidence, writeMark, type Lack } from './damage.ts';
import { dataDirs } from './data-dir.ts';
import type { Disk } from './disk.ts';
import type { Recovered } from './door.ts';
import { writeEpoch, type Epochs } from './epoch-files.ts';
import { listLogs } from './log-files.ts';
import { listSnapshots } from './snapshot-store.ts';
import type { StorageOptions } from './storage-options.ts';
import { lowerReached, noteReached } from './verdict.ts';

/**
 * Whether the history on a disk counts, and the note of how far it has come. All of it is
 * synchronous and throws the disk's error.
 */
export class Standing {
  readonly #disk: Disk;
  readonly #options: StorageOptions;
  #lack: Lack | null = null;
  /** As on disk; `null`: a server that is alone. */
  #epochs: Epochs | null = null;
  /** The history is durable up to here. */
  #reached: Zxid = zxidNone;

  constructor(disk: Disk, options: StorageOptions) {
    this.#disk = disk;
    this.#options = options;
  }

  get lack(): Lack | null {
    return this.#lack;
  }

  stepRecovered({ lack, acceptedEpoch, currentEpoch, lastZxid }: Recovered): void {
    this.#lack = lack;
    const isAlone = currentEpoch === null || acceptedEpoch === null;
    this.#epochs = isAlone ? null : { current: currentEpoch, accepted: acceptedEpoch };
    this.#reached = lastZxid;
  }

  stepDurable(zxid: Zxid): void {
    this.#reached = zxid;
  }

  /** While nothing here counts there is nothing to be noted. */
  note(zxid: Zxid = this.#reached, next: number | null = null): void {
    const epochs = this.#epochs;
    if (this.#lack !== null) return;
    const noted = epochs === null ? null : { ...epochs, next: next ?? epochs.current };
    noteReached(this.#disk, this.#options, noted, zxid);
  }

  /** Before the history is cut behind that zxid, or `all` logs give way to a snapshot there. */
  lower(zxid: Zxid, logs: 'later' | 'all'): void {
    lowerReached(this.#disk, this.#options, zxid, logs);
    this.#reached = zxid;
  }

  /**
   * Durable on return. A current epoch is stored when a leader's history is durable as a whole: from
   * then on it counts.
   */
  storeEpoch(which: 'accepted' | 'current', epoch: number): void {
    if (which === 'current') this.note(this.#reached, epoch);
    writeEpoch(this.#disk, dataDirs(this.#options).snapshots, which, epoch);
    this.#epochs = { current: 0, accepted: 0, ...this.#epochs, [which]: epoch };
    if (which === 'current' && this.#lack !== null) this.#countAgain(this.#lack, epoch);
  }

  /** What did not count goes where a person can look at it. */
  keepDamaged(): void {
    const lack = this.#lack;
    if (lack === null || lack.code === 'EMPTY' || lack.keptAs !== null) return;
    const { snapshots, logs } = dataDirs(this.#options);
    const keptAs = keepEvidence(this.#disk, [
      { dir: logs, names: listLogs(this.#disk, logs).map((file) => file.name) },
      { dir: snapshots, names: listSnapshots(this.#disk, snapshots).map((file) => file.name) },
    ]);
    this.#lack = { ...lack, keptAs };
    writeMark(this.#disk, snapshots, this.#lack);
  }

  #countAgain(lack: Lack, epoch: number): void {
    clearMark(this.#disk, dataDirs(this.#options).snapshots);
    this.#lack = null;
    this.note();
    const isBirth = epoch === 0;
    const what = isBirth
      ? 'a new database was made, and counts'
      : 'the history was taken over from the others, and counts again';
    this.#options.host.log('info', what, {
      epoch,
      ...(lack.keptAs === null ? {} : { damagedFiles: `damaged/${lack.keptAs}.*` }),
    });
  }
}
