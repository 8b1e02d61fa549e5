import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';

// Goal: a follower of the reference goes on answering its clients while they sync and write at the
// same time: it wants to hear of its requests in the order in which it has sent them.
// Method: one of the reference behind a leader of ours; sessions that do not wait for answers, some
// that sync and one that writes; then a new session at that follower.

const skip = apacheMissing() ?? false;
const rounds = 400;
const syncersCount = 4;
const answersMsMax = 30_000;

test(
  'syncs and writes through a follower of the reference are all answered',
  { skip },
  async () => {
    apacheClasspath();
    await using ensemble = await RealEnsemble.started({
      members: [{ kind: 'apache' }, { kind: 'ours' }, { kind: 'ours' }],
      tickMs: 1000,
    });
    assert.equal((await ensemble.leader()).spec.kind, 'ours');
    const { address } = ensemble.member(1);
    const sessions = await Promise.all(
      Array.from({ length: syncersCount + 1 }, () => ZooKeeper.connect(address)),
    );
    const [writer, ...syncers] = sessions;
    assert(writer !== undefined);
    await writer.create('/x');
    const asked: Promise<unknown>[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const syncer of syncers) asked.push(syncer.sync('/x'));
      asked.push(writer.set('/x', String(round)));
      if (round % 4 === 0) await new Promise((done) => setImmediate(done));
    }
    const late = AbortSignal.timeout(answersMsMax);
    const inTime = new Promise<never>((_, fail) => {
      late.addEventListener('abort', () => fail(new Error(`no answers in ${answersMsMax} ms`)));
    });
    try {
      await Promise.race([Promise.all(asked), inTime]);
    } finally {
      // Not awaited: without an answer they would keep the file from its end.
      for (const session of sessions) session.close().catch(() => undefined);
    }
    await using another = await ZooKeeper.connect(address, { connectTimeoutMs: 10_000 });
    await another.sync('/x');
    assert.equal((await another.get('/x')).stat.version, rounds);
  },
);
