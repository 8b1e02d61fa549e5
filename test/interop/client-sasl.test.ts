import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { kazooMissing, kazooPython } from '../support/kazoo.ts';
import { KeyFiles } from '../support/key-files.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';

// Goal: clients of Java and Python authenticate by SASL as at the reference.
// Method: the reference's shell and kazoo, each a process of its own, against a server that serves
// nobody without proof; the client of this repository against a server of the reference.

const module = 'org.apache.zookeeper.server.auth.DigestLoginModule';

async function started(files: KeyFiles): Promise<RealEnsemble> {
  const jaas = `Server { ${module} required user_bob="s3cret"; };`;
  return RealEnsemble.started({
    members: [{ kind: 'ours' }],
    settings: { sessionRequireClientSASLAuth: 'true' },
    properties: { 'java.security.auth.login.config': files.text('server.conf', jaas) },
  });
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((done) => {
    execFile(command, args, { timeout: 60_000 }, (_, stdout, stderr) => done(`${stdout}${stderr}`));
  });
}

test('the Java client', { skip: apacheMissing() ?? false }, async () => {
  using files = new KeyFiles();
  await using ensemble = await started(files);
  const shell = (password: string, ...command: readonly string[]): Promise<string> => {
    const jaas = `Client { ${module} required username="bob" password="${password}"; };`;
    return run('java', [
      `-Djava.security.auth.login.config=${files.text('client.conf', jaas)}`,
      '-Dzookeeper.fips-mode=false',
      '-cp',
      apacheClasspath(),
      'org.apache.zookeeper.ZooKeeperMain',
      '-server',
      ensemble.connectString,
      ...command,
    ]);
  };
  assert.match(await shell('s3cret', 'create', '/java', 'proven', 'sasl:bob:cdrwa'), /^Created/m);
  assert.match(await shell('s3cret', 'getAcl', '/java'), /^'sasl,'bob$/m);
  assert.match(await shell('s3cret', 'get', '/java'), /^proven$/m);
  assert.doesNotMatch(await shell('wrong', 'get', '/java'), /^proven$/m);
});

test('kazoo', { skip: kazooMissing() ?? false }, async () => {
  const python = kazooPython();
  try {
    execFileSync(python, ['-c', 'import puresasl'], { stdio: 'ignore' });
  } catch {
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', 'pure-sasl'], { stdio: 'inherit' });
  }
  using files = new KeyFiles();
  await using ensemble = await started(files);
  const script = `
import sys
from kazoo.client import KazooClient
from kazoo.security import make_acl
hosts, password = sys.argv[1:]
options = {"mechanism": "DIGEST-MD5", "username": "bob", "password": password}
zk = KazooClient(hosts=hosts, sasl_options=options)
zk.start(timeout=10)
zk.create("/python", b"proven", acl=[make_acl("sasl", "bob", all=True)])
print(zk.get("/python")[0].decode())
zk.stop()
`;
  const connect = ensemble.connectString;
  assert.equal(await run(python, ['-c', script, connect, 's3cret']), 'proven\n');
  const refused = await run(python, ['-c', script, connect, 'wrong']);
  assert.match(refused, /SessionClosedRequireSaslError/);
  assert.doesNotMatch(refused, /proven/);
});

test('the client at a server of the reference', { skip: apacheMissing() ?? false }, async () => {
  using files = new KeyFiles();
  const jaas = `Server { ${module} required user_bob="s3cret"; };`;
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'apache' }],
    properties: {
      'java.security.auth.login.config': files.text('server.conf', jaas),
      'zookeeper.fips-mode': 'false',
      'zookeeper.authProvider.1': 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
    },
  });
  const sasl = { username: 'bob', password: 's3cret' };
  const connect = (login: typeof sasl): Promise<ZooKeeper> =>
    ZooKeeper.connect(ensemble.connectString, { sasl: login });
  await using zk = await connect(sasl);
  await zk.create('/mine', 'x', { acl: [{ perms: 31, id: { scheme: 'sasl', id: 'bob' } }] });
  assert.equal(String((await zk.get('/mine')).data), 'x');
  await using stranger = await ZooKeeper.connect(ensemble.connectString);
  await assert.rejects(stranger.get('/mine'), /NO_AUTH/);
  await assert.rejects(connect({ ...sasl, password: 'wrong' }), /AUTH_FAILED/);
  await assert.rejects(connect({ ...sasl, username: 'eve' }), /AUTH_FAILED/);
});

test(
  'a server of the reference that asks nobody is left',
  { skip: apacheMissing() ?? false },
  async () => {
    await using ensemble = await RealEnsemble.started({ members: [{ kind: 'apache' }] });
    const sasl = { username: 'bob', password: 's3cret' };
    await assert.rejects(ZooKeeper.connect(ensemble.connectString, { sasl }), /AUTH_FAILED/);
  },
);
