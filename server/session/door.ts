import type { SessionId } from '../protocol/session-id.ts';

/** Leader: who is alive, until when, and which server owns the session. */
export interface SessionTracker {
  readonly count: number;
  add(id: SessionId, timeoutMs: number, nowMs: number): void;
  remove(id: SessionId): void;
  has(id: SessionId): boolean;
  /** False: unknown or closing. Re-arms to the next tick boundary after now + timeout. */
  touch(id: SessionId, timeoutMs: number, nowMs: number): boolean;
  setClosing(id: SessionId): void;
  isClosing(id: SessionId): boolean;
  /** The server that the session attached to last; `null` before it attached. */
  owner(id: SessionId): number | null;
  setOwner(id: SessionId, sid: number): void;
  /** When it ends unless it is touched; `null`: unknown or closing. */
  deadlineMs(id: SessionId): number | null;
  /** Expired ones are set closing and returned once. */
  expire(nowMs: number): SessionId[];
  /** When {@link expire} is wanted next; Infinity without sessions. */
  nextDeadlineMs(): number;
}

/** Learner: sessions touched since the leader's last PING. */
export interface TouchTable {
  touch(id: SessionId, timeoutMs: number): void;
  /** Repeated {int64 session, int32 timeoutMs}; empties the table. Empty bytes, never null. */
  take(): Buffer;
}

/** A session that no other server knows. */
export interface LocalSession {
  readonly id: SessionId;
  readonly timeoutMs: number;
  /** Monotonic ms. */
  readonly deadlineMs: number;
}

/** Sessions of this server alone: it decides on their ends whatever its role. */
export interface LocalSessions {
  readonly count: number;
  /** False: there are too many already. */
  add(id: SessionId, timeoutMs: number, nowMs: number): boolean;
  has(id: SessionId): boolean;
  /** Its createSession is on its way to the leader; it is local until that is applied. */
  isUpgrading(id: SessionId): boolean;
  setUpgrading(id: SessionId, isUpgrading: boolean): void;
  /** False: not known here. */
  touch(id: SessionId, timeoutMs: number, nowMs: number): boolean;
  /** It ended, or is known to all servers now. False: it was not local. */
  remove(id: SessionId): boolean;
  /** Every one gets its whole timeout anew. */
  renew(nowMs: number): void;
  /** Expired ones are gone and returned once. */
  expire(nowMs: number): SessionId[];
  /** When {@link expire} is wanted next; Infinity without sessions. */
  nextDeadlineMs(): number;
  list(): LocalSession[];
}
