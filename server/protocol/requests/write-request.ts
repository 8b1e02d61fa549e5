import { JuteError } from '../jute.ts';
import type { JuteReader } from '../jute.ts';
import { OpCode } from '../op-code.ts';
import { setAclRequest } from './access.ts';
import type { SetAclRequest } from './access.ts';
import { readCreateRequest } from './create.ts';
import type { CreateRequest } from './create.ts';
import { deleteContainerRequest, deleteRequest } from './delete.ts';
import type { DeleteContainerRequest, DeleteRequest } from './delete.ts';
import { readMulti } from './multi.ts';
import type { MultiRequest } from './multi.ts';
import { reconfigRequest } from './reconfig.ts';
import type { ReconfigRequest } from './reconfig.ts';
import { setDataRequest } from './set-data.ts';
import type { SetDataRequest } from './set-data.ts';

/** A write as the leader's preparation takes it: these are its own records, field by field. */
export type DecodedWrite =
  | CreateRequest
  | DeleteRequest
  | DeleteContainerRequest
  | SetDataRequest
  | SetAclRequest
  | MultiRequest
  | ReconfigRequest
  | { readonly op: 'createSession'; readonly timeoutMs: number }
  | { readonly op: 'closeSession' };

/** True for operations that become transactions and therefore go to the leader. */
export function isWrite(opCode: number): boolean {
  switch (opCode) {
    case OpCode.CREATE:
    case OpCode.CREATE2:
    case OpCode.CREATE_CONTAINER:
    case OpCode.CREATE_TTL:
    case OpCode.DELETE:
    case OpCode.DELETE_CONTAINER:
    case OpCode.SET_DATA:
    case OpCode.SET_ACL:
    case OpCode.MULTI:
    case OpCode.RECONFIG:
    case OpCode.CREATE_SESSION:
    case OpCode.CLOSE_SESSION:
      return true;
    default:
      return false;
  }
}

/**
 * The record of a write, behind its request header. Data is a view. Trailing bytes are ignored.
 *
 * @throws JuteError when it cannot be decoded, or the operation is no write.
 */
export function readWrite(opCode: number, reader: JuteReader): DecodedWrite {
  switch (opCode) {
    case OpCode.CREATE:
    case OpCode.CREATE2:
    case OpCode.CREATE_CONTAINER:
    case OpCode.CREATE_TTL:
      return readCreateRequest(reader, opCode);
    case OpCode.DELETE:
      return deleteRequest.read(reader);
    case OpCode.DELETE_CONTAINER:
      return deleteContainerRequest.read(reader);
    case OpCode.SET_DATA:
      return setDataRequest.read(reader);
    case OpCode.SET_ACL:
      return setAclRequest.read(reader);
    case OpCode.MULTI:
      return readMulti(reader);
    case OpCode.RECONFIG:
      return reconfigRequest.read(reader);
    case OpCode.CREATE_SESSION:
      return { op: 'createSession', timeoutMs: reader.int32() };
    case OpCode.CLOSE_SESSION:
      return { op: 'closeSession' };
    default:
      throw new JuteError(`operation ${opCode} is no write`);
  }
}
