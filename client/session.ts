import { connectRequest, connectResponse } from '../server/protocol/connect.ts';
import { ErrorCode } from '../server/protocol/error-code.ts';
import { beginFrame, endFrame, FrameDecoder } from '../server/protocol/framing.ts';
import { writeRequestHeader, Xid } from '../server/protocol/headers.ts';
import { JuteError, JuteReader, JuteWriter } from '../server/protocol/jute.ts';
import { OpCode } from '../server/protocol/op-code.ts';
import {
  setWatches2Request,
  setWatchesRequest,
  watcherEvent,
} from '../server/protocol/requests/watch.ts';
import type { SessionId } from '../server/protocol/session-id.ts';
import { sessionIdNone } from '../server/protocol/session-id.ts';
import type { Zxid } from '../server/protocol/zxid.ts';
import { zxidZero } from '../server/protocol/zxid.ts';
import { AuthList, CallQueue, refuse } from './calls.ts';
import type { Call, Settle } from './calls.ts';
import { Contact } from './contact.ts';
import type { Host } from './hosts.ts';
import { QuorumSearch } from './quorum-search.ts';
import { SaslExchange } from './sasl.ts';
import type {
  SessionEffect,
  SessionEvent,
  SessionOptions,
  SessionState,
} from './session-events.ts';

/** Pause before another round over all hosts; doubles with every round. */
const redialMsMin = 20;
const redialMsMax = 1_000;

const endErrors = {
  expired: ErrorCode.SESSION_EXPIRED,
  closed: ErrorCode.CONNECTION_LOSS,
} as const;

/**
 * A client's session without socket and clock: calls and received bytes in, bytes to send and
 * news out. Many calls may be outstanding; replies come in their order. What was sent and not
 * answered when a connection breaks fails with CONNECTION_LOSS; what was not sent yet waits for
 * the next connection, at most a session timeout long.
 *
 * Source: client-protocol, sections 3, 4, 11 and 12.
 */
export class ClientSession {
  readonly #options: SessionOptions;
  readonly #calls = new CallQueue();
  readonly #contact = new Contact();
  readonly #auths = new AuthList();
  readonly #reader: JuteReader = new JuteReader(Buffer.alloc(0));
  readonly #writer: JuteWriter = new JuteWriter(4096);
  #decoder: FrameDecoder;
  #effects: SessionEffect[] = [];
  #state: SessionState = 'connecting';
  #link: 'none' | 'dialing' | 'handshake' | 'proving' | 'open' = 'none';
  #saslExchange: SaslExchange | null = null;
  #endError: ErrorCode = ErrorCode.CONNECTION_LOSS;
  #isClosing = false;
  #sessionId: SessionId = sessionIdNone;
  #password: Uint8Array = new Uint8Array(16);
  #timeoutMs: number;
  #lastZxid: Zxid = zxidZero;
  #isReadOnly = false;
  /** The session is one that a quorum knows. */
  #isKnownToQuorum = false;
  readonly #search = new QuorumSearch();
  /** Of the present connection, or the last. */
  #host: Host | null = null;
  #dialAtMs = 0;
  #dialDeadlineMs = Infinity;
  #lastReceivedMs = 0;
  #lastSentMs = 0;
  #failures = 0;
  #lastFailure: string | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#timeoutMs = options.sessionTimeoutMs;
    this.#decoder = new FrameDecoder(options.frameBytesMax);
  }

  get state(): SessionState {
    return this.#state;
  }

  get sessionId(): SessionId {
    return this.#sessionId;
  }

  /** As negotiated; before that, as wanted. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** The server has lost its quorum and answers reads only. */
  get isReadOnly(): boolean {
    return this.#isReadOnly;
  }

  /** Highest zxid in any reply. */
  get lastZxid(): Zxid {
    return this.#lastZxid;
  }

  /** When the latest of what a server has answered was sent; 0 before. */
  get lastHeardMs(): number {
    return this.#contact.heardMs;
  }

  /** Why the last connection or attempt ended; `null` before the first. */
  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  get isOver(): boolean {
    return this.#state === 'expired' || this.#state === 'closed';
  }

  /** What calls fail with once it is over. */
  get endError(): ErrorCode {
    return this.#endError;
  }

  step(event: SessionEvent): void {
    switch (event.type) {
      case 'opened':
        return this.#stepOpened(event.nowMs);
      case 'received':
        return this.#stepReceived(event.chunk, event.nowMs);
      case 'lost':
        return this.#stepLost(event.reason, event.nowMs);
      case 'looked':
        return this.#stepLooked(event.host, event.hasQuorum, event.nowMs);
      case 'tick':
        return this.#stepTick(event.nowMs);
    }
  }

  /** Everything to be done since the last call; what is to be sent is one piece. */
  takeEffects(nowMs: number): SessionEffect[] {
    this.#flush();
    const effects = this.#effects;
    if (effects.length === 0) return effects;
    this.#effects = [];
    if (effects.some((effect) => effect.type === 'send')) {
      this.#lastSentMs = nowMs;
      this.#contact.sent(nowMs);
    }
    return effects;
  }

  /** When a tick is wanted at latest; Infinity: not at all. */
  nextDeadlineMs(): number {
    if (this.isOver) return Infinity;
    const overdueMs = this.#calls.waitingSinceMs + this.#timeoutMs;
    if (this.#link === 'open') {
      const beatMs = Math.min(
        this.#lastSentMs + this.#pingMs,
        this.#lastReceivedMs + this.#silenceMs,
      );
      return Math.min(beatMs, this.#search.dueMs);
    }
    return Math.min(this.#link === 'none' ? this.#dialAtMs : this.#dialDeadlineMs, overdueMs);
  }

  submit(call: Call, nowMs: number): void {
    if (this.isOver || this.#isClosing) return refuse(call.settle, ErrorCode.SESSION_EXPIRED);
    if (this.#link !== 'open') return this.#calls.wait(call, nowMs);
    this.#calls.send(call, this.#writer);
    this.#contact.callWritten(this.#calls.lastXid);
  }

  /** Proves an identity now and on every later connection. */
  addAuth(scheme: string, auth: Uint8Array, settle: Settle): void {
    if (this.isOver || this.#isClosing) return refuse(settle, ErrorCode.SESSION_EXPIRED);
    this.#auths.add(scheme, auth, settle);
    if (this.#link === 'open') this.#auths.sendUnsent(this.#writer);
  }

  /** Ends the session at the servers, behind everything submitted; without a server, here only. */
  close(nowMs: number): void {
    if (this.isOver || this.#isClosing) return;
    if (this.#link !== 'open') return this.#end('closed', 'closed without a server');
    const settle = (): void => this.#end('closed', 'closed');
    this.submit({ opCode: OpCode.CLOSE_SESSION, write: () => undefined, settle }, nowMs);
    this.#isClosing = true;
  }

  /** Without a word for so long, the connection is dead. */
  get #silenceMs(): number {
    return Math.floor((this.#timeoutMs * 2) / 3);
  }

  get #pingMs(): number {
    return Math.floor(this.#timeoutMs / 3);
  }

  #stepOpened(nowMs: number): void {
    if (this.#link !== 'dialing') return;
    this.#link = 'handshake';
    this.#lastReceivedMs = nowMs;
    this.#decoder = new FrameDecoder(this.#options.frameBytesMax);
    const at = beginFrame(this.#writer);
    connectRequest.write(this.#writer, {
      protocolVersion: 0,
      lastZxidSeen: this.#lastZxid,
      timeoutMs: this.#options.sessionTimeoutMs,
      sessionId: this.#sessionId,
      password: this.#password,
      readOnly: this.#options.isReadOnlyAllowed,
    });
    endFrame(this.#writer, at);
  }

  #stepReceived(chunk: Buffer, nowMs: number): void {
    if (this.#link === 'none' || this.#link === 'dialing') return;
    this.#lastReceivedMs = nowMs;
    this.#decoder.push(chunk);
    try {
      while (this.#decoder.next()) {
        this.#reader.reset(this.#decoder.buffer, this.#decoder.start, this.#decoder.end);
        if (this.#link === 'open') this.#stepReply(this.#reader);
        else if (this.#link === 'handshake') this.#stepHandshake(this.#reader, nowMs);
        else if (this.#link === 'proving') this.#stepSasl(this.#reader, nowMs);
        else return;
      }
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#hangUp(`the server does not speak the protocol: ${error.message}`, nowMs);
    }
  }

  #stepHandshake(reader: JuteReader, nowMs: number): void {
    const response = connectResponse.read(reader);
    if (response.timeoutMs <= 0) return this.#stepRefused(nowMs);
    this.#sessionId = response.sessionId;
    this.#password = Uint8Array.from(response.password ?? []);
    this.#timeoutMs = response.timeoutMs;
    this.#isReadOnly = response.readOnly === true;
    // The request for the session is all that this connection has carried.
    if (this.#isReadOnly) this.#search.begin(nowMs);
    else this.#contact.greeted(this.#lastSentMs);
    this.#isKnownToQuorum ||= !this.#isReadOnly;
    const { sasl } = this.#options;
    if (sasl === null) return this.#begin(nowMs);
    this.#link = 'proving';
    this.#saslExchange = new SaslExchange(sasl.login, sasl.nonce());
    this.#saslExchange.begin(this.#writer);
  }

  #stepSasl(reader: JuteReader, nowMs: number): void {
    const progress = this.#saslExchange?.step(reader, this.#writer);
    if (progress === 'asked' || progress === undefined) return;
    this.#saslExchange = null;
    if (progress === 'proven') return this.#begin(nowMs);
    this.#lastFailure = `SASL as ${this.#options.sasl?.login.username}: ${progress.refused}`;
    this.#end('closed', this.#lastFailure, ErrorCode.AUTH_FAILED);
  }

  /** Of the requests on this connection, what it is for comes behind all that make it ours. */
  #begin(nowMs: number): void {
    this.#link = 'open';
    this.#failures = 0;
    this.#lastSentMs = nowMs;
    this.#setState('connected', 'connected');
    this.#auths.reset();
    this.#auths.sendUnsent(this.#writer);
    this.#sendWatches();
    const hasWaiting = this.#calls.waitingSinceMs < Infinity;
    this.#calls.sendWaiting(this.#writer);
    if (hasWaiting) this.#contact.callWritten(this.#calls.lastXid);
  }

  /** What one server began without a quorum owns nothing, and can begin anew. */
  #stepRefused(nowMs: number): void {
    const wasBegunAlone = !this.#isKnownToQuorum && this.#sessionId !== sessionIdNone;
    if (!wasBegunAlone) return this.#end('expired', 'the servers know it no longer');
    this.#sessionId = sessionIdNone;
    this.#password = new Uint8Array(16);
    this.#hangUpFor(this.#host, 'a server without a quorum began it, and no other knows it', nowMs);
  }

  #stepReply(reader: JuteReader): void {
    const xid = reader.int32();
    const zxid = reader.zxid();
    const error = reader.int32() as ErrorCode;
    if (zxid > this.#lastZxid) this.#lastZxid = zxid;
    // A server without a quorum keeps no session alive.
    if (!this.#isReadOnly) this.#contact.answered(xid);
    switch (xid) {
      case Xid.NOTIFICATION: {
        const event = watcherEvent.read(reader);
        // Now, not when the effect is done: a later reply may set a new watch on the path.
        const listeners = this.#options.watches.take(event.type, event.path);
        this.#effects.push({ type: 'watch', event, zxid, listeners });
        return;
      }
      case Xid.PING:
      case Xid.SET_WATCHES:
        return;
      case Xid.AUTH:
        return this.#auths.answer(error, reader, zxid);
      default:
        return this.#calls.answer(xid, error, reader, zxid);
    }
  }

  #stepLost(reason: string, nowMs: number): void {
    if (this.isOver || this.#link === 'none') return;
    // Once through all hosts without a pause, then ever slower.
    const round = Math.floor(this.#failures / this.#options.hosts.count);
    const pauseMs = round === 0 ? 0 : Math.min(redialMsMax, redialMsMin * 2 ** round);
    this.#failures += 1;
    this.#lastFailure = reason;
    this.#dialAtMs = nowMs + Math.floor(pauseMs * (0.5 + this.#options.random() / 2));
    this.#link = 'none';
    this.#search.end();
    this.#writer.clear();
    this.#contact.lost();
    this.#calls.failSent(ErrorCode.CONNECTION_LOSS);
    if (this.#isClosing) this.#end('closed', reason);
    if (this.#state === 'connected') this.#setState('suspended', reason);
  }

  #stepTick(nowMs: number): void {
    if (this.isOver) return;
    this.#calls.failOverdue(nowMs - this.#timeoutMs);
    switch (this.#link) {
      case 'none':
        if (nowMs >= this.#dialAtMs) this.#dial(nowMs);
        return;
      case 'dialing':
      case 'handshake':
      case 'proving':
        if (nowMs >= this.#dialDeadlineMs) this.#hangUp('no answer in time', nowMs);
        return;
      case 'open':
        if (nowMs - this.#lastReceivedMs >= this.#silenceMs) {
          return this.#hangUp(`silent for ${nowMs - this.#lastReceivedMs} ms`, nowMs);
        }
        if (nowMs - this.#lastSentMs >= this.#pingMs) this.#sendPing();
        if (nowMs >= this.#search.dueMs) this.#look();
        return;
    }
  }

  #stepLooked(host: Host, hasQuorum: boolean, nowMs: number): void {
    if (this.#link !== 'open' || !this.#isReadOnly) return;
    if (!hasQuorum) return this.#search.failed(nowMs);
    this.#hangUpFor(host, `${host.host}:${host.port} has a quorum`, nowMs);
  }

  #look(): void {
    this.#search.look();
    this.#effects.push({ type: 'look', host: this.#options.hosts.next() });
  }

  #dial(nowMs: number, host: Host = this.#options.hosts.next()): void {
    const { hosts } = this.#options;
    this.#link = 'dialing';
    this.#dialDeadlineMs = nowMs + Math.max(Math.floor(this.#timeoutMs / hosts.count), 100);
    this.#host = host;
    this.#effects.push({ type: 'dial', host });
  }

  #sendPing(): void {
    this.#contact.pingWritten();
    const at = beginFrame(this.#writer);
    writeRequestHeader(this.#writer, Xid.PING, OpCode.PING);
    endFrame(this.#writer, at);
  }

  #sendWatches(): void {
    for (const request of this.#options.watches.registrations(this.#lastZxid)) {
      // Servers before 3.6 know the old packet only; it does for the old watches.
      const isOld =
        request.persistentWatches.length === 0 && request.persistentRecursiveWatches.length === 0;
      const at = beginFrame(this.#writer);
      writeRequestHeader(
        this.#writer,
        Xid.SET_WATCHES,
        isOld ? OpCode.SET_WATCHES : OpCode.SET_WATCHES2,
      );
      (isOld ? setWatchesRequest : setWatches2Request).write(this.#writer, request);
      endFrame(this.#writer, at);
    }
  }

  /** The next connection goes there, at once. */
  #hangUpFor(host: Host | null, reason: string, nowMs: number): void {
    this.#hangUp(reason, nowMs);
    if (!this.isOver && host !== null) this.#dial(nowMs, host);
  }

  #hangUp(reason: string, nowMs: number): void {
    this.#effects.push({ type: 'hangUp' });
    this.#stepLost(reason, nowMs);
  }

  #end(state: 'expired' | 'closed', reason: string, error: ErrorCode = endErrors[state]): void {
    if (this.isOver) return;
    this.#endError = error;
    this.#flush();
    if (this.#link !== 'none') this.#effects.push({ type: 'hangUp' });
    this.#link = 'none';
    this.#setState(state, reason);
    this.#calls.failSent(error);
    this.#calls.failWaiting(error);
    this.#auths.fail(error);
  }

  #setState(state: SessionState, reason: string): void {
    this.#state = state;
    this.#effects.push({ type: 'state', state, reason });
  }

  #flush(): void {
    if (this.#writer.offset === 0) return;
    this.#effects.push({ type: 'send', bytes: this.#writer.take() });
  }
}
