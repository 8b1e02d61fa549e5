// Goal: with `db.autocreate=unanimous` an ensemble begins when all its voters are known to be empty,
// not before; and never again while any of them has, or had, a history.
// Method: whole servers on empty disks that start one after the other, die at any step of their
// birth, and lose their disks later.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStorage } from '../../server/storage/storage.ts';
import { epilogue } from './epilogue.ts';
import { SimEnsemble } from './sim-ensemble.ts';
import type { EnsembleOptions } from './sim-ensemble.ts';

function unborn(seed: number, options: Partial<EnsembleOptions> = {}): SimEnsemble {
  return new SimEnsemble({
    seed,
    voters: 3,
    clients: 2,
    parts: () => ({
      isBornWithAll: true,
      openStorage: (wanted, disk) => openStorage({ ...wanted, databaseAutocreate: false }, disk),
    }),
    ...options,
  });
}

test('nobody begins before the last voter is there; then all do (6 seeds)', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = unborn(seed, { voters: seed % 2 === 0 ? 5 : 3 });
    const last = (seed % 3) + 1;
    stage.crash(last, 'lost');
    stage.run(6_000);
    assert.equal(stage.leader(), undefined, 'a quorum of empty disks is not enough');
    stage.start(last);
    stage.settle(8_000);
    epilogue(stage);
  }
});

test('a birth that is cut short anywhere happens in the end, and once (10 seeds)', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const stage = unborn(seed);
    for (let round = 0; round < 6; round += 1) {
      for (const sid of stage.sids) {
        stage.disk(sid).crashAfterSteps = stage.world.random.int(1, 25);
        stage.disk(sid).crash = () => {
          if (stage.process(sid) !== null)
            stage.crash(sid, stage.world.random.pick(['lost', 'torn']));
        };
        if (stage.process(sid) === null) stage.start(sid);
      }
      stage.run(stage.world.random.between(50, 1_500));
    }
    for (const sid of stage.sids) {
      stage.disk(sid).crashAfterSteps = 0;
      if (stage.process(sid) === null) stage.start(sid);
    }
    stage.settle(15_000);
    epilogue(stage);
  }
});

test('disks that are lost later begin nothing: the last one that is whole is waited for (4 seeds)', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = unborn(seed);
    stage.settle(8_000);
    stage.run(1_000);
    const whole = (seed % 3) + 1;
    const others = stage.sids.filter((sid) => sid !== whole);
    for (const sid of stage.sids) stage.crash(sid, 'lost');
    for (const sid of others) {
      stage.disk(sid).wipe();
      stage.checker.damaged(sid);
      stage.start(sid);
    }
    stage.run(8_000);
    assert.equal(stage.leader(), undefined, 'two empty disks of three');
    stage.start(whole);
    stage.run(8_000);
    assert.equal(stage.leader(), undefined, 'one whole disk is no quorum: nothing is guessed');
    for (const sid of others) assert.match(stage.server(sid)?.view.state().lacking ?? '', /empty/);
  }
});
