import type { Prep, PrepOptions, WriteOp, WriteRequest } from '../prep/door.ts';
import { createPrep } from '../prep/prep.ts';
import type { Id } from '../protocol/acl.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { JuteError, JuteReader } from '../protocol/jute.ts';
import { readForwardedHeader } from '../protocol/learner-payload.ts';
import { OpCode } from '../protocol/op-code.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import { readWrite } from '../protocol/requests/write-request.ts';
import type { SessionId } from '../protocol/session-id.ts';
import { serverIdOf, sessionIdNone } from '../protocol/session-id.ts';
import type { Txn } from '../protocol/txn.ts';
import { encodeTxn } from '../protocol/txn-codec.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { counterMax, counterOf } from '../protocol/zxid.ts';
import { ClosedSessions } from '../session/closed-sessions.ts';
import type { SessionTracker } from '../session/door.ts';
import { createSessionTracker } from '../session/session-tracker.ts';
import type { LinkId } from '../zab/events.ts';
import type { Client, Pending } from './client.ts';
import type { Core, Upstream } from './core.ts';
import { ensembleOfTxn } from './membership.ts';

/** Who a request came from: this leader's own client, or a learner's. */
interface Origin {
  /** Server that the session must be attached to. */
  readonly sid: number;
  readonly client: Client | null;
}

/** A transaction proposed and not delivered, decoded already. */
interface InFlight {
  readonly txn: Txn;
  readonly client: Client | null;
}

/** Shortest time for which the end of a session is remembered, ms; and the same in syncLimits. */
const closedSessionMsMin = 30_000;
const closedSessionSyncLimits = 4;

/**
 * A server that leads: it numbers and proposes every write of the ensemble, and alone decides
 * which sessions live.
 */
export class Leadership implements Upstream {
  readonly #core: Core;
  readonly #prep: Prep;
  readonly #tracker: SessionTracker;
  /** `null`: no other server has sessions of its own. */
  readonly #closed: ClosedSessions | null;
  #inFlight: InFlight[] = [];
  #inFlightAt = 0;
  readonly #syncs = new Map<number, { readonly client: Client; readonly pending: Pending }>();
  #lastTag = 0;
  #nextContainerCheckMs: number;
  readonly #onSyncDone: (client: Client, pending: Pending) => void;
  readonly #onRevalidated: (client: Client, isValid: boolean) => void;

  constructor(
    core: Core,
    answers: {
      readonly syncDone: (client: Client, pending: Pending) => void;
      readonly revalidated: (client: Client, isValid: boolean) => void;
    },
  ) {
    const { config } = core;
    this.#core = core;
    this.#onSyncDone = answers.syncDone;
    this.#onRevalidated = answers.revalidated;
    this.#prep = createPrep(
      {
        extendedTypesEnabled: config.extendedTypesEnabled,
        skipAcl: config.skipAcl,
        enforceQuota: config.enforceQuota,
        digestEnabled: config.digestEnabled,
        reconfigEnabled: config.reconfigEnabled,
        schemes: core.auth,
        ...changeRulesOf(core),
      },
      core.tree,
    );
    this.#tracker = createSessionTracker({ tickMs: config.tickMs });
    for (const [id, timeoutMs] of core.tree.sessions) this.#tracker.add(id, timeoutMs, core.nowMs);
    this.#closed = core.sessionRules.localSessionsEnabled
      ? new ClosedSessions(closedSessionMs(config.syncLimitTicks * config.tickMs))
      : null;
    this.#nextContainerCheckMs = core.nowMs + config.containerCheckIntervalMs;
  }

  get sessionCount(): number {
    return this.#tracker.count;
  }

  write(client: Client, pending: Pending, op: WriteOp): void {
    this.#submit(
      {
        sessionId: client.sessionId,
        cxid: pending.xid,
        op,
        authIds: client.authIds,
        internal: false,
      },
      { sid: this.#core.config.sid, client },
    );
  }

  sync(client: Client, pending: Pending): void {
    this.#lastTag += 1;
    this.#syncs.set(this.#lastTag, { client, pending });
    this.#core.peer.step({
      type: 'sync',
      link: null,
      tag: this.#lastTag,
      nowMs: this.#core.nowMs,
    });
  }

  syncDone(tag: number): void {
    const sync = this.#syncs.get(tag);
    if (sync === undefined) return;
    this.#syncs.delete(tag);
    this.#onSyncDone(sync.client, sync.pending);
  }

  createSession(client: Client): void {
    this.#submit(
      {
        sessionId: client.sessionId,
        cxid: 0,
        op: { op: 'createSession', timeoutMs: client.timeoutMs },
        authIds: client.authIds,
        internal: false,
      },
      { sid: this.#core.config.sid, client },
    );
  }

  revalidate(client: Client): void {
    const isValid = this.#adopt(client.sessionId, client.timeoutMs, this.#core.config.sid);
    this.#onRevalidated(client, isValid);
  }

  touch(client: Client): boolean {
    return this.#tracker.touch(client.sessionId, client.timeoutMs, this.#core.nowMs);
  }

  deadlineMs(id: SessionId): number | null {
    return this.#tracker.deadlineMs(id);
  }

  /** Learner's REVALIDATE: whether the session lives; from now on it belongs to that learner. */
  revalidateOf(sid: number, sessionId: SessionId, timeoutMs: number): boolean {
    return this.#adopt(sessionId, timeoutMs, sid);
  }

  /** `{int64 session, int32 timeoutMs}`, repeated: sessions that a learner heard of. */
  learnerTouched(data: Uint8Array): void {
    const reader = new JuteReader(data);
    while (reader.remaining >= 12) {
      const id = reader.bigint64() as SessionId;
      this.#tracker.touch(id, reader.int32(), this.#core.nowMs);
    }
  }

  /**
   * A write or sync that a learner forwards. What cannot be decoded fails with a transaction of
   * its own: the learner waits for an answer in the history.
   */
  learnerRequest(link: LinkId, sid: number, packet: QuorumPacket): void {
    const reader = new JuteReader(packet.data ?? new Uint8Array(0));
    const { sessionId, cxid, opCode } = readForwardedHeader(reader);
    if (opCode === OpCode.SYNC) {
      this.#core.peer.step({ type: 'sync', link, tag: cxid, nowMs: this.#core.nowMs });
      return;
    }
    if (!this.#core.peer.canPropose()) return;
    const op = decodedOrNull(opCode, reader);
    if (op === null) {
      this.#refuse(sessionId, cxid, ErrorCode.MARSHALLING_ERROR, null);
      return;
    }
    const authIds: readonly Id[] = packet.authIds ?? [];
    this.#submit({ sessionId, cxid, op, authIds, internal: false }, { sid, client: null });
  }

  /** The transaction that is delivered, decoded when it was proposed here; `null` for older ones. */
  delivered(zxid: Zxid): InFlight | null {
    const entry = this.#inFlight[this.#inFlightAt] ?? null;
    if (entry === null || entry.txn.header.zxid !== zxid) return null;
    this.#inFlightAt += 1;
    if (this.#inFlightAt === this.#inFlight.length) {
      this.#inFlight = [];
      this.#inFlightAt = 0;
    } else if (this.#inFlightAt === 4096) {
      this.#inFlight = this.#inFlight.slice(this.#inFlightAt);
      this.#inFlightAt = 0;
    }
    return entry;
  }

  /** The tree has it. */
  applied(txn: Txn): void {
    this.#prep.applied(txn.header.zxid);
    if (txn.body.type !== OpCode.CLOSE_SESSION) return;
    this.#tracker.remove(txn.header.sessionId);
    this.#closed?.add(txn.header.sessionId, this.#core.nowMs);
  }

  /** Every session gets its whole timeout anew, as under a new leader. */
  renewSessions(): void {
    const { tree, nowMs } = this.#core;
    for (const [id, timeoutMs] of tree.sessions) this.#tracker.touch(id, timeoutMs, nowMs);
  }

  /** Expires sessions and removes due containers. */
  tick(): void {
    const core = this.#core;
    if (!core.peer.canPropose()) return;
    for (const id of this.#tracker.expire(core.nowMs)) {
      core.counters.sessionsExpired += 1;
      core.host.log('info', 'session expired', { session: hexOf(id) });
      this.#submitInternal(id, { op: 'closeSession' });
    }
    if (core.nowMs < this.#nextContainerCheckMs) return;
    this.#nextContainerCheckMs = core.nowMs + core.config.containerCheckIntervalMs;
    const countMax = Math.ceil(
      (core.config.containerDeletesPerMinuteMax * core.config.containerCheckIntervalMs) / 60_000,
    );
    const neverUsedMsMax = core.config.containerNeverUsedMsMax ?? 0;
    for (const path of core.tree.dueContainers(core.wallMs, neverUsedMsMax, countMax)) {
      this.#submitInternal(sessionIdNone, { op: 'deleteContainer', path });
    }
  }

  nextDeadlineMs(): number {
    return Math.min(this.#tracker.nextDeadlineMs(), this.#nextContainerCheckMs);
  }

  stop(): void {
    this.#inFlight = [];
    this.#syncs.clear();
  }

  #adopt(sessionId: SessionId, timeoutMs: number, sid: number): boolean {
    if (!this.#tracker.touch(sessionId, timeoutMs, this.#core.nowMs)) return false;
    this.#tracker.setOwner(sessionId, sid);
    return true;
  }

  #submitInternal(sessionId: SessionId, op: WriteOp): void {
    this.#submit(
      { sessionId, cxid: 0, op, authIds: [], internal: true },
      { sid: this.#core.config.sid, client: null },
    );
  }

  #submit(request: WriteRequest, origin: Origin): void {
    // A leader that has just resigned answers nothing more: its clients are about to be closed.
    if (!this.#core.peer.canPropose()) return;
    const { sessionId, cxid, op } = request;
    const isLocalSession = this.#isLocal(request, origin);
    if (op.op === 'createSession') {
      // An upgrade that was overtaken by the session's end comes too late.
      if (this.#hasEnded(sessionId)) {
        return this.#refuse(sessionId, cxid, ErrorCode.SESSION_EXPIRED, origin.client);
      }
      this.#tracker.add(sessionId, op.timeoutMs, this.#core.nowMs);
      this.#tracker.setOwner(sessionId, origin.sid);
    } else if (!request.internal && !isLocalSession) {
      const error = this.#sessionError(sessionId, origin.sid);
      if (error !== ErrorCode.OK) return this.#refuse(sessionId, cxid, error, origin.client);
      if (op.op === 'closeSession') this.#tracker.setClosing(sessionId);
    }
    const { peer, wallMs } = this.#core;
    const zxid = peer.nextZxid();
    const asked = isLocalSession ? { ...request, isLocalSession } : request;
    this.#propose(this.#prep.prepare(asked, zxid, wallMs), origin.client);
  }

  #hasEnded(sessionId: SessionId): boolean {
    return this.#tracker.isClosing(sessionId) || this.#closed?.has(sessionId) === true;
  }

  /**
   * Whether it is the write of a session that its own server alone knows. Of others' sessions this
   * leader can tell only that it has never heard of them, nor of their ends.
   */
  #isLocal({ sessionId, op, internal }: WriteRequest, { client }: Origin): boolean {
    if (this.#closed === null || internal || this.#tracker.has(sessionId)) return false;
    if (op.op === 'createSession' || op.op === 'closeSession') return false;
    if (client !== null) return client.isLocal;
    return serverIdOf(sessionId) !== this.#core.config.sid && !this.#closed.has(sessionId);
  }

  #sessionError(sessionId: SessionId, sid: number): ErrorCode {
    const tracker = this.#tracker;
    if (!tracker.has(sessionId) || tracker.isClosing(sessionId)) return ErrorCode.SESSION_EXPIRED;
    const owner = tracker.owner(sessionId);
    if (owner === null) {
      tracker.setOwner(sessionId, sid);
      return ErrorCode.OK;
    }
    return owner === sid ? ErrorCode.OK : ErrorCode.SESSION_MOVED;
  }

  /** The failure takes its place in the history, so that every server answers alike. */
  #refuse(sessionId: SessionId, cxid: number, error: ErrorCode, client: Client | null): void {
    const { peer, wallMs } = this.#core;
    const header = { sessionId, cxid, zxid: peer.nextZxid(), timeMs: wallMs };
    this.#propose({ header, body: { type: -1, error }, digest: null }, client);
  }

  #propose(txn: Txn, client: Client | null): void {
    const { peer, nowMs, counters } = this.#core;
    const { zxid } = txn.header;
    this.#inFlight.push({ txn, client });
    const bytes = encodeTxn(txn);
    if (txn.body.type === OpCode.RECONFIG) this.#core.members?.proposed(ensembleOfTxn(bytes));
    counters.proposals += 1;
    peer.step({ type: 'propose', proposal: { zxid, bytes }, nowMs });
    if (counterOf(zxid) === counterMax) {
      peer.step({ type: 'resign', reason: 'the zxids of this epoch are used up', nowMs });
    }
  }
}

/** Longer than any learner can go on forwarding for a session whose end it was sent. */
function closedSessionMs(syncLimitMs: number): number {
  return Math.max(closedSessionMsMin, closedSessionSyncLimits * syncLimitMs);
}

/** Only an ensemble has members to change. */
function changeRulesOf(core: Core): Pick<PrepOptions, 'changedMembers'> {
  const { members } = core;
  if (members === null) return {};
  return {
    changedMembers: (request, zxid) => members.change(request, zxid, core.peer.view().learners),
  };
}

function decodedOrNull(opCode: number, reader: JuteReader): WriteOp | null {
  try {
    return readWrite(opCode, reader);
  } catch (error) {
    if (error instanceof JuteError) return null;
    throw error;
  }
}

/** A session id as people and logs write it. */
export function hexOf(id: SessionId): string {
  return `0x${BigInt.asUintN(64, id).toString(16)}`;
}
