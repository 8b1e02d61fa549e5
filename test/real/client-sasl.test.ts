import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { JuteReader, JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { saslToken, whoAmIResponse } from '../../server/protocol/requests/access.ts';
import { clientService, DigestMd5Client } from '../../server/sasl/digest-md5.ts';
import { KeyFiles } from '../support/key-files.ts';
import { RawSession } from '../support/raw-session.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: a client that proves by DIGEST-MD5 who it is has that name, one that fails is told and
// closed, and where proof is required nobody is served before it.
// Method: a real server with a JAAS file; the exchange by hand over a raw session, and by the client.

const module = 'org.apache.zookeeper.server.auth.DigestLoginModule';
const jaas = `Server { ${module} required user_bob="s3cret" user_root="r00t"; };`;

async function started(
  files: KeyFiles,
  settings: Readonly<Record<string, string>> = {},
): Promise<RealEnsemble> {
  const login = { 'java.security.auth.login.config': files.text('jaas.conf', jaas) };
  return RealEnsemble.started({
    members: [{ kind: 'ours' }],
    settings: { superUser: 'root', ...settings },
    properties: login,
  });
}

function open(ensemble: RealEnsemble): Promise<RawSession> {
  return RawSession.open(ensemble.member(1).clientPort, { timeoutMs: 10_000 });
}

async function say(
  session: RawSession,
  token: Uint8Array,
): Promise<{ readonly error: number; readonly token: Uint8Array | null }> {
  const writer = new JuteWriter(64);
  saslToken.write(writer, token);
  const { error, body } = await session.ask(OpCode.SASL, writer.take());
  return { error, token: saslToken.read(new JuteReader(body)) };
}

/** The error of the last step; the other side's proof is checked. */
async function authenticate(
  session: RawSession,
  username: string,
  password: string,
): Promise<number> {
  const client = new DigestMd5Client(clientService, { username, password }, 'bm9uY2U=');
  const challenge = await say(session, new Uint8Array(0));
  assert.equal(challenge.error, ErrorCode.OK);
  const answer = client.answer(challenge.token ?? new Uint8Array(0));
  assert('response' in answer);
  const { error, token } = await say(session, answer.response);
  assert.equal(token !== null && client.isProof(token), error === ErrorCode.OK);
  return error;
}

async function whoAmI(session: RawSession): Promise<string[]> {
  const { body } = await session.ask(OpCode.WHO_AM_I, new Uint8Array(0));
  const infos = whoAmIResponse.read(new JuteReader(body));
  return infos.map(({ scheme, user }) => `${scheme} ${user}`).toSorted();
}

test('who proves it is that user, and has its rights', async () => {
  using files = new KeyFiles();
  await using ensemble = await started(files);
  const session = await open(ensemble);
  assert.deepEqual(await whoAmI(session), ['ip 127.0.0.1']);
  assert.equal(await authenticate(session, 'bob', 's3cret'), ErrorCode.OK);
  assert.deepEqual(await whoAmI(session), ['ip 127.0.0.1', 'sasl bob']);
  assert.equal(await session.create('/x', {}), ErrorCode.OK);
  const superUser = await open(ensemble);
  assert.equal(await authenticate(superUser, 'root', 'r00t'), ErrorCode.OK);
  assert.equal((await whoAmI(superUser)).includes('sasl root'), true);
  session.destroy();
  superUser.destroy();
});

describe('who does not prove it is told and closed', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['bob', 'wrong'],
    ['eve', 's3cret'],
    ['bob@', 's3cret'],
    ['', 's3cret'],
  ];
  for (const [username, password] of cases) {
    test(`ZOOKEEPER-4839: "${username}" with ${password}, right behind somebody who did prove it`, async () => {
      using files = new KeyFiles();
      await using ensemble = await started(files);
      const before = await open(ensemble);
      assert.equal(await authenticate(before, 'bob', 's3cret'), ErrorCode.OK);
      before.destroy();
      const session = await open(ensemble);
      assert.equal(await authenticate(session, username, password), ErrorCode.AUTH_FAILED);
      await until('the end', 5000, () => session.isClosed);
      assert.doesNotMatch(ensemble.member(1).log(), /s3cret/);
    });
  }

  test('who speaks before it is asked, and who goes on behind the end', async () => {
    using files = new KeyFiles();
    await using ensemble = await started(files);
    const early = await open(ensemble);
    assert.equal((await say(early, Buffer.from('x=y'))).error, ErrorCode.AUTH_FAILED);
    await until('the end', 5000, () => early.isClosed);
    const late = await open(ensemble);
    assert.equal(await authenticate(late, 'bob', 's3cret'), ErrorCode.OK);
    assert.equal((await say(late, new Uint8Array(0))).error, ErrorCode.AUTH_FAILED);
    await until('the end', 5000, () => late.isClosed);
  });
});

describe('where proof is required', () => {
  for (const settings of [
    { sessionRequireClientSASLAuth: 'true' },
    { 'enforce.auth.enabled': 'true', 'enforce.auth.schemes': 'sasl,digest' },
  ]) {
    test(`ZOOKEEPER-3905: nobody is served before it: ${Object.keys(settings).join(', ')}`, async () => {
      using files = new KeyFiles();
      await using ensemble = await started(files, settings);
      const stranger = await open(ensemble);
      const error = await stranger.create('/by-nobody', {});
      assert.equal(error, ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH);
      await until('the end', 5000, () => stranger.isClosed);
      const wrong = await open(ensemble);
      const refused = await authenticate(wrong, 'bob', 'wrong');
      assert.equal(refused, ErrorCode.SESSION_CLOSED_REQUIRE_SASL_AUTH);
      const bob = await open(ensemble);
      assert.equal(await authenticate(bob, 'bob', 's3cret'), ErrorCode.OK);
      assert.equal(await bob.exists('/by-nobody'), ErrorCode.NO_NODE);
      assert.equal(await bob.create('/by-bob', {}), ErrorCode.OK);
      bob.destroy();
    });
  }

  test('a server that could not check it does not start', async () => {
    for (const [settings, pattern] of [
      [{ sessionRequireClientSASLAuth: 'true' }, /needs a JAAS file with a section Server/],
      [{ 'enforce.auth.enabled': 'true' }, /needs enforce\.auth\.schemes/],
    ] as const) {
      await using ensemble = await RealEnsemble.create({ members: [{ kind: 'ours' }], settings });
      const member = ensemble.member(1);
      assert.equal(await member.exits(20_000), 2);
      assert.match(member.log(), pattern);
    }
  });
});

test('without a section for clients nothing is asked', async () => {
  await using ensemble = await RealEnsemble.started({ members: [{ kind: 'ours' }] });
  const session = await open(ensemble);
  assert.deepEqual(await say(session, new Uint8Array(0)), { error: ErrorCode.OK, token: null });
  session.destroy();
});

test('the client proves it, again after its server was restarted, and is told when it fails', async () => {
  using files = new KeyFiles();
  await using ensemble = await started(files, { sessionRequireClientSASLAuth: 'true' });
  const sasl = { username: 'bob', password: 's3cret' };
  await using zk = await ZooKeeper.connect(ensemble.connectString, { sasl });
  await zk.create('/mine', 'x', { acl: [{ perms: 31, id: { scheme: 'sasl', id: 'bob' } }] });
  await ensemble.member(1).kill();
  await until('the loss', 10_000, () => zk.state === 'suspended');
  ensemble.member(1).start();
  await until('the return', 20_000, () => zk.state === 'connected');
  assert.equal(String((await zk.get('/mine')).data), 'x');
  await assert.rejects(
    ZooKeeper.connect(ensemble.connectString, { sasl: { ...sasl, password: 'wrong' } }),
    (error: Error) =>
      /^AUTH_FAILED.*SASL as bob/.test(error.message) && !/wrong/.test(error.message),
  );
  await assert.rejects(
    ZooKeeper.connect('h', { sasl: { ...sasl, password: '' } }),
    /BAD_ARGUMENTS/,
  );
});

test('the client leaves a server that asks nobody', async () => {
  await using ensemble = await RealEnsemble.started({ members: [{ kind: 'ours' }] });
  const sasl = { username: 'bob', password: 's3cret' };
  await assert.rejects(
    ZooKeeper.connect(ensemble.connectString, { sasl }),
    /^ZkError: AUTH_FAILED.*no section Server/,
  );
});
