import type { ErrorCode } from '../error-code.ts';
import { JuteError } from '../jute.ts';
import type { JuteReader, JuteWriter } from '../jute.ts';
import { OpCode } from '../op-code.ts';
import type { Stat } from '../stat.ts';
import { readStat, writeStat } from '../stat.ts';
import { writeMultiEnd, writeMultiError, writeMultiHeader } from './multi.ts';

/** One read of a multiRead; its watch flag is ignored. */
export interface MultiReadOp {
  /** GET_DATA or GET_CHILDREN. */
  readonly opCode: number;
  readonly path: string;
}

/** The outcome of one read; each fails alone. */
export type MultiReadResult =
  | { readonly type: 4; readonly data: Uint8Array | null; readonly stat: Stat }
  | { readonly type: 8; readonly children: readonly string[] }
  | { readonly type: -1; readonly error: ErrorCode };

/**
 * As a multi, of getData and getChildren only. Source: client-protocol, section 7.
 *
 * @throws JuteError on any other part.
 */
export function readMultiRead(reader: JuteReader): MultiReadOp[] {
  const ops: MultiReadOp[] = [];
  for (;;) {
    const opCode = reader.int32();
    const done = reader.boolean();
    reader.skip(4);
    if (done) return ops;
    if (opCode !== OpCode.GET_DATA && opCode !== OpCode.GET_CHILDREN) {
      throw new JuteError(`operation ${opCode} in a multiRead`);
    }
    const path = reader.string();
    reader.boolean();
    ops.push({ opCode, path });
  }
}

export function writeMultiRead(writer: JuteWriter, ops: readonly MultiReadOp[]): void {
  for (const op of ops) {
    writeMultiHeader(writer, op.opCode, -1);
    writer.string(op.path);
    writer.boolean(false);
  }
  writeMultiEnd(writer);
}

export function writeMultiReadResponse(
  writer: JuteWriter,
  results: readonly MultiReadResult[],
): void {
  for (const result of results) {
    switch (result.type) {
      case 4:
        writeMultiHeader(writer, OpCode.GET_DATA, 0);
        writer.bytes(result.data);
        writeStat(writer, result.stat);
        break;
      case 8:
        writeMultiHeader(writer, OpCode.GET_CHILDREN, 0);
        writer.vector(result.children, (item, name) => item.string(name));
        break;
      case -1:
        writeMultiError(writer, result.error);
        break;
    }
  }
  writeMultiEnd(writer);
}

/** @throws JuteError */
export function readMultiReadResponse(reader: JuteReader): MultiReadResult[] {
  const results: MultiReadResult[] = [];
  for (;;) {
    const type = reader.int32();
    const done = reader.boolean();
    reader.skip(4);
    if (done) return results;
    results.push(readMultiReadResult(reader, type));
  }
}

function readMultiReadResult(reader: JuteReader, type: number): MultiReadResult {
  switch (type) {
    case OpCode.GET_DATA: {
      const data = reader.bytes();
      return { type, data, stat: readStat(reader) };
    }
    case OpCode.GET_CHILDREN:
      return { type, children: reader.vector((item) => item.string()) };
    case OpCode.ERROR:
      return { type, error: reader.int32() as ErrorCode };
    default:
      throw new JuteError(`result of unknown type ${type} in a multiRead`);
  }
}
