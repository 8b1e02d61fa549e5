// Goal: a seed is a proof: it gives the same run, to the last event, every time.
// Method: run twice and compare the hashes of the traces; run another seed and see them differ.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stormScenario } from './scenario.ts';

test('the same seed gives the same hash', () => {
  for (const seed of [11, 12, 15]) {
    const first = stormScenario({ seed, stormMs: 6_000 });
    const second = stormScenario({ seed, stormMs: 6_000 });
    assert.equal(first.violation, null);
    assert.equal(first.hash, second.hash, `seed ${seed}`);
    assert.equal(first.ensemble.world.eventCount, second.ensemble.world.eventCount);
  }
});

test('another seed gives another hash', () => {
  const hashes = [21, 22, 23].map((seed) => stormScenario({ seed, stormMs: 2_000 }).hash);
  assert.equal(new Set(hashes).size, 3);
});
