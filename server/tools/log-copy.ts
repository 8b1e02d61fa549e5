import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import type { DiskReader } from '../storage/disk.ts';
import { entryEnd, entryPrefixBytes, logHeaderBytes } from '../storage/txn-log-format.ts';
import type { RawEntry } from './log-reader.ts';

/** Written at once. */
const bufferBytes: number = 1024 * 1024;

/** A new log file with entries of an old one; gone again unless {@link keep} is called. */
export class LogCopy implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #isKept = false;

  /** Replaces a file of that name; begins with the old one's header. */
  constructor(from: DiskReader, path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'w');
    const header = Buffer.alloc(logHeaderBytes);
    from.read(header, 0);
    this.#write(header);
  }

  add(entry: RawEntry, checksum: bigint): void {
    const prefix = Buffer.alloc(entryPrefixBytes);
    prefix.writeBigInt64BE(checksum, 0);
    prefix.writeInt32BE(entry.payload.length, 8);
    this.#write(prefix);
    // The payload is a view that the next entry replaces.
    this.#write(Buffer.from(entry.payload));
    this.#write(Buffer.of(entryEnd));
  }

  /** Durable on return. */
  keep(): void {
    this.#flush();
    fsyncSync(this.#fd);
    this.#isKept = true;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (!this.#isKept) rmSync(this.#path, { force: true });
  }

  #write(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= bufferBytes) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
  }
}
