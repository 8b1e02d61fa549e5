import { PacketType } from '../protocol/packet-type.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { Core } from './core.ts';
import type { LinkId, Proposal, ZabEvent } from './events.ts';
import type { LearnerLog } from './learner-log.ts';
import type { LearnerProgress } from './learner-progress.ts';
import { ObserverMaster } from './observer-master.ts';

/**
 * Broadcast phase of a learner: what its leader tells it, and its own service to observers where
 * the ensemble wants that.
 *
 * Source: quorum protocol, sections 10 and 11.
 */
export class LearnerService {
  readonly #core: Core;
  readonly #log: LearnerLog;
  readonly #observers: ObserverMaster | null;

  constructor(core: Core, log: LearnerLog, epoch: number, nowMs: number) {
    this.#core = core;
    this.#log = log;
    const isMaster = core.options.observerMaster === true && !core.isObserver;
    this.#observers = isMaster ? new ObserverMaster(core, epoch, nowMs) : null;
  }

  get takesObservers(): boolean {
    return this.#observers !== null;
  }

  get observers(): Iterable<LearnerProgress> {
    return this.#observers?.learners ?? [];
  }

  nextDeadlineMs(): number {
    return this.#observers?.nextDeadlineMs() ?? Number.POSITIVE_INFINITY;
  }

  tick(nowMs: number): void {
    this.#observers?.tick(nowMs);
  }

  close(reason: string): void {
    this.#observers?.close(reason);
  }

  /** False: the event is not about an observer. */
  step(event: ZabEvent): boolean {
    return this.#observers?.step(event) ?? false;
  }

  /** A string says why the leader is left. @throws JuteError */
  stepPacket(told: QuorumPacket, link: LinkId): string | null {
    const next = this.#observers === null ? null : this.#core.history.oldestUndelivered;
    if (this.#log.step(told)) {
      if (next !== null) this.#inform(next, told);
      return null;
    }
    const { effects } = this.#core;
    const type: number = told.type;
    switch (type) {
      case PacketType.PING:
        effects.push({ type: 'answerPing', link, zxid: told.zxid });
        return null;
      case PacketType.SYNC:
        effects.push({ type: 'syncDone', tag: null });
        return null;
      case PacketType.REVALIDATE:
        effects.push({ type: 'revalidated', packet: told });
        return null;
      case PacketType.NEWLEADER:
        return 'NEWLEADER out of phase';
      default:
        this.#core.note('packet ignored', { type });
        return null;
    }
  }

  /** A commit delivers one, and observers hear of it before anything that follows from it. */
  #inform(next: Proposal, told: QuorumPacket): void {
    if (this.#core.history.lastDelivered >= next.zxid) this.#observers?.inform(next, told);
  }
}
