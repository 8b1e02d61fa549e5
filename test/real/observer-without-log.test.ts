import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { RealEnsemble, type Member } from '../support/real-ensemble.ts';
import { differencesOf, dumpOf } from '../support/tree-dump.ts';

// Goal: an observer with syncEnabled=false shows the same tree as the voter, logs nothing, and is
// level again after it was killed; a leader with forceSnapshotSync sends it the whole tree.
// Method: real processes, one voter and one observer, writes before and after a kill.

const filesOf = (member: Member): string[] =>
  readdirSync(join(member.directory, 'data/version-2')).filter((name) =>
    /^(log|snapshot)\./.test(name),
  );

test('an observer without a log is level after every start, and its disk has no transaction', async () => {
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }, { kind: 'ours', role: 'observer' }],
    settings: { standaloneEnabled: 'false', syncEnabled: 'false', forceSnapshotSync: 'true' },
    tickMs: 500,
  });
  const [voter, observer] = [ensemble.member(1), ensemble.member(2)];
  await using zk = await ZooKeeper.connect(voter.address);
  for (let round = 0; round < 2; round += 1) {
    await zk.create(`/round-${round}`);
    const paths = Array.from({ length: 50 }, (_, index) => `/round-${round}/n-${index}`);
    await Promise.all(paths.map((path) => zk.create(path, path)));
    const theirs = await dumpOf(voter);
    assert.deepEqual(differencesOf(await dumpOf(observer), theirs), []);
    assert(!filesOf(observer).some((name) => name.startsWith('log.')), filesOf(observer).join(' '));
    assert(filesOf(voter).some((name) => name.startsWith('log.')));
    await observer.kill();
    observer.start();
    await ensemble.ready();
  }
  assert.match(voter.log(), /synchronizing a learner sid=2 how=snap/);
});
