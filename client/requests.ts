import type { Acl } from '../server/protocol/acl.ts';
import { aclOpen } from '../server/protocol/acl.ts';
import { CreateMode, ttlMsMax } from '../server/protocol/create-mode.ts';
import { OpCode } from '../server/protocol/op-code.ts';
import { pathProblem, sequentialPathProblem } from '../server/protocol/path.ts';
import type { CreateRequest } from '../server/protocol/requests/create.ts';
import type { MultiOp, MultiResult } from '../server/protocol/requests/multi.ts';
import type { Stat } from '../server/protocol/stat.ts';
import { intoChroot, outOfChroot } from './chroot.ts';
import { errorName, ZkError } from './zk-error.ts';
import type { ErrorName } from '../server/protocol/error-code.ts';

/** What a node holds: bytes, or a text to be sent as UTF-8. `null` and empty are different. */
export type NodeData = Uint8Array | string | null;

/** Without any of these a node is persistent and open to everyone. */
export interface CreateOptions {
  /** Goes with the session. */
  readonly ephemeral?: boolean;
  /** Gets the parent's next number behind its name. */
  readonly sequential?: boolean;
  /** Goes some time after its last child. */
  readonly container?: boolean;
  /** Goes when it was not changed for so long and has no children. The servers must allow it. */
  readonly ttlMs?: number;
  readonly acl?: readonly Acl[];
}

/** One part of an all-or-nothing batch. */
export type Operation =
  | ({ readonly op: 'create'; readonly path: string; readonly data?: NodeData } & CreateOptions)
  | { readonly op: 'remove'; readonly path: string; readonly version?: number }
  | {
      readonly op: 'set';
      readonly path: string;
      readonly data: NodeData;
      readonly version?: number;
    }
  /** Goes on only if the node exists and has this version. */
  | { readonly op: 'check'; readonly path: string; readonly version?: number };

/** What became of one part. */
export interface OperationResult {
  readonly error: ErrorName;
  /** Of a create. */
  readonly path: string | null;
  /** Of a set. */
  readonly stat: Stat | null;
}

/** @throws ZkError BAD_ARGUMENTS */
export function checkPath(path: string): void {
  const problem = pathProblem(path);
  if (problem !== null) throw new ZkError('BAD_ARGUMENTS', path, problem);
}

export function bytesOf(data: NodeData): Uint8Array | null {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

/** @throws ZkError BAD_ARGUMENTS on an invalid path, or options that exclude each other. */
export function createRequestOf(
  chroot: string,
  path: string,
  data: NodeData,
  options: CreateOptions,
): CreateRequest {
  const isSequential = options.sequential === true;
  const problem = isSequential ? sequentialPathProblem(path) : pathProblem(path);
  if (problem !== null) throw new ZkError('BAD_ARGUMENTS', path, problem);
  const { opCode, flags } = kindOf(path, options);
  return {
    op: 'create',
    opCode,
    path: path === '/' && isSequential ? `${chroot}/` : intoChroot(chroot, path),
    data: bytesOf(data),
    acl: options.acl ?? aclOpen,
    flags,
    ttlMs: options.ttlMs ?? -1,
  };
}

function kindOf(path: string, options: CreateOptions): { opCode: number; flags: number } {
  const { ephemeral = false, sequential = false, container = false, ttlMs } = options;
  const kinds = Number(ephemeral) + Number(container) + Number(ttlMs !== undefined);
  if (kinds > 1) {
    throw new ZkError('BAD_ARGUMENTS', path, 'ephemeral, container and ttlMs exclude each other');
  }
  if (container) {
    if (sequential) throw new ZkError('BAD_ARGUMENTS', path, 'a container is not sequential');
    return { opCode: OpCode.CREATE_CONTAINER, flags: CreateMode.CONTAINER };
  }
  if (ttlMs !== undefined) {
    if (!Number.isInteger(ttlMs) || ttlMs < 1 || ttlMs > ttlMsMax) {
      throw new ZkError('BAD_ARGUMENTS', path, `ttlMs ${ttlMs} is outside 1..${ttlMsMax}`);
    }
    const flags = sequential
      ? CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL
      : CreateMode.PERSISTENT_WITH_TTL;
    return { opCode: OpCode.CREATE_TTL, flags };
  }
  const flags =
    (ephemeral ? CreateMode.EPHEMERAL : 0) + (sequential ? CreateMode.PERSISTENT_SEQUENTIAL : 0);
  return { opCode: OpCode.CREATE, flags };
}

/** @throws ZkError BAD_ARGUMENTS */
export function multiOpOf(chroot: string, operation: Operation): MultiOp {
  if (operation.op === 'create') {
    return createRequestOf(chroot, operation.path, operation.data ?? null, operation);
  }
  checkPath(operation.path);
  const path = intoChroot(chroot, operation.path);
  const version = operation.version ?? -1;
  if (operation.op === 'remove') return { op: 'delete', path, version };
  if (operation.op === 'check') return { op: 'check', path, version };
  return { op: 'setData', path, data: bytesOf(operation.data), version };
}

export function operationResultOf(chroot: string, result: MultiResult): OperationResult {
  return {
    error: errorName(result.error),
    path: result.path === null ? null : outOfChroot(chroot, result.path),
    stat: result.stat,
  };
}
