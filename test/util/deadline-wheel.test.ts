import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Deadline } from '../../server/util/deadline-wheel.ts';
import { DeadlineWheel } from '../../server/util/deadline-wheel.ts';

// Goal: nobody is due early, nobody is forgotten, and moving a deadline is free.
// Method: examples at the boundaries, then random commands against a plain map of deadlines.

interface Item extends Deadline {
  readonly name: number;
}

function item(name: number): Item {
  return { name, deadlineMs: 0, bucketMs: -1 };
}

test('an item is due at the first boundary after its time, also when that is a boundary', () => {
  const wheel = new DeadlineWheel<Item>(100);
  const first = item(1);
  wheel.set(first, 1_000);
  assert.equal(wheel.nextMs(), 1_100);
  assert.deepEqual(wheel.expire(1_099), []);
  assert.deepEqual(wheel.expire(1_100), [first]);
  assert.equal(wheel.count, 0);
  assert.equal(wheel.nextMs(), Number.POSITIVE_INFINITY);
});

test('an item can be put in again after it was due or taken out', () => {
  const wheel = new DeadlineWheel<Item>(100);
  const first = item(1);
  wheel.set(first, 50);
  wheel.expire(100);
  wheel.set(first, 250);
  assert.equal(wheel.count, 1);
  wheel.delete(first);
  wheel.delete(first);
  assert.equal(wheel.count, 0);
  assert.deepEqual(wheel.expire(10_000), []);
});

test('any sequence of set, delete and expire behaves as a plain list of deadlines', () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constant('set'), name: fc.nat(5), ms: fc.nat(2_000) }),
    fc.record({ kind: fc.constant('delete'), name: fc.nat(5), ms: fc.constant(0) }),
    fc.record({ kind: fc.constant('expire'), name: fc.constant(0), ms: fc.nat(700) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const wheel = new DeadlineWheel<Item>(100);
      const items = [0, 1, 2, 3, 4, 5].map(item);
      const plain = new Map<number, number>();
      let nowMs = 0;
      for (const { kind, name, ms } of commands) {
        const subject = items[name];
        if (subject === undefined) continue;
        if (kind === 'set') {
          wheel.set(subject, nowMs + ms);
          plain.set(name, Math.floor((nowMs + ms) / 100) * 100 + 100);
        } else if (kind === 'delete') {
          wheel.delete(subject);
          plain.delete(name);
        } else {
          nowMs += ms;
          const due = [...plain].filter(([, deadline]) => deadline <= nowMs).map(([key]) => key);
          for (const key of due) plain.delete(key);
          assert.deepEqual(
            wheel
              .expire(nowMs)
              .map((expired) => expired.name)
              .sort((a, b) => a - b),
            due.sort((a, b) => a - b),
          );
        }
        assert.equal(wheel.count, plain.size);
        const earliest = Math.min(...plain.values());
        assert.ok(wheel.nextMs() <= earliest, 'never woken too late');
        if (plain.size === 0) assert.equal(wheel.nextMs(), Number.POSITIVE_INFINITY);
      }
    }),
    { numRuns: 200 },
  );
});
