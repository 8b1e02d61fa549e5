import { ErrorCode } from '../server/protocol/error-code.ts';
import { beginFrame, endFrame } from '../server/protocol/framing.ts';
import { writeRequestHeader, Xid } from '../server/protocol/headers.ts';
import { JuteError, JuteReader } from '../server/protocol/jute.ts';
import type { JuteWriter } from '../server/protocol/jute.ts';
import { OpCode } from '../server/protocol/op-code.ts';
import { authRequest } from '../server/protocol/requests/access.ts';
import type { Zxid } from '../server/protocol/zxid.ts';
import { zxidNone } from '../server/protocol/zxid.ts';
import { Deque } from '../server/util/deque.ts';

/** Once: with OK and the reader at the response, or with an error. The bytes are views. */
export type Settle = (error: ErrorCode, reader: JuteReader, zxid: Zxid) => void;

/** One request on its way. */
export interface Call {
  readonly opCode: number;
  /** Writes the record behind the header; not before there is a connection. */
  readonly write: (writer: JuteWriter) => void;
  readonly settle: Settle;
}

const xidMax = 0x7fffffff;
const noBytes: JuteReader = new JuteReader(Buffer.alloc(0));

/** Calls in the order they were made: sent ones wait for replies, others for a connection. */
export class CallQueue {
  readonly #waiting = new Deque<{ readonly call: Call; readonly sinceMs: number }>();
  readonly #sent = new Deque<Call>();
  /** Xids of what was sent are consecutive: the oldest one's. */
  #firstXid = 1;
  #nextXid = 1;

  /** When the oldest call without a connection was made; Infinity without one. */
  get waitingSinceMs(): number {
    return this.#waiting.first()?.sinceMs ?? Infinity;
  }

  /** Xid of the call that was sent last. */
  get lastXid(): number {
    return this.#nextXid === 1 ? xidMax : this.#nextXid - 1;
  }

  wait(call: Call, nowMs: number): void {
    this.#waiting.push({ call, sinceMs: nowMs });
  }

  send(call: Call, writer: JuteWriter): void {
    const at = beginFrame(writer);
    writeRequestHeader(writer, this.#nextXid, call.opCode);
    call.write(writer);
    endFrame(writer, at);
    this.#nextXid = xidAfter(this.#nextXid);
    this.#sent.push(call);
  }

  sendWaiting(writer: JuteWriter): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.send(next.call, writer);
    }
  }

  /** @throws JuteError when it is not the oldest call's reply. */
  answer(xid: number, error: ErrorCode, reader: JuteReader, zxid: Zxid): void {
    if (xid !== this.#firstXid) {
      throw new JuteError(`reply ${xid} where ${this.#firstXid} is next`);
    }
    const call = this.#sent.shift();
    if (call === undefined) throw new JuteError(`reply ${xid} to no request`);
    this.#firstXid = xidAfter(xid);
    call.settle(error, reader, zxid);
  }

  failSent(error: ErrorCode): void {
    const count = this.#sent.length;
    this.#firstXid = this.#nextXid;
    for (let index = 0; index < count; index += 1) {
      this.#sent.shift()?.settle(error, noBytes, zxidNone);
    }
  }

  failWaiting(error: ErrorCode): void {
    const count = this.#waiting.length;
    for (let index = 0; index < count; index += 1) {
      this.#waiting.shift()?.call.settle(error, noBytes, zxidNone);
    }
  }

  /** Fails what has found no connection since before `untilMs`. */
  failOverdue(untilMs: number): void {
    while (this.waitingSinceMs <= untilMs) {
      this.#waiting.shift()?.call.settle(ErrorCode.CONNECTION_LOSS, noBytes, zxidNone);
    }
  }
}

/** A call that can not even be made. */
export function refuse(settle: Settle, error: ErrorCode): void {
  settle(error, noBytes, zxidNone);
}

interface Auth {
  readonly scheme: string;
  readonly auth: Uint8Array;
  /** `null` once answered. */
  settle: Settle | null;
}

/** Identities to prove on every connection; the server keeps them no longer than that. */
export class AuthList {
  #auths: Auth[] = [];
  #sentCount = 0;
  #answeredCount = 0;

  add(scheme: string, auth: Uint8Array, settle: Settle): void {
    this.#auths.push({ scheme, auth, settle });
  }

  /** A new connection knows none of them. */
  reset(): void {
    this.#sentCount = 0;
    this.#answeredCount = 0;
  }

  sendUnsent(writer: JuteWriter): void {
    for (const { scheme, auth } of this.#auths.slice(this.#sentCount)) {
      const at = beginFrame(writer);
      writeRequestHeader(writer, Xid.AUTH, OpCode.AUTH);
      authRequest.write(writer, { type: 0, scheme, auth });
      endFrame(writer, at);
    }
    this.#sentCount = this.#auths.length;
  }

  /** Answers come in the order sent. A refused one is not tried again. */
  answer(error: ErrorCode, reader: JuteReader, zxid: Zxid): void {
    const auth = this.#auths[this.#answeredCount];
    if (auth === undefined) return;
    if (error === ErrorCode.OK) {
      this.#answeredCount += 1;
    } else {
      this.#auths.splice(this.#answeredCount, 1);
      this.#sentCount -= 1;
    }
    const { settle } = auth;
    auth.settle = null;
    settle?.(error, reader, zxid);
  }

  fail(error: ErrorCode): void {
    const auths = this.#auths;
    this.#auths = [];
    for (const auth of auths) auth.settle?.(error, noBytes, zxidNone);
  }
}

function xidAfter(xid: number): number {
  return xid === xidMax ? 1 : xid + 1;
}
