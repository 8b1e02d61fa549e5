import type { ZabPeer, ZabView } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import type { ZabEvent } from '../../server/zab/events.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { ZabChecker } from './checkers/zab-checker.ts';

/** Stands between a server and its peer and shows the checker everything that passes. */
export class TappedPeer implements ZabPeer {
  readonly #inner: ZabPeer;
  readonly #checker: ZabChecker;
  readonly #sid: number;

  constructor(inner: ZabPeer, checker: ZabChecker, sid: number) {
    this.#inner = inner;
    this.#checker = checker;
    this.#sid = sid;
  }

  step(event: ZabEvent): void {
    this.#checker.event(this.#sid, event);
    this.#inner.step(event);
  }

  takeEffects(): ZabEffect[] {
    const effects = this.#inner.takeEffects();
    for (const effect of effects) this.#checker.effect(this.#sid, effect);
    return effects;
  }

  nextDeadlineMs(): number {
    return this.#inner.nextDeadlineMs();
  }

  canPropose(): boolean {
    return this.#inner.canPropose();
  }

  nextZxid(): Zxid {
    return this.#inner.nextZxid();
  }

  view(): ZabView {
    return this.#inner.view();
  }
}
