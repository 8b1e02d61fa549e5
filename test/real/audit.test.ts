import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { idAnyone, Perm, ZooKeeper } from '../../client/index.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import type { Member } from '../support/real-ensemble.ts';

// Goal: who changed what, or was refused it, stands in the audit log, in the reference's words;
// nobody forges a line, and neither data nor passwords stand in it.
// Method: real servers with audit.enable; the lines expected are those that Apache 3.9.5 wrote for
// the same requests (docs/protocol/audit.md).

const secret = 'secret-of-bob';

/** The audit lines of a member so far, without their time. */
function linesOf(member: Member): string[] {
  return member
    .log()
    .split('\n')
    .filter((line) => line.includes(' INFO audit.Slf4jAuditLogger: '))
    .map((line) => line.replace(/^\S+ INFO audit\.Slf4jAuditLogger: /, ''));
}

async function ending(member: Member, end: string): Promise<string[]> {
  await until(`a line ${end}`, 20_000, () => linesOf(member).some((line) => line.endsWith(end)));
  return linesOf(member);
}

async function refused(request: Promise<unknown>): Promise<void> {
  await assert.rejects(request);
}

/** One request of every kind, done and refused. */
async function changeEverything(zk: ZooKeeper): Promise<void> {
  await zk.create('/before', 'x');
  await zk.addAuth('digest', `bob:${secret}`);
  await zk.create('/a', 'data-of-a');
  await refused(zk.create('/a', 'x'));
  await zk.create('/e', 'x', { ephemeral: true });
  await zk.create('/s-', 'x', { sequential: true });
  await zk.create('/es-', 'x', { sequential: true, ephemeral: true });
  await zk.create('/cont', 'x', { container: true });
  await refused(zk.create('/no/parent', 'x'));
  await zk.set('/a', 'y');
  await refused(zk.set('/a', 'y', 77));
  await zk.setAcl('/before', [
    { perms: Perm.ALL, id: idAnyone },
    { perms: Perm.READ, id: { scheme: 'ip', id: '10.0.0.1' } },
  ]);
  await zk.setAcl('/a', [{ perms: Perm.ALL, id: { scheme: 'digest', id: 'bob:aGFzaA==' } }]).then(
    () => undefined,
    () => assert.fail('the list of /a is open'),
  );
  await zk.multi([
    { op: 'create', path: '/m1', data: 'x' },
    { op: 'check', path: '/before' },
    { op: 'set', path: '/before', data: 'q' },
    { op: 'remove', path: '/m1' },
  ]);
  await refused(
    zk.multi([
      { op: 'create', path: '/m2', data: 'x' },
      { op: 'set', path: '/zz', data: 'q' },
    ]),
  );
  await zk.remove('/before');
  await refused(zk.remove('/before'));
  await refused(zk.reconfig({ joining: 'server.9=127.0.0.1:1:2' }));
}

const changes = [
  'user=127.0.0.1 operation=create znode=/before znode_type=persistent result=success',
  'user=bob,127.0.0.1 operation=create znode=/a znode_type=persistent result=success',
  'user=bob,127.0.0.1 operation=create znode=/a znode_type=persistent result=failure',
  'user=bob,127.0.0.1 operation=create znode=/e znode_type=ephemeral result=success',
  'user=bob,127.0.0.1 operation=create znode=/s-0000000003 znode_type=persistent_sequential result=success',
  'user=bob,127.0.0.1 operation=create znode=/es-0000000004 znode_type=ephemeral_sequential result=success',
  'user=bob,127.0.0.1 operation=create znode=/cont znode_type=container result=success',
  'user=bob,127.0.0.1 operation=create znode=/no/parent znode_type=persistent result=failure',
  'user=bob,127.0.0.1 operation=setData znode=/a result=success',
  'user=bob,127.0.0.1 operation=setData znode=/a result=failure',
  'user=bob,127.0.0.1 operation=setAcl znode=/before acl=world:anyone:cdrwaip:10.0.0.1:r result=success',
  'user=bob,127.0.0.1 operation=setAcl znode=/a acl=digest:bob:cdrwa result=success',
  'user=bob,127.0.0.1 operation=create znode=/m1 znode_type=persistent result=success',
  'user=bob,127.0.0.1 operation=setData znode=/before result=success',
  'user=bob,127.0.0.1 operation=delete znode=/m1 result=success',
  'user=bob,127.0.0.1 operation=multiOperation result=failure',
  'user=bob,127.0.0.1 operation=delete znode=/before result=success',
  'user=bob,127.0.0.1 operation=delete znode=/before result=failure',
  'user=bob,127.0.0.1 operation=reconfig result=failure',
];

/** TAB between fields, blanks in the table above; session and address in front. */
function expectedLines(session: string): string[] {
  return changes.map((text) => {
    const [user, ...fields] = text.split(' ');
    return [`session=${session}`, user, 'ip=127.0.0.1', ...fields].join('\t');
  });
}

function endedLines(session: string): string[] {
  const { username } = userInfo();
  const operation = 'operation=ephemeralZNodeDeletionOnSessionCloseOrExpire';
  return ['/e', '/es-0000000004'].map((path) =>
    [`session=${session}`, `user=${username}`, operation, `znode=${path}`, 'result=success'].join(
      '\t',
    ),
  );
}

function processLine(operation: string, result: string): string {
  return [`user=${userInfo().username}`, `operation=${operation}`, `result=${result}`].join('\t');
}

test('every change stands in the log of the server it was asked of, ephemerals at all', async () => {
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }, { kind: 'ours' }, { kind: 'ours' }],
    settings: { 'audit.enable': 'true' },
  });
  const asked = ensemble.member(1);
  const zk = await ZooKeeper.connect(asked.address);
  await changeEverything(zk);
  const [, first = ''] = linesOf(asked);
  const session = /^session=(0x[0-9a-f]+)\t/.exec(first)?.[1] ?? 'none';
  await zk.close();
  const end = 'znode=/es-0000000004\tresult=success';
  const start = processLine('serverStart', 'success');
  const lines = (await ending(asked, end)).slice(1 + changes.length);
  assert.deepEqual(linesOf(asked).slice(0, 1 + changes.length), [start, ...expectedLines(session)]);
  assert.deepEqual(lines.sort(), endedLines(session));
  for (const sid of [2, 3]) {
    const others = await ending(ensemble.member(sid), end);
    assert.deepEqual(others.sort(), [...endedLines(session), start].sort());
  }
  assert.doesNotMatch(asked.log(), /secret-of-bob|data-of-a|aGFzaA/);
});

test('a name cannot begin a line of its own', async () => {
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }],
    settings: { 'audit.enable': 'true' },
  });
  const member = ensemble.member(1);
  await using zk = await ZooKeeper.connect(member.address);
  await zk.addAuth('digest', 'eve\nuser=root\toperation=serverStop:x');
  await zk.create('/n', 'x');
  const lines = await ending(member, 'znode_type=persistent\tresult=success');
  assert.equal(lines.length, 2);
  assert.match(
    lines[1] ?? '',
    /\tuser=eve\\u000auser=root\\u0009operation=serverStop,127\.0\.0\.1\tip=/,
  );
});

test('the end of the process is the last line, and there is none without the setting', async () => {
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }],
    settings: { 'audit.enable': 'true' },
  });
  const member = ensemble.member(1);
  await member.kill('SIGTERM');
  assert.equal(linesOf(member).at(-1), processLine('serverStop', 'invoked'));

  await using silent = await RealEnsemble.started({ members: [{ kind: 'ours' }] });
  await using zk = await ZooKeeper.connect(silent.member(1).address);
  await zk.create('/n', 'x');
  assert.deepEqual(linesOf(silent.member(1)), []);
});
