import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { CertificateAuthority } from '../support/certificates.ts';
import { KeyFiles } from '../support/key-files.ts';
import { freePorts } from '../support/ports.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';

// Goal: `zk-cli` goes over TLS and proves by SASL who it is, told as the reference's shell is told:
// by -client-configuration or CLIENT_JVMFLAGS.
// Method: a real server with a secure port that serves nobody without proof; the command as a
// process, with right files, wrong ones and none.

const module = 'org.apache.zookeeper.server.auth.DigestLoginModule';
const authority = new CertificateAuthority();
const cli = join(import.meta.dirname, '../../client/bin/zk-cli.js');

interface Ran {
  readonly code: unknown;
  readonly text: string;
}

function run(args: readonly string[], jvmFlags: string = ''): Promise<Ran> {
  const env = { ...process.env, CLIENT_JVMFLAGS: jvmFlags };
  return new Promise((done) => {
    execFile(process.execPath, [cli, ...args], { env }, (error, stdout, stderr) => {
      done({ code: error?.code ?? 0, text: `${stdout}${stderr}` });
    });
  });
}

test('by a file of properties or by CLIENT_JVMFLAGS, and not without', async () => {
  using files = new KeyFiles();
  const [securePort = 0] = await freePorts(1);
  const own = authority.issue({ commonName: 'server', names: ['127.0.0.1'] });
  const users = `Server { ${module} required user_bob="s3cret"; };`;
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }],
    settings: {
      secureClientPort: securePort,
      secureClientPortAddress: '127.0.0.1',
      'ssl.keyStore.location': files.keyStore('server', own),
      'ssl.trustStore.location': files.trustStore('clients', [authority.certificate]),
      sessionRequireClientSASLAuth: 'true',
    },
    properties: { 'java.security.auth.login.config': files.text('server.conf', users) },
  });
  const login = (name: string, password: string): string =>
    files.text(name, `Client { ${module} required username="bob" password="${password}"; };`);
  const ann = authority.issue({ commonName: 'ann' });
  const tls = [
    'zookeeper.client.secure=true',
    `zookeeper.ssl.keyStore.location=${files.keyStore('ann', ann)}`,
    `zookeeper.ssl.trustStore.location=${files.trustStore('servers', [authority.certificate])}`,
  ];
  const sasl = `java.security.auth.login.config=${login('client.conf', 's3cret')}`;
  const file = (name: string, lines: readonly string[]): string =>
    files.text(name, `# of the shell\n${lines.join('\n')}\n`);
  const at = ['-server', `127.0.0.1:${securePort}`, '-timeout', '3000'];
  const plain = ['-server', ensemble.connectString, '-timeout', '3000'];
  const known = /^Auth scheme: User\nip: 127\.0\.0\.1\n/;

  const both = ['-client-configuration', file('both', [...tls, sasl])];
  const byFile = await run([...at, ...both, 'whoami']);
  assert.match(byFile.text, known);
  assert.match(byFile.text, /^x509: CN=ann$/m);
  assert.match(byFile.text, /^sasl: bob$/m);
  const byFlags = await run([...at, 'whoami'], [...tls, sasl].map((one) => `-D${one}`).join(' '));
  assert.equal(byFlags.text, byFile.text);
  assert.match((await run([...plain, 'whoami'], `-Xmx1g -D${sasl}`)).text, /^sasl: bob$/m);

  const noProof = await run([...plain, 'ls', '/']);
  assert.equal(noProof.code, 1);
  assert.match(noProof.text, /SessionClosedRequireSaslAuth/);
  const wrong = `java.security.auth.login.config=${login('wrong.conf', 'guess')}`;
  const refused = await run([...plain, 'ls', '/'], `-D${wrong}`);
  assert.deepEqual([refused.code, /AuthFailed/.test(refused.text)], [1, true]);
  assert.doesNotMatch(refused.text, /guess/);
  const untrusted = ['-client-configuration', file('untrusted', [tls[0] ?? '', sasl])];
  assert.equal((await run([...at, ...untrusted, 'ls', '/'])).code, 1);

  for (const [text, pattern] of [
    ['zookeeper.client.secure=true\nzookeeper.ssl.keyStore.location=/none/key', /keyStore\.type/],
    ['zookeeper.client.secure=true\nzookeeper.ssl.keyStore.location=/none/k.pem', /\/none\/k\.pem/],
    ['java.security.auth.login.config=/none/jaas', /\/none\/jaas/],
    [`${sasl}\nzookeeper.sasl.clientconfig=Other`, /Section Other is missing/],
  ] as const) {
    const ran = await run([...at, '-client-configuration', file('bad', [text]), 'ls', '/']);
    assert.equal(ran.code, 2, ran.text);
    assert.match(ran.text, pattern);
  }
  assert.equal((await run([...at, '-client-configuration', '/none', 'ls', '/'])).code, 2);
});
