import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { KeyFiles, quorumStores, storePassword } from '../support/key-files.ts';
import { freePorts } from '../support/ports.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';

// Goal: no secret of the configuration, of a client or of a file comes out again, whatever is asked
// (CVE-2026-24308); the settings of the admin and metrics ports take effect.
// Method: a real server with every secret set; everything that it says on every port and in its
// logs is searched for them.

const words = 'conf cons dirs dump envi hash isro mntr ruok srvr stat wchc wchp wchs'.split(' ');
const module = 'org.apache.zookeeper.server.auth.DigestLoginModule';

const secrets = {
  superDigest: 'SuperDigestHash8sPwqY=',
  jaas: 'jaas-pass-word',
  client: 'client-pass-word',
  store: storePassword,
} as const;

function answerOf(port: number, word: string): Promise<string> {
  return new Promise((done, fail) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(word));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', () => done(Buffer.concat(chunks).toString()));
    socket.on('error', fail);
  });
}

async function page(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  assert.equal(response.status, 200, path);
  return response.text();
}

test('nothing that a server says holds a secret', async () => {
  const authority = new CertificateAuthority();
  const own = authority.issue({ commonName: 'server', names: ['127.0.0.1'] });
  using files = new KeyFiles();
  const jaas = `Server { ${module} required user_bob="${secrets.jaas}"; };`;
  const [metricsPort = 0] = await freePorts(1);
  const stores = quorumStores(
    files.keyStore('server', own, 'p12'),
    files.trustStore('trust', [authority.certificate], 'p12'),
  );
  await using ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours', shell: 'export ZK_LOG_LEVEL=debug' }],
    settings: {
      ...stores,
      'admin.portUnification': 'true',
      'admin.commandURL': '/zk',
      'audit.enable': 'true',
      'DigestAuthenticationProvider.superDigest': `super:${secrets.superDigest}`,
      'metricsProvider.className':
        'org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider',
      'metricsProvider.httpHost': '127.0.0.1',
      'metricsProvider.httpPort': metricsPort,
    },
    properties: { 'java.security.auth.login.config': files.text('jaas.conf', jaas) },
  });
  const member = ensemble.member(1);
  await using zk = await ZooKeeper.connect(member.address);
  await zk.addAuth('digest', `ann:${secrets.client}`);
  await zk.create('/a', 'x', { ephemeral: true });
  await zk.exists('/a', { watch: () => undefined });

  const said = new Map<string, string>();
  for (const word of words) said.set(word, await answerOf(member.clientPort, word));
  const list = await page(member.adminPort, '/zk');
  const commands = [...list.matchAll(/href="([^"]+)"/g)].map((match) => match[1] ?? '');
  assert(commands.length > 20, list);
  for (const path of [
    '/state',
    '/metrics',
    ...commands.filter((each) => !each.includes('reset')),
  ]) {
    said.set(path, await page(member.adminPort, path));
  }
  said.set('the metrics port', await page(metricsPort, '/metrics'));
  await member.kill('SIGTERM');
  said.set('the log', member.log());

  assert.match(said.get('the log') ?? '', /user=ann,127\.0\.0\.1/);
  assert.match(said.get('the metrics port') ?? '', /^znode_count \d+$/m);
  const shown = said.get('/zk/initial_configuration') ?? '';
  assert.match(shown, /superDigest=\*\*\*\\n/);
  assert.match(shown, /keyStore\.password=\*\*\*\\n/);
  assert.match(shown, /keyStore\.location=\/.*\.p12\\n/);
  for (const [what, text] of said) {
    for (const [name, secret] of Object.entries(secrets)) {
      assert(!text.includes(secret), `${what} shows the ${name} secret`);
    }
  }
});

for (const path of ['commands', '/metrics', '/', '/a b']) {
  test(`admin.commandURL=${path} is refused`, async () => {
    await using ensemble = await RealEnsemble.create({
      members: [{ kind: 'ours' }],
      settings: { 'admin.commandURL': path },
    });
    const member = ensemble.member(1);
    assert.equal(await member.exits(20_000), 2);
    assert.match(member.log(), /admin\.commandURL=.*: It is a path of its own/);
  });
}
