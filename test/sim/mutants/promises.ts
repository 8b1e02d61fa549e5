import { PacketType } from '../../../server/protocol/packet-type.ts';
import { zxidNone } from '../../../server/protocol/zxid.ts';
import type { ZabEffect } from '../../../server/zab/effects.ts';
import type { LinkId, ZabEvent } from '../../../server/zab/events.ts';
import { LyingPeer, peers } from './mutant.ts';
import type { Mutant } from './mutant.ts';

/** Tells its peer that an append is durable as soon as it is asked for. */
class EagerDisk extends LyingPeer {
  override takeEffects(): ZabEffect[] {
    const effects = this.inner.takeEffects();
    for (const effect of effects) {
      if (effect.type !== 'append') continue;
      this.inner.step({ type: 'durable', zxid: effect.proposal.zxid, nowMs: this.nowMs });
    }
    return effects;
  }
}

/** Acknowledges every proposal in the name of every follower. */
class LonelyQuorum extends LyingPeer {
  readonly #links = new Set<LinkId>();

  override step(event: ZabEvent): void {
    super.step(event);
    if (event.type === 'learnerPacket') {
      // Only links that are synchronized: others must not speak yet.
      if (event.packet.type === PacketType.ACK) this.#links.add(event.link);
    } else if (event.type === 'learnerClosed') this.#links.delete(event.link);
    if (event.type !== 'propose') return;
    const packet = {
      type: PacketType.ACK,
      zxid: event.proposal.zxid,
      data: null,
      authIds: null,
    } as const;
    for (const link of this.#links) {
      this.inner.step({ type: 'learnerPacket', link, packet, nowMs: event.nowMs });
    }
  }
}

/**
 * Forgets what it has promised: acceptedEpoch reaches the disk only together with currentEpoch, so
 * that after a crash in between an older leader, or another one of the same epoch, is accepted.
 */
class ForgetfulFollower extends LyingPeer {
  override step(event: ZabEvent): void {
    const isLate = event.type === 'epochStored' && event.which === 'accepted';
    if (!isLate) super.step(event);
  }

  override takeEffects(): ZabEffect[] {
    const result: ZabEffect[] = [];
    for (const effect of this.inner.takeEffects()) {
      if (effect.type !== 'storeEpoch') {
        result.push(effect);
      } else if (effect.which === 'current') {
        result.push({ ...effect, which: 'accepted' }, effect);
      } else {
        const { which, epoch } = effect;
        this.inner.step({ type: 'epochStored', which, epoch, nowMs: this.nowMs });
      }
    }
    return result;
  }
}

/** Takes its epoch for stored as soon as that is asked for. */
class EagerEpoch extends LyingPeer {
  override step(event: ZabEvent): void {
    if (event.type !== 'epochStored') super.step(event);
  }

  override takeEffects(): ZabEffect[] {
    const effects = this.inner.takeEffects();
    for (const effect of effects) {
      if (effect.type !== 'storeEpoch') continue;
      const { which, epoch } = effect;
      this.inner.step({ type: 'epochStored', which, epoch, nowMs: this.nowMs });
    }
    return effects;
  }
}

/** Counts the history in front of NEWLEADER as durable while it is on its way to the disk. */
class HastySettle extends LyingPeer {
  override step(event: ZabEvent): void {
    super.step(event);
    if (event.type !== 'leaderPacket' || event.packet.type !== PacketType.NEWLEADER) return;
    const { lastLogged } = this.inner.view();
    this.inner.step({ type: 'durable', zxid: lastLogged, nowMs: event.nowMs });
  }
}

/** Stores currentEpoch as soon as NEWLEADER comes, and the history that it vouches for later. */
class EpochFirst extends LyingPeer {
  #epoch: number | null = null;
  /** Of the epoch that was stored too early, the real peer hears when it asks for it itself. */
  #early: number | null = null;

  override step(event: ZabEvent): void {
    if (event.type === 'leaderPacket' && event.packet.type === PacketType.NEWLEADER) {
      this.#epoch = Math.floor(event.packet.zxid / 2 ** 32);
    }
    const isEarly = event.type === 'epochStored' && event.epoch === this.#early;
    if (isEarly) this.#early = null;
    else super.step(event);
  }

  override takeEffects(): ZabEffect[] {
    const effects = this.inner.takeEffects();
    const epoch = this.#epoch;
    this.#epoch = null;
    if (epoch === null || epoch <= this.inner.view().currentEpoch) return effects;
    this.#early = epoch;
    return [{ type: 'storeEpoch', which: 'current', epoch }, ...effects];
  }
}

/** Acknowledges each transaction of its synchronization when that is on disk. */
class EagerAcks extends LyingPeer {
  #links: readonly LinkId[] = [];
  #acks: ZabEffect[] = [];

  override step(event: ZabEvent): void {
    if (event.type === 'leaderConnected') this.#links = [event.link];
    const { phase, role } = this.inner.view();
    if (event.type === 'durable' && phase === 'synchronization' && role === 'following') {
      const packet = { type: PacketType.ACK, zxid: event.zxid, data: null, authIds: null };
      this.#acks.push({ type: 'send', links: this.#links, packet });
    }
    super.step(event);
  }

  override takeEffects(): ZabEffect[] {
    return [...this.#acks.splice(0), ...this.inner.takeEffects()];
  }
}

/** Logs what the leader synchronizes only once it has acknowledged that it did. */
class LateLog extends LyingPeer {
  #held: ZabEffect[] = [];
  #isSynchronizing = false;

  override takeEffects(): ZabEffect[] {
    const result: ZabEffect[] = [];
    for (const effect of this.inner.takeEffects()) {
      if (effect.type === 'roleChanged') {
        this.#isSynchronizing = effect.phase === 'synchronization' && effect.role === 'following';
        if (!this.#isSynchronizing) result.push(...this.#held.splice(0));
      }
      if (effect.type !== 'append' || !this.#isSynchronizing) {
        result.push(effect);
        continue;
      }
      this.#held.push(effect);
      this.inner.step({ type: 'durable', zxid: effect.proposal.zxid, nowMs: this.nowMs });
    }
    return result;
  }
}

/** Serves its clients once it has acknowledged NEWLEADER, though no quorum has yet. */
class EarlyService extends LyingPeer {
  override step(event: ZabEvent): void {
    const isSaid = event.type === 'leaderPacket' && event.packet.type === PacketType.UPTODATE;
    if (!isSaid) super.step(event);
  }

  override takeEffects(): ZabEffect[] {
    const effects = this.inner.takeEffects();
    const isAcked = effects.some((effect) => {
      return (
        effect.type === 'send' &&
        effect.packet.type === PacketType.ACK &&
        effect.packet.zxid % 2 ** 32 === 0
      );
    });
    const { phase } = this.inner.view();
    if (isAcked && phase === 'synchronization') {
      const packet = { type: PacketType.UPTODATE, zxid: zxidNone, data: null, authIds: null };
      this.inner.step({ type: 'leaderPacket', packet, nowMs: this.nowMs });
    }
    return effects;
  }
}

/** Acks, epochs and service: what is promised to others before it is true. */
export const promiseMutants: readonly Mutant[] = [
  {
    name: 'acknowledges before the disk confirms',
    kin: '4646',
    symptom: /^Z12 /,
    showsOutside: true,
    parts: peers((o) => new EagerDisk(o)),
  },
  {
    name: 'commits below a quorum',
    kin: '',
    symptom: /^Z8 /,
    showsOutside: true,
    parts: peers((o) => new LonelyQuorum(o)),
  },
  {
    name: 'accepts an epoch older than its promise',
    kin: '1653',
    symptom: /^Z11 /,
    parts: peers((o) => new ForgetfulFollower(o)),
  },
  {
    name: 'counts an epoch as stored that is not',
    kin: '4643 4269',
    symptom: /^Z1[13] /,
    parts: peers((o) => new EagerEpoch(o)),
  },
  {
    name: 'acknowledges its leader before the history is on disk',
    kin: '4646 3911',
    symptom: /^Z1[23] /,
    parts: peers((o) => new HastySettle(o)),
  },
  {
    name: 'stores the epoch before the history',
    kin: '4643',
    symptom: /^Z13 /,
    parts: peers((o) => new EpochFirst(o)),
  },
  {
    name: 'acknowledges a proposal before its leader',
    kin: '4685',
    symptom: /^Z13 /,
    parts: peers((o) => new EagerAcks(o)),
  },
  {
    name: 'logs what it was synchronized with after the ack',
    kin: '3023',
    symptom: /^Z1[23] /,
    parts: peers((o) => new LateLog(o)),
  },
  {
    name: 'serves before it is told to',
    kin: '4503 3911',
    symptom: /^Z13 |^Z8 /,
    parts: peers((o) => new EarlyService(o)),
  },
];
