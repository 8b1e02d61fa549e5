import { PacketType } from '../../../server/protocol/packet-type.ts';
import type { ZabEffect } from '../../../server/zab/effects.ts';
import type { LinkId, ZabEvent } from '../../../server/zab/events.ts';
import { StreamedTree } from '../../../server/shell/history.ts';
import { History } from '../../../server/zab/history.ts';
import { LyingPeer, patched, peers, storages } from './mutant.ts';
import { lostAndFound } from './client-scripts.ts';
import type { Mutant, Undo } from './mutant.ts';
import { busySynchronization, leaderWithTail } from './scripts.ts';

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

/** Gives its disk every append a little later; what waits when its leader is lost is held otherwise. */
abstract class SlowLogger extends LyingPeer {
  #held: ZabEffect[] = [];
  #dueMs = Infinity;

  /** What waits, as the disk is to get it, if at all. */
  protected abstract atTheEnd(held: readonly ZabEffect[]): readonly ZabEffect[];

  override nextDeadlineMs(): number {
    return Math.min(this.#dueMs, super.nextDeadlineMs());
  }

  override takeEffects(): ZabEffect[] {
    const result: ZabEffect[] = [];
    if (this.nowMs >= this.#dueMs) this.#release(result);
    for (const effect of this.inner.takeEffects()) {
      if (effect.type === 'append') {
        if (this.#held.length === 0) this.#dueMs = this.nowMs + 3;
        this.#held.push(effect);
        continue;
      }
      if (effect.type === 'truncate' || effect.type === 'installSnapshot') this.#release(result);
      if (effect.type === 'roleChanged' && effect.role === 'looking') this.#forget();
      result.push(effect);
    }
    return result;
  }

  #release(result: ZabEffect[]): void {
    result.push(...this.#held.splice(0));
    this.#dueMs = Infinity;
  }

  #forget(): void {
    const held = this.#held.splice(0);
    for (const effect of held) {
      if (effect.type !== 'append') continue;
      this.inner.step({ type: 'durable', zxid: effect.proposal.zxid, nowMs: this.nowMs });
    }
    this.#held = [...this.atTheEnd(held)];
    this.#dueMs = this.#held.length === 0 ? Infinity : this.nowMs + 80;
  }
}

class ThrownAway extends SlowLogger {
  protected override atTheEnd(): readonly ZabEffect[] {
    return [];
  }
}

class Afterwards extends SlowLogger {
  protected override atTheEnd(held: readonly ZabEffect[]): readonly ZabEffect[] {
    return held;
  }
}

/** Leaves its leader when something is committed between NEWLEADER and UPTODATE. */
class FragileSync extends LyingPeer {
  #isSettling = false;

  override step(event: ZabEvent): void {
    if (event.type === 'leaderPacket') {
      const type: number = event.packet.type;
      if (type === PacketType.NEWLEADER) this.#isSettling = true;
      if (type === PacketType.UPTODATE) this.#isSettling = false;
      if (type === PacketType.COMMIT && this.#isSettling) {
        this.#isSettling = false;
        return super.step({ type: 'leaderClosed', reason: 'COMMIT too early', nowMs: event.nowMs });
      }
    } else if (event.type === 'leaderClosed') this.#isSettling = false;
    super.step(event);
  }
}

/** Sends a learner its tree, and forgets what was committed while it did. */
class TreeAlone extends LyingPeer {
  readonly #streaming = new Set<LinkId>();

  override takeEffects(): ZabEffect[] {
    return this.inner.takeEffects().filter((effect) => {
      if (effect.type === 'sendSnapshot') this.#streaming.add(effect.link);
      if (effect.type !== 'send') return true;
      const [link = -1] = effect.links;
      if (effect.packet.type === PacketType.NEWLEADER) this.#streaming.delete(link);
      const type: number = effect.packet.type;
      const isHistory = type === PacketType.PROPOSAL || type === PacketType.COMMIT;
      return !(isHistory && effect.links.length === 1 && this.#streaming.has(link));
    });
  }
}

/** Reads its log for a learner, and skips a part. */
function holes(): NonNullable<Mutant['parts']> {
  return storages((storage) => {
    const readLog = storage.readLog.bind(storage);
    storage.readLog = (from) => {
      const entries = readLog(from);
      if (entries === null || entries.length < 4) return entries;
      return entries.filter((_, index) => index !== entries.length >> 1);
    };
  });
}

/** A tree counts as whole once some of it is there, if it is the end of what came. */
function halfTrees(): readonly Undo[] {
  const isHalf = new WeakSet<StreamedTree>();
  const { prototype } = StreamedTree;
  const whole = Object.getOwnPropertyDescriptor(prototype, 'isComplete');
  if (whole?.get === undefined) throw new Error('a streamed tree knows when it is complete');
  Object.defineProperty(prototype, 'isComplete', {
    ...whole,
    get(this: StreamedTree): boolean {
      return isHalf.has(this) || whole.get?.call(this) === true;
    },
  });
  return [
    () => Object.defineProperty(prototype, 'isComplete', whole),
    patched(prototype, 'push', (original) => {
      return function (this: StreamedTree, chunk: Buffer): number {
        const taken = original.call(this, chunk);
        if (taken === chunk.length && chunk.length > 10_000) isHalf.add(this);
        return taken;
      };
    }),
  ];
}

/** How members are brought level: DIFF, TRUNC, SNAP, and what is thrown away on the way. */
export const synchronizationMutants: readonly Mutant[] = [
  {
    name: 'does not cut its log',
    kin: '5094',
    symptom: /^Z/,
    showsOutside: true,
    script: leaderWithTail,
    parts: peers((o) => new UncutLog(o)),
  },
  {
    name: 'takes a cut that failed for done',
    kin: '3701',
    symptom: /^Z/,
    script: leaderWithTail,
    parts: storages((storage) => {
      storage.truncate = (_zxid, done) => done(true);
    }),
  },
  {
    name: 'cuts one transaction too much',
    kin: '1154 1489',
    symptom: /^Z/,
    script: leaderWithTail,
    parts: storages((storage) => {
      const truncate = storage.truncate.bind(storage);
      storage.truncate = (zxid, done) => truncate((zxid - 1) as typeof zxid, done);
    }),
  },
  {
    name: 'keeps the leader’s snapshot in memory',
    kin: '3642',
    symptom: /^Z/,
    showsOutside: true,
    parts: peers((o) => new MemorySnapshot(o)),
  },
  {
    name: 'throws away what waits for the disk when its leader is lost',
    kin: '4785',
    symptom: /^Z1[56] /,
    script: lostAndFound,
    parts: peers((o) => new ThrownAway(o)),
  },
  {
    name: 'writes for a leader that it has lost',
    kin: '4712 4541',
    symptom: /^Z1[56] /,
    script: lostAndFound,
    parts: peers((o) => new Afterwards(o)),
  },
  {
    name: 'drops out when a commit comes while it is synchronized',
    kin: '4394',
    symptom: /^L2 /,
    script: busySynchronization,
    parts: peers((o) => new FragileSync(o)),
  },
  {
    name: 'leaves a hole in what it sends a learner',
    kin: '4352',
    symptom: /^Z16 |^L2 /,
    options: { config: { commitLogCount: 10, snapshotSizeFactor: 1_000 } },
    parts: holes(),
  },
  {
    name: 'leaves a hole, and takes one in',
    kin: '4925',
    symptom: /^Z16 |^Z4 /,
    options: { config: { commitLogCount: 10, snapshotSizeFactor: 1_000 } },
    parts: holes(),
    patch: () => [patched(History.prototype, 'follows', () => () => true)],
  },
  {
    name: 'takes half of a streamed tree for the whole',
    kin: '2872',
    symptom: /^C6 |^T8 |^L2 |^Z/,
    options: { workload: { valueBytesMax: 40_000 } },
    patch: halfTrees,
  },
  {
    name: 'forgets what is committed while it streams its tree',
    kin: '3104',
    symptom: /^Z16 |^Z13 |^L2 /,
    parts: peers((o) => new TreeAlone(o)),
  },
];
