import { Snapshots } from '../../../server/shell/snapshots.ts';
import type { Zxid } from '../../../server/protocol/zxid.ts';
import type { ZabEffect } from '../../../server/zab/effects.ts';
import { LyingPeer, patched, peers } from './mutant.ts';
import type { Mutant } from './mutant.ts';
import { leaderWithTail } from './scripts.ts';

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

/** Takes over an election what it has logged and nobody has committed. */
class KeptTail extends LyingPeer {
  readonly #tail = new Map<Zxid, ZabEffect>();
  readonly #early = new Set<Zxid>();

  override takeEffects(): ZabEffect[] {
    const result: ZabEffect[] = [];
    for (const effect of this.inner.takeEffects()) {
      if (effect.type === 'append') {
        const { proposal } = effect;
        this.#tail.set(proposal.zxid, { type: 'deliver', proposal });
      } else if (effect.type === 'deliver') {
        this.#tail.delete(effect.proposal.zxid);
        if (this.#early.delete(effect.proposal.zxid)) continue;
      } else if (effect.type === 'roleChanged' && effect.role === 'looking') {
        for (const zxid of this.#tail.keys()) this.#early.add(zxid);
        result.push(...this.#tail.values());
        this.#tail.clear();
      }
      result.push(effect);
    }
    return result;
  }
}

/** The committed history on its way to the tree. */
export const deliveryMutants: readonly Mutant[] = [
  {
    name: 'delivers what is not committed',
    kin: '3911',
    symptom: /^Z/,
    showsOutside: true,
    parts: peers((o) => new EagerDelivery(o)),
  },
  {
    name: 'loses a transaction on the way to the tree',
    kin: '',
    symptom: /^Z|^C/,
    showsOutside: true,
    parts: peers((o) => new LeakyDelivery(o)),
  },
  {
    name: 'delivers out of order',
    kin: '',
    symptom: /^Z4 |^Z6 /,
    showsOutside: true,
    parts: peers((o) => new SwappedDelivery(o)),
  },
  {
    name: 'delivers a transaction twice',
    kin: '',
    symptom: /^Z6 /,
    showsOutside: true,
    parts: peers((o) => new DoubleDelivery(o)),
  },
  {
    name: 'keeps in its tree what nobody committed',
    kin: '2845',
    symptom: /^Z|^C|^T8 /,
    script: leaderWithTail,
    parts: peers((o) => new KeptTail(o)),
    patch: () => [patched(Snapshots.prototype, 'reload', () => () => undefined)],
  },
];
