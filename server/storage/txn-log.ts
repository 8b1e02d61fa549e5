import type { Zxid } from '../protocol/zxid.ts';
import { assert } from '../util/assert.ts';
import type { Disk, DiskFile } from './disk.ts';
import type { LogEntry } from './door.ts';
import { isInputOutput, isPassing } from './storage-error.ts';
import type { StorageOptions } from './storage-options.ts';
import {
  entryOverheadBytes,
  logHeader,
  logHeaderBytes,
  logName,
  sealBytes,
  writeEntry,
  writeLogHeader,
  writeSeal,
} from './txn-log-format.ts';

/** Written and synced at once; a larger single entry goes alone. */
export const batchBytesMax: number = 1024 * 1024;

/** The next piece of a file is prepared this far ahead. Source: storage, section 4.3. */
const preallocateAheadBytes = 4096;

/**
 * Appends to the newest log file. One write and one fdatasync is in flight at a time; what is
 * appended meanwhile is the next batch. The first entry after start, or after {@link roll}, begins
 * a file; its directory entry is durable before anything in it is confirmed.
 */
export class TxnLog {
  /** Called with the last zxid of each batch, once it is on disk. */
  onDurable: (zxid: Zxid) => void = () => {};
  onFailure: (message: string, error: unknown, canComeBack: boolean) => void = () => {};
  /** Called when a file and its first batch, which ends with that zxid, are on disk. */
  onBegun: (zxid: Zxid) => void = () => {};
  /** Totals for metrics. */
  fsyncCount = 0;
  fsyncMsTotal = 0;
  fsyncMsMax = 0;
  appendedCount = 0;
  appendedBytes = 0;

  readonly #dir: string;
  readonly #disk: Disk;
  readonly #options: StorageOptions;
  #file: DiskFile | null = null;
  #path = '';
  /** Where the next entry goes. */
  #position = 0;
  /** As far as the file was extended. */
  #size = 0;
  #isNamed = false;
  #pending: LogEntry[] = [];
  /** Oldest first. */
  #waiting: { readonly zxid: Zxid; readonly wake: () => void }[] = [];
  #batch: Buffer = Buffer.alloc(0);
  #batchEnd = 0;
  #batchLast: Zxid | null = null;
  #batchStartMs = 0;
  #isRolling = false;
  #isFailed = false;
  #durable: Zxid | null = null;

  constructor(dir: string, disk: Disk, options: StorageOptions) {
    this.#dir = dir;
    this.#disk = disk;
    this.#options = options;
  }

  /** Path of the file being appended to and its confirmed length; `null`: the next entry begins one. */
  get current(): { readonly path: string; readonly bytes: number } | null {
    return this.#file === null ? null : { path: this.#path, bytes: this.#position };
  }

  /** Last entry confirmed in this run; `null`: none yet. */
  get durable(): Zxid | null {
    return this.#durable;
  }

  /** When the write under way began; `null`: none is. */
  get writingSinceMs(): number | null {
    return this.#batchLast === null ? null : this.#batchStartMs;
  }

  /** Last entry taken in, on disk or not; `null`: none, or all are. */
  get lastWaiting(): Zxid | null {
    return this.#pending.at(-1)?.zxid ?? this.#batchLast;
  }

  append(entry: LogEntry): void {
    if (this.#isFailed) return;
    this.#pending.push(entry);
    this.appendedCount += 1;
    this.appendedBytes += entry.bytes.length + entryOverheadBytes;
  }

  /** Starts writing what was appended, unless a write is in flight. */
  flush(): void {
    if (this.#batchLast !== null || this.#pending.length === 0 || this.#isFailed) return;
    try {
      this.#writeBatch();
    } catch (error) {
      this.#fail(error, isPassing(error));
    }
  }

  /** The next entry begins a new file. */
  roll(): void {
    this.#isRolling = true;
    if (this.#batchLast === null) this.#closeFile();
  }

  /** Calls `wake` once, in a later turn: when all that was appended so far is on disk. */
  whenDurable(wake: () => void): void {
    this.flush();
    const zxid = this.lastWaiting;
    if (zxid === null) this.#options.host.defer(() => this.#isFailed || wake());
    else this.#waiting.push({ zxid, wake });
  }

  #writeBatch(): void {
    const count = this.#batchCount();
    const first = this.#pending[0];
    assert(first !== undefined, 'a batch has an entry');
    if (this.#isRolling) this.#closeFile();
    const file = this.#file ?? this.#begin(first.zxid);
    let at = this.#position === 0 ? writeLogHeader(this.#batch, 0) : 0;
    // Without fsync no earlier byte is known to be durable, and the seal must not say so.
    const sealedStart = this.#options.forceSync ? this.#position + at : logHeaderBytes;
    for (let index = 0; index < count; index += 1) {
      const entry = this.#pending[index] as LogEntry;
      at = writeEntry(this.#batch, at, entry.bytes);
      this.#batchLast = entry.zxid;
    }
    if (count === this.#pending.length) this.#pending = [];
    else this.#pending.splice(0, count);
    this.#batchEnd = this.#position + at;
    at = writeSeal(this.#batch, at, sealedStart);
    this.#preallocate(file, this.#position + at);
    this.#batchStartMs = this.#options.host.nowMs();
    this.#write(file, this.#batch.subarray(0, at));
  }

  #write(file: DiskFile, bytes: Buffer): void {
    if (this.#options.forceSync && file.writeDurably !== undefined) {
      return file.writeDurably(bytes, this.#position, (error) => {
        // An I/O error may be the sync's; where there is no room nothing was to be synced.
        if (error !== null) this.#fail(error, isPassing(error) && !isInputOutput(error));
        else this.#synced(null);
      });
    }
    file.write(bytes, this.#position, (error) => {
      if (error !== null) this.#fail(error, isPassing(error));
      else if (this.#options.forceSync) file.sync((failure) => this.#synced(failure));
      else this.#synced(null);
    });
  }

  /** Entries that fit the next batch, at least one; makes the buffer large enough. */
  #batchCount(): number {
    let bytes = logHeaderBytes + sealBytes;
    let count = 0;
    for (const entry of this.#pending) {
      const next = bytes + entry.bytes.length + entryOverheadBytes;
      if (count > 0 && next > batchBytesMax) break;
      bytes = next;
      count += 1;
    }
    if (this.#batch.length < bytes) {
      const usual = Math.min(Math.max(2 * this.#batch.length, 64 * 1024), 2 * batchBytesMax);
      this.#batch = Buffer.allocUnsafeSlow(Math.max(bytes, usual));
    }
    return count;
  }

  #begin(first: Zxid): DiskFile {
    this.#path = `${this.#dir}/${logName(first)}`;
    // The reference refuses a directory whose newest log has no header.
    this.#file = this.#disk.create(this.#path, logHeader);
    this.#position = 0;
    this.#size = 0;
    this.#isNamed = false;
    return this.#file;
  }

  #preallocate(file: DiskFile, end: number): void {
    const step = this.#options.preallocateBytes;
    if (step <= 0 || end + preallocateAheadBytes < this.#size) return;
    if (this.#size === 0) this.#size = logHeaderBytes;
    while (end + preallocateAheadBytes >= this.#size) this.#size += step;
    file.extend(this.#size);
  }

  #synced(error: Error | null): void {
    if (error !== null) return this.#fail(error);
    if (this.#isFailed) return;
    try {
      if (!this.#isNamed) {
        this.#disk.syncDir(this.#dir);
        this.#isNamed = true;
        if (this.#batchLast !== null) this.onBegun(this.#batchLast);
      }
    } catch (failure) {
      return this.#fail(failure);
    }
    this.#measure();
    const zxid = this.#batchLast;
    assert(zxid !== null, 'a batch that ends has begun');
    this.#position = this.#batchEnd;
    this.#durable = zxid;
    this.#batchLast = null;
    // A buffer for one entry of an unusual size is not kept.
    if (this.#batch.length > 2 * batchBytesMax) this.#batch = Buffer.alloc(0);
    const limit = this.#options.logBytesMax ?? 0;
    if (this.#isRolling || (limit > 0 && this.#position > limit)) this.#closeFile();
    this.flush();
    this.onDurable(zxid);
    this.#wake(zxid);
  }

  #measure(): void {
    const ms = this.#options.host.nowMs() - this.#batchStartMs;
    this.fsyncCount += 1;
    this.fsyncMsTotal += ms;
    if (ms > this.fsyncMsMax) this.fsyncMsMax = ms;
    if (ms > (this.#options.fsyncWarningMs ?? 1000)) {
      this.#options.host.log('warn', 'writing and syncing the log was slow', {
        path: this.#path,
        ms: Math.round(ms),
      });
    }
  }

  #wake(zxid: Zxid): void {
    let count = 0;
    for (const waiting of this.#waiting) {
      if (waiting.zxid > zxid) break;
      count += 1;
    }
    if (count === 0) return;
    for (const { wake } of this.#waiting.splice(0, count)) wake();
  }

  #closeFile(): void {
    const file = this.#file;
    this.#isRolling = false;
    this.#file = null;
    try {
      file?.close();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown, canComeBack: boolean = false): void {
    if (this.#isFailed) return;
    this.#isFailed = true;
    this.#pending = [];
    const what = `the transaction log ${this.#path} cannot be written`;
    this.onFailure(what, error, canComeBack);
  }
}
