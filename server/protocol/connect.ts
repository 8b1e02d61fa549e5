import type { Codec, JuteReader, JuteWriter } from './jute.ts';
import type { SessionId } from './session-id.ts';
import { sessionIdNone } from './session-id.ts';
import type { Zxid } from './zxid.ts';

/** Bytes of a session's password. */
export const passwordBytes = 16;

/** First packet of a connection, from the client; without a request header. */
export interface ConnectRequest {
  /** Clients send 0; a server ignores it. */
  readonly protocolVersion: number;
  /** Highest zxid the client has seen; 0 for a new one; beyond 2^53 rounded. */
  readonly lastZxidSeen: Zxid;
  /** Wanted session timeout. */
  readonly timeoutMs: number;
  /** {@link sessionIdNone} asks for a new session. */
  readonly sessionId: SessionId;
  readonly password: Uint8Array | null;
  /** `null`: an old client that does not send the byte; the response then has none either. */
  readonly readOnly: boolean | null;
}

/** First packet of the server; without a reply header. A timeout of 0 refuses the session. */
export interface ConnectResponse {
  readonly protocolVersion: number;
  readonly timeoutMs: number;
  readonly sessionId: SessionId;
  readonly password: Uint8Array | null;
  readonly readOnly: boolean | null;
}

/**
 * ```
 * protocolVersion int32 · lastZxidSeen int64 · timeOut int32 · sessionId int64 · passwd buffer
 * readOnly boolean, may be absent
 * ```
 * Source: client-protocol, section 3.
 */
export const connectRequest: Codec<ConnectRequest> = {
  read: (reader) => ({
    protocolVersion: reader.int32(),
    lastZxidSeen: reader.int64Rounded() as Zxid,
    timeoutMs: reader.int32(),
    sessionId: reader.bigint64() as SessionId,
    password: reader.bytes(),
    readOnly: readOptionalBoolean(reader),
  }),
  write(writer, request) {
    writer.int32(request.protocolVersion);
    writer.int64(request.lastZxidSeen);
    writer.int32(request.timeoutMs);
    writer.bigint64(request.sessionId);
    writer.bytes(request.password);
    if (request.readOnly !== null) writer.boolean(request.readOnly);
  },
};

/**
 * ```
 * protocolVersion int32 · timeOut int32 · sessionId int64 · passwd buffer
 * readOnly boolean, present when the request had it
 * ```
 * Source: client-protocol, section 3.
 */
export const connectResponse: Codec<ConnectResponse> = {
  read: (reader) => ({
    protocolVersion: reader.int32(),
    timeoutMs: reader.int32(),
    sessionId: reader.bigint64() as SessionId,
    password: reader.bytes(),
    readOnly: readOptionalBoolean(reader),
  }),
  write(writer, response) {
    writer.int32(response.protocolVersion);
    writer.int32(response.timeoutMs);
    writer.bigint64(response.sessionId);
    writer.bytes(response.password);
    if (response.readOnly !== null) writer.boolean(response.readOnly);
  },
};

/** @throws JuteError when the bytes end early; the connection is then closed without an answer. */
export function readConnectRequest(reader: JuteReader): ConnectRequest {
  return connectRequest.read(reader);
}

export function writeConnectResponse(writer: JuteWriter, response: ConnectResponse): void {
  connectResponse.write(writer, response);
}

/** The answer that sends a client away: session unknown, expired, or wrong password. */
export function refusedConnectResponse(readOnly: boolean | null): ConnectResponse {
  return {
    protocolVersion: 0,
    timeoutMs: 0,
    sessionId: sessionIdNone,
    password: new Uint8Array(passwordBytes),
    readOnly: readOnly === null ? null : false,
  };
}

function readOptionalBoolean(reader: JuteReader): boolean | null {
  return reader.remaining > 0 ? reader.boolean() : null;
}
