import { passwordBytes } from './connect.ts';
import type { SessionId } from './session-id.ts';
import { sessionIdNone } from './session-id.ts';

const idMask = 0xb3415c00n;
const multiplier = 0x5deece66dn;
const increment = 0xbn;

/**
 * The 16 bytes that prove a session's ownership, derived from its id alone, so that every server
 * of the ensemble can check them: four words of a 48-bit linear congruential generator, each
 * little-endian.
 *
 * Source: client-protocol, section 3.
 */
export function sessionPassword(sessionId: SessionId): Buffer {
  const password = Buffer.alloc(passwordBytes);
  let state = BigInt.asUintN(48, sessionId ^ idMask ^ multiplier);
  for (let at = 0; at < passwordBytes; at += 4) {
    state = BigInt.asUintN(48, state * multiplier + increment);
    password.writeUInt32LE(Number(state >> 16n), at);
  }
  return password;
}

/** Compares all bytes whatever the first difference. False for session 0, null and other lengths. */
export function isSessionPassword(sessionId: SessionId, password: Uint8Array | null): boolean {
  if (sessionId === sessionIdNone || password === null) return false;
  if (password.length !== passwordBytes) return false;
  const expected = sessionPassword(sessionId);
  let difference = 0;
  for (let at = 0; at < passwordBytes; at += 1) {
    difference |= (expected[at] ?? 0) ^ (password[at] ?? 0);
  }
  return difference === 0;
}
