import type { JuteReader } from './jute.ts';
import { JuteWriter } from './jute.ts';
import type { SessionId } from './session-id.ts';

/** Bytes in front of the client's own in a REQUEST packet. */
export const forwardedHeaderBytes = 16;

/** Bytes of one session in a learner's answer to PING. */
export const touchedSessionBytes = 12;

/**
 * Data of a REQUEST packet: the client's record behind its request header, as it came.
 * ```
 * sessionId int64 · cxid int32 · opCode int32 · record
 * ```
 * Source: quorum protocol, section 3.
 */
export function encodeForwardedRequest(
  sessionId: SessionId,
  cxid: number,
  opCode: number,
  record: Uint8Array,
): Buffer {
  const writer = new JuteWriter(forwardedHeaderBytes + record.length);
  writer.bigint64(sessionId);
  writer.int32(cxid);
  writer.int32(opCode);
  writer.raw(record);
  return writer.take();
}

/** The head of a REQUEST; the reader is left at the client's record. */
export interface ForwardedHeader {
  readonly sessionId: SessionId;
  readonly cxid: number;
  readonly opCode: number;
}

/** @throws JuteError when the bytes end early. */
export function readForwardedHeader(reader: JuteReader): ForwardedHeader {
  return {
    sessionId: reader.bigint64() as SessionId,
    cxid: reader.int32(),
    opCode: reader.int32(),
  };
}

/** A learner's REVALIDATE: `int64 sessionId, int32 timeoutMs`. */
export function encodeRevalidate(sessionId: SessionId, timeoutMs: number): Buffer {
  const writer = new JuteWriter(12);
  writer.bigint64(sessionId);
  writer.int32(timeoutMs);
  return writer.take();
}

export function readRevalidate(reader: JuteReader): {
  readonly sessionId: SessionId;
  readonly timeoutMs: number;
} {
  return { sessionId: reader.bigint64() as SessionId, timeoutMs: reader.int32() };
}

/** The leader's answer to a REVALIDATE: `int64 sessionId, boolean valid`. */
export function encodeRevalidated(sessionId: SessionId, isValid: boolean): Buffer {
  const writer = new JuteWriter(9);
  writer.bigint64(sessionId);
  writer.boolean(isValid);
  return writer.take();
}

export function readRevalidated(reader: JuteReader): {
  readonly sessionId: SessionId;
  readonly isValid: boolean;
} {
  return { sessionId: reader.bigint64() as SessionId, isValid: reader.boolean() };
}
