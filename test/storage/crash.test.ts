import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidOf, type Zxid } from '../../server/protocol/zxid.ts';
import { Bench, entry, ListTree, recovered, sourceOf, versionDir } from './fixtures.ts';
import { Crash, MemoryDisk, type Keep } from './memory-disk.ts';

// Goal: power loss at any moment, keeping any sectors of what was not synced, loses nothing that was
// confirmed and invents nothing; every state it leaves starts.
// Method: one script for each act of storage; it is cut before each single act of the disk, and
// what was not synced survives by none, all, or by many seeds of chance.

const zxids = (epoch: number, from: number, to: number): Zxid[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => zxidOf(epoch, from + index));

/** Small, seeded, good enough to choose sectors. */
function chance(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e3779b9) >>> 0;
    return state / 2 ** 32;
  };
}

function keepsOf(seed: number): Keep {
  if (seed === 0) return () => false;
  if (seed === 1) return () => true;
  const next = chance(seed);
  return () => next() < 0.5;
}

interface Run {
  readonly disk: MemoryDisk;
  bench: Bench;
  /** What storage said is done, in order. */
  readonly done: string[];
}

function settle(run: Run): void {
  while (run.disk.pending.length > 0 || run.bench.deferred.length > 0) {
    run.disk.run();
    run.bench.runDeferred();
  }
}

function append(run: Run, epoch: number, from: number, to: number, bytes: number): void {
  for (let counter = from; counter <= to; counter += 1) {
    run.bench.storage.append(entry(epoch, counter, bytes));
    if (counter % 3 === 0) run.bench.storage.flush();
  }
  run.bench.storage.flush();
  settle(run);
}

/**
 * Runs the script with a crash before each act of the disk in turn, from the first after `prepare`
 * to beyond the last, and checks what a restart finds.
 */
function crashEverywhere(
  prepare: (run: Run) => void,
  script: (run: Run) => void,
  check: (found: readonly Zxid[], run: Run, where: string) => void,
): void {
  let isOver = false;
  for (let cut = 1; !isOver; cut += 1) {
    for (let seed = 0; seed < 8; seed += 1) {
      const disk = new MemoryDisk();
      const run: Run = { disk, bench: recovered(disk).bench, done: [] };
      prepare(run);
      disk.crashAt = disk.actCount + cut;
      try {
        script(run);
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
      isOver = disk.actCount < disk.crashAt;
      const confirmed = run.bench;
      disk.crash(keepsOf(seed < 2 ? seed : cut * 8 + seed));
      const where = `before act ${cut}, seed ${seed}`;
      const found = start(disk, where);
      check(found, { ...run, bench: confirmed }, where);
      // A second power loss, right after the start, changes nothing.
      disk.crash();
      assert.deepEqual(start(disk, where), found, `${where}, started twice`);
    }
  }
}

function start(disk: MemoryDisk, where: string): readonly Zxid[] {
  try {
    const tree = new ListTree();
    new Bench(disk).storage.recover(tree, 0);
    return tree.applied;
  } catch (error) {
    throw new Error(`refused to start ${where}`, { cause: error });
  }
}

function isPrefix(found: readonly Zxid[], whole: readonly Zxid[]): boolean {
  return found.every((zxid, index) => whole[index] === zxid);
}

for (const bytes of [40, 300, 1500]) {
  test(`appending entries of ${bytes} bytes: every confirmed one is there, in order`, () => {
    crashEverywhere(
      () => {},
      (run) => append(run, 1, 1, 20, bytes),
      (found, run, where) => {
        assert(isPrefix(found, zxids(1, 1, 20)), where);
        assert(found.length >= run.bench.durable.length, where);
        const last = run.bench.durable.at(-1);
        assert(last === undefined || found.includes(last), `${where}: ${last} was confirmed`);
      },
    );
  });
}

test('etcd-14685: a snapshot while writes go on: the same', () => {
  crashEverywhere(
    (run) => append(run, 1, 1, 4, 300),
    (run) => {
      run.bench.storage.append(entry(1, 5, 300));
      run.bench.storage.flush();
      run.bench.storage.writeSnapshot(sourceOf(zxids(1, 1, 5)), { replaceHistory: false }, () =>
        run.done.push('snapshot'),
      );
      run.disk.runOne();
      append(run, 1, 6, 12, 300);
      run.bench.storage.purge(3);
      append(run, 1, 13, 14, 300);
    },
    (found, run, where) => {
      assert(isPrefix(found, zxids(1, 1, 14)), where);
      const last = run.bench.durable.at(-1);
      assert(last !== undefined && found.includes(last), `${where}: ${last} was confirmed`);
    },
  );
});

test('a restart after a crash, and a crash of that: the same', () => {
  crashEverywhere(
    (run) => append(run, 1, 1, 4, 300),
    (run) => {
      run.bench.storage.append(entry(1, 5, 700));
      run.bench.storage.append(entry(1, 6, 700));
      run.bench.storage.flush();
      run.disk.runOne();
      run.disk.pending.length = 0;
      const next = recovered(run.disk).bench;
      next.durable.push(...run.bench.durable);
      run.bench = next;
      append(run, 2, 1, 3, 300);
    },
    (found, run, where) => {
      assert(found.length >= 4, where);
      const isOld = isPrefix(found, zxids(1, 1, 6));
      const isNew = isPrefix(found, [...zxids(1, 1, 6), ...zxids(2, 1, 3)]);
      assert(isOld || isNew, where);
      const last = run.bench.durable.at(-1);
      assert(last !== undefined && found.includes(last), where);
    },
  );
});

test('a truncation: all before it is there, and once confirmed nothing behind it', () => {
  crashEverywhere(
    (run) => {
      append(run, 1, 1, 4, 300);
      run.bench.storage.writeSnapshot(
        sourceOf(zxids(1, 1, 4)),
        { replaceHistory: false },
        () => {},
      );
      settle(run);
      append(run, 1, 5, 8, 300);
      run.bench.storage.writeSnapshot(
        sourceOf(zxids(1, 1, 8)),
        { replaceHistory: false },
        () => {},
      );
      settle(run);
      append(run, 1, 9, 10, 300);
    },
    (run) => {
      run.bench.storage.truncate(zxidOf(1, 6), () => run.done.push('truncated'));
      settle(run);
      if (run.done.length > 0) append(run, 2, 1, 2, 300);
    },
    (found, run, where) => {
      if (run.done.length === 0) {
        assert(isPrefix(found, zxids(1, 1, 10)) && found.length >= 6, where);
      } else {
        assert(isPrefix(found, [...zxids(1, 1, 6), ...zxids(2, 1, 2)]) && found.length >= 6, where);
      }
    },
  );
});

test("a leader's snapshot: the old history up to it, or the new one; once confirmed the new one", () => {
  // The leader's history has other transactions from 1.9 on: ours ends with what was never committed.
  const theirs = [...zxids(1, 1, 8), ...zxids(2, 1, 3)];
  crashEverywhere(
    (run) => {
      append(run, 1, 1, 4, 300);
      run.bench.storage.writeSnapshot(
        sourceOf(zxids(1, 1, 4)),
        { replaceHistory: false },
        () => {},
      );
      settle(run);
      append(run, 1, 5, 10, 300);
    },
    (run) => {
      run.bench.storage.writeSnapshot(sourceOf(theirs), { replaceHistory: true }, () =>
        run.done.push('installed'),
      );
      settle(run);
      if (run.done.length > 0) append(run, 2, 4, 5, 300);
    },
    (found, run, where) => {
      const isOld = isPrefix(found, zxids(1, 1, 10)) && found.length === 10;
      const isNew = isPrefix(found, [...theirs, ...zxids(2, 4, 5)]) && found.length >= 11;
      assert(run.done.length === 0 ? isOld || isNew : isNew, `${where}: ${found.join(' ')}`);
      // Left beside the new history, the old log could be read for a learner.
      const oldLogs = run.disk.list(versionDir).filter((name) => name.startsWith('log.1'));
      assert.equal(oldLogs.length > 0, isOld, where);
    },
  );
});

test("a leader's snapshot below the own end: never less than the leader has", () => {
  crashEverywhere(
    (run) => {
      append(run, 1, 1, 4, 300);
      run.bench.storage.writeSnapshot(
        sourceOf(zxids(1, 1, 4)),
        { replaceHistory: false },
        () => {},
      );
      settle(run);
      append(run, 1, 5, 10, 300);
    },
    (run) => {
      const source = sourceOf(zxids(1, 1, 8));
      run.bench.storage.writeSnapshot(source, { replaceHistory: true }, () =>
        run.done.push('done'),
      );
      settle(run);
    },
    (found, run, where) => {
      assert(isPrefix(found, zxids(1, 1, 10)) && found.length >= 8, where);
      if (run.done.length > 0) assert.equal(found.length, 8, where);
    },
  );
});

test('a first start: the next one finds an empty database, never a refusal', () => {
  for (let cut = 1; cut < 20; cut += 1) {
    const disk = new MemoryDisk();
    disk.crashAt = cut;
    assert.doesNotThrow(() => {
      try {
        recovered(disk, { isStandalone: false });
      } catch (error) {
        const isCrash = error instanceof Crash || (error as Error).message.includes('Crash');
        const hasCause = (error as Error).cause instanceof Crash;
        if (!isCrash && !hasCause) throw error;
      }
    });
    disk.crash();
    const { result } = recovered(disk, { isStandalone: false });
    assert.deepEqual([result.lastZxid, result.acceptedEpoch, result.currentEpoch], [0, 0, 0]);
  }
});
