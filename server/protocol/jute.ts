import type { Zxid } from './zxid.ts';

/** Bytes that are not the record they claim to be. The link or the request is refused; the server lives. */
export class JuteError extends Error {
  override readonly name: string = 'JuteError';
}

/** One record of the wire or of the disk: reads what it writes, byte for byte. */
export interface Codec<T> {
  /** @throws JuteError when the bytes end early or a length is out of bounds. */
  read(reader: JuteReader): T;
  write(writer: JuteWriter, value: T): void;
}

/** Bound on a single string or buffer inside a record: jute.maxbuffer plus as much again. */
export let fieldBytesMax: number = 2 * 0xfffff;

/**
 * From here on longer fields are taken as well: `jute.maxbuffer` and `jute.maxbuffer.extrasize`. For the
 * whole process, before it reads anything. It never falls: what was written must stay readable.
 */
export function allowFieldsOf(bytes: number): void {
  fieldBytesMax = Math.max(fieldBytesMax, bytes);
}

const longMin = -(2 ** 63);

/**
 * Cursor over bytes in the jute encoding (big-endian, length-prefixed). Buffers are returned as
 * views, not copies: who keeps one past the turn copies it.
 */
export class JuteReader {
  buffer: Buffer;
  offset: number;
  end: number;
  #view: DataView;

  constructor(buffer: Uint8Array, start: number = 0, end: number = buffer.length) {
    this.buffer = asBuffer(buffer);
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.offset = start;
    this.end = end;
  }

  /** Moves the cursor to other bytes; cheaper than a new reader. */
  reset(buffer: Uint8Array, start: number = 0, end: number = buffer.length): void {
    if (buffer !== this.buffer) {
      this.buffer = asBuffer(buffer);
      this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    }
    this.offset = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  byte(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  boolean(): boolean {
    return this.#view.getUint8(this.#advance(1)) !== 0;
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4));
  }

  /** All 64 bits, signed. For session ids and digests. */
  bigint64(): bigint {
    return this.#view.getBigInt64(this.#advance(8));
  }

  /**
   * A 64-bit number that fits a double: zxids, times, server ids.
   *
   * @throws JuteError when it would be rounded; the one exception, -2^63, is exact.
   */
  int64(): number {
    const at = this.#advance(8);
    const value = this.#view.getInt32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value) && value !== longMin) {
      throw new JuteError(`the 64-bit number at byte ${at} is beyond 2^53`);
    }
    return value;
  }

  /** As {@link int64}, rounded where a double is too short: for numbers that are only compared. */
  int64Rounded(): number {
    const at = this.#advance(8);
    return this.#view.getInt32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
  }

  zxid(): Zxid {
    return this.int64() as Zxid;
  }

  /** Length -1 is `null`. The bytes are a view. */
  bytes(): Uint8Array | null {
    const length = this.#length();
    if (length === -1) return null;
    const at = this.#advance(length);
    return this.buffer.subarray(at, at + length);
  }

  /** Length -1 is `null`. */
  stringOrNull(): string | null {
    const length = this.#length();
    if (length === -1) return null;
    const at = this.#advance(length);
    return this.buffer.toString('utf8', at, at + length);
  }

  /** @throws JuteError on `null`, where the field must be there. */
  string(): string {
    const value = this.stringOrNull();
    if (value === null) throw new JuteError(`null string at byte ${this.offset - 4}`);
    return value;
  }

  /** Count -1 is `null`. */
  vectorOrNull<T>(readItem: (reader: JuteReader) => T): T[] | null {
    const count = this.int32();
    if (count === -1) return null;
    // Every item takes at least one byte, so a larger count cannot be honest.
    if (count < 0 || count > this.remaining) throw new JuteError(`vector of ${count} items`);
    const items: T[] = [];
    for (let index = 0; index < count; index += 1) items.push(readItem(this));
    return items;
  }

  /** As {@link vectorOrNull}; `null` reads as empty. */
  vector<T>(readItem: (reader: JuteReader) => T): T[] {
    return this.vectorOrNull(readItem) ?? [];
  }

  /** Passes over bytes. */
  skip(bytes: number): void {
    this.#advance(bytes);
  }

  #length(): number {
    const length = this.int32();
    if (length < -1 || length > fieldBytesMax) {
      throw new JuteError(`length ${length} is outside -1..${fieldBytesMax}`);
    }
    return length;
  }

  #advance(bytes: number): number {
    const at = this.offset;
    if (at + bytes > this.end) {
      throw new JuteError(`record ends ${at + bytes - this.end} bytes early`);
    }
    this.offset = at + bytes;
    return at;
  }
}

/** Grows as needed; {@link take} hands the bytes over, {@link clear} starts again in place. */
export class JuteWriter {
  buffer: Buffer;
  offset = 0;
  #view: DataView;

  constructor(bytesHint: number = 256) {
    this.buffer = Buffer.allocUnsafeSlow(Math.max(bytesHint, 16));
    this.#view = new DataView(this.buffer.buffer, this.buffer.byteOffset, this.buffer.byteLength);
  }

  // The place comes first in each of these: making room may replace the view.
  byte(value: number): void {
    const at = this.#advance(1);
    this.#view.setUint8(at, value);
  }

  boolean(value: boolean): void {
    const at = this.#advance(1);
    this.#view.setUint8(at, value ? 1 : 0);
  }

  int32(value: number): void {
    const at = this.#advance(4);
    this.#view.setInt32(at, value);
  }

  bigint64(value: bigint): void {
    const at = this.#advance(8);
    this.#view.setBigInt64(at, value);
  }

  /** Zxids, times and server ids: any double that is an exact 64-bit integer. */
  int64(value: number): void {
    const at = this.#advance(8);
    const high = Math.floor(value / 2 ** 32);
    this.#view.setInt32(at, high);
    this.#view.setUint32(at + 4, value - high * 2 ** 32);
  }

  bytes(value: Uint8Array | null): void {
    if (value === null) return this.int32(-1);
    this.int32(value.length);
    this.raw(value);
  }

  string(value: string | null): void {
    if (value === null) return this.int32(-1);
    // A UTF-16 unit takes at most three bytes.
    this.reserve(4 + value.length * 3);
    const length = this.buffer.write(value, this.offset + 4, 'utf8');
    this.#view.setInt32(this.offset, length);
    this.offset += 4 + length;
  }

  vector<T>(items: readonly T[] | null, writeItem: (writer: JuteWriter, item: T) => void): void {
    if (items === null) return this.int32(-1);
    this.int32(items.length);
    for (const item of items) writeItem(this, item);
  }

  /** Bytes as they are, without a length. */
  raw(value: Uint8Array): void {
    const at = this.#advance(value.length);
    this.buffer.set(value, at);
  }

  /** Overwrites an earlier int32, for lengths known only afterwards. */
  int32At(at: number, value: number): void {
    this.#view.setInt32(at, value);
  }

  /** Makes room so that the next `bytes` fit without growing. */
  reserve(bytes: number): void {
    if (this.offset + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.offset + bytes));
    this.buffer.copy(grown, 0, 0, this.offset);
    this.buffer = grown;
    this.#view = new DataView(grown.buffer, grown.byteOffset, grown.byteLength);
  }

  clear(): void {
    this.offset = 0;
  }

  /** What was written, as a view: valid until the next {@link clear} or write. */
  view(): Buffer {
    return this.buffer.subarray(0, this.offset);
  }

  /** A copy of what was written, of exactly its size. */
  take(): Buffer {
    // Small ones come out of Node's pool: an ArrayBuffer of its own costs more than the copy.
    const bytes = Buffer.allocUnsafe(this.offset);
    this.buffer.copy(bytes, 0, 0, this.offset);
    this.offset = 0;
    return bytes;
  }

  /** What was written, without a copy; the writer goes on with a new buffer of at most `bytesMax`. */
  handOver(bytesMax: number): Buffer {
    const bytes = this.view();
    this.buffer = Buffer.allocUnsafeSlow(Math.min(this.buffer.length, bytesMax));
    this.#view = new DataView(this.buffer.buffer, this.buffer.byteOffset, this.buffer.byteLength);
    this.offset = 0;
    return bytes;
  }

  #advance(bytes: number): number {
    const at = this.offset;
    if (at + bytes > this.buffer.length) this.reserve(bytes);
    this.offset = at + bytes;
    return at;
  }
}

/** The bytes of one record. */
export function encode<T>(codec: Codec<T>, value: T, bytesHint?: number): Buffer {
  const writer = new JuteWriter(bytesHint);
  codec.write(writer, value);
  return writer.take();
}

/** The record at the start of the bytes; what follows it is ignored. @throws JuteError */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  return codec.read(new JuteReader(bytes));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
