import type { QuorumSasl } from './quorum-sasl.ts';
import type { SocketAddress, Transport } from './transport.ts';

/** How the members of an ensemble reach each other, and what they prove in doing so. */
export interface PeerNetwork {
  readonly election: Transport;
  /** Its connections are authenticated when one hears of them. */
  readonly quorum: Transport;
  /** On the election port servers authenticate behind their greeting. */
  readonly sasl: QuorumSasl | null;
  readonly isSecured: boolean;
  /** Hosts of the members as they are now; the server says it. */
  memberHosts: () => readonly string[];
  readonly onRefused: (remote: SocketAddress, reason: string) => void;
}

/** Whoever reaches the ports is taken for what it says it is. */
export function plainPeers(transport: Transport): PeerNetwork {
  return {
    election: transport,
    quorum: transport,
    sasl: null,
    isSecured: false,
    memberHosts: () => [],
    onRefused: () => undefined,
  };
}

/** One line for the same refusal of the same host in that time, ms. */
export const refusalPauseMs = 60_000;

/** Refusals that are remembered. */
export const refusalsMax = 256;

/**
 * Who is refused comes again and again: says each refusal at once, then once a minute with how
 * often it came.
 */
export class Refusals {
  readonly #say: (remote: string, reason: string, times: number) => void;
  readonly #nowMs: () => number;
  readonly #said = new Map<string, { sinceMs: number; times: number }>();

  constructor(say: (remote: string, reason: string, times: number) => void, nowMs: () => number) {
    this.#say = say;
    this.#nowMs = nowMs;
  }

  note(remote: SocketAddress, reason: string): void {
    const key = `${remote.host} ${reason}`;
    const nowMs = this.#nowMs();
    const known = this.#said.get(key) ?? { sinceMs: Number.NEGATIVE_INFINITY, times: 0 };
    known.times += 1;
    if (nowMs - known.sinceMs >= refusalPauseMs) {
      this.#say(remote.host, reason, known.times);
      known.sinceMs = nowMs;
      known.times = 0;
    }
    this.#said.delete(key);
    this.#said.set(key, known);
    for (const oldest of this.#said.keys()) {
      if (this.#said.size <= refusalsMax) return;
      this.#said.delete(oldest);
    }
  }
}
