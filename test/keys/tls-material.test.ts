import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { TlsSettings } from '../../server/config/tls-settings.ts';
import { openSslCipher } from '../../server/keys/cipher-names.ts';
import { KeyStoreError } from '../../server/keys/key-store-error.ts';
import {
  certificateWarnings,
  loadTlsMaterial,
  TlsMaterialWatch,
} from '../../server/keys/tls-material.ts';
import { CertificateAuthority } from '../support/certificates.ts';

// Goal: settings and stores become what TLS is spoken with, wrong ones are refused by name, and
// changed files count once they are whole.
// Method: files made here; the watch is polled by hand.

const directory = mkdtempSync(join(tmpdir(), 'zkensemble-material-'));
after(() => rmSync(directory, { recursive: true }));
const authority = new CertificateAuthority();
const own = authority.issue({ commonName: 'zk-1', names: ['127.0.0.1'] });
const keyPath = join(directory, 'key.pem');
const trustPath = join(directory, 'trust.pem');

function settings(changes: Partial<TlsSettings> = {}): TlsSettings {
  writeFileSync(keyPath, `${own.key}${own.certificate}`);
  writeFileSync(trustPath, authority.certificate);
  const store = { password: null, passwordPath: null, type: 'PEM' } as const;
  return {
    keyStore: { location: keyPath, ...store },
    trustStore: { location: trustPath, ...store },
    protocol: 'TLSv1.3',
    enabledProtocols: ['TLSv1.3', 'TLSv1.2'],
    cipherSuites: [],
    clientAuth: 'need',
    hostnameVerification: true,
    clientHostnameVerification: true,
    crl: false,
    ocsp: false,
    handshakeDetectionTimeoutMs: 5000,
    ...changes,
  };
}

test('names of cipher suites as Java has them', () => {
  const names = {
    TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
    TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
    TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384: 'ECDHE-RSA-AES256-SHA384',
    TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
    TLS_DHE_RSA_WITH_AES_256_GCM_SHA384: 'DHE-RSA-AES256-GCM-SHA384',
    TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256': 'ECDHE-RSA-AES128-GCM-SHA256',
  };
  for (const [java, openSsl] of Object.entries(names)) assert.equal(openSslCipher(java), openSsl);
  for (const unknown of ['TLS_RSA_WITH_RC4_128_MD5', 'TLS_NULL_WITH_NULL_NULL', 'x', '']) {
    assert.equal(openSslCipher(unknown), null);
  }
});

describe('what the settings say', () => {
  test('protocols and suites', () => {
    const suites = ['TLS_AES_256_GCM_SHA384', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'];
    const chosen = settings({ enabledProtocols: ['TLSv1.2', 'TLSv1.1'], cipherSuites: suites });
    const { context } = loadTlsMaterial(chosen, 'ssl.quorum');
    assert.equal(context.minVersion, 'TLSv1.2');
    assert.equal(context.maxVersion, 'TLSv1.2');
    assert.equal(context.ciphers, 'TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES128-GCM-SHA256');
  });

  const refusals: readonly (readonly [string, Partial<TlsSettings>, RegExp])[] = [
    ['no key', { keyStore: null }, /^ssl\.quorum\.keyStore\.location: Not set.*Set it/],
    ['no trust', { trustStore: null }, /^ssl\.quorum\.trustStore\.location: Not set.*Set it/],
    [
      'old protocols alone',
      { enabledProtocols: ['TLSv1.1', 'SSLv3'] },
      /^ssl\.quorum\.enabledProtocols: No protocol.*Name TLSv1\.2 or TLSv1\.3/,
    ],
    [
      'a suite that does not exist',
      { cipherSuites: ['TLS_AES_256_GCM_SHA384', 'TLS_RSA_WITH_RC4_128_MD5'] },
      /^ssl\.quorum\.ciphersuites: This Node has no TLS_RSA_WITH_RC4_128_MD5\./,
    ],
  ];
  for (const [name, changes, pattern] of refusals) {
    test(`${name} is refused`, () => {
      assert.throws(
        () => loadTlsMaterial(settings(changes), 'ssl.quorum'),
        (error: unknown) => error instanceof KeyStoreError && pattern.test(error.message),
      );
    });
  }
});

test('a certificate that ends soon, has ended or has not begun is told', () => {
  const tell = (from: string, to: string, now: string): string => {
    const spec = { commonName: 'm', notBefore: new Date(from), notAfter: new Date(to) };
    const { key, certificate } = authority.issue(spec);
    const chosen = settings();
    writeFileSync(keyPath, `${key}${certificate}`);
    const material = loadTlsMaterial(chosen, 'ssl.quorum');
    return certificateWarnings(material, Date.parse(now)).join();
  };
  assert.equal(tell('2024-01-01', '2030-06-30', '2025-01-01'), '');
  assert.match(tell('2024-01-01', '2030-06-30', '2030-06-20'), /CN=m ends on 2030-06-30/);
  assert.match(tell('2024-01-01', '2030-06-30', '2031-01-01'), /CN=m ended on 2030-06-30/);
  assert.match(tell('2024-01-01', '2030-06-30', '2023-01-01'), /CN=m begins on 2024-01-01 only/);
});

describe('changed files', () => {
  /** Time stamps of files may be too coarse for a test that writes twice at once. */
  let lastMs = Date.now();
  function write(path: string, text: string): void {
    writeFileSync(path, text);
    lastMs += 1000;
    utimesSync(path, lastMs / 1000, lastMs / 1000);
  }

  test('count once they rest', () => {
    const watch = new TlsMaterialWatch(settings(), 'ssl.quorum');
    assert.equal(watch.poll(), null);
    const next = authority.issue({ commonName: 'zk-1b' });
    write(keyPath, `${next.key}${next.certificate}`);
    assert.equal(watch.poll(), null);
    assert.equal(watch.poll()?.identities[0]?.subject, 'CN=zk-1b');
    assert.equal(watch.poll(), null);
  });

  test('that are half written change nothing and are told once', () => {
    const watch = new TlsMaterialWatch(settings(), 'ssl.quorum');
    const next = authority.issue({ commonName: 'zk-1c' });
    const whole = `${next.key}${next.certificate}`;
    write(keyPath, whole.slice(0, 300));
    assert.equal(watch.poll(), null);
    assert.throws(() => watch.poll(), /key\.pem: A block in it has no end/);
    assert.equal(watch.poll(), null);
    write(keyPath, whole);
    assert.equal(watch.poll(), null);
    assert.equal(watch.poll()?.identities[0]?.subject, 'CN=zk-1c');
  });

  test('that go away and come back, as links of a mounted secret do', () => {
    const watch = new TlsMaterialWatch(settings(), 'ssl.quorum');
    renameSync(trustPath, `${trustPath}.old`);
    assert.equal(watch.poll(), null);
    assert.throws(() => watch.poll(), /trust\.pem: It cannot be read \(ENOENT\)/);
    write(trustPath, new CertificateAuthority('next').certificate);
    assert.equal(watch.poll(), null);
    assert.notEqual(watch.poll(), null);
  });
});
