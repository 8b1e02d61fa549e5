// Goal: members may change at any moment of a storm: no acknowledged write is lost, every commit
// has the quorums of its time, and everything comes back once nothing breaks any more.
// Method: five simulated servers of which an ever different set is the ensemble, with the faults,
// clients and checkers of the other storms. Half of the seeds keep what is proposed in the log
// alone, as after a crash between the log and the files.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPeer } from '../../server/zab/peer.ts';
import type { PeerOptions, ZabPeer } from '../../server/zab/door.ts';
import { ChangingEnsemble } from './changing-ensemble.ts';
import { epilogue } from './epilogue.ts';

const seedsEach = 20;
const stormMs = 6_000;

interface Run {
  readonly ensemble: ChangingEnsemble;
  readonly violation: Error | null;
}

function stormOver(seed: number, create?: (options: PeerOptions) => ZabPeer): Run {
  const keepsNext = seed % 2 === 0;
  const storm = { meanMs: seed % 3 === 0 ? 250 : 450, pauseMsMax: 3_000, downMsMax: 2_500 };
  const ensemble = new ChangingEnsemble({ seed, clients: 2, storm }, keepsNext, create);
  const { sim } = ensemble;
  let violation: Error | null = null;
  try {
    sim.run(2_000);
    for (let count = 0; count < 2; count += 1) {
      sim.storm.start();
      sim.run(stormMs);
      sim.storm.calm();
      sim.settle(20_000);
    }
    ensemble.quiet();
    epilogue(sim);
  } catch (error) {
    violation = error instanceof Error ? error : new Error(String(error));
  }
  return { ensemble, violation };
}

function report(seed: number, { ensemble, violation }: Run): string {
  const columns = ensemble.sim.sids.map((sid) => `s${sid}`);
  const way = ensemble.sim.world.trace.transcript(columns, 200);
  return `seed ${seed}: ${violation?.stack ?? 'nothing failed'}\n${way}`;
}

for (let first = 1; first <= 100; first += seedsEach) {
  const last = first + seedsEach - 1;
  test(`ZOOKEEPER-2080, ZOOKEEPER-2778: members change in storms (seeds ${first} to ${last})`, () => {
    for (let seed = first; seed <= last; seed += 1) {
      const run = stormOver(seed);
      assert.equal(run.violation, null, report(seed, run));
    }
  });
}

test('changes are made, refused and lost in these storms', () => {
  let changes = 0;
  const answers = new Set<number>();
  for (let seed = 201; seed <= 210; seed += 1) {
    const run = stormOver(seed);
    assert.equal(run.violation, null, report(seed, run));
    changes += run.ensemble.changesCount;
    for (const error of run.ensemble.answers.keys()) answers.add(error);
  }
  assert(changes > 30, `${changes} changes`);
  // Done, lost on the way, without a quorum of the new members.
  for (const error of [0, -4, -13]) assert(answers.has(error), `one is answered with ${error}`);
});

test('ZOOKEEPER-2865: without storms every server ends with the members that the history says', () => {
  const ensemble = new ChangingEnsemble({ seed: 1, clients: 1 }, true);
  ensemble.sim.run(20_000);
  ensemble.quiet();
  ensemble.sim.run(3_000);
  const version = ensemble.active.version.toString(16);
  for (const sid of ensemble.sim.sids) assert.equal(ensemble.versionAt(sid), version, `s${sid}`);
  assert(ensemble.changesCount >= 5, `${ensemble.changesCount} changes`);
});

test('a server that forgets the quorum of the next members is caught', () => {
  const forgetful = (options: PeerOptions): ZabPeer =>
    createPeer({ ...options, next: null, ensembleOf: () => null });
  const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
  const caught = seeds.find((seed) => stormOver(seed, forgetful).violation !== null);
  assert(caught !== undefined, 'one seed of twenty shows it');
});
