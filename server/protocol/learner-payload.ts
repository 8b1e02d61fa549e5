import type { JuteReader, JuteWriter } from './jute.ts';
import type { SessionId } from './session-id.ts';

/**
 * Head of a REQUEST packet's data; the client's record follows as it came behind its own header.
 * ```
 * sessionId int64 · cxid int32 · opCode int32 · record
 * ```
 * Source: quorum protocol, section 3.
 */
export function writeForwardedHeader(
  writer: JuteWriter,
  sessionId: SessionId,
  cxid: number,
  opCode: number,
): void {
  writer.bigint64(sessionId);
  writer.int32(cxid);
  writer.int32(opCode);
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
export function writeRevalidate(writer: JuteWriter, sessionId: SessionId, timeoutMs: number): void {
  writer.bigint64(sessionId);
  writer.int32(timeoutMs);
}

export function readRevalidate(reader: JuteReader): {
  readonly sessionId: SessionId;
  readonly timeoutMs: number;
} {
  return { sessionId: reader.bigint64() as SessionId, timeoutMs: reader.int32() };
}

/** The leader's answer to a REVALIDATE: `int64 sessionId, boolean valid`. */
export function writeRevalidated(writer: JuteWriter, sessionId: SessionId, isValid: boolean): void {
  writer.bigint64(sessionId);
  writer.boolean(isValid);
}

export function readRevalidated(reader: JuteReader): {
  readonly sessionId: SessionId;
  readonly isValid: boolean;
} {
  return { sessionId: reader.bigint64() as SessionId, isValid: reader.boolean() };
}
