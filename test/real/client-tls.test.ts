import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { ZooKeeper } from '../../client/index.ts';
import type { ConnectOptions } from '../../client/index.ts';
import { beginFrame, endFrame } from '../../server/protocol/framing.ts';
import { JuteWriter } from '../../server/protocol/jute.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import type { Certified } from '../support/certificates.ts';
import { KeyFiles } from '../support/key-files.ts';
import { freePorts } from '../support/ports.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: clients come over TLS, are known by their certificates, and others do not come at all.
// Method: a real server with a plain and a secure port, certificates made here, this repository's
// client and sockets by hand; Node alone.

const authority = new CertificateAuthority();
const ann = authority.issue({ commonName: 'ann' });
const root = authority.issue({ commonName: 'root' });
const stranger = new CertificateAuthority('stranger').issue({ commonName: 'ann' });

function by(certified: Certified | null): ConnectOptions {
  const own = certified === null ? {} : { key: certified.key, cert: certified.certificate };
  return { tls: { ca: authority.certificate, ...own }, connectTimeoutMs: 3000 };
}

interface Server extends AsyncDisposable {
  readonly ensemble: RealEnsemble;
  readonly files: KeyFiles;
  readonly secure: string;
  readonly securePort: number;
}

/** One server that is alone, with a secure port beside the plain one. */
async function start(more: Readonly<Record<string, string>> = {}): Promise<Server> {
  const files = new KeyFiles();
  const [securePort = 0] = await freePorts(1);
  const own = authority.issue({ commonName: 'server', names: ['127.0.0.1'] });
  const ensemble = await RealEnsemble.started({
    members: [{ kind: 'ours' }],
    settings: {
      secureClientPort: securePort,
      secureClientPortAddress: '127.0.0.1',
      'ssl.keyStore.location': files.keyStore('server', own),
      'ssl.trustStore.location': files.trustStore('clients', [authority.certificate]),
      'X509AuthenticationProvider.superUser': 'CN=root',
      ...more,
    },
  });
  return {
    ensemble,
    files,
    secure: `127.0.0.1:${securePort}`,
    securePort,
    async [Symbol.asyncDispose]() {
      await ensemble[Symbol.asyncDispose]();
      files[Symbol.dispose]();
    },
  };
}

test('a client is who its certificate says, beside its address', async () => {
  await using server = await start();
  await using zk = await ZooKeeper.connect(server.secure, by(ann));
  assert.deepEqual(
    (await zk.whoAmI()).map(({ scheme, user }) => `${scheme} ${user}`),
    ['ip 127.0.0.1', 'x509 CN=ann'],
  );
  const mine = [{ perms: 31, id: { scheme: 'x509', id: 'CN=ann' } }];
  await zk.create('/mine', 'of ann', { acl: mine });
  await zk.create('/auth', 'of ann', { acl: [{ perms: 31, id: { scheme: 'auth', id: '' } }] });
  assert.deepEqual((await zk.getAcl('/auth')).acl, mine);
  assert.equal((await zk.get('/mine')).data?.toString(), 'of ann');

  await using plain = await ZooKeeper.connect(server.ensemble.connectString);
  await assert.rejects(plain.get('/mine'), { code: 'NO_AUTH' });
  await assert.rejects(plain.addAuth('x509', ''), { code: 'AUTH_FAILED' });
  await using superUser = await ZooKeeper.connect(server.secure, by(root));
  assert.equal((await superUser.get('/mine')).data?.toString(), 'of ann');
});

test('access lists take names of certificates where there are any', async () => {
  await using server = await start();
  await using zk = await ZooKeeper.connect(server.secure, by(ann));
  const wrong = [{ perms: 31, id: { scheme: 'x509', id: 'ann' } }];
  await assert.rejects(zk.create('/wrong', '', { acl: wrong }), { code: 'INVALID_ACL' });
  const other = [{ perms: 31, id: { scheme: 'x509', id: 'CN=bob,OU=team\\, one,O=example' } }];
  await zk.create('/of-bob', '', { acl: other });
  await assert.rejects(zk.set('/of-bob', 'x'), { code: 'NO_AUTH' });
});

describe('who does not come in', () => {
  const strangers: readonly (readonly [string, ConnectOptions, RegExp])[] = [
    ['without a certificate', by(null), /it shows no certificate/],
    ['with a certificate of somebody else', by(stranger), /its certificate is not trusted/],
    ['without TLS', { connectTimeoutMs: 3000 }, /a client was refused for its TLS/],
  ];
  for (const [name, options, pattern] of strangers) {
    test(name, async () => {
      await using server = await start();
      await assert.rejects(ZooKeeper.connect(server.secure, options));
      const log = (): string => server.ensemble.member(1).log();
      await until('the refusal', 5000, () => pattern.test(log()));
      await using zk = await ZooKeeper.connect(server.secure, by(ann));
      await zk.create('/still-served');
    });
  }
});

test('what comes behind a handshake without a certificate is not done', async () => {
  await using server = await start();
  const writer = new JuteWriter(256);
  const frame = (write: () => void): void => {
    const at = beginFrame(writer);
    write();
    endFrame(writer, at);
  };
  frame(() => {
    writer.int32(0);
    writer.int64(0);
    writer.int32(10_000);
    writer.int64(0);
    writer.bytes(Buffer.alloc(16));
  });
  frame(() => {
    writer.int32(1);
    writer.int32(OpCode.CREATE);
    writer.string('/sneaked');
    writer.bytes(null);
    writer.int32(1);
    writer.int32(31);
    writer.string('world');
    writer.string('anyone');
    writer.int32(0);
  });
  const bytes = writer.take();
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const answer = await new Promise<string>((done) => {
      const target = { host: '127.0.0.1', port: server.securePort, maxVersion };
      const socket = tlsConnect({ ...target, ca: authority.certificate });
      let text = '';
      socket.on('secureConnect', () => socket.write(bytes));
      socket.on('data', (chunk) => (text += chunk.toString('hex')));
      socket.on('error', () => undefined);
      socket.on('close', () => done(text));
    });
    assert.equal(answer, '');
  }
  await using zk = await ZooKeeper.connect(server.secure, by(ann));
  assert.equal(await zk.exists('/sneaked'), null);
});

test('where a certificate is only wanted, or not asked for, clients come without', async () => {
  for (const clientAuth of ['want', 'none']) {
    await using server = await start({ 'ssl.clientAuth': clientAuth });
    await using nobody = await ZooKeeper.connect(server.secure, by(null));
    assert.deepEqual(
      (await nobody.whoAmI()).map(({ scheme }) => scheme),
      ['ip'],
    );
    await using zk = await ZooKeeper.connect(server.secure, by(ann));
    assert.equal((await zk.whoAmI()).length, clientAuth === 'want' ? 2 : 1);
  }
});

test('a client leaves a server whose certificate names another host', async () => {
  using others = new KeyFiles();
  const wrong = authority.issue({ commonName: 'server', names: ['other.invalid', '127.0.0.2'] });
  await using server = await start({ 'ssl.keyStore.location': others.keyStore('wrong', wrong) });
  await assert.rejects(ZooKeeper.connect(server.secure, by(ann)));
});

test('four-letter words over TLS', async () => {
  await using server = await start();
  const answer = await new Promise<string>((done, fail) => {
    const options = { ca: authority.certificate, key: ann.key, cert: ann.certificate };
    const socket = tlsConnect({ host: '127.0.0.1', port: server.securePort, ...options });
    let text = '';
    socket.on('secureConnect', () => socket.write('conf'));
    socket.on('data', (chunk) => (text += chunk.toString('utf8')));
    socket.on('error', fail);
    socket.on('close', () => done(text));
  });
  assert.match(answer, new RegExp(`^secureClientPort=${server.securePort}$`, 'm'));
});

test('one port for plain and TLS; connections of both ports count together', async () => {
  await using server = await start({ 'client.portUnification': 'true', maxClientCnxns: '3' });
  const unified = server.ensemble.connectString;
  await using overTls = await ZooKeeper.connect(unified, by(ann));
  assert.equal((await overTls.whoAmI()).length, 2);
  await using plain = await ZooKeeper.connect(unified);
  await plain.create('/both');
  await using secure = await ZooKeeper.connect(server.secure, by(ann));
  assert.notEqual(await secure.exists('/both'), null);
  await assert.rejects(ZooKeeper.connect(server.secure, by(ann)));
  assert.match(server.ensemble.member(1).log(), /more than 3 connections from one address/);
});

test('renewed certificates count for new connections', async () => {
  await using server = await start({ 'client.certReload': 'true' });
  await using before = await ZooKeeper.connect(server.secure, by(ann));
  const fresh = new CertificateAuthority('fresh');
  server.files.keyStore('server', fresh.issue({ commonName: 's', names: ['127.0.0.1'] }));
  const log = (): string => server.ensemble.member(1).log();
  await until('the files to be read', 20_000, () =>
    /of the client port were read again/.test(log()),
  );
  await assert.rejects(ZooKeeper.connect(server.secure, by(ann)));
  const trusting = { tls: { key: ann.key, cert: ann.certificate, ca: fresh.certificate } };
  await using after = await ZooKeeper.connect(server.secure, trusting);
  await after.create('/after');
  assert.notEqual(await before.exists('/after'), null);
});

test('a secure port alone', async () => {
  using files = new KeyFiles();
  const [securePort = 0] = await freePorts(1);
  const own = authority.issue({ commonName: 'server', names: ['127.0.0.1'] });
  await using ensemble = await RealEnsemble.create({
    members: [{ kind: 'ours' }],
    settings: {
      clientPort: '',
      clientPortAddress: '',
      secureClientPort: securePort,
      'ssl.keyStore.location': files.keyStore('server', own),
      'ssl.trustStore.location': files.trustStore('clients', [authority.certificate]),
    },
  });
  ensemble.startAll();
  const log = (): string => ensemble.member(1).log();
  await until('the port', 20_000, () => /clients may connect over TLS/.test(log()));
  await using zk = await ZooKeeper.connect(`127.0.0.1:${securePort}`, by(ann));
  await zk.create('/secure');
  assert.doesNotMatch(log(), /clients may connect port/);
});
