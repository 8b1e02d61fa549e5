import type { ClientConnection } from '../net/client-connection.ts';
import type { Id } from '../protocol/acl.ts';
import type { ErrorCode } from '../protocol/error-code.ts';
import type { SessionId } from '../protocol/session-id.ts';
import type { DigestMd5Server } from '../sasl/digest-md5.ts';
import { sessionIdNone } from '../protocol/session-id.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidZero } from '../protocol/zxid.ts';

/** A request that waits for its turn in the order of its connection. */
export interface Pending {
  /** write: for its transaction; sync: for the leader; local: for those before it; refused: too. */
  readonly kind: 'write' | 'sync' | 'local' | 'refused';
  readonly xid: number;
  readonly opCode: number;
  /** The request's record: from `start`, before `end`. */
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Of a `refused`. */
  readonly error: ErrorCode;
  /** A sync whose answer has come. */
  isDone: boolean;
  readonly receivedMs: number;
  next: Pending | null;
}

/**
 * Where a connection stands: no session yet, waiting for one, served, served again as soon as its
 * session is known to be here still, or gone.
 */
export type ClientPhase = 'fresh' | 'connecting' | 'open' | 'returning' | 'closed';

/**
 * One connected client: its session, what it has proven, and the requests that wait. Also the
 * identity under which the watch table knows it.
 */
export class Client {
  readonly connection: ClientConnection;
  phase: ClientPhase = 'fresh';
  sessionId: SessionId = sessionIdNone;
  timeoutMs = 0;
  /** Its session is known to this server alone. */
  isLocal = false;
  /** It has asked for the end of its session; nothing behind that is looked at. */
  isEnding = false;
  /** Whether the answer to the handshake carries the readOnly byte. */
  hasReadOnlyByte = false;
  authIds: readonly Id[];
  /** Of a SASL exchange that has begun. */
  sasl: DigestMd5Server | 'over' | null = null;
  /** Oldest waiting request, or `null`: then reads are answered at once. */
  first: Pending | null = null;
  last: Pending | null = null;
  pendingCount = 0;
  /** Of those that wait: requests whose answer is a transaction. */
  writeCount = 0;
  /** It is in the list of clients whose frames this turn takes. */
  isReady = false;
  /** It is in the list of clients whose replies this turn sends. */
  isDirty = false;
  /** Something was not answered for the replies that wait: it is looked at again once they left. */
  isHeldBack = false;
  /** The turn in which its session was touched last; once a turn is enough. */
  touchedTurn = -1;
  lastInputMs: number;
  readonly establishedWallMs: number;
  receivedCount = 0;
  sentCount = 0;
  /** 0: none yet. */
  lastOpCode = 0;
  lastXid = 0;
  lastZxid: Zxid = zxidZero;
  readonly latency: Latency = new Latency();

  constructor(connection: ClientConnection, authIds: readonly Id[], nowMs: number, wallMs: number) {
    this.connection = connection;
    this.lastInputMs = nowMs;
    this.establishedWallMs = wallMs;
    this.authIds = authIds;
  }

  push(pending: Pending): void {
    if (this.last === null) this.first = pending;
    else this.last.next = pending;
    this.last = pending;
    this.pendingCount += 1;
    if (pending.kind === 'write') this.writeCount += 1;
  }

  shift(): void {
    const first = this.first;
    if (first === null) return;
    this.first = first.next;
    if (this.first === null) this.last = null;
    this.pendingCount -= 1;
    if (first.kind === 'write') this.writeCount -= 1;
  }

  resetStats(): void {
    this.receivedCount = 0;
    this.sentCount = 0;
    this.latency.reset();
  }
}

/** Minimum, mean and maximum of request latencies, ms. */
export class Latency {
  count = 0;
  lastMs = 0;
  #sumMs = 0;
  #minMs = 0;
  #maxMs = 0;

  add(ms: number): void {
    if (this.count === 0 || ms < this.#minMs) this.#minMs = ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
    this.count += 1;
    this.#sumMs += ms;
    this.lastMs = ms;
  }

  reset(): void {
    this.count = 0;
    this.lastMs = 0;
    this.#sumMs = 0;
    this.#minMs = 0;
    this.#maxMs = 0;
  }

  get view(): { readonly minMs: number; readonly avgMs: number; readonly maxMs: number } {
    const avgMs = this.count === 0 ? 0 : this.#sumMs / this.count;
    return { minMs: this.#minMs, avgMs, maxMs: this.#maxMs };
  }
}
