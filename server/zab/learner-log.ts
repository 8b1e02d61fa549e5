import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidHex } from '../protocol/zxid.ts';
import { Deque } from '../util/deque.ts';
import type { Core } from './core.ts';
import type { LinkId, Proposal } from './events.ts';
import { activationOf, packet, proposalOf } from './packets.ts';

/**
 * What a learner does with the transactions of its leader: take them in order, log them when
 * they may be logged, acknowledge those that are on disk.
 *
 * While the leader synchronizes, only what it has committed is logged: that is the history
 * which the ACK of NEWLEADER stands for. What is proposed and not committed waits until that ACK
 * is out; the log thereby never reaches into an epoch whose number is not on disk yet.
 *
 * Source: quorum protocol, sections 8, 10 and 11.
 */
export class LearnerLog {
  readonly #core: Core;
  readonly #leader: number;
  readonly #isObserver: boolean;
  /** Logged and to be acknowledged once durable, in order. */
  readonly #unacked = new Deque<Zxid>();
  #mode: 'synchronizing' | 'held' | 'open' | 'serving' = 'synchronizing';
  #left: string | null = null;
  /** Who leads instead, by a change of members. */
  #designated: number | null = null;
  /** Index in the history of the next proposal that the leader repeats; `null`: none any more. */
  #repeatsFrom: number | null = null;

  constructor(core: Core, leader: number) {
    this.#core = core;
    this.#leader = leader;
    this.#isObserver = core.isObserver;
  }

  /** Why the leader must be left; `null` while all is well. */
  get left(): string | null {
    return this.#left;
  }

  /**
   * The log goes on behind what the leader has committed, with proposals of this same leader: it
   * will repeat them, and they need not be cut to be logged again.
   */
  expectRepeats(committed: Zxid): void {
    this.#core.history.commitUpTo(committed);
    this.#repeatsFrom = this.#core.history.committedCount;
  }

  get designated(): number | null {
    return this.#designated;
  }

  /** NEWLEADER is here: what follows waits. */
  hold(): void {
    if (this.#repeatsFrom !== null) this.#left ??= 'the leader has forgotten its own proposals';
    this.#mode = 'held';
  }

  /** NEWLEADER is acknowledged: what waited is logged. */
  open(): void {
    this.#mode = 'open';
    this.#logReady();
  }

  /** UPTODATE is here: from now on what is committed is delivered at once. */
  serve(links: readonly LinkId[]): void {
    this.#mode = 'serving';
    this.#core.history.deliverCommitted();
    this.sendAcks(links);
  }

  /**
   * False: the packet is not about transactions.
   *
   * @throws JuteError when there is no transaction in it.
   */
  step(told: QuorumPacket): boolean {
    const type: number = told.type;
    switch (type) {
      case PacketType.PROPOSAL:
        if (!this.#ignoresProposals) this.#propose(told.zxid, proposalOf(told));
        break;
      case PacketType.COMMIT:
        if (!this.#ignoresProposals) this.#commit(told.zxid);
        break;
      case PacketType.COMMITANDACTIVATE:
        if (this.#ignoresProposals) break;
        this.#commit(told.zxid);
        this.#activate(told.zxid, activationOf(told).leader);
        break;
      case PacketType.INFORM:
        this.#inform(proposalOf(told));
        break;
      case PacketType.INFORMANDACTIVATE: {
        const { leader, proposal } = activationOf(told);
        this.#inform(proposal);
        this.#activate(told.zxid, leader);
        break;
      }
      default:
        return false;
    }
    if (this.#mode === 'serving') this.#core.history.deliverCommitted();
    return true;
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

  /** Once it serves, an observer is told of transactions by INFORM alone. */
  get #ignoresProposals(): boolean {
    return this.#isObserver && this.#mode === 'serving';
  }

  #propose(zxid: Zxid, proposal: Proposal): void {
    const { history } = this.#core;
    if (this.#repeatsFrom !== null) return this.#stepRepeat(this.#repeatsFrom, zxid);
    if (!history.follows(zxid)) return this.#leaveGap('PROPOSAL', zxid, history.lastReceived);
    this.#core.members.learnOf(proposal.bytes);
    history.receive(proposal);
    this.#logReady();
  }

  /** On disk already, or on its way there. */
  #stepRepeat(index: number, zxid: Zxid): void {
    const { history } = this.#core;
    const expected = history.at(index).zxid;
    if (zxid !== expected) return this.#leaveGap('PROPOSAL', zxid, expected);
    this.#unacked.push(zxid);
    this.#repeatsFrom = index + 1 < history.loggedCount ? index + 1 : null;
  }

  #commit(zxid: Zxid): void {
    const { history } = this.#core;
    const next = history.nextUncommitted;
    if (next === zxid) {
      history.commitNext();
      return this.#logReady();
    }
    // A commit of what is committed already is harmless; one that skips something is not.
    if (zxid <= history.lastLogged && (next === null || zxid < next)) return;
    this.#leaveGap('COMMIT', zxid, next ?? history.lastReceived);
  }

  /** Proposal and commit in one, for observers. */
  #inform(proposal: Proposal): void {
    const { history } = this.#core;
    const { zxid } = proposal;
    if (history.nextUncommitted !== zxid) {
      if (history.nextUncommitted !== null || !history.follows(zxid)) {
        return this.#leaveGap('INFORM', zxid, history.lastReceived);
      }
      this.#core.members.learnOf(proposal.bytes);
      history.receive(proposal);
    }
    this.#commit(zxid);
  }

  /**
   * A change of members is committed: in the tree first, if this server serves. It may name
   * another leader, or give this server another role: this leader is left then, at once.
   */
  #activate(zxid: Zxid, leader: number): void {
    const { history, members } = this.#core;
    if (this.#left !== null) return;
    if (this.#mode === 'serving') history.deliverCommitted();
    if (members.isChangeable) {
      if (members.next?.version === zxid) members.activate(members.next, leader);
      else if (members.active.version < zxid) return this.#leaveGap('activation', zxid, zxid);
    }
    if (leader === this.#leader && members.isObserver === this.#isObserver) return;
    this.#designated = leader;
    this.#left ??= `the members have changed, server ${leader} is to lead`;
  }

  #logReady(): void {
    if (this.#mode === 'held') return;
    const { history } = this.#core;
    const isAcking = this.#mode !== 'synchronizing' && !this.#isObserver;
    const end = isAcking ? history.length : history.committedCount;
    while (history.loggedCount < end) {
      const zxid = history.logNext();
      if (isAcking) this.#unacked.push(zxid);
    }
  }

  #leaveGap(what: string, zxid: Zxid, behind: Zxid): void {
    this.#left ??= `${what} ${zxidHex(zxid)} does not follow ${zxidHex(behind)}`;
  }
}
