import { connectRequest, connectResponse } from '../../server/protocol/connect.ts';
import type { ConnectRequest } from '../../server/protocol/connect.ts';
import { beginFrame, endFrame, FrameDecoder } from '../../server/protocol/framing.ts';
import { writeReplyHeader } from '../../server/protocol/headers.ts';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { watcherEvent } from '../../server/protocol/requests/watch.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';

/** A request as a server sees it. */
export interface Received {
  readonly xid: number;
  readonly opCode: number;
  /** At the record. */
  readonly reader: JuteReader;
}

/** One frame around what `write` writes. */
export function frame(write: (writer: JuteWriter) => void): Buffer {
  const writer = new JuteWriter();
  const at = beginFrame(writer);
  write(writer);
  endFrame(writer, at);
  return writer.take();
}

export function connectedFrame(
  sessionId: bigint,
  timeoutMs: number,
  readOnly: boolean = false,
): Buffer {
  return frame((writer) =>
    connectResponse.write(writer, {
      protocolVersion: 0,
      timeoutMs,
      sessionId: sessionId as SessionId,
      password: Buffer.alloc(16, 7),
      readOnly,
    }),
  );
}

export function replyFrame(
  xid: number,
  zxid: number,
  error: number,
  write: (writer: JuteWriter) => void = () => undefined,
): Buffer {
  return frame((writer) => {
    writeReplyHeader(writer, xid, zxid, error);
    if (error === 0) write(writer);
  });
}

export function eventFrame(type: number, path: string, zxid: number): Buffer {
  return replyFrame(-1, zxid, 0, (writer) =>
    watcherEvent.write(writer, { type: type as 1, state: 3, path }),
  );
}

/** The handshake and the requests in the bytes of one connection's start. */
export function receivedHandshake(bytes: Buffer): ConnectRequest {
  return connectRequest.read(new JuteReader(bytes, 4, 4 + bytes.readInt32BE()));
}

export function receivedRequests(bytes: Buffer): Received[] {
  const decoder = new FrameDecoder(0xfffff);
  const found: Received[] = [];
  decoder.push(bytes);
  while (decoder.next()) {
    const reader = new JuteReader(decoder.buffer, decoder.start, decoder.end);
    found.push({ xid: reader.int32(), opCode: reader.int32(), reader });
  }
  return found;
}
