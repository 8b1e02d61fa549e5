import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { aclOpen } from '../../server/protocol/acl.ts';
import { connectRequest, connectResponse } from '../../server/protocol/connect.ts';
import { beginFrame, endFrame, FrameDecoder } from '../../server/protocol/framing.ts';
import { writeRequestHeader, Xid } from '../../server/protocol/headers.ts';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { authRequest } from '../../server/protocol/requests/access.ts';
import type { CreateRequest } from '../../server/protocol/requests/create.ts';
import { writeCreateRequest } from '../../server/protocol/requests/create.ts';
import { readRequest } from '../../server/protocol/requests/read.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { sessionIdNone } from '../../server/protocol/session-id.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { zxidZero } from '../../server/protocol/zxid.ts';

export interface RawOptions {
  readonly timeoutMs: number;
  readonly sessionId?: SessionId;
  readonly password?: Uint8Array | null;
  readonly lastZxid?: Zxid;
}

/** A session on one connection that never reconnects, pings or re-registers by itself. */
export class RawSession {
  sessionId: SessionId = sessionIdNone;
  password: Uint8Array | null = null;
  timeoutMs = 0;
  lastZxid: Zxid = zxidZero;
  /** Of the replies that nobody waited for, as they came: each is one less than the last. */
  readonly otherXids: number[] = [];
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder(1 << 26);
  readonly #waiting: { resolve: (frame: Buffer) => void; reject: (error: Error) => void }[] = [];
  #failure: Error | null = null;
  /** Record of the last reply. */
  #body: Buffer = Buffer.alloc(0);
  #xid = 0;
  /** Of requests whose replies are not waited for; below all that mean something. */
  #otherXid = -1000;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('connection closed')));
  }

  /** @throws Error when the connection is closed without a session. */
  static async open(port: number, options: RawOptions): Promise<RawSession> {
    const session = new RawSession(connect({ host: '127.0.0.1', port, noDelay: true }));
    session.#write((writer) =>
      connectRequest.write(writer, {
        protocolVersion: 0,
        lastZxidSeen: options.lastZxid ?? zxidZero,
        timeoutMs: options.timeoutMs,
        sessionId: options.sessionId ?? sessionIdNone,
        password: options.password ?? Buffer.alloc(16),
        readOnly: false,
      }),
    );
    const frame = await session.#next();
    const response = connectResponse.read(new JuteReader(frame, 0, frame.length));
    if (response.timeoutMs === 0) throw new Error('session refused');
    session.sessionId = response.sessionId;
    session.password = Uint8Array.from(response.password ?? []);
    session.timeoutMs = response.timeoutMs;
    return session;
  }

  /** The error code. */
  create(path: string, options: { readonly ephemeral?: boolean }): Promise<number> {
    return this.#call(OpCode.CREATE, (writer) =>
      writeCreateRequest(writer, createOf(path, options.ephemeral === true ? 1 : 0)),
    );
  }

  /** The error code. */
  exists(path: string): Promise<number> {
    return this.#call(OpCode.EXISTS, (writer) => readRequest.write(writer, { path, watch: false }));
  }

  /** The reply is not waited for. */
  ping(): void {
    this.#write((writer) => writeRequestHeader(writer, Xid.PING, OpCode.PING));
  }

  /** Any request by its record's bytes: the error code. */
  request(opCode: OpCode, record: Uint8Array): Promise<number> {
    return this.#call(opCode, (writer) => writer.raw(record));
  }

  /** As {@link request}, with the record of the reply. */
  async ask(
    opCode: OpCode,
    record: Uint8Array,
  ): Promise<{ readonly error: number; readonly body: Buffer }> {
    const error = await this.request(opCode, record);
    return { error, body: this.#body };
  }

  /** The reply is not waited for: what is sent behind it is answered with that identity. */
  addAuth(scheme: string, auth: string): void {
    this.#write((writer) => {
      writeRequestHeader(writer, Xid.AUTH, OpCode.AUTH);
      authRequest.write(writer, { type: 0, scheme, auth: Buffer.from(auth) });
    });
  }

  closeSession(): Promise<number> {
    return this.#call(OpCode.CLOSE_SESSION, () => undefined);
  }

  /** Bytes as they are. */
  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** So many getData requests in one piece; the replies are not waited for. */
  sendReads(path: string, count: number): void {
    const writer = new JuteWriter();
    for (let index = 0; index < count; index += 1) {
      this.#writeRequest(writer, OpCode.GET_DATA, (body) =>
        readRequest.write(body, { path, watch: false }),
      );
    }
    this.#socket.write(writer.take());
  }

  /** As {@link sendReads}. */
  sendCreate(path: string): void {
    const writer = new JuteWriter();
    this.#writeRequest(writer, OpCode.CREATE, (body) => writeCreateRequest(body, createOf(path)));
    this.#socket.write(writer.take());
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  get isClosed(): boolean {
    return this.#failure !== null;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #call(opCode: OpCode, write: (writer: JuteWriter) => void): Promise<number> {
    this.#xid += 1;
    const xid = this.#xid;
    this.#write((writer) => {
      writeRequestHeader(writer, xid, opCode);
      write(writer);
    });
    const frame = await this.#next();
    const reader = new JuteReader(frame, 0, frame.length);
    if (reader.int32() !== xid) throw new Error('a reply out of order');
    this.lastZxid = reader.zxid();
    const error = reader.int32();
    this.#body = frame.subarray(reader.offset);
    return error;
  }

  #write(write: (writer: JuteWriter) => void): void {
    const writer = new JuteWriter();
    const at = beginFrame(writer);
    write(writer);
    endFrame(writer, at);
    this.#socket.write(writer.take());
  }

  #writeRequest(writer: JuteWriter, opCode: number, write: (writer: JuteWriter) => void): void {
    this.#otherXid -= 1;
    const at = beginFrame(writer);
    writeRequestHeader(writer, this.#otherXid, opCode);
    write(writer);
    endFrame(writer, at);
  }

  #next(): Promise<Buffer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #take(chunk: Buffer): void {
    this.#decoder.push(chunk);
    while (this.#decoder.next()) {
      const { buffer, start, end } = this.#decoder;
      const frame = Buffer.from(buffer.subarray(start, end));
      const isReply = this.sessionId === sessionIdNone || frame.readInt32BE(0) > 0;
      if (isReply) this.#waiting.shift()?.resolve(frame);
      else if (frame.readInt32BE(0) < Xid.SET_WATCHES) this.otherXids.push(frame.readInt32BE(0));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function createOf(path: string, flags: number = 0): CreateRequest {
  return { op: 'create', opCode: OpCode.CREATE, path, data: null, acl: aclOpen, flags, ttlMs: 0 };
}
