import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import type { ConnectOptions } from '../../client/index.ts';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import type { Certified } from '../support/certificates.ts';
import { kazooMissing, kazooPython } from '../support/kazoo.ts';
import { KeyFiles, storePassword } from '../support/key-files.ts';
import { freePorts } from '../support/ports.ts';
import type { Kind } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: clients of Java and Python come over TLS as to the reference, and a certificate means the
// same at both kinds of server.
// Method: one server of each kind with a secure port and the same stores; the same questions to
// both; the reference's shell and kazoo as processes of their own.

const skip = apacheMissing() ?? false;
const authority = new CertificateAuthority();
const plainAnn = authority.issue({ commonName: 'ann' });
const root = authority.issue({ commonName: 'root', above: [['2.5.4.10', 'example']] });
const oddAnn = authority.issue({
  commonName: '  #Ann, the "first"; <a+b=c> \\ ü  ',
  above: [
    ['2.5.4.6', 'CH'],
    ['0.9.2342.19200300.100.1.25', 'example'],
    ['2.5.4.10', 'Ex=ample, Inc.'],
    ['2.5.4.11', '#team'],
    ['2.5.4.5', '12345'],
    ['1.2.840.113549.1.9.1', 'ann@example'],
    ['0.9.2342.19200300.100.1.1', 'ann'],
    ['2.5.4.9', 'Street 1'],
    ['2.5.4.7', 'Bern'],
    ['2.5.4.8', 'BE'],
  ],
});

interface Server {
  readonly ensemble: RealEnsemble;
  readonly address: string;
}

async function start(kind: Kind, files: KeyFiles): Promise<Server> {
  const [port = 0] = await freePorts(1);
  // The client of the reference looks for the reverse name of an address.
  const own = authority.issue({ commonName: 'server', names: ['127.0.0.1', 'localhost'] });
  const ensemble = await RealEnsemble.create({
    members: [{ kind }],
    settings: {
      serverCnxnFactory: 'org.apache.zookeeper.server.NettyServerCnxnFactory',
      secureClientPort: port,
      secureClientPortAddress: '127.0.0.1',
      'ssl.keyStore.location': files.keyStore('server', own, 'p12'),
      'ssl.keyStore.password': storePassword,
      'ssl.trustStore.location': files.trustStore('clients', [authority.certificate], 'jks'),
      'ssl.trustStore.password': storePassword,
      'X509AuthenticationProvider.superUser': 'CN=root,O=example',
    },
  });
  ensemble.startAll();
  await ensemble.ready();
  return { ensemble, address: `127.0.0.1:${port}` };
}

function by(certified: Certified): ConnectOptions {
  const { key, certificate: cert } = certified;
  return { tls: { ca: authority.certificate, key, cert }, connectTimeoutMs: 5000 };
}

/** In one order: the reference's is that of a hash. */
async function whoAmI(zk: ZooKeeper): Promise<unknown> {
  return (await zk.whoAmI()).toSorted((a, b) => a.scheme.localeCompare(b.scheme));
}

/** Code of what is refused, else what comes. */
async function outcomeOf(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('over TLS', { skip }, () => {
  let files: KeyFiles;
  let ours: Server;
  let theirs: Server;

  before(async () => {
    apacheClasspath();
    files = new KeyFiles();
    [ours, theirs] = [await start('ours', files), await start('apache', files)];
  });

  after(async () => {
    await ours.ensemble[Symbol.asyncDispose]();
    await theirs.ensemble[Symbol.asyncDispose]();
    files[Symbol.dispose]();
  });

  async function same(ask: (zk: ZooKeeper) => Promise<unknown>, who: Certified): Promise<unknown> {
    const answers: unknown[] = [];
    for (const server of [ours, theirs]) {
      await using zk = await ZooKeeper.connect(server.address, by(who));
      answers.push(await outcomeOf(() => ask(zk)));
    }
    assert.deepEqual(answers[0], answers[1]);
    return answers[0];
  }

  test('a certificate has the same name at both', async () => {
    assert.deepEqual(await same(whoAmI, plainAnn), [
      { scheme: 'ip', user: '127.0.0.1' },
      { scheme: 'x509', user: 'CN=ann' },
    ]);
    const odd = (await same(whoAmI, oddAnn)) as { readonly user: string }[];
    assert.match(odd[1]?.user ?? '', /^CN=.*C=CH$/);
    await same(whoAmI, root);
  });

  test('access lists with names of certificates', async () => {
    let count = 0;
    const ids = [
      'CN=ann',
      'cn=ann',
      'ann',
      'CN',
      'X=ann',
      'CN=ann,',
      'CN=ann,O=a\\,b',
      'CN="a,b",O=c',
      'CN=a+OU=b,C=CH',
      '1.2.3.4=x',
      'OID.1.2.3=x',
      'CN= ann , O = x',
      'EMAILADDRESS=a@b,CN=x',
      'CN=ann;O=x',
    ];
    for (const id of ids) {
      count += 1;
      const path = `/list-${count}`;
      await same(async (zk) => {
        await zk.create(path, '', { acl: [{ perms: 31, id: { scheme: 'x509', id } }] });
        return (await zk.getAcl(path)).acl;
      }, root);
      await same((zk) => zk.get(path).then(({ data }) => data?.length), plainAnn);
    }
  });

  test('who asks for its certificate again, and who has the right to all', async () => {
    await same(async (zk) => {
      await zk.addAuth('x509', 'whatever');
      return whoAmI(zk);
    }, plainAnn);
    const acl = [{ perms: 31, id: { scheme: 'x509', id: 'CN=nobody' } }];
    await same((zk) => zk.create('/of-nobody', 'x', { acl }), plainAnn);
    assert.equal(await same((zk) => zk.get('/of-nobody'), plainAnn), 'NO_AUTH');
    await same((zk) => zk.set('/of-nobody', 'y').then(({ version }) => version), root);
    await same(async (zk) => {
      await zk.create('/of-auth', '', { acl: [{ perms: 31, id: { scheme: 'auth', id: '' } }] });
      return (await zk.getAcl('/of-auth')).acl;
    }, plainAnn);
  });

  test('the shell of the reference', async () => {
    const shell = (...command: readonly string[]): Promise<string> => {
      const properties = {
        'zookeeper.clientCnxnSocket': 'org.apache.zookeeper.ClientCnxnSocketNetty',
        'zookeeper.client.secure': 'true',
        'zookeeper.ssl.keyStore.location': files.keyStore('ann', plainAnn, 'p12'),
        'zookeeper.ssl.keyStore.password': storePassword,
        'zookeeper.ssl.trustStore.location': files.trustStore('ca', [authority.certificate], 'jks'),
        'zookeeper.ssl.trustStore.password': storePassword,
      };
      const flags = Object.entries(properties).map(([key, value]) => `-D${key}=${value}`);
      const main = 'org.apache.zookeeper.ZooKeeperMain';
      const args = [...flags, '-cp', apacheClasspath(), main, '-server', ours.address, ...command];
      return new Promise((done) => {
        execFile('java', args, (_, stdout, stderr) => done(`${stdout}${stderr}`));
      });
    };
    assert.match(await shell('create', '/java', 'over TLS'), /^Created \/java$/m);
    assert.match(await shell('get', '/java'), /^over TLS$/m);
    assert.match(await shell('whoami'), /^x509: CN=ann$/m);
  });

  test('kazoo', { skip: kazooMissing() ?? false }, async () => {
    const script = `
import sys
from kazoo.client import KazooClient
hosts, ca, own = sys.argv[1:]
zk = KazooClient(hosts=hosts, use_ssl=True, ca=ca, certfile=own, keyfile=own, verify_certs=True)
zk.start(timeout=20)
zk.create("/python", b"over TLS", ephemeral=True)
print(zk.get("/python")[0].decode(), len(zk.get_children("/")) > 0)
zk.stop()
`;
    const ca = files.trustStore('ca-pem', [authority.certificate]);
    const own = files.keyStore('ann-pem', plainAnn);
    const printed = await new Promise<string>((done) => {
      execFile(kazooPython(), ['-c', script, ours.address, ca, own], (_, stdout, stderr) =>
        done(`${stdout}${stderr}`),
      );
    });
    assert.equal(printed, 'over TLS True\n');
  });

  test('a thousand reads and a large value over one connection', async () => {
    await using zk = await ZooKeeper.connect(ours.address, by(plainAnn));
    const large = Buffer.alloc(900_000, 'x');
    await zk.create('/large', large);
    const reads = Array.from({ length: 1000 }, () => zk.exists('/large'));
    assert((await Promise.all(reads)).every((stat) => stat?.dataLength === large.length));
    assert((await zk.get('/large')).data?.equals(large));
    await until('it to be served', 5000, async () => (await zk.exists('/large')) !== null);
  });
});
