// Goal: a disk that takes no more costs its member the quorum and nothing else: what was
// acknowledged stays, the others go on, the process lives, and it is back once there is room.
// Method: whole servers on simulated disks that are full, fail writes half done, or are slow; any
// exit of a process is a violation here, unless a sync failed, whose result nobody knows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epilogue } from './epilogue.ts';
import { before } from './mutants/mutant.ts';
import { SimEnsemble } from './sim-ensemble.ts';
import type { EnsembleOptions } from './sim-ensemble.ts';

function stageOf(seed: number, options: Partial<EnsembleOptions> = {}): SimEnsemble {
  const stage = new SimEnsemble({ seed, voters: 3, clients: 3, ...options });
  stage.settle(5_000);
  stage.run(500);
  return stage;
}

function leaderOf(stage: SimEnsemble): number {
  const leader = stage.leader();
  assert(leader !== undefined, 'somebody leads');
  return leader;
}

function saidBy(stage: SimEnsemble, sid: number, text: string): boolean {
  return stage.world.trace.lines.some(
    (line) => line.actor === `s${sid}` && line.text.includes(text),
  );
}

for (const who of ['leader', 'follower'] as const) {
  test(`a full disk of the ${who}: it leaves, the others go on, it comes back (4 seeds)`, () => {
    for (let seed = 1; seed <= 4; seed += 1) {
      const stage = stageOf(seed);
      const leader = leaderOf(stage);
      const sid = who === 'leader' ? leader : (stage.sids.find((one) => one !== leader) ?? 0);
      const process = stage.process(sid);
      stage.disk(sid).faults.full = true;
      stage.run(4_000);
      assert.notEqual(stage.leader(), sid, 'it does not lead');
      const state = stage.server(sid)?.view.state();
      assert.match(state?.diskProblem ?? '', /ENOSPC/);
      assert.deepEqual([state?.role, state?.serving], ['looking', false]);
      const before = stage.checker.committed.length;
      stage.run(2_000);
      assert(stage.checker.committed.length > before + 20, 'the others go on');
      stage.disk(sid).faults.full = false;
      stage.settle(5_000);
      assert.equal(stage.process(sid), process, 'the process has lived through it');
      assert.equal(stage.server(sid)?.view.state().diskProblem, null);
      assert(
        saidBy(stage, sid, 'leaves the quorum') && saidBy(stage, sid, 'is back'),
        'it says so',
      );
      epilogue(stage);
    }
  });
}

test('writes that fail half done leave nothing that is ever read again (4 seeds)', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = stageOf(seed);
    for (let round = 0; round < 4; round += 1) {
      const sid = stage.world.random.pick(stage.sids);
      stage.disk(sid).faults.writeErrorChance = 1;
      stage.run(stage.world.random.between(100, 1_500));
      stage.disk(sid).faults.writeErrorChance = 0;
      stage.run(1_500);
    }
    epilogue(stage);
  }
});

test('all disks are full for a while: nobody leads, and then everything is there (4 seeds)', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = stageOf(seed);
    for (const sid of stage.sids) stage.disk(sid).faults.full = true;
    stage.run(6_000);
    assert.equal(stage.leader(), undefined);
    for (const sid of stage.sids) stage.disk(sid).faults.full = false;
    stage.settle(15_000);
    epilogue(stage);
  }
});

test('a server that is alone waits for room, too', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = stageOf(seed, { voters: 1 });
    const process = stage.process(1);
    stage.disk(1).faults.full = true;
    stage.run(4_000);
    assert.match(stage.server(1)?.view.state().diskProblem ?? '', /ENOSPC/);
    stage.disk(1).faults.full = false;
    stage.settle(5_000);
    assert.equal(stage.process(1), process);
    epilogue(stage);
  }
});

test('a slow disk delays acknowledgements alone: heartbeats come, and nobody is elected (4 seeds)', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = stageOf(seed);
    const leader = leaderOf(stage);
    const elections = (): number =>
      stage.sids.reduce((sum, sid) => sum + (stage.server(sid)?.view.counters().elections ?? 0), 0);
    const before = elections();
    for (const sid of stage.sids) {
      stage.disk(sid).faults.syncMsMin = 300;
      stage.disk(sid).faults.syncMsMax = 600;
      stage.disk(sid).usualSyncMsMax = 600;
    }
    stage.run(6_000);
    assert.equal(stage.leader(), leader);
    assert.equal(elections(), before);
    for (const sid of stage.sids) {
      stage.disk(sid).faults.syncMsMin = 0.1;
      stage.disk(sid).usualSyncMsMax = 1.5;
    }
    epilogue(stage);
  }
});

for (const [limitMs, hands] of [
  [0, false],
  [500, true],
] as const) {
  test(`Gray-slow-fsync: a leader whose disk stalls ${hands ? 'hands over' : 'goes on'} with a limit of ${limitMs} ms`, () => {
    for (let seed = 1; seed <= 4; seed += 1) {
      const stage = stageOf(seed, { parts: () => ({ fsyncHandoverMs: limitMs }) });
      const leader = leaderOf(stage);
      const before = stage.checker.committed.length;
      const { faults } = stage.disk(leader);
      faults.syncMsMin = 20_000;
      faults.syncMsMax = 20_001;
      stage.run(4_000);
      assert.equal(stage.leader() !== leader, hands);
      assert(stage.checker.committed.length > before + 20, 'the others have disks of their own');
      stage.run(20_000);
      faults.syncMsMin = 0.1;
      epilogue(stage);
    }
  });
}

test('old files that cannot be removed stay, and the server serves on', () => {
  let refused = 0;
  const stage = stageOf(1000, {
    config: { purgeIntervalHours: 1 / 3_600 },
    host: (_sid, host) => {
      const remove = (path: string): void => {
        if (!path.includes('/snapshot.')) return host.disk.remove(path);
        refused += 1;
        throw Object.assign(new Error(`EIO: unlink '${path}'`), { code: 'EIO', path });
      };
      return before(host, { disk: before(host.disk, { remove }) });
    },
  });
  stage.run(6_000);
  assert(refused > 3, `${refused} files could not be removed`);
  const [sid = 1] = stage.sids;
  assert(saidBy(stage, sid, 'old files cannot be removed'));
  epilogue(stage);
});
