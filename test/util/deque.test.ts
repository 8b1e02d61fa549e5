import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Deque } from '../../server/util/deque.ts';

// Goal: the ring behaves as an array whose ends move, at every size and wrap.
// Method: random pushes, pops and shifts against a plain array.

test('any sequence of operations leaves what an array would hold', () => {
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.nat().map((value) => ({ what: 'push' as const, value })) },
    fc.constant({ what: 'pop' as const, value: 0 }),
    fc.constant({ what: 'shift' as const, value: 0 }),
    { weight: 1, arbitrary: fc.constant({ what: 'clear' as const, value: 0 }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400, size: 'max' }), (operations) => {
      const deque = new Deque<number>();
      let plain: number[] = [];
      for (const { what, value } of operations) {
        if (what === 'push') {
          deque.push(value);
          plain.push(value);
        } else if (what === 'pop') assert.equal(deque.pop(), plain.pop());
        else if (what === 'shift') assert.equal(deque.shift(), plain.shift());
        else if (plain.length > 30) {
          deque.clear();
          plain = [];
        }
        assert.equal(deque.length, plain.length);
        assert.equal(deque.first(), plain[0]);
        assert.equal(deque.last(), plain.at(-1));
      }
      assert.deepEqual(
        Array.from({ length: deque.length }, (_, index) => deque.at(index)),
        plain,
      );
      assert.equal(deque.at(-1), undefined);
      assert.equal(deque.at(plain.length), undefined);
    }),
  );
});
