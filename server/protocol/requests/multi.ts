import { CreateMode } from '../create-mode.ts';
import type { ErrorCode } from '../error-code.ts';
import { JuteError } from '../jute.ts';
import type { JuteReader, JuteWriter } from '../jute.ts';
import { OpCode } from '../op-code.ts';
import type { Stat } from '../stat.ts';
import { readStat, writeStat } from '../stat.ts';
import { readCreateRequest, writeCreateRequest } from './create.ts';
import type { CreateRequest } from './create.ts';
import { deleteRequest } from './delete.ts';
import type { DeleteRequest } from './delete.ts';
import { checkRequest, setDataRequest } from './set-data.ts';
import type { CheckRequest, SetDataRequest } from './set-data.ts';

/** What a multi may hold. */
export type MultiOp = CreateRequest | DeleteRequest | SetDataRequest | CheckRequest;

/** All or nothing. */
export interface MultiRequest {
  readonly op: 'multi';
  readonly ops: readonly MultiOp[];
}

/** The outcome of one part; a failed one has type -1. */
export interface MultiResult {
  /** Operation code of the part, -1 for a refused one. */
  readonly type: number;
  readonly error: ErrorCode;
  /** Of a create. */
  readonly path: string | null;
  /** Of a setData, and of a create other than CREATE. */
  readonly stat: Stat | null;
}

/**
 * ```
 * { type int32 · done boolean 0 · err int32 -1 · the part's request } …
 *   type int32 -1 · done boolean 1 · err int32 -1
 * ```
 * A part becomes what its flags say: container for flag 4, a plain create for CREATE_TTL without
 * a TTL flag.
 *
 * Source: client-protocol, section 7.
 *
 * @throws JuteError on any other part, an unknown flag, a TTL flag without TTL, a null access list.
 */
export function readMulti(reader: JuteReader): MultiRequest {
  const ops: MultiOp[] = [];
  for (;;) {
    const type = reader.int32();
    const done = reader.boolean();
    reader.skip(4);
    if (done) return { op: 'multi', ops };
    ops.push(readMultiOp(reader, type));
  }
}

export function writeMulti(writer: JuteWriter, ops: readonly MultiOp[]): void {
  for (const op of ops) {
    switch (op.op) {
      case 'create':
        writeMultiHeader(writer, op.opCode, -1);
        writeCreateRequest(writer, op);
        break;
      case 'delete':
        writeMultiHeader(writer, OpCode.DELETE, -1);
        deleteRequest.write(writer, op);
        break;
      case 'setData':
        writeMultiHeader(writer, OpCode.SET_DATA, -1);
        setDataRequest.write(writer, op);
        break;
      case 'check':
        writeMultiHeader(writer, OpCode.CHECK, -1);
        checkRequest.write(writer, op);
        break;
    }
  }
  writeMultiEnd(writer);
}

/**
 * ```
 * { type int32 · done boolean 0 · err int32 · result by type } …
 *   type int32 -1 · done boolean 1 · err int32 -1
 * ```
 * All creates but CREATE answer with type 15.
 */
export function writeMultiResponse(writer: JuteWriter, results: readonly MultiResult[]): void {
  for (const result of results) writeMultiResult(writer, result);
  writeMultiEnd(writer);
}

/** @throws JuteError */
export function readMultiResponse(reader: JuteReader): MultiResult[] {
  const results: MultiResult[] = [];
  for (;;) {
    const type = reader.int32();
    const done = reader.boolean();
    const error = reader.int32() as ErrorCode;
    if (done) return results;
    results.push(readMultiResult(reader, type, error));
  }
}

/** What stands before each part, both ways. */
export function writeMultiHeader(writer: JuteWriter, type: number, error: number): void {
  writer.int32(type);
  writer.boolean(false);
  writer.int32(error);
}

export function writeMultiEnd(writer: JuteWriter): void {
  writer.int32(-1);
  writer.boolean(true);
  writer.int32(-1);
}

/** A part that failed or was not tried: the code stands in the header and in the body. */
export function writeMultiError(writer: JuteWriter, error: number): void {
  writeMultiHeader(writer, OpCode.ERROR, error);
  writer.int32(error);
}

function readMultiOp(reader: JuteReader, type: number): MultiOp {
  switch (type) {
    case OpCode.CREATE:
    case OpCode.CREATE2:
    case OpCode.CREATE_CONTAINER:
    case OpCode.CREATE_TTL:
      return byItsFlags(readCreateRequest(reader, type));
    case OpCode.DELETE:
      return deleteRequest.read(reader);
    case OpCode.SET_DATA:
      return setDataRequest.read(reader);
    case OpCode.CHECK:
      return checkRequest.read(reader);
    default:
      throw new JuteError(`operation ${type} in a multi`);
  }
}

function byItsFlags(create: CreateRequest): CreateRequest {
  const { opCode, flags } = create;
  if (flags < CreateMode.PERSISTENT || flags > CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL) {
    throw new JuteError(`create flag ${flags} in a multi`);
  }
  if (create.acl === null) throw new JuteError('null access list in a multi');
  const hasTtlFlag = flags >= CreateMode.PERSISTENT_WITH_TTL;
  if (opCode === OpCode.CREATE_TTL) {
    return hasTtlFlag ? create : { ...create, opCode: OpCode.CREATE, ttlMs: -1 };
  }
  if (hasTtlFlag) throw new JuteError(`create flag ${flags} without a TTL in a multi`);
  return flags === CreateMode.CONTAINER ? { ...create, opCode: OpCode.CREATE_CONTAINER } : create;
}

function writeMultiResult(writer: JuteWriter, result: MultiResult): void {
  switch (result.type) {
    case OpCode.CREATE:
      writeMultiHeader(writer, OpCode.CREATE, result.error);
      return writer.string(result.path);
    case OpCode.CREATE2:
    case OpCode.CREATE_CONTAINER:
    case OpCode.CREATE_TTL:
      writeMultiHeader(writer, OpCode.CREATE2, result.error);
      writer.string(result.path);
      return writeStatOf(writer, result);
    case OpCode.SET_DATA:
      writeMultiHeader(writer, OpCode.SET_DATA, result.error);
      return writeStatOf(writer, result);
    case OpCode.DELETE:
    case OpCode.CHECK:
      return writeMultiHeader(writer, result.type, result.error);
    default:
      return writeMultiError(writer, result.error);
  }
}

function writeStatOf(writer: JuteWriter, result: MultiResult): void {
  if (result.stat === null) throw new JuteError(`result of type ${result.type} without a stat`);
  writeStat(writer, result.stat);
}

function readMultiResult(reader: JuteReader, type: number, error: ErrorCode): MultiResult {
  switch (type) {
    case OpCode.CREATE:
      return { type, error, path: reader.string(), stat: null };
    case OpCode.CREATE2: {
      const path = reader.string();
      return { type, error, path, stat: readStat(reader) };
    }
    case OpCode.SET_DATA:
      return { type, error, path: null, stat: readStat(reader) };
    case OpCode.DELETE:
    case OpCode.CHECK:
      return { type, error, path: null, stat: null };
    case OpCode.ERROR:
      return { type, error: reader.int32() as ErrorCode, path: null, stat: null };
    default:
      throw new JuteError(`result of unknown type ${type} in a multi`);
  }
}
