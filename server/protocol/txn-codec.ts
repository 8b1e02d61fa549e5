import { readAcl, writeAcl } from './acl.ts';
import type { ErrorCode } from './error-code.ts';
import { JuteError, JuteReader, JuteWriter } from './jute.ts';
import type { SessionId } from './session-id.ts';
import type { Txn, TxnBody, TxnHeader } from './txn.ts';
import type { Zxid } from './zxid.ts';

/** Bytes in front of the record: the fields of {@link TxnHeader} and the type. */
export const txnHeaderBytes = 32;

/** The digest algorithm that 3.9 writes. */
export const digestVersion = 2;

/** Bytes of a digest record: int32 version, int64 digest. */
export const digestBytes = 12;

/** The header with the type, read without decoding the record. */
export interface TxnPeek extends TxnHeader {
  readonly type: number;
}

const scratch: JuteWriter = new JuteWriter(4096);

/**
 * ```
 * clientId int64 · cxid int32 · zxid int64 · time int64 · type int32
 * record   by type
 * digest   int32 version 2, int64 digest of the tree afterwards; may be absent
 * ```
 * The same bytes in a PROPOSAL, an INFORM and a log entry.
 *
 * Source: quorum protocol, section 4.
 */
export function encodeTxn(txn: Txn): Buffer {
  scratch.clear();
  writeTxn(scratch, txn);
  return scratch.take();
}

/** As {@link encodeTxn}, behind what the writer holds. */
export function writeTxn(writer: JuteWriter, txn: Txn): void {
  const { header, body, digest } = txn;
  writer.bigint64(header.sessionId);
  writer.int32(header.cxid);
  writer.int64(header.zxid);
  writer.int64(header.timeMs);
  writer.int32(body.type);
  writeTxnBody(writer, body);
  if (digest === null) return;
  writer.int32(digestVersion);
  writer.bigint64(digest);
}

/**
 * Node data and nothing else are views into the bytes: who keeps the transaction keeps them.
 *
 * @throws JuteError when the bytes are no transaction.
 */
export function decodeTxn(bytes: Uint8Array, start: number = 0, end: number = bytes.length): Txn {
  const reader = new JuteReader(bytes, start, end);
  const header = readTxnHeader(reader);
  const type = reader.int32();
  const body = readTopBody(reader, type);
  return { header, body, digest: readDigest(reader) };
}

/** Zxid, type, session and cxid of a transaction's bytes. @throws JuteError under 32 bytes. */
export function peekTxnHeader(
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): TxnPeek {
  const reader = new JuteReader(bytes, start, end);
  return {
    sessionId: reader.bigint64() as SessionId,
    cxid: reader.int32(),
    zxid: reader.zxid(),
    timeMs: reader.int64(),
    type: reader.int32(),
  };
}

/** The zxid alone; nothing is allocated. The bytes must hold a header. */
export function peekTxnZxid(bytes: Uint8Array, start: number = 0): Zxid {
  return (int32At(bytes, start + 12) * 2 ** 32 + (int32At(bytes, start + 16) >>> 0)) as Zxid;
}

/** The type alone; nothing is allocated. The bytes must hold a header. */
export function peekTxnType(bytes: Uint8Array, start: number = 0): number {
  return int32At(bytes, start + 28);
}

/** The record of a transaction or of a part of a multi, without header and digest. */
export function writeTxnBody(writer: JuteWriter, body: TxnBody): void {
  switch (body.type) {
    case -10:
      return writer.int32(body.timeoutMs);
    case -11:
      if (body.paths !== null) writer.vector(body.paths, writeString);
      return;
    case -1:
      return writer.int32(body.error);
    case 1:
    case 15:
      writeCreated(writer, body);
      writer.boolean(body.ephemeral);
      return writer.int32(body.parentCversion);
    case 2:
    case 20:
      return writer.string(body.path);
    case 5:
    case 16:
      writer.string(body.path);
      writer.bytes(body.data);
      return writer.int32(body.version);
    case 7:
      writer.string(body.path);
      writer.vector(body.acl, writeAcl);
      return writer.int32(body.version);
    case 13:
      writer.string(body.path);
      return writer.int32(body.version);
    case 14:
      writer.vector(body.txns, writeMultiEntry);
      return;
    case 19:
      writeCreated(writer, body);
      return writer.int32(body.parentCversion);
    case 21:
      writeCreated(writer, body);
      writer.int32(body.parentCversion);
      return writer.int64(body.ttlMs);
  }
}

function writeCreated(
  writer: JuteWriter,
  body: Extract<TxnBody, { readonly parentCversion: number }>,
): void {
  writer.string(body.path);
  writer.bytes(body.data);
  writer.vector(body.acl, writeAcl);
}

function writeMultiEntry(writer: JuteWriter, body: TxnBody): void {
  writer.int32(body.type);
  const lengthAt = writer.offset;
  writer.int32(0);
  writeTxnBody(writer, body);
  writer.int32At(lengthAt, writer.offset - lengthAt - 4);
}

function writeString(writer: JuteWriter, value: string): void {
  writer.string(value);
}

function readTxnHeader(reader: JuteReader): TxnHeader {
  return {
    sessionId: reader.bigint64() as SessionId,
    cxid: reader.int32(),
    zxid: reader.zxid(),
    timeMs: reader.int64(),
  };
}

function readTopBody(reader: JuteReader, type: number): TxnBody {
  switch (type) {
    case -11:
      return { type, paths: readClosedPaths(reader) };
    case 1:
      return readCreate(reader);
    case 13:
      throw new JuteError('a check outside a multi');
    case 14:
      return { type, txns: reader.vector(readMultiEntry) };
    default:
      return readBody(reader, type);
  }
}

/** Absent from servers that do not list the paths: nothing follows, or only the digest. */
function readClosedPaths(reader: JuteReader): string[] | null {
  if (reader.remaining === 0) return null;
  if (reader.remaining === digestBytes) {
    const at = reader.offset;
    const version = reader.int32();
    reader.offset = at;
    // A list of two paths takes more than twelve bytes, unless both are empty.
    if (version === digestVersion) return null;
  }
  return reader.vector((item) => item.string());
}

/** Very old logs have no parentCversion: the bytes end before it. */
function readCreate(reader: JuteReader): TxnBody {
  const path = reader.string();
  const data = reader.bytes();
  const acl = reader.vector(readAcl);
  const ephemeral = reader.boolean();
  const parentCversion = reader.remaining === 0 ? -1 : reader.int32();
  return { type: 1, path, data, acl, ephemeral, parentCversion };
}

function readMultiEntry(reader: JuteReader): TxnBody {
  const type = reader.int32();
  const length = reader.int32();
  if (length < 0 || length > reader.remaining) {
    throw new JuteError(`a part of ${length} bytes in a multi`);
  }
  const outerEnd = reader.end;
  reader.end = reader.offset + length;
  const body = type === 1 ? readCreate(reader) : readBody(reader, type);
  reader.offset = reader.end;
  reader.end = outerEnd;
  return body;
}

function readBody(reader: JuteReader, type: number): TxnBody {
  switch (type) {
    case -10:
      return { type, timeoutMs: reader.int32() };
    case -1:
      return { type, error: reader.int32() as ErrorCode };
    case 15: {
      const { path, data, acl } = readCreated(reader);
      const ephemeral = reader.boolean();
      return { type, path, data, acl, ephemeral, parentCversion: reader.int32() };
    }
    case 2:
    case 20:
      return { type, path: reader.string() };
    case 5:
    case 16:
      return { type, path: reader.string(), data: reader.bytes(), version: reader.int32() };
    case 7:
      return {
        type,
        path: reader.string(),
        acl: reader.vector(readAcl),
        version: reader.int32(),
      };
    case 13:
      return { type, path: reader.string(), version: reader.int32() };
    case 19: {
      const { path, data, acl } = readCreated(reader);
      return { type, path, data, acl, parentCversion: reader.int32() };
    }
    case 21: {
      const { path, data, acl } = readCreated(reader);
      const parentCversion = reader.int32();
      return { type, path, data, acl, parentCversion, ttlMs: reader.int64() };
    }
    default:
      throw new JuteError(`transaction of unknown type ${type}`);
  }
}

function readCreated(reader: JuteReader): {
  path: string;
  data: Uint8Array | null;
  acl: ReturnType<typeof readAcl>[];
} {
  return { path: reader.string(), data: reader.bytes(), acl: reader.vector(readAcl) };
}

/** Of another version than 2 it is as good as none. */
function readDigest(reader: JuteReader): bigint | null {
  if (reader.remaining === 0) return null;
  const version = reader.int32();
  return version === digestVersion ? reader.bigint64() : null;
}

function int32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}
