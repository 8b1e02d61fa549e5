import type { SessionId } from '../protocol/session-id.ts';
import { sessionIdNone } from '../protocol/session-id.ts';

/** What a node's stored owner says of it. */
export type NodeKind = 'persistent' | 'ephemeral' | 'container' | 'ttl';

/** Stored as the owner of a container. Source: client-protocol, section 6. */
export const containerOwner: SessionId = BigInt.asIntN(64, 1n << 63n) as SessionId;

const extendedMarker = 0xffn << 56n;
/** As signed 64-bit numbers, owners whose top byte is 0xff are -2^56 to -1. */
const extendedMin = -(1n << 56n);
const ttlMask = (1n << 40n) - 1n;

/** Without extended types, an owner that starts with 0xff is an ordinary session. */
export function kindOf(owner: SessionId, extendedTypesEnabled: boolean): NodeKind {
  if (owner === sessionIdNone) return 'persistent';
  if (owner === containerOwner) return 'container';
  if (extendedTypesEnabled && owner < sessionIdNone && owner >= extendedMin) return 'ttl';
  return 'ephemeral';
}

/** The owner stored for a node with this TTL, 1 to 2^40-1 ms. */
export function ttlOwner(ttlMs: number): SessionId {
  return BigInt.asIntN(64, extendedMarker | BigInt(ttlMs)) as SessionId;
}

/** The TTL, ms, in the owner of a node of kind `ttl`. */
export function ttlMsOf(owner: SessionId): number {
  return Number(owner & ttlMask);
}
