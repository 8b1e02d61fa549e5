import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ZkError, ZooKeeper } from '../../client/index.ts';
import type { ZkEnsembleStatus } from '../../operator/api/zk-ensemble.ts';
import { pods } from '../../operator/kube/resources.ts';
import type { LocalControlPlane } from '../../operator/local/control-plane.ts';
import { conditionOf, localStage } from './local-stage.ts';

// Goal: three real servers, made by the operator from one small object, are restarted one by one
// under a writing client that loses nothing it was promised and keeps its session.
// Method: the local control plane runs the pods as processes; a client writes all the time, and
// what was acknowledged is looked for afterwards.

const isReady = (status: ZkEnsembleStatus): boolean =>
  conditionOf(status, 'Ready') === 'True AllMembersInSync';

function connectString(plane: LocalControlPlane): string {
  return [0, 1, 2]
    .map((i) => plane.addressOf('default', `zk-${i}`, 'client'))
    .map((address) => `${address?.host}:${address?.port}`)
    .join(',');
}

/** Writes one node after the other until told to stop. */
class Writer {
  readonly acked: string[] = [];
  unknown = 0;
  longestMs = 0;
  #stopping = false;
  readonly #zk: ZooKeeper;
  readonly #running: Promise<void>;

  constructor(zk: ZooKeeper) {
    this.#zk = zk;
    this.#running = this.#run();
  }

  stop(): Promise<void> {
    this.#stopping = true;
    return this.#running;
  }

  async #run(): Promise<void> {
    for (let n = 0; !this.#stopping; n += 1) {
      const startedMs = performance.now();
      try {
        this.acked.push(await this.#zk.create(`/w/${n}`, `value ${n}`));
      } catch (error) {
        assert.ok(error instanceof ZkError && error.code === 'CONNECTION_LOSS', String(error));
        this.unknown += 1;
      }
      this.longestMs = Math.max(this.longestMs, performance.now() - startedMs);
    }
  }
}

test(
  'a disk lost during hibernation is filled from the others',
  { timeout: 120_000 },
  async (t) => {
    const stateDir = mkdtempSync(join(tmpdir(), 'zk-e2e-'));
    t.after(() => rmSync(stateDir, { recursive: true }));
    const { plane, client, create, patch, until } = await localStage(t, {
      pods: 'processes',
      stateDir,
    });
    await create('zk', { replicas: 3, updateStrategy: { minReadySeconds: 0 } });
    const before = await until('zk', (status) => isReady(status) && status.bootstrapped === true);
    const zk = await ZooKeeper.connect(connectString(plane));
    for (let n = 0; n < 100; n += 1) await zk.create(`/n${n}`, `value ${n}`);
    await zk.close();

    await patch('zk', { hibernate: true });
    await until('zk', ({ phase, replicas }) => phase === 'Hibernated' && replicas === 0);
    assert.deepEqual((await client.list(pods, 'default', {})).items, []);
    // The one that led: with nothing on its disk it must not lead again before it has everything.
    const name = before.leader?.name ?? '';
    const volumes = join(stateDir, 'volumes');
    const lost = readdirSync(volumes).find((each) => each.includes(`data-${name}_`)) ?? '';
    for (const each of readdirSync(join(volumes, lost))) {
      rmSync(join(volumes, lost, each), { recursive: true });
    }
    await patch('zk', { hibernate: false });
    await until('zk', isReady);

    const address = plane.addressOf('default', name, 'client');
    const healed = await ZooKeeper.connect(`${address?.host}:${address?.port}`);
    t.after(() => healed.close());
    assert.equal((await healed.children('/')).length, 101, 'everything, and /zookeeper');
    const { data } = await healed.get('/n99');
    assert.equal(Buffer.from(data ?? []).toString(), 'value 99');
  },
);

test('a rolling restart under load', { timeout: 120_000 }, async (t) => {
  const { plane, create, patch, until } = await localStage(t, { pods: 'processes' });
  await create('zk', { replicas: 3, updateStrategy: { minReadySeconds: 1 } });
  const before = await until('zk', isReady);

  const zk = await ZooKeeper.connect(connectString(plane), { sessionTimeoutMs: 10_000 });
  t.after(() => zk.close());
  const session = zk.sessionId;
  await zk.create('/w');
  await zk.create('/alive', null, { ephemeral: true });
  const writer = new Writer(zk);

  await patch('zk', { restartedAt: 'now' });
  await until('zk', (status) => !isReady(status));
  const after = await until('zk', isReady);
  await writer.stop();

  assert.equal(after.updatedReplicas, 3);
  assert.equal(after.epoch, (before.epoch ?? 0) + 1, 'exactly one change of leader');
  assert.notEqual(after.leader?.name, before.leader?.name);
  assert.equal(zk.sessionId, session, 'the session lives on');
  assert.ok(writer.acked.length > 10, `${writer.acked.length} writes`);
  const children = new Set(await zk.children('/w'));
  const lost = writer.acked.filter((path) => !children.has(path.slice('/w/'.length)));
  assert.deepEqual(lost, []);
  assert.notEqual(await zk.exists('/alive'), null, 'and so does what lives by it');
  t.diagnostic(
    `${writer.acked.length} acknowledged, ${writer.unknown} unknown, ` +
      `longest ${Math.round(writer.longestMs)} ms`,
  );
});

test(
  'a configuration that no server takes stops at one member, and a revert heals',
  { timeout: 120_000 },
  async (t) => {
    const { plane, create, patch, until } = await localStage(t, { pods: 'processes' });
    await create('zk', { replicas: 3, updateStrategy: { minReadySeconds: 0 } });
    const before = await until('zk', isReady);
    const zk = await ZooKeeper.connect(connectString(plane), { sessionTimeoutMs: 10_000 });
    t.after(() => zk.close());

    await patch('zk', { config: { properties: { 'fsync.warningthresholdms': 'soon' } } });
    const broken = await until('zk', ({ members }) =>
      Boolean(members?.some(({ message }) => message?.startsWith('CrashLoopBackOff') === true)),
    );
    assert.equal(broken.updatedReplicas, 1, 'one was tried');
    assert.equal(broken.inSyncVoters, 2);
    assert.equal(conditionOf(broken, 'Available'), 'True Serving');
    assert.equal(await zk.create('/still', 'writes'), '/still');

    await patch('zk', { config: { properties: null } });
    const after = await until('zk', (status) => isReady(status) && status.updatedReplicas === 3);
    assert.equal(after.epoch, before.epoch, 'the leader was never touched');
  },
);
