declare const sessionIdBrand: unique symbol;

/**
 * Identity of a client's session: server id in the top byte, 40 bits of milliseconds, a 16-bit
 * counter. All 64 bits are used and never computed with, so it is a signed bigint as the wire
 * has it. Looked up once per connection or transaction; code passes the session, not its id.
 */
export type SessionId = bigint & { readonly [sessionIdBrand]: true };

/** Used by transactions that belong to no session (containers, TTL). */
export const sessionIdNone: SessionId = 0n as SessionId;

/** The server that gave the id: its own id, 0 to 255. */
export function serverIdOf(id: SessionId): number {
  return Number(BigInt.asUintN(64, id) >> 56n);
}
