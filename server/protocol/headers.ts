import type { JuteReader, JuteWriter } from './jute.ts';
import type { Zxid } from './zxid.ts';

/** Values of `xid` with a meaning of their own. Source: client-protocol, section 4. */
export const Xid = {
  /** Server to client: a watch event follows. */
  NOTIFICATION: -1,
  PING: -2,
  AUTH: -4,
  SET_WATCHES: -8,
} as const;

/** Bytes of a request's header: int32 xid, int32 type. */
export const requestHeaderBytes = 8;

/** Bytes of a reply's header: int32 xid, int64 zxid, int32 err. */
export const replyHeaderBytes = 16;

export interface RequestHeader {
  readonly xid: number;
  readonly type: number;
}

/** With an error nothing follows the header; a failed multi has none and carries them inside. */
export interface ReplyHeader {
  readonly xid: number;
  /** Last transaction that the answering server has applied. */
  readonly zxid: Zxid;
  readonly error: number;
}

/** `int32 xid, int32 type`. @throws JuteError */
export function readRequestHeader(reader: JuteReader): RequestHeader {
  return { xid: reader.int32(), type: reader.int32() };
}

export function writeRequestHeader(writer: JuteWriter, xid: number, type: number): void {
  writer.int32(xid);
  writer.int32(type);
}

/** `int32 xid, int64 zxid, int32 err`. @throws JuteError */
export function readReplyHeader(reader: JuteReader): ReplyHeader {
  return { xid: reader.int32(), zxid: reader.zxid(), error: reader.int32() };
}

export function writeReplyHeader(
  writer: JuteWriter,
  xid: number,
  zxid: number,
  error: number,
): void {
  writer.int32(xid);
  writer.int64(zxid);
  writer.int32(error);
}
