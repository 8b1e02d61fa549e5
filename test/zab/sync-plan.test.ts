import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { counterOf, epochOf, zxidHex, zxidOf, zxidZero } from '../../server/protocol/zxid.ts';
import type { Proposal } from '../../server/zab/events.ts';
import type { SyncPlan, SyncSource } from '../../server/zab/sync-plan.ts';
import { planSync } from '../../server/zab/sync-plan.ts';

// Goal: whatever a learner has, the plan leaves it with the leader's history, without a hole, and
// no TRUNC crosses an epoch.
// Method: random histories that branch off anywhere; the plan is carried out on plain arrays.

/** Epochs with that many transactions each, as one history. */
function historyOf(counts: readonly number[]): Zxid[] {
  return counts.flatMap((count, at) =>
    Array.from({ length: count }, (_, index) => zxidOf(at + 1, index + 1)),
  );
}

function proposals(zxids: readonly Zxid[]): Proposal[] {
  return zxids.map((zxid) => ({ zxid, bytes: new Uint8Array(0) }));
}

function sourceOf(kept: readonly Proposal[], last: Zxid): SyncSource {
  return {
    count: kept.length,
    last,
    at(index) {
      const entry = kept[index];
      assert(entry !== undefined);
      return entry;
    },
  };
}

/** The learner's log after the plan; a snapshot at `last` stands for the whole history. */
function carryOut(
  plan: SyncPlan,
  learner: readonly Zxid[],
  leader: {
    readonly all: readonly Zxid[];
    readonly kept: readonly Zxid[];
    readonly disk: readonly Zxid[];
  },
): Zxid[] {
  assert(plan.how !== 'readLog', 'the disk was asked already');
  if (plan.how === 'snap') return [...leader.all];
  const log = plan.how === 'diff' ? [...learner] : learner.filter((zxid) => zxid <= plan.zxid);
  if (plan.how === 'trunc') {
    const peer = learner.at(-1) ?? zxidZero;
    assert.equal(epochOf(plan.zxid), epochOf(peer), 'TRUNC stays inside an epoch');
    assert(plan.zxid < peer, 'TRUNC cuts something');
  }
  const { diskFrom, diskEnd, memoryFrom } = plan.send;
  log.push(...leader.disk.slice(diskFrom, diskEnd), ...leader.kept.slice(memoryFrom));
  return log;
}

const counts = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 });

test('ZOOKEEPER-4352: the learner ends up with the history of the leader', () => {
  const hows = new Set<string>();
  fc.assert(
    fc.property(
      fc.record({
        counts,
        branchAt: fc.nat(30),
        ownTail: fc.nat(4),
        keptCount: fc.integer({ min: 0, max: 12 }),
        diskCount: fc.nat(30),
        isEpochOpen: fc.boolean(),
      }),
      ({ counts: epochs, branchAt, ownTail, keptCount, diskCount, isEpochOpen }) => {
        const all = historyOf(epochs);
        const common = all.slice(0, branchAt);
        const learner = [...common];
        // What the learner logged as a follower or leader that nobody else heard of.
        const from = common.at(-1) ?? zxidOf(1, 0);
        const isDiverging =
          all[common.length] !== undefined && epochOf(all[common.length] ?? from) === epochOf(from);
        if (!isDiverging) {
          for (let tail = 1; tail <= ownTail; tail += 1) {
            learner.push(zxidOf(epochOf(from), counterOf(from) + tail));
          }
        }
        const kept = keptCount === 0 ? [] : all.slice(-keptCount);
        const disk = diskCount === 0 ? [] : all.slice(-diskCount);
        const end = all.at(-1) ?? zxidZero;
        const last = isEpochOpen ? zxidOf(epochs.length + 1, 0) : end;
        const peer = learner.at(-1) ?? zxidZero;
        const source = sourceOf(proposals(kept), last);
        let plan = planSync(peer, source, undefined);
        const at = disk.findLastIndex((zxid) => zxid <= peer);
        const read = disk.slice(Math.max(at, 0));
        if (plan.how === 'readLog') plan = planSync(peer, source, proposals(read));
        hows.add(plan.how);
        const hex = (zxids: readonly Zxid[]): string[] => zxids.map(zxidHex);
        assert.deepEqual(hex(carryOut(plan, learner, { all, kept, disk: read })), hex(all));
      },
    ),
    { numRuns: 5000 },
  );
  assert.deepEqual([...hows].sort(), ['diff', 'snap', 'trunc']);
});

const log = (...parts: (readonly [number, number, number])[]): Proposal[] =>
  proposals(
    parts.flatMap(([epoch, from, to]) =>
      Array.from({ length: to - from + 1 }, (_, index) => zxidOf(epoch, from + index)),
    ),
  );

test('a learner of a later epoch than anything committed gets the tree, not a cut', () => {
  const source = sourceOf(log([1, 1, 9]), zxidOf(1, 9));
  assert.deepEqual(planSync(zxidOf(2, 3), source, undefined), { how: 'snap' });
});

test('a learner whose last transaction falls between two epochs of memory gets the tree', () => {
  const source = sourceOf(log([1, 1, 9], [3, 1, 2]), zxidOf(3, 2));
  assert.deepEqual(planSync(zxidOf(1, 12), source, undefined), { how: 'snap' });
  assert.deepEqual(planSync(zxidOf(2, 1), source, undefined), { how: 'snap' });
});

test("an epoch's own start is level with the transaction before it", () => {
  const source = sourceOf(log([1, 1, 9], [2, 1, 2]), zxidOf(2, 2));
  const plan = planSync(zxidOf(2, 0), source, undefined);
  assert.deepEqual(plan, {
    how: 'diff',
    zxid: zxidOf(2, 2),
    send: { diskFrom: 0, diskEnd: 0, memoryFrom: 9 },
  });
});

test('a log with a hole before memory begins means the whole tree', () => {
  const source = sourceOf(log([1, 8, 9]), zxidOf(1, 9));
  assert.deepEqual(planSync(zxidOf(1, 2), source, log([1, 2, 5])), { how: 'snap' });
  assert.deepEqual(planSync(zxidOf(1, 2), source, log([1, 3, 9])), { how: 'snap' });
  assert.deepEqual(planSync(zxidOf(1, 2), source, []), { how: 'snap' });
  assert.deepEqual(planSync(zxidOf(1, 2), source, null), { how: 'snap' });
  assert.equal(planSync(zxidOf(1, 2), source, log([1, 2, 9])).how, 'diff');
});
