import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Txn } from '../../server/protocol/txn.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import { Leader } from './fixture.ts';
import { anyPipelines } from './requests.ts';

// Goal: how far applying lags behind preparing changes no outcome.
// Method: random requests over few names, once applied one by one, once in pipelines of random
// lengths; transactions, digests and trees must be equal. Every digest that a transaction carries
// is also held against the tree after it.

/** The order of the paths of a closeSession is free. */
function comparable(txn: Txn): unknown {
  const { body } = txn;
  return body.type === -11
    ? { ...txn, body: { ...body, paths: [...(body.paths ?? [])].sort() } }
    : txn;
}

test('pipelines of any length give the outcomes of applying one by one', () => {
  const seen = new Map<number, number>();
  fc.assert(
    fc.property(anyPipelines, (given) => {
      const ahead = new Leader();
      const oneByOne = new Leader();
      for (const requests of given) {
        const txns = ahead.pipeline(() => {
          for (const each of requests) ahead.ask(each.op, each);
        });
        for (const [index, each] of requests.entries()) {
          const txn = oneByOne.ask(each.op, each);
          const got = txns[index];
          assert.ok(got !== undefined);
          assert.deepEqual(comparable(got), comparable(txn));
          const kind = txn.body.type === -1 ? txn.body.error : txn.body.type;
          seen.set(kind, (seen.get(kind) ?? 0) + 1);
        }
        assert.deepEqual(ahead.tree.describe(), oneByOne.tree.describe());
      }
    }),
    { numRuns: 300 },
  );
  for (const kind of [
    -112, -111, -110, -108, -103, -102, -101, -11, 1, 2, 5, 7, 14, 15, 19, 20, 21,
  ]) {
    assert.ok(seen.has(kind), `${kind} came up`);
  }
});

test('over the real tree the same transactions come out, and its digests are foretold', () => {
  fc.assert(
    fc.property(anyPipelines, (given) => {
      const real = new Leader({}, createTree({ extendedTypesEnabled: true }));
      const plain = new Leader();
      for (const requests of given) {
        const txns = real.pipeline(() => {
          for (const each of requests) real.ask(each.op, each);
        });
        for (const [index, each] of requests.entries()) {
          const got = txns[index];
          assert.ok(got !== undefined);
          assert.deepEqual(comparable(got), comparable(plain.ask(each.op, each)));
        }
        assert.equal(real.tree.digest, plain.tree.digest);
      }
    }),
    { numRuns: 200 },
  );
});
