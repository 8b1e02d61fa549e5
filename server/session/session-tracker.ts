import type { SessionId } from '../protocol/session-id.ts';
import { assert } from '../util/assert.ts';
import type { Deadline } from '../util/deadline-wheel.ts';
import { DeadlineWheel } from '../util/deadline-wheel.ts';
import type { SessionTracker } from './door.ts';

export interface SessionTrackerOptions {
  /** Sessions expire in batches, at multiples of this many ms. */
  readonly tickMs: number;
}

interface TrackedSession extends Deadline {
  readonly id: SessionId;
  closing: boolean;
  owner: number | null;
}

/**
 * The ensemble's sessions as their leader sees them: who is alive, until when, and at which
 * server. A silent session ends between its timeout and one tick more after the last touch.
 *
 * A leader that was held up expires nobody before it has taken in the touches that wait for it:
 * call `expire` after the turn's input.
 *
 * Source: semantics, section 7.
 */
export function createSessionTracker(options: SessionTrackerOptions): SessionTracker {
  return new WheelSessionTracker(options.tickMs);
}

class WheelSessionTracker implements SessionTracker {
  readonly #sessions = new Map<SessionId, TrackedSession>();
  readonly #wheel: DeadlineWheel<TrackedSession>;

  constructor(tickMs: number) {
    this.#wheel = new DeadlineWheel(tickMs);
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** A session that is there already is only touched: replay and reattaching both add. */
  add(id: SessionId, timeoutMs: number, nowMs: number): void {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      session = { deadlineMs: 0, bucketMs: -1, id, closing: false, owner: null };
      this.#sessions.set(id, session);
    }
    if (!session.closing) this.#arm(session, timeoutMs, nowMs);
  }

  remove(id: SessionId): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#wheel.delete(session);
  }

  has(id: SessionId): boolean {
    return this.#sessions.has(id);
  }

  touch(id: SessionId, timeoutMs: number, nowMs: number): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined || session.closing) return false;
    this.#arm(session, timeoutMs, nowMs);
    return true;
  }

  /** Closing does not end by itself: whoever sets it proposes the closeSession, which removes. */
  setClosing(id: SessionId): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    session.closing = true;
    this.#wheel.delete(session);
  }

  isClosing(id: SessionId): boolean {
    return this.#sessions.get(id)?.closing === true;
  }

  owner(id: SessionId): number | null {
    return this.#sessions.get(id)?.owner ?? null;
  }

  setOwner(id: SessionId, sid: number): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.owner = sid;
  }

  deadlineMs(id: SessionId): number | null {
    const session = this.#sessions.get(id);
    return session === undefined || session.closing ? null : session.deadlineMs;
  }

  expire(nowMs: number): SessionId[] {
    const expired: SessionId[] = [];
    for (const session of this.#wheel.expire(nowMs)) {
      assert(!session.closing, 'a closing session waits for no deadline');
      session.closing = true;
      expired.push(session.id);
    }
    return expired;
  }

  nextDeadlineMs(): number {
    return this.#wheel.nextMs();
  }

  #arm(session: TrackedSession, timeoutMs: number, nowMs: number): void {
    this.#wheel.set(session, nowMs + timeoutMs);
  }
}
