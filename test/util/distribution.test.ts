import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Distribution, windowMs } from '../../server/util/distribution.ts';

// Goal: count, sum and extremes are exact, quantiles within a sixteenth, and of the recent past.
// Method: held against the sorted list of the same values.

test('quantiles are those of the sorted values, to a sixteenth', () => {
  const distribution = new Distribution();
  const values: number[] = [];
  for (let i = 0; i < 5_000; i += 1) values.push(Math.floor(1.002 ** i % 100_000));
  for (const value of values) distribution.add(value);
  values.sort((a, b) => a - b);
  const parts = [0, 0.1, 0.5, 0.9, 0.99, 0.999, 1];
  distribution.quantiles(parts, 0).forEach((found, index) => {
    const rank = Math.max(1, Math.ceil((parts[index] ?? 0) * values.length));
    const exact = values[rank - 1] ?? NaN;
    assert(found <= exact && found >= exact * (15 / 16), `${parts[index]}: ${found} for ${exact}`);
  });
  assert.equal(distribution.count, values.length);
  assert.equal(
    distribution.sum,
    values.reduce((sum, value) => sum + value, 0),
  );
  assert.equal(distribution.min, values[0]);
  assert.equal(distribution.max, values.at(-1));
});

test('before the first value there is none', () => {
  const distribution = new Distribution();
  assert.deepEqual(distribution.quantiles([0.5], 0), [NaN]);
  assert.deepEqual([distribution.min, distribution.max, distribution.count], [0, 0, 0]);
});

test('quantiles forget what is two windows old, count and extremes do not', () => {
  const distribution = new Distribution();
  distribution.add(50);
  assert.deepEqual(distribution.quantiles([0.5], 0), [50]);
  distribution.add(7);
  assert.deepEqual(distribution.quantiles([1], windowMs - 1), [50]);
  assert.deepEqual(distribution.quantiles([1], windowMs), [7]);
  assert.deepEqual(distribution.quantiles([1], 2 * windowMs), [NaN]);
  assert.deepEqual([distribution.min, distribution.max, distribution.count], [7, 50, 2]);
});

test('the largest and the smallest have a place, and a reset leaves nothing', () => {
  const distribution = new Distribution();
  for (const value of [0, -1, 63, 64, 2 ** 40]) distribution.add(value);
  assert.deepEqual(distribution.quantiles([0.6, 0.8], 0), [63, 64]);
  distribution.reset();
  assert.deepEqual(distribution.quantiles([1], 0), [NaN]);
  assert.equal(distribution.count, 0);
});
