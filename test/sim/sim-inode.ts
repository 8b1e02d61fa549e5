import type { Prng } from './prng.ts';

/**
 * What a crash takes: `kept` nothing (the process was killed, the kernel lives: unsynced is still
 * unsynced), `lost` all that was not synced, `torn` any part of it: a sector is there or not, and a
 * file that grew may end at any byte.
 */
export type CrashMode = 'kept' | 'lost' | 'torn';

type Change =
  | { readonly type: 'write'; readonly bytes: Uint8Array; readonly position: number }
  | { readonly type: 'length'; readonly length: number };

const sectorBytes = 512;

/** A file's content: as it is read now, and as the platter has it. */
export class SimInode {
  #now = new Content();
  #durable = new Content();
  #unsynced: Change[] = [];

  get length(): number {
    return this.#now.length;
  }

  get unsyncedCount(): number {
    return this.#unsynced.length;
  }

  read(): Buffer {
    return Buffer.from(this.#now.bytes());
  }

  readInto(target: Uint8Array, position: number): number {
    const part = this.#now.bytes().subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }

  /** The bytes must stay as they are: the caller made a copy. */
  write(bytes: Uint8Array, position: number): void {
    const change = { type: 'write', bytes, position } as const;
    this.#now.apply(change);
    this.#unsynced.push(change);
  }

  truncate(length: number): void {
    const change = { type: 'length', length } as const;
    this.#now.apply(change);
    this.#unsynced.push(change);
  }

  extend(length: number): void {
    if (length > this.#now.length) this.truncate(length);
  }

  /** The first `count` changes since the last sync are durable. */
  sync(count: number = this.#unsynced.length): void {
    for (const change of this.#unsynced.splice(0, count)) this.#durable.apply(change);
  }

  /** A failed fsync: the kernel calls the pages clean, and never writes them. */
  forgetUnsynced(): void {
    this.#unsynced = [];
  }

  /** The power failed: see {@link CrashMode}. */
  afterCrash(mode: CrashMode, random: Prng): void {
    if (mode === 'kept') return;
    if (mode === 'torn') for (const change of this.#unsynced) this.#tear(change, random);
    this.#unsynced = [];
    this.#now = this.#durable.copy();
  }

  durableCopy(): SimInode {
    const twin = new SimInode();
    twin.#durable = this.#durable.copy();
    twin.#now = this.#durable.copy();
    return twin;
  }

  flipBit(byte: number, bit: number): void {
    for (const content of [this.#now, this.#durable]) content.flipBit(byte, bit);
  }

  /** A write that stops at any byte, or one of which any sectors are missing. */
  #tear(change: Change, random: Prng): void {
    if (change.type === 'length') {
      if (random.chance(0.5)) this.#durable.apply(change);
      return;
    }
    const { bytes, position } = change;
    if (random.chance(0.4)) {
      let end = position + random.int(0, bytes.length);
      // Only a file that did not grow further ends within a sector.
      if (end < this.#durable.length) end = Math.max(position, end - (end % sectorBytes));
      const kept = bytes.subarray(0, end - position);
      this.#durable.apply({ type: 'write', bytes: kept, position });
      return;
    }
    let at = 0;
    while (at < bytes.length) {
      const room = sectorBytes - ((position + at) % sectorBytes);
      const end = Math.min(bytes.length, at + room);
      if (random.chance(0.5)) {
        const kept = bytes.subarray(at, end);
        this.#durable.apply({ type: 'write', bytes: kept, position: position + at });
      }
      at = end;
    }
  }
}

class Content {
  length = 0;
  #buffer: Buffer = Buffer.alloc(0);

  apply(change: Change): void {
    if (change.type === 'length') {
      this.#reserve(change.length);
      if (change.length < this.length) this.#buffer.fill(0, change.length, this.length);
      this.length = change.length;
      return;
    }
    if (change.bytes.length === 0) return;
    const end = change.position + change.bytes.length;
    this.#reserve(end);
    this.#buffer.set(change.bytes, change.position);
    this.length = Math.max(this.length, end);
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  copy(): Content {
    const twin = new Content();
    twin.#buffer = Buffer.from(this.bytes());
    twin.length = this.length;
    return twin;
  }

  flipBit(byte: number, bit: number): void {
    if (byte >= this.length) return;
    this.#buffer[byte] = (this.#buffer[byte] as number) ^ (1 << bit);
  }

  /** Room up to there; new room is zeros. */
  #reserve(end: number): void {
    if (end <= this.#buffer.length) return;
    const grown = Buffer.alloc(Math.max(end, this.#buffer.length * 2, 256));
    grown.set(this.bytes());
    this.#buffer = grown;
  }
}
