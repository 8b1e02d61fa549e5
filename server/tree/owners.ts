import type { SessionId } from '../protocol/session-id.ts';
import type { NodeRef } from './door.ts';
import { flag } from './node-record.ts';

/** The high word of a container's owner; the low one is 0. Source: storage, section 5. */
const containerHigh = -0x80000000;
/** The high 24 bits of a TTL node's owner; the other 40 are the TTL in ms. */
const ttlMark = 0xff0000;

/** What an owner field makes of its node: one of {@link flag}, or 0. */
export function kindOf(high: number, low: number, extendedTypesEnabled: boolean): number {
  if (high === 0 && low === 0) return 0;
  if (high === containerHigh && low === 0) return flag.container;
  if (extendedTypesEnabled && high >>> 8 === ttlMark) return flag.ttl;
  return flag.ephemeral;
}

export const containerOwnerHigh: number = containerHigh;

/** The high word of the owner of a node with this TTL; the low one is the TTL's own. */
export function ttlOwnerHigh(ttlMs: number): number {
  return (ttlMark << 8) | (Math.floor(ttlMs / 2 ** 32) & 0xff);
}

export function ttlMsOf(high: number, low: number): number {
  return (high & 0xff) * 2 ** 32 + (low >>> 0);
}

const view = new DataView(new ArrayBuffer(8));

export function sessionHigh(session: SessionId): number {
  view.setBigInt64(0, session);
  return view.getInt32(0);
}

export function sessionLow(session: SessionId): number {
  view.setBigInt64(0, session);
  return view.getInt32(4);
}

export function sessionOf(high: number, low: number): SessionId {
  if (high === 0 && low === 0) return 0n as SessionId;
  view.setInt32(0, high);
  view.setInt32(4, low);
  return view.getBigInt64(0) as SessionId;
}

/** Which nodes each session owns. */
export class Ephemerals {
  readonly #nodes = new Map<SessionId, Set<NodeRef>>();
  count = 0;

  add(session: SessionId, node: NodeRef): void {
    let nodes = this.#nodes.get(session);
    if (nodes === undefined) {
      nodes = new Set();
      this.#nodes.set(session, nodes);
    }
    nodes.add(node);
    this.count += 1;
  }

  remove(session: SessionId, node: NodeRef): void {
    const nodes = this.#nodes.get(session);
    if (nodes === undefined || !nodes.delete(node)) return;
    this.count -= 1;
    if (nodes.size === 0) this.#nodes.delete(session);
  }

  of(session: SessionId): ReadonlySet<NodeRef> {
    return this.#nodes.get(session) ?? nobody;
  }

  /** Sessions that own something. */
  get sessions(): Iterable<SessionId> {
    return this.#nodes.keys();
  }

  get sessionCount(): number {
    return this.#nodes.size;
  }

  clear(): void {
    this.#nodes.clear();
    this.count = 0;
  }
}

const nobody: ReadonlySet<NodeRef> = new Set();
