import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidHex } from '../protocol/zxid.ts';
import { Deque } from '../util/deque.ts';
import type { Core } from './core.ts';
import type { LinkId } from './events.ts';
import { activationOf, packet, proposalOf } from './packets.ts';

/**
 * What a learner does with the transactions of its leader: take them in order, log them when
 * they may be logged, acknowledge those that are on disk.
 *
 * While the leader synchronizes, only what it has committed is logged: that is the history
 * which the ACK of NEWLEADER stands for. What is proposed and not committed waits until that ACK
 * is out; the log thereby never reaches into an epoch whose number is not on disk yet.
 *
 * Each method returns why the leader must be left; `null` when all is well.
 */
export class LearnerLog {
  readonly #core: Core;
  readonly #isObserver: boolean;
  /** Logged and to be acknowledged once durable, in order. */
  readonly #unacked = new Deque<Zxid>();
  #mode: 'synchronizing' | 'held' | 'open' = 'synchronizing';

  constructor(core: Core, role: 'follower' | 'observer') {
    this.#core = core;
    this.#isObserver = role === 'observer';
  }

  /** NEWLEADER is here: what follows waits. */
  hold(): void {
    this.#mode = 'held';
  }

  /** NEWLEADER is acknowledged: what waited is logged. */
  open(): void {
    this.#mode = 'open';
    this.#logReady();
  }

  propose(told: QuorumPacket): string | null {
    const { history } = this.#core;
    if (!history.follows(told.zxid)) return gap('PROPOSAL', told.zxid, history.lastReceived);
    history.receive(proposalOf(told));
    this.#logReady();
    return null;
  }

  commit(zxid: Zxid): string | null {
    const { history } = this.#core;
    const next = history.nextUncommitted;
    if (next === zxid) {
      history.commitNext();
      this.#logReady();
      return null;
    }
    // A commit of what is committed already is harmless; one that skips something is not.
    if (zxid <= history.lastLogged && (next === null || zxid < next)) return null;
    return gap('COMMIT', zxid, next ?? history.lastReceived);
  }

  /** Proposal and commit in one, for observers. */
  inform(told: QuorumPacket): string | null {
    const { history } = this.#core;
    if (history.nextUncommitted !== told.zxid) {
      if (history.nextUncommitted !== null || !history.follows(told.zxid)) {
        return gap('INFORM', told.zxid, history.lastReceived);
      }
      const isActivation = told.type === PacketType.INFORMANDACTIVATE;
      history.receive(isActivation ? activationOf(told).proposal : proposalOf(told));
    }
    return this.commit(told.zxid);
  }

  /** Acknowledges what the disk has confirmed, one packet for each proposal, in order. */
  sendAcks(links: readonly LinkId[]): void {
    const { durable } = this.#core.history;
    for (;;) {
      const zxid = this.#unacked.first();
      if (zxid === undefined || zxid > durable) return;
      this.#unacked.shift();
      this.#core.send(links, packet(PacketType.ACK, zxid));
    }
  }

  #logReady(): void {
    if (this.#mode === 'held') return;
    const { history } = this.#core;
    const isAcking = this.#mode === 'open' && !this.#isObserver;
    const end = isAcking ? history.length : history.committedCount;
    while (history.loggedCount < end) {
      const zxid = history.logNext();
      if (isAcking) this.#unacked.push(zxid);
    }
  }
}

function gap(what: string, zxid: Zxid, behind: Zxid): string {
  return `${what} ${zxidHex(zxid)} does not follow ${zxidHex(behind)}`;
}
