import type { SessionId } from '../protocol/session-id.ts';
import { assert } from '../util/assert.ts';
import type { LocalSessions } from './door.ts';
import { createSessionTracker } from './session-tracker.ts';

export interface LocalSessionsOptions {
  /** They expire in batches, at multiples of this many ms. */
  readonly tickMs: number;
  /** Local sessions at once. */
  readonly countMax: number;
}

/** Standard bound on the local sessions of one server: some 200 MB of memory. */
export const localSessionsMax = 1_000_000;

interface Standing {
  timeoutMs: number;
  isUpgrading: boolean;
}

/**
 * Sessions that this server alone knows: no transaction makes or ends them, and they come back
 * nowhere else.
 *
 * Source: semantics, section 7, "Local sessions".
 */
export function createLocalSessions(options: LocalSessionsOptions): LocalSessions {
  const { countMax } = options;
  const tracker = createSessionTracker({ tickMs: options.tickMs });
  const standings = new Map<SessionId, Standing>();
  return {
    get count() {
      return standings.size;
    },
    add(id, timeoutMs, nowMs) {
      assert(!standings.has(id), 'a session id is given once');
      if (standings.size >= countMax) return false;
      standings.set(id, { timeoutMs, isUpgrading: false });
      tracker.add(id, timeoutMs, nowMs);
      return true;
    },
    has: (id) => standings.has(id),
    isUpgrading: (id) => standings.get(id)?.isUpgrading === true,
    setUpgrading(id, isUpgrading) {
      const standing = standings.get(id);
      if (standing !== undefined) standing.isUpgrading = isUpgrading;
    },
    touch(id, timeoutMs, nowMs) {
      const standing = standings.get(id);
      if (standing === undefined) return false;
      standing.timeoutMs = timeoutMs;
      return tracker.touch(id, timeoutMs, nowMs);
    },
    remove(id) {
      tracker.remove(id);
      return standings.delete(id);
    },
    renew(nowMs) {
      for (const [id, { timeoutMs }] of standings) tracker.touch(id, timeoutMs, nowMs);
    },
    expire(nowMs) {
      const expired = tracker.expire(nowMs);
      for (const id of expired) {
        tracker.remove(id);
        standings.delete(id);
      }
      return expired;
    },
    nextDeadlineMs: () => tracker.nextDeadlineMs(),
    list() {
      return [...standings].map(([id, { timeoutMs }]) => {
        return { id, timeoutMs, deadlineMs: tracker.deadlineMs(id) ?? 0 };
      });
    },
  };
}
