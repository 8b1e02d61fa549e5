import { OpCode } from '../server/protocol/op-code.ts';
import type { JuteReader } from '../server/protocol/jute.ts';
import { readMultiReadResponse, writeMultiRead } from '../server/protocol/requests/multi-read.ts';
import type { MultiReadResult } from '../server/protocol/requests/multi-read.ts';
import { readMultiResponse, writeMulti } from '../server/protocol/requests/multi.ts';
import { getDataResponse } from '../server/protocol/requests/read.ts';
import type { Stat } from '../server/protocol/stat.ts';
import type { ClientConnection } from './connection.ts';
import { checkPath, multiOpOf, operationResultOf } from './requests.ts';
import type { Operation, OperationResult } from './requests.ts';
import { errorName, ZkError } from './zk-error.ts';

/** A node's bytes, owned by the caller, and its numbers. */
export interface Node {
  readonly data: Buffer | null;
  readonly stat: Stat;
}

/** One read of a a batch. */
export type Read =
  | { readonly op: 'get'; readonly path: string }
  | { readonly op: 'children'; readonly path: string };

export type ReadResult =
  | ({ readonly op: 'get' } & Node)
  | { readonly op: 'children'; readonly children: readonly string[] }
  | { readonly op: 'failed'; readonly error: ZkError };

/** A multi that was refused as a whole; `results` says which part was at fault. */
export class MultiError extends ZkError {
  override readonly name: string = 'MultiError';
  readonly results: readonly OperationResult[];

  constructor(code: ZkError['code'], path: string | null, results: readonly OperationResult[]) {
    super(code, path, 'nothing of the batch was done');
    this.results = results;
  }
}

/** All or nothing. @throws MultiError, ZkError */
export async function writeBatch(
  connection: ClientConnection,
  operations: readonly Operation[],
): Promise<OperationResult[]> {
  const { chroot } = connection;
  const ops = operations.map((operation) => multiOpOf(chroot, operation));
  const results = await connection.call({
    opCode: OpCode.MULTI,
    path: null,
    write: (writer) => writeMulti(writer, ops),
    read: (reader) => readMultiResponse(reader).map((result) => operationResultOf(chroot, result)),
    otherwise: null,
  });
  const failed = results.findIndex(
    ({ error }) => error !== 'OK' && error !== 'RUNTIME_INCONSISTENCY',
  );
  const error = results[failed]?.error;
  if (error === undefined) return results;
  throw new MultiError(error, operations[failed]?.path ?? null, results);
}

/** Each read succeeds or fails alone. @throws ZkError */
export async function readBatch(
  connection: ClientConnection,
  reads: readonly Read[],
): Promise<ReadResult[]> {
  const ops = reads.map(({ op, path }) => {
    checkPath(path);
    const opCode = op === 'get' ? OpCode.GET_DATA : OpCode.GET_CHILDREN;
    return { opCode, path: connection.into(path) };
  });
  return connection.call({
    opCode: OpCode.MULTI_READ,
    path: null,
    write: (writer) => writeMultiRead(writer, ops),
    read: (reader) =>
      readMultiReadResponse(reader).map((result, index) =>
        readResultOf(result, reads[index]?.path ?? null),
      ),
    otherwise: null,
  });
}

/** Data and stat, the data as a copy: a reply is a view into a chunk that must not live on. */
export function readNode(reader: JuteReader): Node {
  const { data, stat } = getDataResponse.read(reader);
  return { data: copied(data), stat };
}

function readResultOf(result: MultiReadResult, path: string | null): ReadResult {
  if (result.type === 4) return { op: 'get', data: copied(result.data), stat: result.stat };
  if (result.type === 8) return { op: 'children', children: result.children };
  return { op: 'failed', error: new ZkError(errorName(result.error), path) };
}

function copied(data: Uint8Array | null): Buffer | null {
  return data === null ? null : Buffer.from(data);
}
