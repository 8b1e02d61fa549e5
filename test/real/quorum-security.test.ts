import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import { AcknowledgedWriter } from '../support/acknowledged-writer.ts';
import { changingEnsemble, lineOf, membersAt } from '../support/changing-ensemble.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { KeyFiles, quorumStores } from '../support/key-files.ts';
import type { Member, MemberSpec } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';

// Goal: three servers make an ensemble over TLS and SASL as their files say, tell no secret, bear
// whatever else comes to their ports, and do not start with files that cannot be used.
// Method: real processes on the loopback with certificates made here; Node alone.

const ours = { kind: 'ours' } as const;
const secret = 'hush-hush-secret';
const digest = 'org.apache.zookeeper.server.auth.DigestLoginModule';
const jaas =
  `QuorumServer { ${digest} required user_zkq="${secret}"; };\n` +
  `QuorumLearner { ${digest} required username="zkq" password="${secret}"; };\n`;

const sasl = {
  'quorum.auth.enableSasl': 'true',
  'quorum.auth.learnerRequireSasl': 'true',
  'quorum.auth.serverRequireSasl': 'true',
};

/** A key that is encrypted, and its password in a file. */
function encryptedStores(files: KeyFiles): Record<string, string> {
  const authority = new CertificateAuthority();
  const own = authority.issue({ commonName: 'member', names: ['127.0.0.1'] });
  const key = createPrivateKey(own.key)
    .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: secret })
    .toString();
  return {
    'ssl.quorum.keyStore.location': files.keyStore('member', { ...own, key }),
    'ssl.quorum.keyStore.passwordPath': files.text('password', `${secret}\n`),
    'ssl.quorum.trustStore.location': files.trustStore('trust', [authority.certificate]),
  };
}

async function assertTellsNoSecret(member: Member): Promise<void> {
  const admin = `http://127.0.0.1:${member.adminPort}`;
  const told = [
    member.log(),
    await member.ask('conf'),
    await member.ask('envi'),
    await (await fetch(`${admin}/commands/configuration`)).text(),
    await (await fetch(`${admin}/state`)).text(),
    await (await fetch(`${admin}/metrics`)).text(),
  ];
  for (const text of told) assert.doesNotMatch(text ?? '', new RegExp(secret));
}

test('over TLS with SASL: elected, served, told nothing, and unmoved by strangers', async () => {
  using files = new KeyFiles();
  await using ensemble = await RealEnsemble.started({
    members: [ours, ours, ours],
    settings: { sslQuorum: 'true', ...encryptedStores(files), ...sasl },
    properties: { 'java.security.auth.login.config': files.text('jaas.conf', jaas) },
  });
  const leader = await ensemble.leader();
  await using writer = new AcknowledgedWriter('', 'through');
  await writer.start(ensemble.connectString);
  await writer.grows(20, 30_000);
  for (const port of [leader.electionPort, leader.quorumPort]) {
    for (const bytes of [Buffer.alloc(64), Buffer.from('160301ffff0001', 'hex')]) {
      await new Promise<void>((done) => {
        const socket = connect({ host: '127.0.0.1', port }, () => socket.end(bytes));
        socket.on('error', () => undefined);
        socket.on('close', () => done());
        socket.resume();
      });
    }
  }
  await writer.grows(20, 30_000);
  await writer.stop();
  assert.equal((await ensemble.leader()).sid, leader.sid);
  for (const member of ensemble.members) {
    await assertTellsNoSecret(member);
    assert.doesNotMatch(member.log(), /members do not authenticate each other/);
  }
});

test('CVE-2018-8012: members that do not authenticate each other say so, once', async () => {
  await using ensemble = await RealEnsemble.started({ members: [ours, ours, ours] });
  for (const member of ensemble.members) {
    const told = member.log().match(/WARN .*members do not authenticate each other.*/g) ?? [];
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /sslQuorum=true or quorum\.auth\.enableSasl=true/);
  }
});

describe('does not start', () => {
  type Settings = Readonly<Record<string, string>>;
  const cases: readonly (readonly [string, (files: KeyFiles) => Settings, RegExp, string?])[] = [
    ['without a key store', () => ({ sslQuorum: 'true' }), /keyStore\.location: Not set.*Set it/],
    [
      'without its key store',
      () => ({ sslQuorum: 'true', ...quorumStores('/none/key.p12', '/none/trust.pem') }),
      /\/none\/key\.p12: It cannot be read \(ENOENT\)/,
    ],
    [
      'with a wrong password',
      (files) => ({
        sslQuorum: 'true',
        ...encryptedStores(files),
        'ssl.quorum.keyStore.passwordPath': files.text('wrong', `not-${secret}`),
      }),
      /member\.pem: The password does not open it/,
    ],
    [
      'with revocation lists',
      (files) => ({ sslQuorum: 'true', ...encryptedStores(files), 'ssl.quorum.crl': 'true' }),
      /ssl\.quorum\.crl=true: This server cannot do it/,
    ],
    ['without a JAAS file', () => sasl, /needs a JAAS file: pass -Djava\.security\.auth\.login/],
    ['without its section', () => sasl, /jaas\.conf: Section QuorumServer is missing/, 'Other {};'],
    [
      'with Kerberos',
      () => sasl,
      /QuorumServer: it names com\.sun\.Krb5LoginModule, and this server has DIGEST-MD5/,
      'QuorumServer { com.sun.Krb5LoginModule required; };',
    ],
    [
      'when SASL is required and not enabled',
      () => ({ 'quorum.auth.serverRequireSasl': 'true' }),
      /serverRequireSasl=true: It needs quorum\.auth\.enableSasl=true/,
    ],
    [
      'when others must authenticate and it does not',
      () => ({ 'quorum.auth.enableSasl': 'true', 'quorum.auth.serverRequireSasl': 'true' }),
      /serverRequireSasl=true: It needs quorum\.auth\.learnerRequireSasl=true/,
    ],
  ];
  for (const [name, settingsOf, pattern, jaasText] of cases) {
    test(name, async () => {
      using files = new KeyFiles();
      const login = 'java.security.auth.login.config';
      await using ensemble = await RealEnsemble.create({
        members: [ours, ours, ours],
        settings: settingsOf(files),
        properties: jaasText === undefined ? {} : { [login]: files.text('jaas.conf', jaasText) },
      });
      const member = ensemble.member(1);
      const code = await member.exits(20_000);
      assert.equal(code, 2);
      assert.match(member.log(), pattern);
      assert.doesNotMatch(member.log(), new RegExp(secret));
    });
  }
});

test('a member that comes back over TLS is brought level', async () => {
  using files = new KeyFiles();
  await using ensemble = await RealEnsemble.started({
    members: [ours, ours, ours],
    settings: { sslQuorum: 'true', ...encryptedStores(files) },
  });
  const late = ensemble.member(1);
  await late.kill('SIGKILL');
  late.wipe();
  await using writer = new AcknowledgedWriter('', 'without');
  await writer.start(
    ensemble.members
      .slice(1)
      .map((member) => member.address)
      .join(','),
  );
  await writer.grows(200, 30_000);
  late.start();
  await until('it to serve', 30_000, async () => (await late.mode()) === 'follower');
  await writer.grows(20, 30_000);
  await writer.stop();
});

describe('each member with a certificate of its own', () => {
  const authority = new CertificateAuthority();

  /** Server N is at 127.0.0.N, and its certificate says so. */
  function memberOf(files: KeyFiles, sid: number, more: readonly string[] = []): MemberSpec {
    const names = [`127.0.0.${sid}`, ...more];
    const own = authority.issue({ commonName: `server-${sid}`, names });
    const trust = files.trustStore('trust', [authority.certificate]);
    const settings = quorumStores(files.keyStore(`server-${sid}`, own), trust);
    return { ...ours, hosts: [`127.0.0.${sid}`], settings: { sslQuorum: 'true', ...settings } };
  }

  test('a server that nobody knows yet joins over TLS, and is added', async () => {
    using files = new KeyFiles();
    // It dials from 127.0.0.1, as everybody does here; that is where its second name leads.
    const members = [1, 2, 3].map((sid) => memberOf(files, sid));
    members.push(memberOf(files, 4, ['localhost']));
    await using ensemble = await changingEnsemble({ members }, 3);
    for (const member of ensemble.members.slice(0, 3)) member.start();
    await ensemble.ready();
    const joining = ensemble.member(4);
    joining.start();
    await until('it to follow', 30_000, async () => (await joining.mode()) === 'follower');
    await using zk = await ZooKeeper.connect(ensemble.member(1).address);
    await zk.reconfig({ joining: lineOf(joining) });
    await until('it to be a member', 30_000, async () => (await membersAt(joining)) === '1 2 3 4');
    await joining.kill('SIGKILL');
    joining.start();
    await ensemble.ready();
  });

  test("a member that shows another member's certificate stays out", async () => {
    using files = new KeyFiles();
    const members = [1, 2, 3].map((sid) => memberOf(files, sid));
    await using ensemble = await RealEnsemble.create({ members });
    const [first, second, third] = ensemble.members as [Member, Member, Member];
    first.start();
    second.start();
    await ensemble.ready();
    const startMs = performance.now();
    third.start();
    await ensemble.ready();
    const joinMs = performance.now() - startMs;
    await third.kill('SIGKILL');
    third.configure(members[1]?.settings ?? {});
    third.start();
    const endMs = performance.now() + 3 * joinMs;
    await until('a refusal', 30_000, () =>
      [first, second].some((member) =>
        /its certificate does not name 127\.0\.0\.3/.test(member.log()),
      ),
    );
    await until('three times as long as joining took', 60_000, async () => {
      assert.equal(await third.mode(), null);
      return performance.now() > endMs;
    });
  });
});
