import { aclOpen } from '../../server/protocol/acl.ts';
import type { Acl } from '../../server/protocol/acl.ts';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import type { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { getAclResponse, setAclRequest } from '../../server/protocol/requests/access.ts';
import type { SetAclRequest } from '../../server/protocol/requests/access.ts';
import {
  create2Response,
  createResponse,
  writeCreateRequest,
} from '../../server/protocol/requests/create.ts';
import type { CreateRequest } from '../../server/protocol/requests/create.ts';
import { deleteRequest } from '../../server/protocol/requests/delete.ts';
import type { DeleteRequest } from '../../server/protocol/requests/delete.ts';
import { readMultiResponse, writeMulti } from '../../server/protocol/requests/multi.ts';
import type { MultiOp, MultiResult } from '../../server/protocol/requests/multi.ts';
import { reconfigRequest } from '../../server/protocol/requests/reconfig.ts';
import type { ReconfigRequest } from '../../server/protocol/requests/reconfig.ts';
import {
  getChildren2Response,
  getDataResponse,
  optionalPathRequest,
  readRequest,
} from '../../server/protocol/requests/read.ts';
import { setDataRequest, statResponse } from '../../server/protocol/requests/set-data.ts';
import type { SetDataRequest } from '../../server/protocol/requests/set-data.ts';
import { zxidNone } from '../../server/protocol/zxid.ts';
import { AddWatchMode, addWatchRequest } from '../../server/protocol/requests/watch.ts';
import type { Stat } from '../../server/protocol/stat.ts';

/** What a simulated client may ask for. */
export type ClientOp =
  | {
      readonly kind: 'write';
      readonly opCode: number;
      readonly request: CreateRequest | DeleteRequest | SetDataRequest | SetAclRequest;
    }
  | { readonly kind: 'multi'; readonly opCode: number; readonly ops: readonly MultiOp[] }
  | {
      readonly kind: 'read';
      readonly opCode: number;
      readonly path: string;
      readonly watch: boolean;
    }
  | { readonly kind: 'reconfig'; readonly opCode: number; readonly request: ReconfigRequest }
  | { readonly kind: 'watchAll'; readonly opCode: number; readonly path: string }
  | { readonly kind: 'sync'; readonly opCode: number; readonly path: string }
  | { readonly kind: 'close'; readonly opCode: number };

/** A reply, decoded as far as its kind says. */
export interface OpResult {
  readonly error: number;
  readonly path: string | null;
  readonly data: Uint8Array | null;
  readonly stat: Stat | null;
  readonly children: readonly string[] | null;
  readonly results: readonly MultiResult[] | null;
  readonly acl?: readonly Acl[] | null;
}

const empty: OpResult = {
  error: ErrorCode.OK,
  path: null,
  data: null,
  stat: null,
  children: null,
  results: null,
};

export function createRequest(
  path: string,
  data: string,
  flags: number,
  acl: readonly Acl[] = aclOpen,
): CreateRequest {
  const opCode = flags === CreateMode.PERSISTENT ? OpCode.CREATE : OpCode.CREATE2;
  return { op: 'create', opCode, path, data: Buffer.from(data), acl, flags, ttlMs: -1 };
}

export function create(
  path: string,
  data: string,
  flags: number = CreateMode.PERSISTENT,
  acl: readonly Acl[] = aclOpen,
): ClientOp {
  const request = createRequest(path, data, flags, acl);
  return { kind: 'write', opCode: request.opCode, request };
}

export function setData(path: string, data: string, version: number = -1): ClientOp {
  const request = { op: 'setData', path, data: Buffer.from(data), version } as const;
  return { kind: 'write', opCode: OpCode.SET_DATA, request };
}

export function setAcl(path: string, acl: readonly Acl[], version: number = -1): ClientOp {
  return {
    kind: 'write',
    opCode: OpCode.SET_ACL,
    request: { op: 'setAcl', path, acl, version },
  };
}

export function getAcl(path: string): ClientOp {
  return { kind: 'read', opCode: OpCode.GET_ACL, path, watch: false };
}

export function remove(path: string, version: number = -1): ClientOp {
  return { kind: 'write', opCode: OpCode.DELETE, request: { op: 'delete', path, version } };
}

export function multi(ops: readonly MultiOp[]): ClientOp {
  return { kind: 'multi', opCode: OpCode.MULTI, ops };
}

export function getData(path: string, watch: boolean = false): ClientOp {
  return { kind: 'read', opCode: OpCode.GET_DATA, path, watch };
}

export function exists(path: string, watch: boolean = false): ClientOp {
  return { kind: 'read', opCode: OpCode.EXISTS, path, watch };
}

export function getChildren(path: string, watch: boolean = false): ClientOp {
  return { kind: 'read', opCode: OpCode.GET_CHILDREN2, path, watch };
}

/** The whole new membership, as lines. */
export function reconfig(newMembers: string): ClientOp {
  const request: ReconfigRequest = {
    op: 'reconfig',
    joiningServers: null,
    leavingServers: null,
    newMembers,
    curConfigId: zxidNone,
  };
  return { kind: 'reconfig', opCode: OpCode.RECONFIG, request };
}

/** A persistent, recursive watch. */
export function watchAll(path: string): ClientOp {
  return { kind: 'watchAll', opCode: OpCode.ADD_WATCH, path };
}

export function sync(path: string): ClientOp {
  return { kind: 'sync', opCode: OpCode.SYNC, path };
}

export const closeSession: ClientOp = { kind: 'close', opCode: OpCode.CLOSE_SESSION };

/** The record behind the request's header. */
export function writeOp(writer: JuteWriter, op: ClientOp): void {
  switch (op.kind) {
    case 'write':
      if (op.request.op === 'create') writeCreateRequest(writer, op.request);
      else if (op.request.op === 'delete') deleteRequest.write(writer, op.request);
      else if (op.request.op === 'setAcl') setAclRequest.write(writer, op.request);
      else setDataRequest.write(writer, op.request);
      return;
    case 'multi':
      return writeMulti(writer, op.ops);
    case 'read':
      if (op.opCode === OpCode.GET_ACL) return writer.string(op.path);
      return readRequest.write(writer, { path: op.path, watch: op.watch });
    case 'reconfig':
      return reconfigRequest.write(writer, op.request);
    case 'watchAll':
      return addWatchRequest.write(writer, {
        path: op.path,
        mode: AddWatchMode.PERSISTENT_RECURSIVE,
      });
    case 'sync':
      return optionalPathRequest.write(writer, op.path);
    case 'close':
      return;
  }
}

/** The record behind the reply's header. */
export function readResult(op: ClientOp, error: number, reader: JuteReader): OpResult {
  if (error !== ErrorCode.OK) return { ...empty, error };
  switch (op.opCode) {
    case OpCode.CREATE:
      return { ...empty, path: createResponse.read(reader) };
    case OpCode.CREATE2:
      return { ...empty, ...create2Response.read(reader) };
    case OpCode.GET_ACL:
      return { ...empty, ...getAclResponse.read(reader) };
    case OpCode.SET_DATA:
    case OpCode.SET_ACL:
    case OpCode.EXISTS:
      return { ...empty, stat: statResponse.read(reader) };
    case OpCode.MULTI:
      return { ...empty, results: readMultiResponse(reader) };
    case OpCode.GET_DATA:
    case OpCode.RECONFIG:
      return { ...empty, ...getDataResponse.read(reader) };
    case OpCode.GET_CHILDREN2:
      return { ...empty, ...getChildren2Response.read(reader) };
    default:
      return empty;
  }
}
