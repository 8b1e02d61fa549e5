import { ServerState } from '../../server/protocol/notification.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { ServerParts } from '../../server/shell/server.ts';
import { openStorage } from '../../server/storage/storage.ts';
import type { PeerOptions, ZabPeer, ZabView } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import type { LinkId, Proposal, ZabEvent } from '../../server/zab/events.ts';
import { createPeer } from '../../server/zab/peer.ts';
import { create } from './client-ops.ts';
import type { SimEnsemble } from './sim-ensemble.ts';

/** A planted bug: one safety step of the real server switched off from outside. */
export interface Mutant {
  /** What such a server does. */
  readonly name: string;
  /** What the checkers say of it. */
  readonly symptom: RegExp;
  /** Whether it also shows where no check looks inside a server. */
  readonly showsOutside: boolean;
  readonly parts?: (sid: number, ensemble: SimEnsemble) => ServerParts;
  /** Prepares the machines. */
  readonly prepare?: (ensemble: SimEnsemble) => void;
  /** What brings it to light, where storms take too long to. */
  readonly script?: (ensemble: SimEnsemble) => void;
}

/** A peer that stands before the real one and lies to it or for it. */
abstract class LyingPeer implements ZabPeer {
  protected readonly inner: ZabPeer;
  protected nowMs: number;

  constructor(options: PeerOptions) {
    this.inner = createPeer(options);
    this.nowMs = options.nowMs;
  }

  step(event: ZabEvent): void {
    this.nowMs = event.nowMs;
    this.inner.step(event);
  }

  takeEffects(): ZabEffect[] {
    return this.inner.takeEffects();
  }

  nextDeadlineMs(): number {
    return this.inner.nextDeadlineMs();
  }

  canPropose(): boolean {
    return this.inner.canPropose();
  }

  nextZxid(): Zxid {
    return this.inner.nextZxid();
  }

  view(): ZabView {
    return this.inner.view();
  }
}

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

/** Says that it cut its log, and keeps it. */
class UncutLog extends LyingPeer {
  override takeEffects(): ZabEffect[] {
    const effects = this.inner.takeEffects();
    for (const effect of effects) {
      if (effect.type !== 'truncate') continue;
      this.inner.step({ type: 'truncated', zxid: effect.zxid, nowMs: this.nowMs });
    }
    return effects.filter((effect) => effect.type !== 'truncate');
  }
}

/** Says that the leader's snapshot is on its disk while it is in memory only. */
class MemorySnapshot extends LyingPeer {
  override takeEffects(): ZabEffect[] {
    const effects = this.inner.takeEffects();
    for (const effect of effects) {
      if (effect.type !== 'installSnapshot') continue;
      this.inner.step({ type: 'snapshotInstalled', zxid: effect.zxid, nowMs: this.nowMs });
    }
    return effects.filter((effect) => effect.type !== 'installSnapshot');
  }
}

/** Delivers a proposal when it is logged, not when it is committed. */
class EagerDelivery extends LyingPeer {
  readonly #early = new Set<Zxid>();

  override takeEffects(): ZabEffect[] {
    const result: ZabEffect[] = [];
    for (const effect of this.inner.takeEffects()) {
      if (effect.type === 'deliver' && this.#early.delete(effect.proposal.zxid)) continue;
      result.push(effect);
      if (effect.type !== 'append' || this.inner.view().role !== 'following') continue;
      this.#early.add(effect.proposal.zxid);
      result.push({ type: 'deliver', proposal: effect.proposal });
    }
    return result;
  }
}

/** Loses one committed transaction in fifty on the way to the tree. */
class LeakyDelivery extends LyingPeer {
  #count = 0;

  override takeEffects(): ZabEffect[] {
    return this.inner.takeEffects().filter((effect) => {
      return effect.type !== 'deliver' || (this.#count += 1) % 50 !== 0;
    });
  }
}

/** Hands neighbours to the tree in the wrong order. */
class SwappedDelivery extends LyingPeer {
  override takeEffects(): ZabEffect[] {
    const effects = this.inner.takeEffects();
    for (let index = 1; index < effects.length; index += 1) {
      const [before, after] = [effects[index - 1] as ZabEffect, effects[index] as ZabEffect];
      if (before.type !== 'deliver' || after.type !== 'deliver') continue;
      effects[index - 1] = after;
      effects[index] = before;
      index += 1;
    }
    return effects;
  }
}

/** Counts its own vote for itself as everybody's: two may lead. */
class SelfElected extends LyingPeer {
  override step(event: ZabEvent): void {
    if (event.type !== 'notification' || event.notification.state !== ServerState.LOOKING) {
      return super.step(event);
    }
    const { sid } = this;
    super.step({ ...event, notification: { ...event.notification, leader: sid } });
  }

  readonly sid: number;

  constructor(options: PeerOptions) {
    super(options);
    this.sid = options.sid;
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

/** Answers its own clients' syncs without asking whether it still leads. */
export class HastySync extends LyingPeer {
  #tags: number[] = [];

  override step(event: ZabEvent): void {
    if (event.type !== 'sync' || event.link !== null) return super.step(event);
    this.#tags.push(event.tag);
  }

  override takeEffects(): ZabEffect[] {
    const done = this.#tags.map((tag): ZabEffect => ({ type: 'syncDone', tag }));
    this.#tags = [];
    return [...this.inner.takeEffects(), ...done];
  }
}

/** Hands one transaction in fifty to the tree twice. */
class DoubleDelivery extends LyingPeer {
  #count = 0;

  override takeEffects(): ZabEffect[] {
    return this.inner.takeEffects().flatMap((effect) => {
      const isDoubled = effect.type === 'deliver' && (this.#count += 1) % 50 === 0;
      return isDoubled ? [effect, effect] : [effect];
    });
  }
}

/** A leader that is cut off goes on logging, and comes back to others who know nothing of it. */
export function leaderWithTail(ensemble: SimEnsemble): void {
  ensemble.settle(5_000);
  ensemble.run(300);
  const leader = ensemble.leader() ?? 1;
  for (const client of ensemble.clients) client.stop();
  const client = ensemble.client('tail', [ensemble.hostOf(leader)], 6_000);
  ensemble.world.runUntil(() => client.isOpen, 2_000);
  for (const sid of ensemble.sids) {
    if (sid !== leader) ensemble.network.cutBoth(ensemble.hostOf(leader), ensemble.hostOf(sid));
  }
  for (let count = 0; count < 5; count += 1) client.call(create(`/tail-${count}`, 'x'));
  ensemble.run(2_000);
  client.stop();
  ensemble.network.healAll();
  ensemble.settle(10_000);
}

function peers(make: (options: PeerOptions) => ZabPeer): () => ServerParts {
  return () => ({ createPeer: make });
}

/** Opens the real storage and changes what one of its methods does. */
function storages(change: (storage: ReturnType<typeof openStorage>) => void): () => ServerParts {
  return () => ({
    openStorage: (options, disk) => {
      const storage = openStorage(options, disk);
      change(storage);
      return storage;
    },
  });
}

export const mutants: readonly Mutant[] = [
  {
    name: 'acknowledges before the disk confirms',
    symptom: /^Z12 /,
    showsOutside: true,
    parts: peers((o) => new EagerDisk(o)),
  },
  {
    name: 'commits below a quorum',
    symptom: /^Z8 /,
    showsOutside: true,
    parts: peers((o) => new LonelyQuorum(o)),
  },
  {
    name: 'accepts an epoch older than its promise',
    symptom: /^Z11 /,
    showsOutside: false,
    parts: peers((o) => new ForgetfulFollower(o)),
  },
  {
    name: 'does not cut its log',
    symptom: /^Z/,
    showsOutside: true,
    script: leaderWithTail,
    parts: peers((o) => new UncutLog(o)),
  },
  {
    name: 'keeps the leader’s snapshot in memory',
    symptom: /^Z/,
    showsOutside: true,
    parts: peers((o) => new MemorySnapshot(o)),
  },
  {
    name: 'delivers what is not committed',
    symptom: /^Z/,
    showsOutside: true,
    parts: peers((o) => new EagerDelivery(o)),
  },
  {
    name: 'loses a transaction on the way to the tree',
    symptom: /^Z|^C/,
    showsOutside: true,
    parts: peers((o) => new LeakyDelivery(o)),
  },
  {
    name: 'delivers out of order',
    symptom: /^Z4 |^Z6 /,
    showsOutside: true,
    parts: peers((o) => new SwappedDelivery(o)),
  },
  {
    name: 'counts an epoch as stored that is not',
    symptom: /^Z1[13] /,
    showsOutside: false,
    parts: peers((o) => new EagerEpoch(o)),
  },
  {
    name: 'delivers a transaction twice',
    symptom: /^Z6 /,
    showsOutside: true,
    parts: peers((o) => new DoubleDelivery(o)),
  },
  {
    name: 'takes every vote as one for itself',
    symptom: /^L2 /,
    showsOutside: true,
    parts: peers((o) => new SelfElected(o)),
  },
  {
    name: 'has a disk that answers fsync without doing it',
    symptom: /^L2 |^Z8 /,
    showsOutside: true,
    prepare: (ensemble) => {
      for (const sid of ensemble.sids) ensemble.disk(sid).faults.lies = true;
    },
  },
  {
    name: 'does not sync its log',
    symptom: /^L2 |^Z8 /,
    showsOutside: false,
    parts: () => ({
      openStorage: (options, disk) => openStorage({ ...options, forceSync: false }, disk),
    }),
  },
  {
    name: 'stores no epoch',
    symptom: /^L2 |^Z11 /,
    showsOutside: true,
    parts: storages((storage) => {
      storage.storeEpoch = (_which, _epoch, done) => done();
    }),
  },
  {
    name: 'recovers without its newest transaction',
    symptom: /^Z8 /,
    showsOutside: true,
    parts: storages((storage) => {
      const recover = storage.recover.bind(storage);
      storage.recover = (target, count) => {
        const held: Proposal[] = [];
        const recovered = recover(
          {
            beginSnapshot: () => target.beginSnapshot(),
            endSnapshot: (zxid, digest) => target.endSnapshot(zxid, digest),
            reset: () => target.reset(),
            replay: (entry) => {
              held.push(entry);
              const before = held.length > 1 ? held.shift() : undefined;
              if (before !== undefined) target.replay(before);
            },
            snapshotSource: () => target.snapshotSource(),
          },
          count,
        );
        const last = recovered.recentLog.at(-2)?.zxid;
        if (last === undefined || held.length === 0) return recovered;
        return { ...recovered, lastZxid: last, recentLog: recovered.recentLog.slice(0, -1) };
      };
    }),
  },
];
