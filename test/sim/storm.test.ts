// Goal: whatever breaks, no acknowledged write is lost, nobody is told two stories, and everything
// comes back once nothing breaks any more.
// Method: whole servers on simulated machines, 3 and 5 voters, with and without an observer; two
// hundred seeds move delays, crashes, cuts, pauses and disks. A seed that fails prints its way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report, stormScenario } from './scenario.ts';

const seedsEach = 20;

for (let first = 1; first <= 200; first += seedsEach) {
  const last = first + seedsEach - 1;
  test(`storms end well (seeds ${first} to ${last})`, () => {
    for (let seed = first; seed <= last; seed += 1) {
      const result = stormScenario({ seed, stormMs: 9_000, storms: 2 });
      assert.equal(result.violation, null, report(seed, result));
    }
  });
}

for (const voters of [1, 2, 4, 7]) {
  test(`storms end well for ${voters} voters (5 seeds)`, () => {
    for (let seed = 401; seed <= 405; seed += 1) {
      const result = stormScenario({ seed, stormMs: 9_000, storms: 2, options: { voters } });
      assert.equal(result.violation, null, report(seed, result));
    }
  });
}

test('storms do get in the way, and work is done in spite of them', () => {
  let lost = 0;
  let transactions = 0;
  let epochs = 0;
  for (let seed = 301; seed <= 306; seed += 1) {
    const result = stormScenario({ seed, stormMs: 9_000, storms: 2 });
    assert.equal(result.violation, null, report(seed, result));
    const { clientChecker, checker } = result.ensemble;
    lost += clientChecker.counts.lost;
    transactions += checker.committed.length;
    epochs += Math.floor(checker.lastCommitted / 2 ** 32);
  }
  assert(lost > 50, `${lost} requests without an answer`);
  assert(transactions > 2_000, `${transactions} transactions`);
  assert(epochs > 15, `${epochs} epochs`);
});
