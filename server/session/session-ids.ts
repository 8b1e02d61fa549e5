import type { SessionId } from '../protocol/session-id.ts';
import { sessionIdNone } from '../protocol/session-id.ts';
import { assert } from '../util/assert.ts';

/** Gives every new session of one server an id that no other server gives. */
export interface SessionIds {
  next(): SessionId;
}

/** The marker of container nodes; no session may have it. */
const containerMarker = BigInt.asIntN(64, 1n << 63n);

/**
 * Ids from the server's id in the top byte, 40 bits of `startMs`, and a counter that runs on into
 * the milliseconds. `startMs` should not go back over restarts: wall clock, ms; `salt`, at random
 * in [0, 2^15), keeps ids apart where a clock was set back. A standalone server passes 1 as its id.
 *
 * Source: client-protocol, section 3, "Session id".
 */
export function createSessionIds(sid: number, startMs: number, salt: number = 0): SessionIds {
  assert(Number.isInteger(sid) && sid >= 0 && sid <= 255, `0 <= server id ${sid} <= 255`);
  assert(Number.isInteger(salt) && salt >= 0 && salt < 2 ** 15, `0 <= salt ${salt} < 2^15`);
  let next = firstSessionId(sid, startMs) + BigInt(salt);
  return {
    next() {
      const id = next as SessionId;
      next = BigInt.asIntN(64, next + 1n);
      if (next === sessionIdNone || next === containerMarker) next += 1n;
      return id;
    },
  };
}

function firstSessionId(sid: number, startMs: number): bigint {
  const time = BigInt.asUintN(40, BigInt(Math.floor(startMs))) << 16n;
  const id = BigInt.asIntN(64, (BigInt(sid) << 56n) | time);
  return id === sessionIdNone || id === containerMarker ? id + 1n : id;
}
