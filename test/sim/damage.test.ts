// Goal: disks of a minority that rot, lose files, writes or everything cost nothing that was
// acknowledged, never decide an election, and are repaired from the others without a person.
// Method: whole servers. Scripts for each kind of damage and each crash during a repair; storms in
// which the disks of a minority rot whenever their member starts. The checkers take such a disk out
// of the count until a leader's history is on it, and hold what it then has against all it ever had.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zxidNone, zxidZero } from '../../server/protocol/zxid.ts';
import { createPeer } from '../../server/zab/peer.ts';
import { openStorage } from '../../server/storage/storage.ts';
import { epilogue } from './epilogue.ts';
import { shapeOf } from './scenario.ts';
import { SimEnsemble } from './sim-ensemble.ts';
import type { EnsembleOptions } from './sim-ensemble.ts';

const versionDir = '/data/version-2';

function stageOf(seed: number, options: Partial<EnsembleOptions> = {}): SimEnsemble {
  const stage = new SimEnsemble({ seed, voters: 3, clients: 3, ...options });
  stage.settle(5_000);
  stage.run(800);
  return stage;
}

function followerOf(stage: SimEnsemble): number {
  const sid = stage.sids.find((other) => other !== stage.leader());
  assert(sid !== undefined, 'somebody follows');
  return sid;
}

function lackingOf(stage: SimEnsemble, sid: number): string | null {
  return stage.server(sid)?.view.state().lacking ?? null;
}

function newest(stage: SimEnsemble, sid: number, kind: 'log' | 'snapshot'): string {
  const zxidOf = (path: string): number => Number.parseInt(path.split('.')[1] ?? '', 16);
  const paths = stage.disk(sid).files();
  const found = paths.filter((path) => path.startsWith(`${versionDir}/${kind}.`));
  const last = found.toSorted((a, b) => zxidOf(a) - zxidOf(b)).at(-1);
  assert(last !== undefined, `s${sid} has a ${kind}`);
  return last;
}

function vanish(stage: SimEnsemble, sid: number, isGone: (name: string) => boolean): void {
  const disk = stage.disk(sid);
  for (const path of disk.files()) {
    if (!path.startsWith(`${versionDir}/`) || !isGone(path.slice(versionDir.length + 1))) continue;
    disk.remove(path);
  }
  disk.syncDir(versionDir);
}

const kinds: Readonly<Record<string, (stage: SimEnsemble, sid: number) => void>> = {
  'a bit of a confirmed record flips': (stage, sid) =>
    stage.disk(sid).flipBit(newest(stage, sid, 'log'), 60, 3),
  'the newest log vanishes': (stage, sid) => {
    const log = newest(stage, sid, 'log').slice(versionDir.length + 1);
    vanish(stage, sid, (name) => name === log);
  },
  'all logs vanish': (stage, sid) => vanish(stage, sid, (name) => name.startsWith('log.')),
  'ZOOKEEPER-2325: all snapshots vanish': (stage, sid) =>
    vanish(stage, sid, (name) => name.startsWith('snapshot.')),
  'snapshots and logs vanish': (stage, sid) =>
    vanish(stage, sid, (name) => /^(snapshot|log)\./.test(name)),
  'acceptedEpoch vanishes': (stage, sid) => vanish(stage, sid, (name) => name === 'acceptedEpoch'),
  'currentEpoch cannot be read': (stage, sid) =>
    stage.disk(sid).flipBit(`${versionDir}/currentEpoch`, 0, 6),
};

for (const [kind, damage] of Object.entries(kinds)) {
  test(`${kind}: the member is repaired while the others serve (2 seeds)`, () => {
    for (let seed = 1; seed <= 2; seed += 1) {
      const stage = stageOf(seed);
      const sid = followerOf(stage);
      stage.crash(sid, 'lost');
      damage(stage, sid);
      stage.checker.damaged(sid);
      const before = stage.checker.committed.length;
      stage.start(sid);
      assert.notEqual(lackingOf(stage, sid), null, 'the damage is noticed');
      stage.settle(10_000);
      assert.equal(lackingOf(stage, sid), null, 'and repaired');
      assert(stage.checker.committed.length > before, 'the others went on');
      epilogue(stage);
    }
  });
}

test('two of three cannot elect with a damaged one; it ends with the remedy (4 seeds)', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = stageOf(seed, { storm: { diskErrors: true } });
    const sid = followerOf(stage);
    const other = stage.sids.find((one) => one !== sid && one !== stage.leader()) ?? 0;
    for (const one of stage.sids) stage.crash(one, 'lost');
    stage.disk(sid).flipBit(newest(stage, sid, 'log'), 60, 3);
    stage.checker.damaged(sid);
    stage.start(sid);
    stage.start(other);
    stage.run(15_000);
    assert.equal(stage.leader(), undefined, 'nobody leads');
    stage.run(8_000);
    const said = stage.world.trace.lines.some(({ actor, text }) => {
      return actor === `s${sid}` && /exit 1: .*log\..*Restore \/data.*unsynced/.test(text);
    });
    assert(said, 'the damaged one ends and says what to do');
    // The third comes back, and with it a quorum of intact disks.
    epilogue(stage);
  }
});

test('a repair that crashes at any step begins anew, and is done in the end (40 crashes)', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = stageOf(seed);
    const sid = followerOf(stage);
    stage.crash(sid, 'lost');
    stage.disk(sid).flipBit(newest(stage, sid, 'log'), 60, 3);
    stage.checker.damaged(sid);
    for (let round = 0; round < 10; round += 1) {
      stage.disk(sid).crashAfterSteps = stage.world.random.int(1, 60);
      stage.disk(sid).crash = () => {
        if (stage.process(sid) !== null)
          stage.crash(sid, stage.world.random.pick(['lost', 'torn']));
      };
      stage.start(sid);
      stage.run(stage.world.random.between(100, 700));
      stage.disk(sid).crashAfterSteps = 0;
      if (stage.process(sid) !== null) stage.crash(sid, 'torn');
    }
    stage.start(sid);
    stage.settle(10_000);
    const kept = stage
      .disk(sid)
      .files()
      .filter((path) => path.includes('/damaged/'));
    assert(kept.length > 0, 'the damaged files are still there');
    epilogue(stage);
  }
});

test('a lost disk does not vote where a new database must be wished for (6 seeds)', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const voters = seed % 2 === 0 ? 5 : 3;
    let isBorn = false;
    const stage = stageOf(seed, {
      voters,
      parts: () => ({
        openStorage: (options, disk) =>
          openStorage({ ...options, databaseAutocreate: !isBorn }, disk),
      }),
    });
    isBorn = true;
    const sid = followerOf(stage);
    const leader = stage.leader() ?? 0;
    stage.crash(sid, 'lost');
    stage.disk(sid).wipe();
    stage.checker.damaged(sid);
    // A leader must be found without the one that knows nothing.
    stage.crash(leader, 'lost');
    stage.start(sid);
    stage.run(2_500);
    if (voters === 3)
      assert.equal(stage.leader(), undefined, 'one intact disk of three elects nobody');
    assert.match(lackingOf(stage, sid) ?? '', voters === 3 ? /empty/ : /^$|empty/);
    stage.start(leader);
    stage.settle(15_000);
    epilogue(stage);
  }
});

test('a minority of disks that rot in storms (12 seeds)', (t) => {
  let repaired = 0;
  for (let seed = 1; seed <= 12; seed += 1) {
    const shape = shapeOf(seed);
    const sids = shape.voters === 5 ? [2, 4] : [(seed % 3) + 1];
    const stage = new SimEnsemble({
      seed,
      ...shape,
      rot: { sids, chance: 1 },
      traceLinesMax: 100_000,
    });
    stage.run(1_000);
    stage.storm.start();
    stage.run(15_000);
    stage.storm.calm();
    stage.settle(20_000);
    epilogue(stage);
    const { lines } = stage.world.trace;
    repaired += lines.filter(({ text }) => text.includes('and counts again')).length;
  }
  t.diagnostic(`${repaired} repairs`);
  assert(repaired > 4, `${repaired} disks were repaired`);
});

for (const voters of [1, 2]) {
  test(`a damaged one of ${voters} ends at once: the others can never be a quorum`, () => {
    const stage = stageOf(1, { voters, storm: { diskErrors: true } });
    stage.crash(1, 'lost');
    stage.disk(1).flipBit(newest(stage, 1, 'log'), 60, 3);
    stage.checker.damaged(1);
    stage.start(1);
    assert.equal(stage.process(1), null, 'it has ended');
    const { text = '' } = stage.world.trace.lines.findLast(({ actor }) => actor === 's1') ?? {};
    assert.match(text, /exit 1: .*log\.\S+ at byte \d+: .*no quorum without this one.*backup/);
  });
}

/**
 * The leader and one follower write without the third; then that follower's logs are gone, the
 * leader is away, and the third is back: a quorum of voters, and none of what was committed.
 */
function outvoted(seed: number, options: Partial<EnsembleOptions> = {}): [SimEnsemble, number] {
  const stage = stageOf(seed, options);
  const leader = stage.leader() ?? 0;
  const [sid = 0, third = 0] = stage.sids.filter((one) => one !== leader);
  for (const one of [leader, sid]) {
    stage.network.cut(stage.hostOf(third), stage.hostOf(one));
    stage.network.cut(stage.hostOf(one), stage.hostOf(third));
  }
  const before = stage.checker.committed.length;
  stage.run(1_500);
  assert(stage.checker.committed.length > before, 'two of three go on');
  stage.crash(leader, 'lost');
  stage.crash(sid, 'lost');
  vanish(stage, sid, (name) => name.startsWith('log.'));
  stage.checker.damaged(sid);
  stage.network.healAll();
  stage.start(sid);
  stage.run(4_000);
  return [stage, leader];
}

test('what only a damaged disk and one that is away have had is not outvoted (4 seeds)', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const [stage, leader] = outvoted(seed);
    assert.equal(stage.leader(), undefined, 'nobody leads without what was committed');
    stage.start(leader);
    stage.settle(10_000);
    epilogue(stage);
  }
});

test('a server that votes with what is left of its disk is found out', () => {
  const votes: Partial<EnsembleOptions> = {
    parts: () => ({
      createPeer: (options) => {
        const lastZxid = options.lastZxid === zxidNone ? zxidZero : options.lastZxid;
        return createPeer({ ...options, lacksHistory: false, isDamaged: false, lastZxid });
      },
    }),
  };
  assert.throws(() => outvoted(1, votes), {
    message: /Z8 durable stays durable.*counts again without|Z10 election restriction/,
  });
});
