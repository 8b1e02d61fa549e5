import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { RealEnsemble, until, type Member } from '../support/real-ensemble.ts';
import { differencesOf, dumpsOf } from '../support/tree-dump.ts';

// Goal: a tree that comes from a leader goes to disk compressed, and the directory goes to the
// reference and back in that form.
// Method: two of the reference's servers and one of ours, every synchronization by the whole tree;
// the third directory changes hands after kills, while the others go on.

const snapshotsOf = (member: Member): string[] =>
  readdirSync(join(member.directory, 'data/version-2')).filter((name) =>
    name.startsWith('snapshot.'),
  );

for (const method of ['gz', 'snappy']) {
  test(`a third member of changing kind, with snapshots as ${method}`, async () => {
    await using ensemble = await RealEnsemble.create({
      members: [{ kind: 'apache' }, { kind: 'apache' }, { kind: 'ours' }],
      properties: {
        'zookeeper.snapshot.compression.method': method,
        'zookeeper.forceSnapshotSync': 'true',
      },
      tickMs: 500,
    });
    const third = ensemble.member(3);
    ensemble.member(1).start();
    ensemble.member(2).start();
    await ensemble.ready();
    const others = [1, 2].map((sid) => ensemble.member(sid).address).join(',');
    await using zk = await ZooKeeper.connect(others, { sessionTimeoutMs: 20_000 });
    await zk.create('/kept');
    for (const [round, kind] of (['ours', 'apache', 'ours'] as const).entries()) {
      const paths = Array.from({ length: 40 }, (_, index) => `/kept/${round}-${index}`);
      await Promise.all(paths.map((path) => zk.create(path, path.repeat(50))));
      third.start(kind);
      await until(`${kind} to serve`, 30_000, async () => (await third.mode()) !== null);
      const newest = snapshotsOf(third).filter((name) => name.endsWith(`.${method}`));
      assert(newest.length > 0, snapshotsOf(third).join(' '));
      const [first, ...more] = await dumpsOf(ensemble);
      assert(first !== undefined && first.size > 40 && more.length === 2);
      for (const dump of more) assert.deepEqual(differencesOf(dump, first), []);
      await third.kill();
    }
  });
}
