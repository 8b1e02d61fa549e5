import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counterOf, epochOf, zxidOf, zxidZero, type Zxid } from '../../server/protocol/zxid.ts';
import { listSnapshots } from '../../server/storage/snapshot-store.ts';
import { Bench, entry, ListTree, sourceOf, versionDir } from './fixtures.ts';
import { Crash, MemoryDisk } from './memory-disk.ts';

// Goal: no mixture of appends, snapshots, truncations, replacements, purges and power losses makes
// storage forget what it confirmed, invent what it was not given, or refuse to start.
// Method: seeded scripts of hundreds of steps against a list; after each crash the disk's history
// must lie between what was confirmed and what was asked for.

/** Numbers in [0, 1) that a seed fixes. */
function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Storm {
  readonly #disk = new MemoryDisk();
  readonly #chance: () => number;
  #bench: Bench;
  /** What the leader gave, all of it. */
  #given: Zxid[] = [];
  /** Of these so many are confirmed. */
  #confirmedCount = 0;
  /** Histories that a crash in the middle of an act may leave, beside what is given. */
  #also: { readonly history: readonly Zxid[]; readonly countMin: number }[] = [];

  constructor(seed: number) {
    this.#chance = chances(seed);
    this.#bench = this.#open();
  }

  step(): void {
    try {
      this.#act();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
    if (!this.#isOff) assert.deepEqual(this.#bench.failures, []);
    if (this.#isOff || this.#chance() < 0.03) this.#crash();
  }

  finish(): void {
    this.#disk.crashAt = Infinity;
    this.#settle();
    this.#crash();
  }

  #act(): void {
    const what = this.#chance();
    if (this.#chance() < 0.1) this.#disk.crashAt = this.#disk.actCount + this.#below(30);
    if (what < 0.6) return this.#append();
    if (what < 0.7) return this.#settle();
    if (what < 0.8) return this.#snapshot();
    if (what < 0.86) return this.#truncate();
    if (what < 0.9) return this.#replace();
    if (what < 0.95) return void this.#bench.storage.purge(3);
    this.#disk.runOne();
    this.#bench.runDeferred();
  }

  #append(): void {
    for (let count = 1 + this.#below(6); count > 0; count -= 1) {
      const last = this.#given.at(-1) ?? zxidZero;
      const isNewEpoch = this.#chance() < 0.05;
      const next = isNewEpoch ? zxidOf(epochOf(last) + 1, 1) : ((last + 1) as Zxid);
      this.#given.push(next);
      this.#bench.storage.append(entry(epochOf(next), counterOf(next), 32 + this.#below(900)));
    }
    if (this.#chance() < 0.8) this.#bench.storage.flush();
  }

  #snapshot(): void {
    // Delivered may be ahead of the own log, never ahead of what was given.
    const applied = this.#given.slice(0, this.#confirmedCount);
    this.#bench.storage.writeSnapshot(sourceOf(applied), { replaceHistory: false }, () => {});
  }

  #truncate(): void {
    this.#settle();
    const keep = this.#given.length - this.#below(5);
    const oldest = Math.min(...listSnapshots(this.#disk, versionDir).map((file) => file.zxid));
    const target = this.#given[keep - 1];
    // What leads there is kept, unless all of the newest snapshots were taken behind it.
    if (target === undefined || target < oldest) return;
    const whole = [...this.#given];
    this.#also = [{ history: whole, countMin: keep }];
    this.#given.length = keep;
    this.#confirmedCount = keep;
    this.#bench.storage.truncate(target, () => {
      this.#also = [];
    });
    this.#settle();
  }

  #replace(): void {
    this.#settle();
    const before = [...this.#given];
    const shared = this.#given.slice(0, this.#given.length - this.#below(4));
    const last = this.#given.at(-1) ?? zxidZero;
    const epoch = epochOf(last) + 1;
    const theirs = [...shared, ...[1, 2, 3].map((counter) => zxidOf(epoch, counter))];
    this.#also = [{ history: before, countMin: shared.length }];
    this.#given = theirs;
    this.#confirmedCount = shared.length;
    this.#bench.storage.writeSnapshot(sourceOf(theirs), { replaceHistory: true }, () => {
      this.#confirmedCount = theirs.length;
      this.#also = [];
    });
    this.#settle();
  }

  #settle(): void {
    this.#bench.storage.flush();
    while (this.#disk.pending.length + this.#bench.deferred.length > 0) {
      this.#disk.run();
      this.#bench.runDeferred();
    }
    if (this.#isOff) throw new Crash();
  }

  /** A power loss inside an act looks like the disk's error to it; nothing runs after it. */
  get #isOff(): boolean {
    return this.#disk.actCount >= this.#disk.crashAt;
  }

  #crash(): void {
    const kind = this.#chance();
    const keeps = kind < 0.3 ? 0 : kind < 0.5 ? 1 : 0.5;
    this.#disk.crash(() => this.#chance() < keeps);
    const tree = new ListTree();
    this.#bench = this.#open(tree);
    const found = tree.applied;
    const may = [{ history: this.#given, countMin: this.#confirmedCount }, ...this.#also];
    const fits = may.some(
      ({ history, countMin }) =>
        found.length >= countMin && found.every((zxid, index) => history[index] === zxid),
    );
    assert(
      fits,
      `found ${found.length}, confirmed ${this.#confirmedCount} of ${this.#given.length}`,
    );
    this.#given = found;
    this.#confirmedCount = found.length;
    this.#also = [];
  }

  #open(tree: ListTree = new ListTree()): Bench {
    const bench = new Bench(this.#disk);
    bench.storage.recover(tree, 10);
    bench.storage.onDurable = (zxid) => {
      const index = this.#given.indexOf(zxid);
      assert(index >= 0, 'only what was given is confirmed');
      this.#confirmedCount = Math.max(this.#confirmedCount, index + 1);
    };
    return bench;
  }

  #below(limit: number): number {
    return Math.floor(this.#chance() * limit);
  }
}

for (let seed = 1; seed <= 60; seed += 1) {
  test(`nothing confirmed is lost (seed ${seed})`, () => {
    const storm = new Storm(seed);
    for (let step = 0; step < 300; step += 1) storm.step();
    storm.finish();
  });
}
