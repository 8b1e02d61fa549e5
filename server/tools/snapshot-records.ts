import { readAcl, type Acl } from '../protocol/acl.ts';
import { JuteError, JuteReader } from '../protocol/jute.ts';
import { statPersistedBytes } from '../protocol/stat.ts';
import {
  digestSectionBytes,
  isSnapshotHeader,
  readSnapshotSeal,
  snapshotHeaderBytes,
  snapshotSealBytes,
  zxidSectionBytes,
} from '../storage/snapshot-format.ts';
import { adler32, adler32Start } from '../util/adler32.ts';

/** A longer path, value or access list is taken for damage. */
const fieldBytesMax: number = 1024 * 1024 * 1024;

/** A string has a length; an entry of an access list two of them and the permissions. */
const aclEntryBytesMin = 12;

export type SnapshotRecord =
  | { readonly type: 'session'; readonly id: bigint; readonly timeoutMs: number }
  | { readonly type: 'acl'; readonly id: bigint; readonly acl: readonly Acl[] }
  | NodeRecord;

export interface NodeRecord {
  readonly type: 'node';
  /** `""` is the root. */
  readonly path: string;
  /** A view, valid until the next chunk; `null` differs from empty. */
  readonly data: Buffer | null;
  /** Offset of {@link data} in the uncompressed file. */
  readonly dataAt: number;
  readonly aclId: bigint;
  /** A view, valid until the next chunk; see {@link readPersistedStat}. */
  readonly statBytes: Buffer;
}

/** A node's numbers as the disk has them. 64-bit ones are not rounded. */
export interface PersistedStat {
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  /** Creates among the children, as stored. */
  readonly cversion: number;
  readonly aversion: number;
  readonly ephemeralOwner: bigint;
  readonly pzxid: bigint;
}

/** What stands behind the body. */
export interface SnapshotTrailer {
  /** `null`: no such section. */
  readonly digest: {
    readonly zxid: bigint;
    readonly version: number;
    readonly value: bigint;
  } | null;
  readonly lastZxid: bigint | null;
}

/** The file cannot be read on: what and where. */
export class SnapshotDamage extends Error {
  override readonly name: string = 'SnapshotDamage';
}

type Section = 'header' | 'sessionCount' | 'sessions' | 'aclCount' | 'acls' | 'nodes' | 'over';

/**
 * The records of a snapshot's uncompressed bytes, in the order of the file, from chunks of any size.
 * Holds one record at most.
 *
 * Source: storage, section 5.
 */
export class SnapshotRecords {
  #section: Section = 'header';
  /** Bytes not consumed, and their offset in the file. */
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;
  #at = 0;
  #left = 0;
  #checksum: number = adler32Start;

  /** All nodes were read; what is wrong from here on is wrong with the end or the checksums. */
  get isBodyComplete(): boolean {
    return this.#section === 'over';
  }

  /** @throws SnapshotDamage. */
  *push(chunk: Buffer): Generator<SnapshotRecord> {
    this.#window = this.#window.length === 0 ? chunk : Buffer.concat([this.#window, chunk]);
    const start = this.#at;
    let summed = start;
    while (this.#section !== 'over') {
      const record = this.#next();
      if (record === 'more') break;
      this.#checksum = adler32(this.#window, summed, this.#at, this.#checksum);
      summed = this.#at;
      if (record !== 'none') yield record;
    }
    this.#windowAt += this.#at;
    this.#window = this.#window.subarray(this.#at);
    this.#at = 0;
    if (this.#window.length > trailerBytesMax && this.#section === 'over') {
      throw new SnapshotDamage(`${this.#window.length} bytes and more follow the body`);
    }
  }

  /** After the last chunk. Checks every seal. @throws SnapshotDamage. */
  end(): SnapshotTrailer {
    if (this.#section !== 'over') {
      throw new SnapshotDamage(
        `it ends at byte ${this.#windowAt}, in its ${wordsOf[this.#section]}`,
      );
    }
    return readTrailer(this.#window, this.#windowAt, this.#checksum);
  }

  #next(): SnapshotRecord | 'none' | 'more' {
    switch (this.#section) {
      case 'header':
        return this.#header();
      case 'sessionCount':
        return this.#count('sessions');
      case 'aclCount':
        return this.#count('acls');
      case 'sessions':
        return this.#session();
      case 'acls':
        return this.#acl();
      case 'nodes':
        return this.#node();
      case 'over':
        return 'more';
    }
  }

  #header(): 'none' | 'more' {
    if (!this.#has(snapshotHeaderBytes)) return 'more';
    if (!isSnapshotHeader(this.#window)) throw new SnapshotDamage('it does not begin with ZKSN');
    this.#at += snapshotHeaderBytes;
    this.#section = 'sessionCount';
    return 'none';
  }

  #count(next: 'sessions' | 'acls'): 'none' | 'more' {
    if (!this.#has(4)) return 'more';
    this.#left = this.#window.readInt32BE(this.#at);
    if (this.#left < 0) throw this.#damage(`there are ${this.#left} ${next}`);
    this.#at += 4;
    this.#section = next;
    return 'none';
  }

  #session(): SnapshotRecord | 'none' | 'more' {
    if (this.#left === 0) {
      this.#section = 'aclCount';
      return 'none';
    }
    if (!this.#has(12)) return 'more';
    const id = this.#window.readBigInt64BE(this.#at);
    const timeoutMs = this.#window.readInt32BE(this.#at + 8);
    this.#at += 12;
    this.#left -= 1;
    return { type: 'session', id, timeoutMs };
  }

  #acl(): SnapshotRecord | 'none' | 'more' {
    if (this.#left === 0) {
      this.#section = 'nodes';
      return 'none';
    }
    const end = this.#aclEnd();
    if (end === -1) return 'more';
    const id = this.#window.readBigInt64BE(this.#at);
    const acl = this.#aclAt(this.#at + 8, end);
    this.#at = end;
    this.#left -= 1;
    return { type: 'acl', id, acl };
  }

  #aclAt(start: number, end: number): readonly Acl[] {
    try {
      return new JuteReader(this.#window, start, end).vectorOrNull(readAcl) ?? [];
    } catch (error) {
      if (error instanceof JuteError) throw this.#damage(`an access list: ${error.message}`);
      throw error;
    }
  }

  /** Offset behind the access list that starts here; -1: not all of it is there. */
  #aclEnd(): number {
    if (!this.#has(12)) return -1;
    let end = this.#at + 12;
    const count = this.#window.readInt32BE(this.#at + 8);
    if (count > fieldBytesMax / aclEntryBytesMin) throw this.#damage(`a list of ${count} entries`);
    for (let index = 0; index < count; index += 1) {
      end += 4;
      for (let part = 0; part < 2; part += 1) {
        if (end + 4 > this.#window.length) return -1;
        end += 4 + Math.max(0, this.#length(end, -1));
      }
    }
    return end <= this.#window.length ? end : -1;
  }

  #node(): SnapshotRecord | 'none' | 'more' {
    if (!this.#has(4)) return 'more';
    const pathBytes = this.#length(this.#at, 0);
    if (!this.#has(4 + pathBytes)) return 'more';
    const pathAt = this.#at + 4;
    if (pathBytes === 1 && this.#window[pathAt] === 0x2f) {
      this.#at = pathAt + 1;
      this.#section = 'over';
      return 'none';
    }
    if (!this.#has(8 + pathBytes)) return 'more';
    const dataBytes = this.#length(pathAt + pathBytes, -1);
    const dataAt = pathAt + pathBytes + 4;
    const tailAt = dataAt + Math.max(0, dataBytes);
    const end = tailAt + 8 + statPersistedBytes;
    if (end > this.#window.length) return 'more';
    const window = this.#window;
    this.#at = end;
    return {
      type: 'node',
      path: window.toString('utf8', pathAt, pathAt + pathBytes),
      data: dataBytes < 0 ? null : window.subarray(dataAt, tailAt),
      dataAt: this.#windowAt + dataAt,
      aclId: window.readBigInt64BE(tailAt),
      statBytes: window.subarray(tailAt + 8, end),
    };
  }

  #has(bytes: number): boolean {
    return this.#at + bytes <= this.#window.length;
  }

  #length(at: number, min: number): number {
    const length = this.#window.readInt32BE(at);
    if (length >= min && length <= fieldBytesMax) return length;
    throw this.#damage(`a field of ${length} bytes`);
  }

  #damage(problem: string): SnapshotDamage {
    const place = `at byte ${this.#windowAt + this.#at}, in its ${wordsOf[this.#section]}`;
    return new SnapshotDamage(`${problem} ${place}`);
  }
}

const wordsOf: Readonly<Record<Section, string>> = {
  header: 'header',
  sessionCount: 'sessions',
  sessions: 'sessions',
  aclCount: 'access lists',
  acls: 'access lists',
  nodes: 'nodes',
  over: 'end',
};

/** All sections with their seals; a digest of version 1 is a string of unknown length. */
const trailerBytesMax = 1024;

export function readPersistedStat(bytes: Buffer, at: number): PersistedStat {
  return {
    czxid: bytes.readBigInt64BE(at),
    mzxid: bytes.readBigInt64BE(at + 8),
    ctimeMs: Number(bytes.readBigInt64BE(at + 16)),
    mtimeMs: Number(bytes.readBigInt64BE(at + 24)),
    version: bytes.readInt32BE(at + 32),
    cversion: bytes.readInt32BE(at + 36),
    aversion: bytes.readInt32BE(at + 40),
    ephemeralOwner: bytes.readBigInt64BE(at + 44),
    pzxid: bytes.readBigInt64BE(at + 52),
  };
}

/** Seal; digest and seal; zxid and seal: which are there shows by the length. */
function readTrailer(rest: Buffer, offset: number, bodyChecksum: number): SnapshotTrailer {
  let at = 0;
  let running = bodyChecksum;
  const seal = (): void => {
    const expected = readSnapshotSeal(rest, at);
    if (expected < 0) throw new SnapshotDamage(`no seal stands at byte ${offset + at}`);
    if (expected !== running) {
      throw new SnapshotDamage(
        `the checksum at byte ${offset + at} is ${expected}, of the bytes before it ${running}`,
      );
    }
    running = adler32(rest, at, at + snapshotSealBytes, running);
    at += snapshotSealBytes;
  };
  const section = (bytes: number): number => {
    running = adler32(rest, at, at + bytes, running);
    at += bytes;
    seal();
    return at - snapshotSealBytes - bytes;
  };
  seal();
  let digest: SnapshotTrailer['digest'] = null;
  let lastZxid: bigint | null = null;
  if (rest.length - at >= digestSectionBytes + snapshotSealBytes) {
    const start = section(digestSectionBytes);
    digest = {
      zxid: rest.readBigInt64BE(start),
      version: rest.readInt32BE(start + 8),
      value: rest.readBigInt64BE(start + 12),
    };
  }
  if (rest.length - at === zxidSectionBytes + snapshotSealBytes) {
    lastZxid = rest.readBigInt64BE(section(zxidSectionBytes));
  }
  if (at !== rest.length) throw new SnapshotDamage(`${rest.length - at} bytes follow its end`);
  return { digest, lastZxid };
}
