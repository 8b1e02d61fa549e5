import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { RawSession } from '../support/raw-session.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { startStandalone } from '../support/standalone.ts';

// Goal: a client that is content with reads goes on while there is no quorum, keeps its session, and
// moves to a quorum when there is one anywhere.
// Method: real processes on the loopback, killed and started again, and this package's client.

const ours = { kind: 'ours' } as const;
const properties = { 'readonlymode.enabled': 'true' };

test('the quorum goes and comes back under a client that only reads meanwhile', async () => {
  await using ensemble = await RealEnsemble.started({
    members: [ours, ours, ours],
    tickMs: 500,
    settings: { maxSessionTimeout: 30_000 },
    properties,
  });
  const [stays, ...others] = ensemble.members;
  assert(stays !== undefined);
  const options = { readOnly: true, sessionTimeoutMs: 30_000 };
  await using zk = await ZooKeeper.connect(ensemble.connectString, options);
  await zk.create('/here', 'x');
  await zk.create('/mine', null, { ephemeral: true });
  const { sessionId } = zk;

  await Promise.all(others.map((member) => member.kill()));
  await until('reads without a quorum', 20_000, () => zk.state === 'connected' && zk.isReadOnly);
  assert.equal(zk.sessionId, sessionId);
  assert.equal((await zk.get('/here')).data?.toString(), 'x');
  await assert.rejects(zk.set('/here', 'y'), { code: 'NOT_READ_ONLY' });
  await assert.rejects(zk.sync('/'), { code: 'NOT_READ_ONLY' });
  const refused = RawSession.open(stays.clientPort, { timeoutMs: 5_000 });
  await assert.rejects(refused, /closed/, 'it did not say that it is content with reads');
  assert.equal(await stays.ask('isro'), 'ro');
  assert.match(
    (await stays.ask('srvr')) ?? '',
    /\nREAD-ONLY mode; serving only read-only clients\n/,
  );
  const state = await fetch(`http://127.0.0.1:${stays.adminPort}/commands/is_read_only`);
  assert.equal(((await state.json()) as { read_only: boolean }).read_only, true);

  for (const member of others) member.start();
  await until('a quorum', 20_000, () => zk.state === 'connected' && !zk.isReadOnly);
  assert.equal(zk.sessionId, sessionId);
  await zk.set('/here', 'y');
  assert.equal((await zk.exists('/mine'))?.ephemeralOwner, sessionId);
});

test('a client that reads without a quorum goes where there is one', async () => {
  await using lonely = await RealEnsemble.create({ members: [ours, ours, ours], properties });
  const alone = lonely.member(1);
  alone.start();
  await until('read-only mode', 20_000, async () => (await alone.ask('isro')) === 'ro');
  await using whole = await startStandalone(['4lw.commands.whitelist=isro']);
  await using zk = await ZooKeeper.connect(`${alone.address},127.0.0.1:${whole.port}`, {
    readOnly: true,
    // The first host stays the first.
    random: () => 0.999,
  });
  assert.equal(zk.isReadOnly, true);
  const begun = zk.sessionId;
  await until('a quorum', 10_000, () => zk.state === 'connected' && !zk.isReadOnly);
  assert.notEqual(zk.sessionId, begun, 'what the other began is unknown here');
  await zk.create('/there');
});
