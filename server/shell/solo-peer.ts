import type { ZabPeer, ZabView } from '../zab/door.ts';
import type { ZabEffect } from '../zab/effects.ts';
import type { Proposal, ZabEvent } from '../zab/events.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { assert } from '../util/assert.ts';

/**
 * The agreement of a server that is alone: what is durable is committed. It has no epochs and goes
 * on counting where its log ends, as a standalone server of the reference does.
 */
export class SoloPeer implements ZabPeer {
  #effects: ZabEffect[] = [];
  #waiting: Proposal[] = [];
  #lastProposed: Zxid;
  #lastCommitted: Zxid;
  /** Syncs behind proposals that are not durable yet. */
  #syncs: { readonly tag: number; readonly behind: Zxid }[] = [];

  constructor(lastZxid: Zxid) {
    this.#lastProposed = lastZxid;
    this.#lastCommitted = lastZxid;
    this.#effects.push({
      type: 'roleChanged',
      role: 'leading',
      phase: 'broadcast',
      leader: null,
      epoch: 0,
    });
  }

  step(event: ZabEvent): void {
    if (event.type === 'propose') this.#stepPropose(event.proposal);
    else if (event.type === 'durable') this.#stepDurable(event.zxid);
    else if (event.type === 'sync') this.#stepSync(event.tag);
  }

  takeEffects(): ZabEffect[] {
    const effects = this.#effects;
    if (effects.length > 0) this.#effects = [];
    return effects;
  }

  nextDeadlineMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  canPropose(): boolean {
    return true;
  }

  nextZxid(): Zxid {
    return (this.#lastProposed + 1) as Zxid;
  }

  view(): ZabView {
    return {
      role: 'leading',
      phase: 'broadcast',
      leader: null,
      acceptedEpoch: 0,
      currentEpoch: 0,
      lastLogged: this.#lastProposed,
      lastCommitted: this.#lastCommitted,
      outstandingCount: this.#waiting.length,
      learners: [],
      electionMs: 0,
    };
  }

  #stepPropose(proposal: Proposal): void {
    assert(proposal.zxid === this.#lastProposed + 1, 'zxids are taken one after another');
    this.#lastProposed = proposal.zxid;
    this.#waiting.push(proposal);
    this.#effects.push({ type: 'append', proposal });
  }

  #stepDurable(zxid: Zxid): void {
    let count = 0;
    for (const proposal of this.#waiting) {
      if (proposal.zxid > zxid) break;
      this.#effects.push({ type: 'deliver', proposal });
      count += 1;
    }
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count);
    this.#lastCommitted = zxid;
    const due = this.#syncs.filter((sync) => sync.behind <= zxid);
    if (due.length === 0) return;
    this.#syncs = this.#syncs.filter((sync) => sync.behind > zxid);
    for (const sync of due) this.#effects.push({ type: 'syncDone', tag: sync.tag });
  }

  #stepSync(tag: number): void {
    if (this.#waiting.length === 0) this.#effects.push({ type: 'syncDone', tag });
    else this.#syncs.push({ tag, behind: this.#lastProposed });
  }
}
