import type { Zxid } from '../protocol/zxid.ts';
import { counterOf, epochOf } from '../protocol/zxid.ts';
import { assert } from '../util/assert.ts';
import { Deque } from '../util/deque.ts';
import type { ZabEffect } from './effects.ts';
import type { Proposal } from './events.ts';

/** Collects effects in the order they arise. */
export class Effects {
  #list: ZabEffect[] = [];

  push(effect: ZabEffect): void {
    this.#list.push(effect);
  }

  take(): ZabEffect[] {
    const list = this.#list;
    if (list.length > 0) this.#list = [];
    return list;
  }
}

/**
 * The newest part of this server's transactions, one ring in zxid order, and how far each of
 * them has come. It outlives every role.
 *
 * ```
 * oldest                                                       newest
 * | delivered: in the tree | logged: given to the disk | received |
 *   kept for learners        the tail                    held back
 * ```
 * `committed` moves between the first border and the end: a quorum has these, by what the
 * leader said. A role that ends forgets what was only received; the logged tail remains, and
 * the next synchronization commits it or cuts it.
 */
export class History {
  readonly #effects: Effects;
  readonly #entries = new Deque<Proposal>();
  readonly #keptCount: number;
  #deliveredCount: number;
  #committedCount: number;
  #loggedCount: number;
  #lastDelivered: Zxid;
  #lastLogged: Zxid;
  #lastReceived: Zxid;
  #durable: Zxid;

  /** The tree ends at `last`, and so do `recent`, its newest transactions. */
  constructor(effects: Effects, recent: readonly Proposal[], last: Zxid, keptCount: number) {
    this.#effects = effects;
    this.#keptCount = keptCount;
    for (const proposal of recent) this.#entries.push(proposal);
    this.#deliveredCount = recent.length;
    this.#committedCount = recent.length;
    this.#loggedCount = recent.length;
    this.#lastDelivered = last;
    this.#lastLogged = last;
    this.#lastReceived = last;
    this.#durable = last;
    assert((recent.at(-1)?.zxid ?? last) === last, 'the recent log ends where the tree ends');
    this.#trim();
  }

  /** The tree ends here. */
  get lastDelivered(): Zxid {
    return this.#lastDelivered;
  }

  /** A quorum has everything up to here, by what the leader said. */
  get lastCommitted(): Zxid {
    return this.#entries.at(this.#committedCount - 1)?.zxid ?? this.#lastDelivered;
  }

  /** The log ends here, on disk or on its way. */
  get lastLogged(): Zxid {
    return this.#lastLogged;
  }

  /** The newest transaction known of, logged or not. */
  get lastReceived(): Zxid {
    return this.#lastReceived;
  }

  /** The disk has everything up to here. */
  get durable(): Zxid {
    return this.#durable;
  }

  /** Nothing that was given to the disk is still on its way. */
  get isDurable(): boolean {
    return this.#durable >= this.#lastLogged;
  }

  /** What is delivered next; `null`: everything known is. */
  get oldestUndelivered(): Proposal | null {
    return this.#entries.at(this.#deliveredCount) ?? null;
  }

  get length(): number {
    return this.#entries.length;
  }

  get deliveredCount(): number {
    return this.#deliveredCount;
  }

  get committedCount(): number {
    return this.#committedCount;
  }

  get loggedCount(): number {
    return this.#loggedCount;
  }

  get undeliveredCount(): number {
    return this.#entries.length - this.#deliveredCount;
  }

  at(index: number): Proposal {
    const entry = this.#entries.at(index);
    assert(entry !== undefined, `entry ${index} of ${this.#entries.length} exists`);
    return entry;
  }

  /**
   * Whether a transaction may stand right behind the newest one: the next of its epoch, or the
   * first of a later one. Anything else would leave a hole.
   */
  follows(zxid: Zxid): boolean {
    const last = this.#lastReceived;
    if (epochOf(zxid) === epochOf(last)) return zxid === last + 1;
    return zxid > last && counterOf(zxid) === 1;
  }

  /** Takes a proposal in without logging it yet. */
  receive(proposal: Proposal): void {
    assert(this.follows(proposal.zxid), 'the history has no holes');
    this.#entries.push(proposal);
    this.#lastReceived = proposal.zxid;
  }

  /** Gives the oldest proposal that was only received to the disk; its zxid. */
  logNext(): Zxid {
    const proposal = this.at(this.#loggedCount);
    this.#loggedCount += 1;
    this.#lastLogged = proposal.zxid;
    this.#effects.push({ type: 'append', proposal });
    return proposal.zxid;
  }

  /** Next transaction that the leader may commit; `null` when there is none. */
  get nextUncommitted(): Zxid | null {
    return this.#entries.at(this.#committedCount)?.zxid ?? null;
  }

  commitNext(): void {
    assert(this.#committedCount < this.#entries.length, 'what is committed was received');
    this.#committedCount += 1;
  }

  /** All that was logged is part of the leader's history. */
  commitLogged(): void {
    this.#committedCount = Math.max(this.#committedCount, this.#loggedCount);
  }

  /** What was logged up to there is part of the leader's history; what follows stays in doubt. */
  commitUpTo(zxid: Zxid): void {
    while (this.#committedCount < this.#loggedCount) {
      if (this.at(this.#committedCount).zxid > zxid) return;
      this.#committedCount += 1;
    }
  }

  /** Hands what is committed to the tree, in order. */
  deliverCommitted(): void {
    assert(this.#committedCount <= this.#loggedCount, 'what is delivered was logged');
    while (this.#deliveredCount < this.#committedCount) {
      const proposal = this.at(this.#deliveredCount);
      this.#deliveredCount += 1;
      this.#lastDelivered = proposal.zxid;
      this.#effects.push({ type: 'deliver', proposal });
    }
    this.#trim();
  }

  /** The role has ended: only what was logged remains, and its tail is in doubt again. */
  forgetReceived(): void {
    while (this.#entries.length > this.#loggedCount) this.#entries.pop();
    this.#lastReceived = this.#lastLogged;
    this.#committedCount = this.#deliveredCount;
  }

  /** The disk has every append up to here. */
  stepDurable(zxid: Zxid): void {
    if (zxid > this.#durable && zxid <= this.#lastLogged) this.#durable = zxid;
  }

  /** The log was cut behind zxid, and the tree with it. */
  cutBehind(zxid: Zxid): void {
    while ((this.#entries.last()?.zxid ?? zxid) > zxid) this.#entries.pop();
    const length = this.#entries.length;
    this.#deliveredCount = Math.min(this.#deliveredCount, length);
    // An epoch's own start is no transaction: the log then ends with the one before it.
    const end = this.#entries.last()?.zxid ?? zxid;
    if (this.#lastDelivered > end) this.#lastDelivered = end;
    this.#loggedCount = length;
    this.#committedCount = this.#deliveredCount;
    this.#lastLogged = end;
    this.#lastReceived = end;
    this.#durable = end;
  }

  /** A snapshot at zxid takes the place of everything. */
  restart(zxid: Zxid): void {
    this.#entries.clear();
    this.#deliveredCount = 0;
    this.#committedCount = 0;
    this.#loggedCount = 0;
    this.#lastDelivered = zxid;
    this.#lastLogged = zxid;
    this.#lastReceived = zxid;
    this.#durable = zxid;
  }

  #trim(): void {
    while (this.#deliveredCount > this.#keptCount) {
      this.#entries.shift();
      this.#deliveredCount -= 1;
      this.#committedCount -= 1;
      this.#loggedCount -= 1;
    }
  }
}
