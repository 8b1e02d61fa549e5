import type { MemberState } from './server-view.ts';

export interface Health {
  readonly ok: boolean;
  /** One line, for people. */
  readonly reason: string;
}

/** Alive is who answers. A server without quorum is not helped by a restart. */
export function liveness(): Health {
  return { ok: true, reason: 'ok' };
}

/** Ready is who takes requests of clients now, in whatever role, and means to go on. */
export function readiness(state: MemberState): Health {
  if (state.draining) return { ok: false, reason: 'draining' };
  if (state.serving) return { ok: true, reason: 'ok' };
  if ((state.diskProblem ?? null) !== null) {
    return { ok: false, reason: 'not serving: its disk takes no writes' };
  }
  const lacking = state.lacking ?? null;
  if (lacking !== null) return { ok: false, reason: `not serving: its history does not count` };
  return { ok: false, reason: `not serving: ${state.role}, ${state.phase}` };
}
