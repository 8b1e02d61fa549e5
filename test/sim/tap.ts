import type { ZabPeer, ZabView } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import type { ZabEvent } from '../../server/zab/events.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type {
  LogEntry,
  RecoveryTarget,
  SnapshotSink,
  SnapshotSource,
  Storage,
} from '../../server/storage/door.ts';
import type { HistoryEntry } from './checkers/member-ghost.ts';
import type { ZabChecker } from './checkers/zab-checker.ts';
import { hashOfBytes } from './prng.ts';

/** What a peer is told, or asks for, at the moment when it does. */
export interface Sight {
  readonly event?: (sid: number, event: ZabEvent) => void;
  readonly effect?: (sid: number, effect: ZabEffect) => void;
}

/** Stands between a server and its peer and shows everything that passes. */
export class TappedPeer implements ZabPeer {
  readonly #inner: ZabPeer;
  readonly #sight: Sight;
  readonly #sid: number;

  constructor(inner: ZabPeer, sight: Sight, sid: number) {
    this.#inner = inner;
    this.#sight = sight;
    this.#sid = sid;
  }

  step(event: ZabEvent): void {
    this.#sight.event?.(this.#sid, event);
    this.#inner.step(event);
  }

  takeEffects(): ZabEffect[] {
    const effects = this.#inner.takeEffects();
    for (const effect of effects) this.#sight.effect?.(this.#sid, effect);
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

/** Shows the checker what the first recovery of a process finds. */
export function tapStorage(storage: Storage, checker: ZabChecker, sid: number): Storage {
  const recover = storage.recover.bind(storage);
  const close = storage.close.bind(storage);
  storage.close = (done) => {
    checker.ended(sid);
    close(done);
  };
  storage.recover = (target, recentLogCount) => {
    // Later recoveries reload the tree; the first is the process's beginning.
    storage.recover = recover;
    const tap = new TappedRecovery(target);
    const recovered = recover(tap, recentLogCount);
    checker.recovered(sid, {
      snapshotZxid: tap.snapshotZxid,
      entries: tap.entries,
      lastZxid: recovered.lastZxid,
      lack: recovered.lack,
      acceptedEpoch: recovered.acceptedEpoch ?? 0,
      currentEpoch: recovered.currentEpoch ?? 0,
    });
    return recovered;
  };
  return storage;
}

class TappedRecovery implements RecoveryTarget {
  snapshotZxid = 0;
  entries: HistoryEntry[] = [];
  readonly #inner: RecoveryTarget;

  constructor(inner: RecoveryTarget) {
    this.#inner = inner;
  }

  beginSnapshot(): SnapshotSink {
    return this.#inner.beginSnapshot();
  }

  endSnapshot(zxid: Zxid, digest: { readonly zxid: Zxid; readonly digest: bigint } | null): void {
    this.snapshotZxid = zxid;
    this.entries = [];
    this.#inner.endSnapshot(zxid, digest);
  }

  reset(): void {
    this.snapshotZxid = 0;
    this.entries = [];
    this.#inner.reset();
  }

  replay(entry: LogEntry): void {
    this.entries.push({ zxid: entry.zxid, hash: hashOfBytes(entry.bytes) });
    this.#inner.replay(entry);
  }

  snapshotSource(): SnapshotSource {
    return this.#inner.snapshotSource();
  }
}
