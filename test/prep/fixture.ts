import assert from 'node:assert/strict';
import { createAuth } from '../../server/auth/auth.ts';
import type { Acl, Id } from '../../server/protocol/acl.ts';
import { aclOpen } from '../../server/protocol/acl.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Txn } from '../../server/protocol/txn.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { Prep, PrepOptions, WriteOp, WriteRequest } from '../../server/prep/door.ts';
import { createPrep } from '../../server/prep/prep.ts';
import type { TreeReader } from '../../server/tree/door.ts';
import { PlainTree } from './plain-tree.ts';

export const mine = 0x0100_0000_0000_0001n as SessionId;
export const other = 0x0200_0000_0000_0001n as SessionId;

export const bob: Id = { scheme: 'digest', id: 'bob:x' };

export const optionsDefault: PrepOptions = {
  extendedTypesEnabled: true,
  skipAcl: false,
  enforceQuota: false,
  digestEnabled: true,
  schemes: createAuth({ superDigest: null }),
};

export function createOp(path: string, more: Partial<WriteOp & { op: 'create' }> = {}): WriteOp {
  const data = Buffer.from('d');
  const { CREATE: opCode } = OpCode;
  return { op: 'create', opCode, path, data, acl: aclOpen, flags: 0, ttlMs: -1, ...more };
}

export function deleteOp(path: string, version: number = -1): WriteOp {
  return { op: 'delete', path, version };
}

export function setDataOp(path: string, text: string = 'new', version: number = -1): WriteOp {
  return { op: 'setData', path, data: Buffer.from(text), version };
}

export function setAclOp(path: string, acl: readonly Acl[] | null, version: number = -1): WriteOp {
  return { op: 'setAcl', path, acl, version };
}

export function acl(perms: number, scheme: string, id: string): Acl {
  return { perms, id: { scheme, id } };
}

interface AppliedTree {
  readonly digest: bigint;
  apply(txn: Txn): unknown;
}

/** A leader whose transactions are applied at once, or held back while `pipeline` runs. */
export class Leader<T extends AppliedTree = PlainTree> {
  readonly tree: T;
  readonly prep: Prep;
  nowMs = 1_000;
  zxid = 0;
  #held: Txn[] | null = null;

  constructor(options: Partial<PrepOptions> = {}, tree: T = new PlainTree() as unknown as T) {
    this.tree = tree;
    this.prep = createPrep({ ...optionsDefault, ...options }, tree as unknown as TreeReader);
    this.ask({ op: 'createSession', timeoutMs: 4_000 });
    this.ask({ op: 'createSession', timeoutMs: 4_000 }, { sessionId: other });
  }

  ask(op: WriteOp, more: Partial<WriteRequest> = {}): Txn {
    this.zxid += 1;
    this.nowMs += 1;
    const request = { sessionId: mine, cxid: 1, op, authIds: [], internal: false, ...more };
    const txn = this.prep.prepare(request, this.zxid as Zxid, this.nowMs);
    if (this.#held === null) this.apply(txn);
    else this.#held.push(txn);
    return txn;
  }

  /** The error of a refused request, 0 otherwise. */
  errorOf(op: WriteOp, more: Partial<WriteRequest> = {}): number {
    const { body } = this.ask(op, more);
    return body.type === -1 ? body.error : 0;
  }

  apply(txn: Txn): void {
    this.tree.apply(txn);
    if (txn.digest !== null) assert.equal(txn.digest, this.tree.digest, 'the digest was foretold');
    this.prep.applied(txn.header.zxid);
  }

  /** What `run` asks for stays outstanding until it is done; then everything is applied. */
  pipeline(run: () => void): Txn[] {
    const held: Txn[] = [];
    this.#held = held;
    run();
    this.#held = null;
    for (const txn of held) this.apply(txn);
    return held;
  }
}
