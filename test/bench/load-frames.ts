import { connectRequest } from '../../server/protocol/connect.ts';
import { beginFrame, endFrame } from '../../server/protocol/framing.ts';
import { JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { readRequest } from '../../server/protocol/requests/read.ts';
import { setDataRequest } from '../../server/protocol/requests/set-data.ts';
import { sessionIdNone } from '../../server/protocol/session-id.ts';
import { zxidZero } from '../../server/protocol/zxid.ts';

/** What a connection asks again and again: every n-th request a write, the others reads. */
export interface Pattern {
  readonly path: string;
  readonly data: Uint8Array;
  /** Writes among 100 requests: 0, 100, or between. */
  readonly writePercent: number;
}

/** Requests that repeat after so many; writes are spread evenly among them. */
const periodCount = 100;

/** Encoded requests, one behind the other, of which only the xid changes. */
export class FrameBlock {
  readonly #bytes: Buffer;
  /** Where each frame starts; one more for the end. */
  readonly #offsets: Int32Array;
  #at = 0;

  /** `countMax`: most frames taken at once. */
  constructor(pattern: Pattern, countMax: number) {
    const write = encodeWrite(pattern);
    const read = encodeRead(pattern);
    const count = periodCount + countMax;
    const frames: Buffer[] = [];
    this.#offsets = new Int32Array(count + 1);
    for (let index = 0; index < count; index += 1) {
      const before = Math.floor((index * pattern.writePercent) / 100);
      const isWrite = Math.floor(((index + 1) * pattern.writePercent) / 100) > before;
      const frame = isWrite ? write : read;
      frames.push(frame);
      this.#offsets[index + 1] = (this.#offsets[index] ?? 0) + frame.length;
    }
    this.#bytes = Buffer.concat(frames);
  }

  /** The next `count` requests, numbered from `firstXid` on, as bytes to be given away. */
  take(count: number, firstXid: number): Buffer {
    const first = this.#at;
    const start = this.#offsets[first] ?? 0;
    const bytes = Buffer.allocUnsafe((this.#offsets[first + count] ?? 0) - start);
    this.#bytes.copy(bytes, 0, start, start + bytes.length);
    for (let index = 0; index < count; index += 1) {
      bytes.writeInt32BE(firstXid + index, (this.#offsets[first + index] ?? 0) - start + 4);
    }
    this.#at = (first + count) % periodCount;
    return bytes;
  }
}

export function handshakeFrame(sessionTimeoutMs: number): Buffer {
  const writer = new JuteWriter();
  const at = beginFrame(writer);
  connectRequest.write(writer, {
    protocolVersion: 0,
    lastZxidSeen: zxidZero,
    timeoutMs: sessionTimeoutMs,
    sessionId: sessionIdNone,
    password: new Uint8Array(16),
    readOnly: false,
  });
  endFrame(writer, at);
  return writer.take();
}

export function closeFrame(xid: number): Buffer {
  return frameOf(OpCode.CLOSE_SESSION, () => undefined, xid);
}

function encodeWrite({ path, data }: Pattern): Buffer {
  const request = { op: 'setData', path, data, version: -1 } as const;
  return frameOf(OpCode.SET_DATA, (writer) => setDataRequest.write(writer, request));
}

function encodeRead({ path }: Pattern): Buffer {
  return frameOf(OpCode.GET_DATA, (writer) => readRequest.write(writer, { path, watch: false }));
}

function frameOf(opCode: number, write: (writer: JuteWriter) => void, xid: number = 0): Buffer {
  const writer = new JuteWriter();
  const at = beginFrame(writer);
  writer.int32(xid);
  writer.int32(opCode);
  write(writer);
  endFrame(writer, at);
  return writer.take();
}

/**
 * Counts replies without decoding them: of each frame only length, xid and error are looked at,
 * wherever the chunks cut it.
 */
export class ReplyCounter {
  /** Replies to requests; events and pings are left out. */
  count = 0;
  errors = 0;
  readonly #onReply: (xid: number) => void;
  readonly #header: Buffer = Buffer.alloc(20);
  #headerBytes = 0;
  #skipBytes = 0;

  constructor(onReply: (xid: number) => void) {
    this.#onReply = onReply;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, chunk.length - at);
        this.#skipBytes -= skipped;
        at += skipped;
      } else if (this.#headerBytes === 0 && chunk.length - at >= 20) {
        this.#take(chunk, at);
        at += 20;
      } else {
        const copied = chunk.copy(this.#header, this.#headerBytes, at);
        this.#headerBytes += copied;
        at += copied;
        if (this.#headerBytes === 20) {
          this.#headerBytes = 0;
          this.#take(this.#header, 0);
        }
      }
    }
  }

  #take(bytes: Buffer, at: number): void {
    this.#skipBytes = bytes.readInt32BE(at) - 16;
    const xid = bytes.readInt32BE(at + 4);
    if (xid < 0) return;
    this.count += 1;
    if (bytes.readInt32BE(at + 16) !== 0) this.errors += 1;
    this.#onReply(xid);
  }
}
