import { PacketType } from '../protocol/packet-type.ts';
import type { Zxid } from '../protocol/zxid.ts';
import { zxidHex, zxidOf, zxidZero } from '../protocol/zxid.ts';
import { assert } from '../util/assert.ts';
import type { Core } from './core.ts';
import type { LinkId, Proposal } from './events.ts';
import type { LearnerProgress } from './learner-progress.ts';
import { activation, packet, syncAnswer } from './packets.ts';
import type { Quorum } from './quorum.ts';
import { SyncRounds } from './sync-rounds.ts';
import type { WaitingSync } from './sync-rounds.ts';

/** What a change of members means to the leader. */
export interface ChangeRules {
  /** Who leads once the transaction with that zxid has changed the members. */
  readonly designate: (zxid: Zxid) => number;
  /** It is committed, and that server leads. */
  readonly changed: (leader: number) => void;
  /** Whatever was proposed before that is committed, too. */
  readonly settled: () => void;
}

/**
 * Broadcast phase of a leader: proposals go out in zxid order to every live learner, and commit
 * in that order once a quorum has them on disk. The leader's own disk is one of the quorum, by
 * its `durable` event and not before.
 *
 * Acknowledgements are kept as one mark per voter, the last zxid it has on disk: a voter logs in
 * order, so its ack of one proposal speaks for all before it. Nothing is allocated per proposal
 * but the packets.
 *
 * Source: quorum protocol, section 9.
 */
export class Broadcast {
  readonly #core: Core;
  readonly #syncs: SyncRounds;
  /** For each voter the last zxid on its disk. */
  #acked: number[];
  #ownIndex: number;
  /** The order of the marks. */
  #quorum: Quorum;
  readonly #change: ChangeRules;
  #lastProposed: Zxid = zxidZero;
  #isOpen = false;
  /** Proposals up to here need a quorum of the members before the last change, too. */
  #formerUpTo: Zxid = zxidZero;
  /** Copied on change: an effect that was handed over keeps its list. */
  #followers: readonly LinkId[] = [];
  #observers: readonly LinkId[] = [];

  constructor(core: Core, change: ChangeRules) {
    this.#core = core;
    this.#change = change;
    this.#quorum = core.quorum;
    this.#syncs = new SyncRounds(core.quorum, core.sid);
    this.#acked = core.quorum.voters.map(() => zxidZero);
    this.#ownIndex = core.quorum.indexOf(core.sid);
  }

  get lastProposed(): Zxid {
    return this.#lastProposed;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** A quorum has the history: it is delivered to its end, and the epoch begins. */
  open(epoch: number): void {
    const { effects, history } = this.#core;
    history.commitLogged();
    history.deliverCommitted();
    this.#isOpen = true;
    this.#lastProposed = zxidOf(epoch, 0);
    effects.push({ type: 'openEpoch', zxid: this.#lastProposed });
  }

  /** Another server leads: nothing is committed here any more. */
  close(): void {
    this.#isOpen = false;
  }

  /** Other voters count from now on; what they have acknowledged is kept. */
  reindex(learners: Iterable<LearnerProgress>): void {
    const { quorum, sid } = this.#core;
    if (quorum === this.#quorum) return;
    const before = this.#quorum;
    const acked = this.#acked;
    this.#quorum = quorum;
    this.#ownIndex = quorum.indexOf(sid);
    this.#acked = quorum.voters.map((voter) => acked[before.indexOf(voter)] ?? zxidZero);
    for (const learner of learners) {
      learner.voterIndex = learner.role === 'follower' ? quorum.indexOf(learner.sid) : -1;
      if (learner.voterIndex >= 0 && learner.isSynced) {
        this.#acked[learner.voterIndex] = learner.lastAcked;
      }
    }
    if (this.#ownIndex >= 0) this.#acked[this.#ownIndex] = this.#core.history.durable;
    if (this.#syncs.reindex(quorum)) this.#pingForRound(learners);
  }

  /** From now on the learner gets what is proposed and committed. */
  join(learner: LearnerProgress): void {
    if (learner.role === 'follower') this.#followers = [...this.#followers, learner.link];
    else this.#observers = [...this.#observers, learner.link];
  }

  leave(learner: LearnerProgress): void {
    const others = (link: LinkId): boolean => link !== learner.link;
    if (learner.role === 'follower') this.#followers = this.#followers.filter(others);
    else this.#observers = this.#observers.filter(others);
  }

  /** What that voter has acknowledged may be cut from its log: it synchronizes anew. */
  forget(learner: LearnerProgress): void {
    learner.lastAcked = zxidZero;
    if (learner.voterIndex >= 0) this.#acked[learner.voterIndex] = zxidZero;
  }

  stepPropose(proposal: Proposal): void {
    assert(proposal.zxid === this.#lastProposed + 1, 'zxids are taken one after another');
    const core = this.#core;
    this.#lastProposed = proposal.zxid;
    core.history.receive(proposal);
    core.history.logNext();
    core.send(this.#followers, packet(PacketType.PROPOSAL, proposal.zxid, proposal.bytes));
  }

  /** The leader's own disk has everything up to here. */
  stepDurable(zxid: Zxid): void {
    if (this.#ownIndex < 0) return;
    this.#acked[this.#ownIndex] = zxid;
    this.#commit();
  }

  stepAck(learner: LearnerProgress, zxid: Zxid): void {
    if (zxid > this.#lastProposed) {
      this.#core.note('ack of what was never proposed', {
        sid: learner.sid,
        zxid: `0x${zxidHex(zxid)}`,
      });
      return;
    }
    if (zxid <= learner.lastAcked) return;
    learner.lastAcked = zxid;
    this.stepSynced(learner);
  }

  /** Its acks count from now on, also those that came early. */
  stepSynced(learner: LearnerProgress): void {
    if (learner.voterIndex < 0 || !learner.isSynced) return;
    this.#acked[learner.voterIndex] = learner.lastAcked;
    this.#commit();
  }

  /** Answered behind everything proposed before it, and by a leader that is one still. */
  stepSync(link: LinkId | null, tag: number, learners: Iterable<LearnerProgress>): void {
    const hasOutstanding = this.#core.history.undeliveredCount > 0;
    const behind = hasOutstanding ? this.#lastProposed : zxidZero;
    if (this.#syncs.add(link, tag, behind, this.#lastProposed)) this.#pingForRound(learners);
    this.#answerSyncs();
  }

  stepPingAnswer(learner: LearnerProgress, learners: Iterable<LearnerProgress>): void {
    learner.pingsAnswered += 1;
    if (this.#syncs.stepAnswer(learner)) this.#pingForRound(learners);
    this.#answerSyncs();
  }

  /** Keeps every active learner's link alive. */
  ping(learners: Iterable<LearnerProgress>): void {
    const links: LinkId[] = [];
    for (const learner of learners) {
      if (learner.state !== 'active') continue;
      learner.pingsSent += 1;
      links.push(learner.link);
    }
    this.#core.send(links, packet(PacketType.PING, this.#lastProposed));
  }

  #pingForRound(learners: Iterable<LearnerProgress>): void {
    const links: LinkId[] = [];
    for (const learner of learners) {
      if (learner.state !== 'active' || learner.voterIndex < 0) continue;
      learner.pingsSent += 1;
      learner.roundPing = learner.pingsSent;
      links.push(learner.link);
    }
    this.#core.send(links, packet(PacketType.PING, this.#lastProposed));
  }

  #commit(): void {
    if (!this.#isOpen) return;
    const core = this.#core;
    const { history } = core;
    for (;;) {
      const zxid = history.nextUncommitted;
      if (zxid === null || !core.quorum.reaches(this.#acked, zxid)) break;
      this.#answerSyncsBefore(zxid);
      if (zxid === core.members.next?.version) {
        this.#commitChange(zxid);
        if (!this.#isOpen) return;
        continue;
      }
      core.send(this.#followers, packet(PacketType.COMMIT, zxid));
      if (this.#observers.length > 0) {
        const { bytes } = history.at(history.deliveredCount);
        core.send(this.#observers, packet(PacketType.INFORM, zxid, bytes));
      }
      history.commitNext();
      history.deliverCommitted();
      if (zxid === this.#formerUpTo) this.#change.settled();
    }
    this.#answerSyncs();
  }

  /** A change of members: whoever hears of the commit hears in the same breath who leads. */
  #commitChange(zxid: Zxid): void {
    const { history, members } = this.#core;
    const leader = this.#change.designate(zxid);
    const { bytes } = history.at(history.deliveredCount);
    const { COMMITANDACTIVATE, INFORMANDACTIVATE } = PacketType;
    this.#core.send(this.#followers, packet(COMMITANDACTIVATE, zxid, activation(leader)));
    this.#core.send(this.#observers, packet(INFORMANDACTIVATE, zxid, activation(leader, bytes)));
    history.commitNext();
    history.deliverCommitted();
    const former = members.active;
    if (members.next !== null) members.activate(members.next, leader);
    if (this.#lastProposed > zxid) {
      members.keepFormer(former);
      this.#formerUpTo = this.#lastProposed;
    }
    this.#change.changed(leader);
  }

  #answerSyncs(): void {
    if (!this.#isOpen) return;
    for (;;) {
      const sync = this.#syncs.next(this.#core.history.lastDelivered);
      if (sync === null) return;
      this.#answer(sync);
    }
  }

  /**
   * A learner hears of its requests in the order in which it sent them: one of the reference takes
   * a commit that overtakes an earlier sync for a stranger's, and never answers its clients again.
   */
  #answerSyncsBefore(zxid: Zxid): void {
    for (;;) {
      const sync = this.#syncs.nextBefore(zxid);
      if (sync === null) return;
      this.#answer(sync);
    }
  }

  #answer(sync: WaitingSync): void {
    if (sync.link === null) this.#core.effects.push({ type: 'syncDone', tag: sync.tag });
    else this.#core.send([sync.link], syncAnswer);
  }
}
