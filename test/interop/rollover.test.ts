import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZkError, ZooKeeper } from '../../client/index.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { differencesOf, dumpsOf } from '../support/tree-dump.ts';

// Goal: when the counter of an Apache leader's zxids runs out, a member of ours goes on in the next
// epoch, and nobody loses a write.
// Method: the reference's own switch for tests starts its epochs near the end. Ours joins in time,
// takes the last numbers there are, and has the larger id at the election that follows.

const skip = apacheMissing() ?? false;

/** Two before the last number that a leader gives away. */
const initialCounter = 0xff_ff_ff_fa;

test("an Apache leader's counter runs out, and ours leads the next epoch", { skip }, async () => {
  apacheClasspath();
  await using ensemble = await RealEnsemble.create({
    members: [{ kind: 'apache' }, { kind: 'apache' }, { kind: 'ours' }],
    tickMs: 1000,
    properties: { 'zookeeper.testingonly.initialZxid': String(initialCounter) },
  });
  ensemble.member(1).start();
  ensemble.member(2).start();
  await ensemble.ready();
  // The session is the first transaction: behind it no number is missing any more.
  await using zk = await ZooKeeper.connect(ensemble.member(1).address, {
    sessionTimeoutMs: 20_000,
  });
  ensemble.member(3).start();
  await ensemble.ready();
  assert.equal((await ensemble.leader()).sid, 2);

  await using other = await ZooKeeper.connect(ensemble.connectString, { sessionTimeoutMs: 20_000 });
  await zk.create('/ephemeral', null, { ephemeral: true });
  const acknowledged: string[] = [];
  for (let index = 0; acknowledged.length < 30; index += 1) {
    const path = `/node-${index}`;
    try {
      await other.create(path);
      acknowledged.push(path);
    } catch (error) {
      assert(error instanceof ZkError && error.code === 'CONNECTION_LOSS', String(error));
    }
  }

  await until('the next epoch', 20_000, async () => (await ensemble.leader()).sid === 3);
  await ensemble.ready();

  const zxids = new Set<number>();
  for (const path of acknowledged) {
    const stat = await other.exists(path);
    assert(stat !== null, `${path} was acknowledged and is gone`);
    zxids.add(stat.czxid);
  }
  assert.equal(zxids.size, acknowledged.length);
  assert(zxids.has(0x1_ff_ff_ff_fe), 'the last number of the epoch is used');
  assert(Math.min(...zxids) < 0x2_00_00_00_00 && Math.max(...zxids) > 0x2_00_00_00_00);
  assert((await other.exists('/ephemeral')) !== null, 'the session lives on');
  const [first, ...others] = await dumpsOf(ensemble);
  assert(first !== undefined);
  for (const dump of others) assert.deepEqual(differencesOf(first, dump), []);
});
