import { withIds } from '../auth/auth.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { Xid, requestHeaderBytes } from '../protocol/headers.ts';
import { JuteError, JuteReader } from '../protocol/jute.ts';
import { OpCode } from '../protocol/op-code.ts';
import { authRequest, saslToken } from '../protocol/requests/access.ts';
import { optionalPathRequest } from '../protocol/requests/read.ts';
import { isWrite, readWrite } from '../protocol/requests/write-request.ts';
import type { DecodedWrite } from '../protocol/requests/write-request.ts';
import { zxidNone, zxidZero } from '../protocol/zxid.ts';
import type { Client, Pending } from './client.ts';
import { stepSasl } from './client-sasl.ts';
import type { Core, Upstream } from './core.ts';
import { needsQuorum, readOnlyRefusal } from './read-only.ts';
import { answerRead } from './reads.ts';
import { beginReply, endReply, replyHeader } from './replies.ts';
import type { Sessions } from './sessions.ts';
import type { Watching } from './watching.ts';

/** Reads of one connection that wait behind its writes: they are answered in one go. */
const readsWaitingMax = 64;

/**
 * From a client's frame to its reply, or to the place where it waits. Requests of a connection are
 * answered in the order sent: what can be answered here waits behind that connection's writes.
 *
 * Source: client-protocol, sections 4 to 7; semantics, section 12.
 */
export class Requests {
  readonly #core: Core;
  readonly #sessions: Sessions;
  readonly #watching: Watching;
  readonly #reader = new JuteReader(Buffer.alloc(0));

  constructor(core: Core, sessions: Sessions, watching: Watching) {
    this.#core = core;
    this.#sessions = sessions;
    this.#watching = watching;
  }

  /** Takes the frames that are there, as far as the client's phase and the limits allow. */
  take(client: Client): void {
    const { frames } = client.connection;
    try {
      this.#answerWaiting(client);
      for (;;) {
        if (!this.#mayTake(client)) return client.connection.pause();
        client.connection.resume();
        if (!frames.next()) return this.#passOn();
        this.#reader.reset(frames.buffer, frames.start, frames.end);
        client.receivedCount += 1;
        this.#core.counters.packetsReceived += 1;
        if (client.phase === 'open') this.#takeRequest(client);
        else if (this.#mayConnect()) this.#sessions.handshake(client, this.#reader);
        else return this.#sessions.close(client, 'too many new connections');
      }
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#core.host.log('warn', 'client connection closed for what it sent', {
        remote: `${client.connection.remote.host}:${client.connection.remote.port}`,
        reason: error.message,
      });
      this.#sessions.close(client, error.message);
    }
  }

  /**
   * The transaction of that number is about to be applied. The request behind it, once everything
   * before it is answered; `null` when the session made it on another connection.
   *
   * A sync before it is done: the write was proposed after it, so all that it waits for is applied.
   */
  arrived(client: Client, xid: number): Pending | null {
    let own = client.first;
    while (own !== null && own.kind !== 'write') own = own.next;
    if (own === null || own.xid !== xid || client.phase !== 'open') return null;
    while (client.first !== null && client.first !== own) {
      const before = client.first;
      this.#leave(client, before);
      this.#answerOne(client, before);
    }
    return client.first;
  }

  /** The transaction or answer that the first waiting request waited for has come. */
  finished(client: Client, pending: Pending): void {
    this.#leave(client, pending);
    client.latency.add(this.#core.nowMs - pending.receivedMs);
    this.#core.latency.add(this.#core.nowMs - pending.receivedMs);
    this.#core.timings.update.add(this.#core.nowMs - pending.receivedMs);
    this.#drain(client);
  }

  syncDone(client: Client, pending: Pending): void {
    pending.isDone = true;
    if (client.first === pending) this.#drain(client);
  }

  /** After an election: asks the new leader for what the client waits for. In order. */
  again(client: Client, upstream: Upstream): void {
    for (let pending = client.first; pending !== null; pending = pending.next) {
      if (pending.kind === 'sync' && !pending.isDone) upstream.sync(client, pending);
      if (pending.kind !== 'write') continue;
      this.#reader.reset(pending.buffer, pending.start, pending.end);
      this.#write(client, pending, readWrite(pending.opCode, this.#reader), upstream);
    }
  }

  #drain(client: Client): void {
    this.#answerWaiting(client);
    if (client.connection.isPaused && this.#mayTake(client)) client.connection.onInput();
  }

  /** Answers what waits at the head and needs nothing more, as far as there is room for replies. */
  #answerWaiting(client: Client): void {
    for (;;) {
      const first = client.first;
      if (first === null || client.phase !== 'open') return;
      if (first.kind === 'write' || (first.kind === 'sync' && !first.isDone)) return;
      // What waits before a write is answered before that write is applied, whatever its size.
      if (client.writeCount === 0 && this.#holdsBack(client)) return;
      this.#leave(client, first);
      this.#answerOne(client, first);
    }
  }

  #holdsBack(client: Client): boolean {
    if (!client.connection.isCongested) return false;
    client.isHeldBack = true;
    return true;
  }

  #answerOne(client: Client, pending: Pending): void {
    this.#reader.reset(pending.buffer, pending.start, pending.end);
    if (pending.kind === 'refused') this.#reply(client, pending.xid, pending.error);
    else if (pending.kind === 'sync') this.#replySync(client, pending.xid);
    else this.#answerLocal(client, pending.xid, pending.opCode);
    const elapsedMs = this.#core.nowMs - pending.receivedMs;
    client.latency.add(elapsedMs);
    this.#core.latency.add(elapsedMs);
    this.#core.timings.read.add(elapsedMs);
  }

  /** While too much is in process, or replies are not read, a client's requests stay in its socket. */
  #mayTake(client: Client): boolean {
    if (client.phase !== 'open') return client.phase === 'fresh';
    // Without a leader nobody is answered, not even a ping: the request may have to go elsewhere.
    if (this.#core.upstream === null) return false;
    const isFull =
      client.pendingCount > 0 &&
      (this.#core.outstandingCount > this.#core.config.globalOutstandingMax ||
        client.pendingCount - client.writeCount >= readsWaitingMax);
    return !isFull && !this.#holdsBack(client) && !this.#isThrottled(client);
  }

  #isThrottled(client: Client): boolean {
    const { clientLimits, outstandingCount, nowMs } = this.#core;
    if (clientLimits.throttle === null) return false;
    const outcome = clientLimits.throttle.ask(client, outstandingCount, nowMs);
    if (outcome === 'late') {
      this.#sessions.close(client, 'a request waited for longer than its session may be silent');
    }
    return outcome !== 'taken';
  }

  /** There was room for a request of a client that has none. */
  #passOn(): void {
    this.#core.clientLimits.throttle?.released(this.#core.outstandingCount);
  }

  #mayConnect(): boolean {
    const { clientLimits, counters, nowMs } = this.#core;
    if (clientLimits.connections?.take(nowMs) !== false) return true;
    counters.connectionsRejected += 1;
    return false;
  }

  /** The first of those that wait is about to be answered. */
  #leave(client: Client, first: Pending): void {
    const { clientLimits } = this.#core;
    client.shift();
    this.#core.outstandingCount -= 1;
    clientLimits.large?.release(first);
    clientLimits.throttle?.released(this.#core.outstandingCount);
  }

  #takeRequest(client: Client): void {
    const core = this.#core;
    const reader = this.#reader;
    const upstream = core.upstream as Upstream;
    const { remaining } = reader;
    if (remaining < requestHeaderBytes) throw new JuteError('a frame without a header');
    if (core.clientLimits.large?.hasRoomFor(remaining) === false) {
      const reason = `a request of ${remaining} bytes has no room; see largeRequestMaxBytes`;
      return this.#sessions.close(client, reason);
    }
    const xid = reader.int32();
    const opCode = reader.int32();
    client.lastOpCode = opCode;
    client.lastXid = xid;
    if (client.isEnding) return;
    if (opCode === OpCode.AUTH) return this.#authenticate(client, xid);
    const { requiredSchemes } = core;
    if (requiredSchemes !== null && opCode !== OpCode.SASL) {
      if (!this.#isAdmitted(client, xid, requiredSchemes)) return;
    }
    if (client.touchedTurn !== core.turn) {
      client.lastInputMs = core.nowMs;
      // The session ended; its client learns of it when it comes back. None of its later requests
      // may be answered either, or they would overtake the ones that are not.
      const { locals } = this.#sessions;
      if (client.isLocal ? !locals.touch(client) : !upstream.touch(client)) return;
      client.touchedTurn = core.turn;
    }
    if (opCode === OpCode.CLOSE_SESSION && this.#sessions.locals.endsHere(client)) {
      client.isEnding = true;
    } else if (core.isReadOnly && needsQuorum(opCode)) {
      return this.#refuse(client, xid, opCode, readOnlyRefusal);
    } else if (isWrite(opCode) || opCode === OpCode.SYNC) {
      return this.#takeOrdered(client, xid, opCode);
    }
    if (client.first === null) {
      this.#answerLocal(client, xid, opCode);
      client.latency.add(0);
      core.latency.add(0);
      core.timings.read.add(0);
    } else {
      this.#wait(client, 'local', xid, opCode, ErrorCode.OK);
    }
  }

  /** Writes and syncs: decoded as a whole before they take a place anywhere. */
  #takeOrdered(client: Client, xid: number, opCode: number): void {
    const upstream = this.#core.upstream as Upstream;
    const start = this.#reader.offset;
    let op: DecodedWrite | null = null;
    try {
      if (opCode === OpCode.SYNC) optionalPathRequest.read(this.#reader);
      else op = readWrite(opCode, this.#reader);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#reader.offset = start;
      return this.#refuse(client, xid, opCode, ErrorCode.MARSHALLING_ERROR);
    }
    this.#reader.offset = start;
    if (op === null) {
      upstream.sync(client, this.#wait(client, 'sync', xid, opCode, ErrorCode.OK));
    } else {
      this.#core.counters.writes += 1;
      this.#write(client, this.#wait(client, 'write', xid, opCode, ErrorCode.OK), op, upstream);
    }
  }

  #write(client: Client, pending: Pending, op: DecodedWrite, upstream: Upstream): void {
    if (client.isLocal) this.#sessions.locals.prepare(client, op, upstream);
    upstream.write(client, pending, op);
  }

  #refuse(client: Client, xid: number, opCode: number, error: ErrorCode): void {
    if (client.first === null) this.#reply(client, xid, error);
    else this.#wait(client, 'refused', xid, opCode, error);
  }

  #wait(
    client: Client,
    kind: Pending['kind'],
    xid: number,
    opCode: number,
    error: ErrorCode,
  ): Pending {
    const reader = this.#reader;
    const pending: Pending = {
      kind,
      xid,
      opCode,
      buffer: reader.buffer,
      start: reader.offset,
      end: reader.end,
      error,
      isDone: false,
      receivedMs: this.#core.nowMs,
      next: null,
    };
    client.push(pending);
    this.#core.outstandingCount += 1;
    this.#core.clientLimits.large?.add(pending);
    return pending;
  }

  /** What this server answers by itself. The record is at the reader's cursor. */
  #answerLocal(client: Client, xid: number, opCode: number): void {
    try {
      this.#answer(client, xid, opCode);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#reply(client, xid, ErrorCode.MARSHALLING_ERROR);
    }
  }

  #answer(client: Client, xid: number, opCode: number): void {
    switch (opCode) {
      case OpCode.PING:
        return this.#reply(client, Xid.PING, ErrorCode.OK);
      case OpCode.GET_DATA:
      case OpCode.EXISTS:
      case OpCode.GET_CHILDREN:
      case OpCode.GET_CHILDREN2:
      case OpCode.GET_ACL:
      case OpCode.GET_EPHEMERALS:
      case OpCode.GET_ALL_CHILDREN_NUMBER:
      case OpCode.MULTI_READ:
      case OpCode.WHO_AM_I:
        return answerRead(this.#core, client, xid, opCode, this.#reader);
      case OpCode.SET_WATCHES:
      case OpCode.SET_WATCHES2:
        return this.#watching.setWatches(client, xid, opCode, this.#reader);
      case OpCode.ADD_WATCH:
        return this.#watching.addWatch(client, xid, this.#reader);
      case OpCode.CHECK_WATCHES:
      case OpCode.REMOVE_WATCHES:
        return this.#watching.checkOrRemove(client, xid, opCode, this.#reader);
      case OpCode.SASL:
        return this.#answerSasl(client, xid);
      case OpCode.CLOSE_SESSION:
        return this.#endLocal(client, xid);
      default:
        replyHeader(this.#core, client, xid, zxidNone, ErrorCode.UNIMPLEMENTED);
        return this.#sessions.closeAfterReplies(client, `unknown operation ${opCode}`);
    }
  }

  /** Bypasses the order: its reply may overtake those of requests that wait. */
  #authenticate(client: Client, xid: number): void {
    const { scheme, auth } = authRequest.read(this.#reader);
    const { remote, subject } = client.connection;
    const outcome = this.#core.auth.authenticate(scheme, auth, remote.host, subject);
    if ('refused' in outcome) {
      this.#core.counters.authFailures += 1;
      replyHeader(this.#core, client, xid, zxidZero, outcome.refused);
      return this.#sessions.closeAfterReplies(client, `authentication by ${scheme} failed`);
    }
    client.authIds = withIds(client.authIds, outcome.value);
    replyHeader(this.#core, client, xid, zxidZero, ErrorCode.OK);
  }

  #answerSasl(client: Client, xid: number): void {
    const core = this.#core;
    // No mechanism is configured: success without a token, as the reference answers.
    if (core.clientSasl === null) return this.#replySasl(client, xid, ErrorCode.OK, null);
    const step = stepSasl(core.clientSasl, client, saslToken.read(this.#reader));
    if ('refused' in step) {
      core.counters.authFailures += 1;
      const isRequired = core.requiredSchemes?.includes('sasl') === true;
      const { AUTH_FAILED, SESSION_CLOSED_REQUIRE_SASL_AUTH } = ErrorCode;
      const error = isRequired ? SESSION_CLOSED_REQUIRE_SASL_AUTH : AUTH_FAILED;
      this.#replySasl(client, xid, error, null);
      return this.#sessions.closeAfterReplies(client, `SASL failed: ${step.refused}`);
    }
    if (step.username !== null) {
      client.authIds = withIds(client.authIds, core.auth.saslIds(step.username));
    }
    this.#replySasl(client, xid, ErrorCode.OK, step.token);
  }

  #replySasl(client: Client, xid: number, error: ErrorCode, token: Uint8Array | null): void {
    beginReply(this.#core, client, xid, zxidZero, error).bytes(token);
    endReply(this.#core, client, zxidZero);
  }

  /** Whether it may ask for anything yet; told and closed if not. */
  #isAdmitted(client: Client, xid: number, schemes: readonly string[]): boolean {
    if (client.authIds.some((id) => schemes.includes(id.scheme))) return true;
    const error = ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH;
    replyHeader(this.#core, client, xid, zxidZero, error);
    this.#sessions.closeAfterReplies(client, `it must authenticate by ${schemes.join(' or ')}`);
    return false;
  }

  /** No transaction ends what none has begun. */
  #endLocal(client: Client, xid: number): void {
    this.#sessions.locals.end(client);
    this.#reply(client, xid, ErrorCode.OK);
    this.#sessions.closeAfterReplies(client, 'local session closed');
  }

  #replySync(client: Client, xid: number): void {
    const { lastZxid } = this.#core.tree;
    const path = optionalPathRequest.read(this.#reader);
    beginReply(this.#core, client, xid, lastZxid, ErrorCode.OK).string(path);
    endReply(this.#core, client, lastZxid);
  }

  #reply(client: Client, xid: number, error: ErrorCode): void {
    replyHeader(this.#core, client, xid, this.#core.tree.lastZxid, error);
  }
}
