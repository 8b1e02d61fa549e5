import { zxidHex, type Zxid } from '../protocol/zxid.ts';
import { assert } from '../util/assert.ts';
import { dataDirs, openDataDirs, removeUnfinished, setAside, type DataDirs } from './data-dir.ts';
import type { Disk } from './disk.ts';
import type {
  LogEntry,
  Recovered,
  RecoveryTarget,
  SnapshotSource,
  Storage,
  StorageFailure,
  StorageStats,
} from './door.ts';
import { keepEvidence, type Lack } from './damage.ts';
import { listLogs, readLogs, truncateLogs } from './log-files.ts';
import { canTruncate } from './truncation.ts';
import { purgeFiles } from './purge.ts';
import { finishReplacing, replaceHistory } from './replace-history.ts';
import { allSections } from './snapshot-format.ts';
import { SnapshotPace } from './snapshot-pace.ts';
import { listSnapshots } from './snapshot-store.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import {
  asStorageError,
  isFull,
  isPassing,
  messageOf,
  remedyOf,
  storageExitCode,
} from './storage-error.ts';
import type { StorageOptions } from './storage-options.ts';
import { Standing } from './standing.ts';
import { TxnLog } from './txn-log.ts';
import { recoverMember } from './verdict.ts';

/** A log is read into memory for a learner up to this many bytes. */
const readLogBytesMax: number = 64 * 1024 * 1024;

/** The durable history of one server in its directories. Nothing is touched before `recover`. */
export function openStorage(options: StorageOptions, disk: Disk): Storage {
  return new FileStorage(options, disk);
}

/** An act that has the log to itself, and what was appended after it was asked for. */
interface Act {
  readonly run: () => void;
  readonly appended: LogEntry[];
}

class FileStorage implements Storage {
  onDurable: (zxid: Zxid) => void = () => {};
  onFailure: (failure: StorageFailure) => void = () => {};

  readonly #options: StorageOptions;
  readonly #disk: Disk;
  readonly #dirs: DataDirs;
  readonly #log: TxnLog;
  readonly #pace: SnapshotPace;
  readonly #standing: Standing;
  /** In order; the first is under way. */
  readonly #acts: Act[] = [];
  /** A routine snapshot being written. */
  #routine: { readonly writer: SnapshotWriter; readonly done: () => void } | null = null;
  #release: (() => void) | null = null;
  #isFailed = false;
  /** Newest snapshot known to load, and its size. */
  #proven: Zxid | null = null;
  #provenBytes = 0;
  #snapshotsBegun = 0;
  #snapshotCount = 0;
  #snapshotMsLast = 0;
  #snapshotMsTotal = 0;

  constructor(options: StorageOptions, disk: Disk) {
    this.#options = options;
    this.#disk = disk;
    this.#dirs = dataDirs(options);
    this.#pace = new SnapshotPace(options);
    this.#standing = new Standing(disk, options);
    this.#log = new TxnLog(this.#dirs.logs, disk, options);
    this.#log.onDurable = (zxid) => {
      this.#standing.stepDurable(zxid);
      this.onDurable(zxid);
    };
    this.#log.onBegun = (zxid) => this.#standing.note(zxid);
    this.#log.onFailure = (what, error, canComeBack) =>
      this.#fail(storageExitCode.log, what, error, canComeBack);
  }

  recover(target: RecoveryTarget, recentLogCount: number): Recovered {
    assert(this.#log.lastWaiting === null, 'recovery finds no write under way');
    this.#log.roll();
    this.#release ??= openDataDirs(this.#disk, this.#options);
    try {
      return this.#recover(target, recentLogCount);
    } catch (error) {
      this.#release();
      this.#release = null;
      throw asStorageError(error);
    }
  }

  append(entry: LogEntry): void {
    const act = this.#acts.at(-1);
    if (act === undefined) this.#log.append(entry);
    else act.appended.push(entry);
    this.#pace.logged(entry.bytes.length);
  }

  flush(): void {
    this.#log.flush();
  }

  truncate(zxid: Zxid, done: (isCut: boolean) => void): void {
    this.#cancelRoutine();
    this.#alone(() => {
      const { snapshots, logs } = this.#dirs;
      if (!canTruncate(this.#disk, this.#dirs, zxid)) {
        this.#options.host.log('warn', 'the files do not lead to where the log is to be cut', {
          zxid: `0x${zxidHex(zxid)}`,
          path: logs,
        });
        done(false);
        return this.#leave();
      }
      try {
        this.#log.roll();
        this.#standing.lower(zxid, 'later');
        // Snapshots first: a crash in between leaves the whole history, never less than `zxid`.
        const newer = listSnapshots(this.#disk, snapshots).filter((file) => file.zxid > zxid);
        setAside(this.#disk, this.#dirs, { snapshots: newer.map((file) => file.name), logs: [] });
        truncateLogs(this.#disk, logs, zxid);
      } catch (error) {
        const what = `the log in ${logs} cannot be cut behind zxid 0x${zxidHex(zxid)}`;
        return this.#fail(storageExitCode.truncation, what, error);
      }
      done(true);
      this.#leave();
    });
  }

  storeEpoch(which: 'accepted' | 'current', epoch: number, done: () => void): void {
    this.#options.host.defer(() => {
      if (this.#isFailed) return;
      try {
        this.#standing.storeEpoch(which, epoch);
      } catch (error) {
        const what = `the ${which} epoch cannot be stored in ${this.#dirs.snapshots}`;
        return this.#fail(storageExitCode.log, what, error, isFull(error));
      }
      done();
      // Nobody waits for this.
      this.#options.host.defer(() => this.#noteEpochs());
    });
  }

  writeSnapshot(
    source: SnapshotSource,
    options: { readonly replaceHistory: boolean },
    done: () => void,
  ): void {
    if (options.replaceHistory) {
      this.#cancelRoutine();
      return this.#alone(() => this.#replace(source, done));
    }
    if (this.#routine !== null || this.#acts.length > 0) {
      // One at a time; the next threshold asks again. Source: storage, section 9.
      return this.#options.host.defer(done);
    }
    this.#log.roll();
    const writer = this.#writer(source, () => {
      // A crash must not leave a tree on disk that is ahead of its log.
      this.#log.whenDurable(() => this.#finishRoutine(writer));
    });
    this.#routine = { writer, done };
    this.#pace.begun();
    writer.start();
  }

  wantsSnapshot(): boolean {
    return this.#pace.isDue && this.#routine === null && this.#acts.length === 0;
  }

  readLog(from: Zxid): readonly LogEntry[] | null {
    const factor = this.#options.snapshotSizeFactor;
    if (factor < 0 || this.#isFailed) return null;
    const range = {
      dir: this.#dirs.logs,
      current: this.#log.current,
      bytesMax: readLogBytesMax,
      // As the reference has it: the file that a learner's history ends in is not counted, and 0 is
      // no bound.
      laterBytesMax: factor === 0 ? readLogBytesMax : factor * this.#provenBytes,
    };
    try {
      return readLogs(this.#disk, range, from);
    } catch (error) {
      // Only a learner's way to catch up is lost; it gets a snapshot instead.
      const values = { path: this.#dirs.logs, problem: messageOf(error) };
      this.#options.host.log('warn', 'the log cannot be read for a learner', values);
      return null;
    }
  }

  purge(retainCount: number): readonly string[] {
    return purgeFiles(this.#disk, this.#dirs, retainCount, this.#proven);
  }

  get writingSinceMs(): number | null {
    return this.#log.writingSinceMs;
  }

  get lack(): Lack | null {
    return this.#standing.lack;
  }

  get stats(): StorageStats {
    const log = this.#log;
    return {
      fsyncCount: log.fsyncCount,
      fsyncMsTotal: log.fsyncMsTotal,
      fsyncMsMax: log.fsyncMsMax,
      appendedCount: log.appendedCount,
      appendedBytes: log.appendedBytes,
      snapshotCount: this.#snapshotCount,
      snapshotMsLast: this.#snapshotMsLast,
      snapshotMsTotal: this.#snapshotMsTotal,
      logBytesOnDisk: this.#bytesOf(listLogs(this.#disk, this.#dirs.logs)),
      snapshotBytesOnDisk: this.#bytesOf(listSnapshots(this.#disk, this.#dirs.snapshots)),
    };
  }

  close(done: () => void): void {
    this.#cancelRoutine();
    const end = (): void => {
      this.#log.roll();
      this.#release?.();
      this.#release = null;
      done();
    };
    // After a failure nothing is waited for: nothing completes any more.
    if (this.#isFailed) this.#options.host.defer(end);
    else this.#alone(end);
  }

  #recover(target: RecoveryTarget, recentLogCount: number): Recovered {
    removeUnfinished(this.#disk, this.#dirs);
    finishReplacing(this.#disk, this.#dirs);
    const { recovered, snapshot } = recoverMember(
      this.#disk,
      this.#options,
      target,
      recentLogCount,
    );
    if (snapshot !== null) {
      this.#replaceDamaged(snapshot.zxid);
      this.#isProven(snapshot);
    }
    this.#standing.stepRecovered(recovered);
    return recovered;
  }

  /** Newer snapshots than the one that loaded did not: they make room for a fresh one. */
  #replaceDamaged(loaded: Zxid): void {
    const { snapshots } = this.#dirs;
    const damaged = listSnapshots(this.#disk, snapshots).filter((file) => file.zxid > loaded);
    if (damaged.length === 0) return;
    keepEvidence(this.#disk, [{ dir: snapshots, names: damaged.map((file) => file.name) }]);
    this.#pace.demand();
  }

  #noteEpochs(): void {
    if (this.#isFailed || this.#release === null) return;
    try {
      this.#standing.note();
    } catch (error) {
      const what = `the note of epochs cannot be written in ${this.#dirs.snapshots}`;
      this.#fail(storageExitCode.log, what, error);
    }
  }

  #replace(source: SnapshotSource, done: () => void): void {
    const writer = this.#writer(source, () => {
      try {
        this.#log.roll();
        this.#standing.keepDamaged();
        this.#standing.lower(source.zxid, 'all');
        replaceHistory(this.#disk, this.#dirs, source.zxid, () => writer.finish());
        this.#finished(writer);
      } catch (error) {
        const what = this.#snapshotProblem(source);
        return this.#fail(storageExitCode.snapshot, what, error, isFull(error));
      }
      this.#pace.begun();
      done();
      this.#leave();
    });
    writer.start();
  }

  #finishRoutine(writer: SnapshotWriter): void {
    const routine = this.#routine;
    if (routine?.writer !== writer) return;
    try {
      writer.finish();
      this.#finished(writer);
    } catch (error) {
      const what = this.#snapshotProblem(writer.source);
      return this.#fail(storageExitCode.snapshot, what, error);
    }
    this.#routine = null;
    routine.done();
  }

  #writer(source: SnapshotSource, written: () => void): SnapshotWriter {
    const { host } = this.#options;
    const startMs = host.nowMs();
    this.#snapshotsBegun += 1;
    const place = {
      dir: this.#dirs.snapshots,
      serial: this.#snapshotsBegun,
      compression: this.#options.snapshotCompression ?? 'none',
      sections: this.#options.snapshotSections ?? allSections,
    };
    const writer = new SnapshotWriter(this.#disk, place, source, (error) => {
      this.#snapshotMsLast = host.nowMs() - startMs;
      this.#snapshotMsTotal += this.#snapshotMsLast;
      if (error === null) return written();
      const routine = this.#routine;
      const canGoOn = isPassing(error) && !writer.isSyncBroken;
      if (routine?.writer !== writer || !canGoOn) {
        const what = this.#snapshotProblem(source);
        return this.#fail(storageExitCode.snapshot, what, error, canGoOn);
      }
      // Nothing is lost: the log has it all. The next threshold tries again.
      this.#routine = null;
      host.log('error', 'a snapshot cannot be written; the log keeps growing until one is', {
        path: this.#dirs.snapshots,
        problem: messageOf(error),
      });
      routine.done();
    });
    return writer;
  }

  #snapshotProblem(source: SnapshotSource): string {
    return `snapshot 0x${zxidHex(source.zxid)} cannot be written in ${this.#dirs.snapshots}`;
  }

  #finished(writer: SnapshotWriter): void {
    this.#snapshotCount += 1;
    this.#isProven({ zxid: writer.source.zxid, path: writer.path });
  }

  #isProven(file: { readonly zxid: Zxid; readonly path: string }): void {
    this.#proven = file.zxid;
    this.#provenBytes = this.#disk.size(file.path);
  }

  #cancelRoutine(): void {
    const routine = this.#routine;
    if (routine === null) return;
    this.#routine = null;
    routine.writer.cancel();
    this.#options.host.defer(routine.done);
  }

  /** Runs when all that was appended before is on disk; what is appended later waits for {@link #leave}. */
  #alone(run: () => void): void {
    this.#acts.push({ run, appended: [] });
    if (this.#acts.length === 1) this.#log.whenDurable(run);
  }

  #leave(): void {
    const act = this.#acts.shift();
    assert(act !== undefined, 'an act that ends was under way');
    for (const entry of act.appended) this.#log.append(entry);
    this.#log.flush();
    const next = this.#acts[0];
    if (next !== undefined) this.#log.whenDurable(next.run);
  }

  #bytesOf(files: readonly { readonly path: string }[]): number {
    let bytes = 0;
    for (const file of files) bytes += this.#disk.size(file.path);
    return bytes;
  }

  #fail(exitCode: number, what: string, error: unknown, canComeBack: boolean = false): void {
    if (this.#isFailed) return;
    this.#isFailed = true;
    const message = `${what}: ${messageOf(error)}. ${remedyOf(error)}`;
    this.#options.host.defer(() => this.onFailure({ exitCode, message, canComeBack }));
  }
}
