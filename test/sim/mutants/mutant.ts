import type { Host } from '../../../server/shell/host.ts';
import type { ServerParts } from '../../../server/shell/server.ts';
import type { Disk } from '../../../server/storage/disk.ts';
import { openStorage } from '../../../server/storage/storage.ts';
import type { PeerOptions, ZabPeer, ZabView } from '../../../server/zab/door.ts';
import type { ZabEffect } from '../../../server/zab/effects.ts';
import type { ZabEvent } from '../../../server/zab/events.ts';
import { createPeer } from '../../../server/zab/peer.ts';
import type { Zxid } from '../../../server/protocol/zxid.ts';
import type { EnsembleOptions, SimEnsemble } from '../sim-ensemble.ts';

/** Takes a change back. */
export type Undo = () => void;

/** A planted bug: one safety step of the real server switched off from outside. */
export interface Mutant {
  /** What such a server does. */
  readonly name: string;
  /** Numbers of ZOOKEEPER issues, or of others', of the same kind; empty: none is known. */
  readonly kin: string;
  /** What the checkers say of it. */
  readonly symptom: RegExp;
  /** It also shows where no check looks inside a server. */
  readonly showsOutside?: boolean;
  /** Shows only where members change: what each server's peer is then. */
  readonly changing?: (options: PeerOptions) => ZabPeer;
  /** The stage on which it shows, beyond the seed's own. */
  readonly options?: Partial<EnsembleOptions>;
  readonly parts?: (sid: number, ensemble: SimEnsemble) => ServerParts;
  /** Stands before a server's machine. */
  readonly host?: (sid: number, host: Host) => Host;
  /** Changes methods of the server's own classes, for as long as one run lasts. */
  readonly patch?: () => readonly Undo[];
  /** Prepares the machines. */
  readonly prepare?: (ensemble: SimEnsemble) => void;
  /** What brings it to light, where storms take too long to. */
  readonly script?: (ensemble: SimEnsemble) => void;
}

/** A peer that stands before the real one and lies to it or for it. */
export abstract class LyingPeer implements ZabPeer {
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

export function peers(make: (options: PeerOptions) => ZabPeer): () => ServerParts {
  return () => ({ createPeer: make });
}

/** The real peer, told something else of its surroundings. */
export function optionsOfPeers(change: (options: PeerOptions) => PeerOptions): () => ServerParts {
  return peers((options) => createPeer(change(options)));
}

/** The real peer, some of whose events never happen, or happen otherwise. */
export function eventsOfPeers(change: (event: ZabEvent) => ZabEvent | null): () => ServerParts {
  class ChangedEvents extends LyingPeer {
    override step(event: ZabEvent): void {
      const changed = change(event);
      if (changed !== null) super.step(changed);
    }
  }
  return peers((options) => new ChangedEvents(options));
}

type OpenedStorage = ReturnType<typeof openStorage>;

/** Opens the real storage and changes what one of its methods does. */
export function storages(change: (storage: OpenedStorage, disk: Disk) => void): () => ServerParts {
  return () => ({
    openStorage: (options, disk) => {
      const storage = openStorage(options, disk);
      change(storage, disk);
      return storage;
    },
  });
}

/** Stands before an object and answers some of its methods otherwise. */
export function before<T extends object>(inner: T, changes: Partial<T>): T {
  return new Proxy(inner, {
    get(target, key) {
      if (key in changes) return changes[key as keyof T];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Puts another method, or what a door's factory makes, in place of the real one. */
export function patched<T extends object, K extends keyof T>(
  target: T,
  key: K,
  make: (original: T[K]) => T[K],
): Undo {
  const original = target[key];
  target[key] = make(original);
  return () => {
    target[key] = original;
  };
}

/** The methods that all instances of a class share, though its door shows only a factory. */
export function methodsOf<T extends object>(instance: T): T {
  return Object.getPrototypeOf(instance) as T;
}
