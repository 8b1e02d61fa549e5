import assert from 'node:assert/strict';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { connect as netConnect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, mock, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import type { TlsSettings } from '../../server/config/tls-settings.ts';
import { lookupsMax } from '../../server/net/peer-names.ts';
import { handshakesMax, TlsTransport } from '../../server/net/tls-transport.ts';
import type { TlsTransportOptions } from '../../server/net/tls-transport.ts';
import type { Connection, Listener } from '../../server/net/transport.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { until } from '../support/real-ensemble.ts';

// Goal: only members reach members: each side's certificate is trusted and names its host, whatever
// reverse entries of addresses say; plain and TLS share a port where that is asked for.
// Method: real sockets on the loopback, certificates made here.

const authority = new CertificateAuthority();

const settings: TlsSettings = {
  keyStore: null,
  trustStore: null,
  protocol: 'TLSv1.3',
  enabledProtocols: ['TLSv1.3', 'TLSv1.2'],
  cipherSuites: [],
  clientAuth: 'need',
  hostnameVerification: true,
  clientHostnameVerification: true,
  crl: false,
  ocsp: false,
  handshakeDetectionTimeoutMs: 5000,
};

function contextFor(
  names: readonly string[],
  issuer: CertificateAuthority = authority,
  trusted: readonly string[] = [authority.certificate],
): SecureContextOptions {
  const { key, certificate } = issuer.issue({ commonName: 'member', names });
  return { key, cert: certificate, ca: [...trusted], allowPartialTrustChain: true };
}

const own = contextFor(['127.0.0.1']);

interface Party {
  readonly transport: TlsTransport;
  readonly refused: string[];
}

function party(options: Partial<TlsTransportOptions> = {}): Party {
  const refused: string[] = [];
  const transport = new TlsTransport({
    addressMapPath: null,
    settings,
    context: own,
    dialsTls: true,
    acceptsPlain: false,
    memberHosts: () => ['127.0.0.1'],
    onRefused: (remote, reason) => refused.push(`${remote.host}: ${reason}`),
    ...options,
  });
  return { transport, refused };
}

interface Port extends Disposable {
  readonly number: number;
  readonly accepted: Connection[];
}

/** Echoes. */
async function listen({ transport }: Party): Promise<Port> {
  const accepted: Connection[] = [];
  let number = 0;
  const listener: Listener = transport.listen(
    { host: '127.0.0.1', port: 0 },
    {
      onListening: (port) => (number = port),
      onFailure: (reason) => assert.fail(reason),
      onConnection: (connection) => {
        accepted.push(connection);
        connection.onData = (chunk) => connection.write(chunk);
      },
    },
  );
  await until('a port', 5000, () => number !== 0);
  const close = (): void => {
    listener.close();
    for (const connection of accepted) connection.destroy();
  };
  return { number, accepted, [Symbol.dispose]: close };
}

/** `echoed`, or why not. */
function greet({ transport }: Party, port: number, host: string = '127.0.0.1'): Promise<string> {
  return new Promise((done) => {
    const connection = transport.connect({ host, port }, 3000);
    connection.onConnect = () => connection.write(Buffer.from('hello'));
    connection.onData = (chunk) => {
      connection.destroy();
      done(chunk.toString() === 'hello' ? 'echoed' : chunk.toString());
    };
    connection.onClose = done;
  });
}

test('members greet each other over TLS 1.3 and 1.2', async () => {
  const accepting = party();
  using port = await listen(accepting);
  assert.equal(await greet(party(), port.number), 'echoed');
  const old = party({ context: { ...own, maxVersion: 'TLSv1.2' } });
  assert.equal(await greet(old, port.number), 'echoed');
  assert.deepEqual(accepting.refused, []);
  assert.deepEqual(
    port.accepted.map((connection) => connection.proves?.('127.0.0.1')),
    [true, true],
  );
  assert.equal(port.accepted[0]?.proves?.('other.invalid'), false);
});

test('bytes of every size come whole and in order', async () => {
  using port = await listen(party());
  const sent = Buffer.alloc(3_000_000, 'a loaf of bytes, ');
  const connection = party().transport.connect({ host: '127.0.0.1', port: port.number }, 3000);
  const received: Buffer[] = [];
  connection.onData = (chunk) => received.push(chunk);
  connection.onConnect = () => connection.write(sent);
  const size = (): number => received.reduce((sum, chunk) => sum + chunk.length, 0);
  await until('all of it', 10_000, () => size() >= sent.length);
  assert(Buffer.concat(received).equals(sent));
  connection.destroy();
});

describe('a dialled server', () => {
  test('that shows no name of its host is left', async () => {
    using port = await listen(party({ context: contextFor(['other.invalid', '127.0.0.2']) }));
    const dialling = party();
    assert.equal(await greet(dialling, port.number), 'its certificate does not name 127.0.0.1');
    assert.deepEqual(dialling.refused, ['127.0.0.1: its certificate does not name 127.0.0.1']);
    assert.deepEqual(port.accepted, []);
  });

  test('is not looked at by name where the setting says so', async () => {
    using port = await listen(party({ context: contextFor(['other.invalid']) }));
    const careless = party({ settings: { ...settings, hostnameVerification: false } });
    assert.equal(await greet(careless, port.number), 'echoed');
  });

  test('that nobody trusted vouches for is left', async () => {
    const stranger = new CertificateAuthority('stranger');
    using port = await listen(party({ context: contextFor(['127.0.0.1'], stranger) }));
    assert.match(await greet(party(), port.number), /unable to verify|self.signed|unable to get/);
  });

  test('that speaks no TLS is left', async () => {
    using port = await listen(party({ acceptsPlain: true }));
    assert.equal(await greet(party({ dialsTls: false }), port.number), 'echoed');
    const plainOnly = await listen(party({ acceptsPlain: true, dialsTls: false }));
    plainOnly[Symbol.dispose]();
    assert.match(await greet(party(), plainOnly.number), /ECONNREFUSED/);
  });
});

describe('who dials', () => {
  const cases: readonly (readonly [string, () => SecureContextOptions, RegExp])[] = [
    [
      'with a certificate of somebody else',
      () => contextFor(['127.0.0.1'], new CertificateAuthority('stranger')),
      /^127\.0\.0\.1: its certificate is not trusted: /,
    ],
    [
      'without a certificate',
      () => ({ ca: [authority.certificate] }),
      /^127\.0\.0\.1: it shows no certificate$/,
    ],
    [
      'with a certificate for no member',
      () => contextFor(['no-member.invalid', '127.0.0.9']),
      /^127\.0\.0\.1: its certificate names no member: .*no-member\.invalid/,
    ],
    [
      'with a certificate that has ended',
      () => {
        const notAfter = new Date('2020-02-01');
        const ended = authority.issue({ commonName: 'm', names: ['127.0.0.1'], notAfter });
        return { key: ended.key, cert: ended.certificate, ca: [authority.certificate] };
      },
      /its certificate is not trusted: CERT_HAS_EXPIRED/,
    ],
  ];
  for (const [name, context, pattern] of cases) {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      test(`${name} is out (${version})`, async () => {
        const accepting = party();
        using port = await listen(accepting);
        const dialling = party({ context: { ...context(), maxVersion: version } });
        assert.notEqual(await greet(dialling, port.number), 'echoed');
        await until('the refusal', 5000, () => accepting.refused.length > 0);
        assert.match(accepting.refused.join(), pattern);
        assert.deepEqual(port.accepted, []);
        assert.equal(await greet(party(), port.number), 'echoed');
      });
    }
  }

  test('may lack a certificate where it is only wanted, but not show a wrong one', async () => {
    using port = await listen(party({ settings: { ...settings, clientAuth: 'want' } }));
    assert.equal(
      await greet(party({ context: { ca: [authority.certificate] } }), port.number),
      'echoed',
    );
    const wrong = contextFor(['127.0.0.1'], new CertificateAuthority('stranger'));
    assert.notEqual(await greet(party({ context: wrong }), port.number), 'echoed');
  });

  test('shows what it likes where nothing is asked', async () => {
    const careless = { ...settings, clientAuth: 'none' } as const;
    using port = await listen(party({ settings: careless }));
    const wrong = contextFor(['nobody.invalid'], new CertificateAuthority('stranger'));
    assert.equal(await greet(party({ context: wrong }), port.number), 'echoed');
  });

  test('is a member by any name in the configuration', async () => {
    using port = await listen(party({ memberHosts: () => ['127.0.0.1', 'zk-7.zoo.example'] }));
    assert.equal(
      await greet(party({ context: contextFor(['zk-7.zoo.example']) }), port.number),
      'echoed',
    );
    assert.equal(
      await greet(party({ context: contextFor(['*.zoo.example']) }), port.number),
      'echoed',
    );
    assert.equal(port.accepted[0]?.proves?.('zk-8.zoo.example'), false);
  });
});

describe('names are looked up forward alone', () => {
  /** Every reverse entry says what the caller likes; forward entries are honest. */
  function lyingDns(context: TestContext, forward: Readonly<Record<string, string>>): string[] {
    const asked: string[] = [];
    const lie = (...args: unknown[]): void => {
      asked.push('reverse');
      (args.at(-1) as (error: null, names: unknown) => void)(null, ['127.0.0.1', 'zk-1.example']);
    };
    mock.method(dns, 'reverse', lie);
    mock.method(dns, 'lookupService', lie);
    mock.method(dns, 'lookup', (name: string, _options: unknown, done: unknown) => {
      asked.push(name);
      const address = forward[name];
      const answer = done as (error: Error | null, found: unknown) => void;
      if (name === '127.0.0.1') answer(null, name);
      else if (address === undefined) answer(new Error('ENOTFOUND'), []);
      else answer(null, [{ address, family: 4 }]);
    });
    syncBuiltinESMExports();
    context.after(() => {
      mock.restoreAll();
      syncBuiltinESMExports();
    });
    return asked;
  }

  test('CVE-2026-24281: a certificate is not believed for what an address is called', async (context) => {
    const asked = lyingDns(context, { 'evil.example': '192.0.2.1' });
    const accepting = party({ memberHosts: () => ['zk-1.internal'] });
    using port = await listen(accepting);
    const evil = party({ context: contextFor(['evil.example', 'zk-1.example']) });
    assert.notEqual(await greet(evil, port.number), 'echoed');
    assert.match(accepting.refused.join(), /names no member/);
    assert.equal(asked.includes('reverse'), false);
    assert.equal(asked.includes('evil.example'), true);
  });

  test('a certificate of many names costs a few look-ups', async (context) => {
    const asked = lyingDns(context, { [`zk-${lookupsMax}.example`]: '127.0.0.1' });
    using port = await listen(party({ memberHosts: () => [] }));
    const names = Array.from({ length: 20 }, (_, index) => `zk-${index}.example`);
    const joining = party({ context: contextFor(names) });
    assert.notEqual(await greet(joining, port.number), 'echoed');
    assert.equal(asked.filter((name) => name.startsWith('zk-')).length, lookupsMax);
  });

  test('a server that joins is where a name of its certificate leads', async (context) => {
    lyingDns(context, { 'zk-4.example': '127.0.0.1' });
    using port = await listen(party({ memberHosts: () => ['zk-1.example'] }));
    const joining = party({ context: contextFor(['gone.example', 'zk-4.example']) });
    assert.equal(await greet(joining, port.number), 'echoed');
  });
});

describe('one port for plain and TLS', () => {
  test('takes both, whoever begins', async () => {
    const accepting = party({ acceptsPlain: true, dialsTls: false });
    using port = await listen(accepting);
    assert.equal(await greet(party(), port.number), 'echoed');
    assert.equal(await greet(party({ dialsTls: false }), port.number), 'echoed');
    assert.deepEqual(
      port.accepted.map((connection) => connection.proves !== undefined),
      [true, false],
    );
    assert.deepEqual(accepting.refused, []);
  });

  test('takes who says nothing for one that speaks no TLS', async () => {
    const patience = { ...settings, handshakeDetectionTimeoutMs: 50 };
    using port = await listen(party({ acceptsPlain: true, settings: patience }));
    const silent = netConnect({ host: '127.0.0.1', port: port.number });
    await until('it to be taken', 5000, () => port.accepted.length === 1);
    let heard = '';
    silent.on('data', (chunk) => (heard += chunk.toString('utf8')));
    silent.write('late');
    await until('an echo', 5000, () => heard === 'late');
    silent.destroy();
  });

  test('without it, what is no TLS is closed and said', async () => {
    const accepting = party();
    using port = await listen(accepting);
    assert.notEqual(await greet(party({ dialsTls: false }), port.number), 'echoed');
    await until('the refusal', 5000, () => accepting.refused.length > 0);
    assert.match(accepting.refused.join(), /^127\.0\.0\.1: .*(wrong version|packet|unknown|http)/i);
    assert.deepEqual(port.accepted, []);
  });
});

test('who opens connections and says nothing makes room for others', async () => {
  using port = await listen(party());
  const silent: Socket[] = [];
  let closed = 0;
  for (let number = 0; number < handshakesMax + 20; number += 1) {
    const socket = netConnect({ host: '127.0.0.1', port: port.number });
    socket.on('error', () => undefined);
    socket.on('close', () => (closed += 1));
    silent.push(socket);
  }
  await until('the oldest to be closed', 10_000, () => closed >= 20);
  assert.equal(await greet(party(), port.number), 'echoed');
  for (const socket of silent) socket.destroy();
});

test('renewed keys and trust count for new connections; old ones go on', async () => {
  const fresh = new CertificateAuthority('fresh');
  const accepting = party();
  using port = await listen(accepting);
  const member = party();
  const living = member.transport.connect({ host: '127.0.0.1', port: port.number }, 3000);
  let echoed = '';
  living.onConnect = () => living.write(Buffer.from('one'));
  living.onData = (chunk) => (echoed += chunk.toString());
  await until('an echo', 5000, () => echoed === 'one');

  const trusted = [fresh.certificate];
  accepting.transport.renew(contextFor(['127.0.0.1'], fresh, trusted));
  assert.notEqual(await greet(member, port.number), 'echoed');
  member.transport.renew(contextFor(['127.0.0.1'], fresh, trusted));
  assert.equal(await greet(member, port.number), 'echoed');
  living.write(Buffer.from(' two'));
  await until('the old connection to go on', 5000, () => echoed === 'one two');
  living.destroy();
});

test('the certificates of these tests are ones that TLS takes', () => {
  assert.doesNotThrow(() => createSecureContext(own));
});
