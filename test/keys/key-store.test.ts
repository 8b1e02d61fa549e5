import assert from 'node:assert/strict';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { KeyStore } from '../../server/config/tls-settings.ts';
import { readDer } from '../../server/keys/der.ts';
import { entriesMax } from '../../server/keys/jks.ts';
import { iterationsMax, pkcs12Mac } from '../../server/keys/password-encryption.ts';
import { KeyStoreError } from '../../server/keys/key-store-error.ts';
import { readIdentities, readTrusted, storeBytesMax } from '../../server/keys/key-store.ts';
import { CertificateAuthority } from '../support/certificates.ts';

// Goal: every store that keytool and openssl make gives the same key and certificates, and what is
// no such store is refused with its name, what is wrong and what to do, never with its password.
// Method: one key in files of both tools (see files/README.md), cut and changed at many places.

const files = join(import.meta.dirname, 'files');
const scratch = mkdtempSync(join(tmpdir(), 'zkensemble-keys-'));
after(() => rmSync(scratch, { recursive: true }));

const key = readFileSync(join(files, 'plain.pem'), 'utf8');
const authority = new X509Certificate(readFileSync(join(files, 'ca.pem')));

function store(name: string, type: KeyStore['type'], password: string | null = 'changeit') {
  const location = name.includes('/') ? name : join(files, name);
  return { location, type, password, passwordPath: null } as const;
}

const keyStores: readonly (readonly [string, KeyStore['type'], number, string?])[] = [
  ['openssl.p12', 'PKCS12', 2],
  ['openssl-legacy.p12', 'PKCS12', 2],
  ['openssl-plain.p12', 'PKCS12', 1, ''],
  ['keytool.p12', 'PKCS12', 2],
  ['keytool-java8.p12', 'PKCS12', 2],
  ['keytool.jks', 'JKS', 2],
  // What keytool writes under either name, the other may be called.
  ['keytool.jks', 'PKCS12', 2],
  ['keytool.p12', 'JKS', 2],
  ['encrypted.pem', 'PEM', 2],
  ['plain.pem', 'PEM', 2],
];

for (const [name, type, chainLength, password = 'changeit'] of keyStores) {
  test(`${name} as ${type}: the key, its certificate, who signed it`, () => {
    const identities = readIdentities(store(name, type, password));
    assert.equal(identities.length, 1);
    const [identity] = identities;
    assert(identity !== undefined);
    assert(createPrivateKey(identity.key).equals(createPrivateKey(key)));
    assert.equal(identity.subject, 'CN=zk-1');
    assert.equal(identity.chain.match(/BEGIN CERTIFICATE/g)?.length, chainLength);
    assert(new X509Certificate(identity.chain).checkPrivateKey(createPrivateKey(key)));
    assert.equal(new Date(identity.validToMs).getUTCFullYear(), 2120);
  });
}

const trustStores: readonly (readonly [string, KeyStore['type']])[] = [
  ['openssl-trust.p12', 'PKCS12'],
  ['keytool-trust.p12', 'PKCS12'],
  ['keytool-java8-trust.p12', 'PKCS12'],
  ['keytool-trust.jks', 'JKS'],
  ['ca.pem', 'PEM'],
];

for (const [name, type] of trustStores) {
  test(`${name}: a store without a key trusts what is in it`, () => {
    assert.deepEqual(readTrusted(store(name, type)), [authority.toString()]);
    assert.throws(() => readIdentities(store(name, type)), /holds no private key/);
  });
}

test('beside a key only its own certificate is trusted, except in PEM', () => {
  const [own] = readTrusted(store('keytool.jks', 'JKS'));
  assert.equal(new X509Certificate(own ?? '').subject, 'CN=zk-1');
  assert.equal(readTrusted(store('openssl.p12', 'PKCS12')).length, 1);
  assert.equal(readTrusted(store('plain.pem', 'PEM')).length, 2);
});

test('the password of a file wins, without its line end', () => {
  const passwordPath = join(scratch, 'password');
  writeFileSync(passwordPath, 'changeit\n');
  const opened = readIdentities({ ...store('keytool.p12', 'PKCS12', 'other'), passwordPath });
  assert.equal(opened.length, 1);
  const missing = { ...store('keytool.p12', 'PKCS12'), passwordPath: join(scratch, 'none') };
  assert.throws(() => readIdentities(missing), /none: It cannot be read \(ENOENT\)/);
});

describe('what is no such store is refused', () => {
  const secret = 'hush-hush';
  const refusals: readonly (readonly [string, KeyStore, RegExp])[] = [
    ['a wrong password, PKCS12', store('keytool.p12', 'PKCS12', secret), /does not open it/],
    ['a wrong password, JKS', store('keytool.jks', 'JKS', secret), /does not open it/],
    ['a wrong password, PEM', store('encrypted.pem', 'PEM', secret), /does not open it/],
    ['no password, PEM', store('encrypted.pem', 'PEM', null), /no password is set/],
    ['no password, PKCS12', store('openssl.p12', 'PKCS12', null), /does not open it/],
    ['a missing file', store('none.p12', 'PKCS12'), /cannot be read \(ENOENT\)/],
    ['BCFKS', store('keytool.p12', 'BCFKS'), /BCFKS stores cannot be read.*keytool/],
    ['JCEKS', store('keytool.jceks', 'JKS'), /JCEKS stores cannot be read.*keytool/],
    ['PEM that is PKCS12', store('keytool.p12', 'PEM'), /no PEM file/],
    ['PKCS12 that is PEM', store('plain.pem', 'PKCS12'), /no PKCS12 store/],
  ];
  for (const [name, refused, pattern] of refusals) {
    test(name, () => {
      const error = refusalOf(refused);
      assert.match(error.message, pattern);
      assert(error.message.startsWith(refused.location), 'the message names the file');
      assert.doesNotMatch(error.message, new RegExp(secret));
    });
  }

  test('a key beside the certificate of another key', () => {
    const path = join(scratch, 'mismatch.pem');
    const other = new CertificateAuthority().issue({ commonName: 'other' });
    writeFileSync(path, `${key.slice(0, key.indexOf('-----BEGIN CERT'))}${other.certificate}`);
    assert.match(refusalOf(store(path, 'PEM')).message, /no certificate for its private key/);
  });

  test('JKS with too many entries', () => {
    const path = join(scratch, 'many.jks');
    const body = Buffer.alloc(12);
    body.writeUInt32BE(0xfeedfeed, 0);
    body.writeUInt32BE(2, 4);
    body.writeUInt32BE(entriesMax + 1, 8);
    const password = Buffer.from('changeit', 'utf16le').swap16();
    const hash = createHash('sha1').update(password).update('Mighty Aphrodite').update(body);
    writeFileSync(path, Buffer.concat([body, hash.digest()]));
    assert.match(refusalOf(store(path, 'JKS')).message, /holds 10001 entries, more than 10000/);
  });

  test('PKCS12 whose password takes too many rounds', () => {
    const tlv = (tag: number, ...parts: Buffer[]): Buffer => {
      const content = Buffer.concat(parts);
      return Buffer.concat([Buffer.of(tag, content.length), content]);
    };
    const sha256 = Buffer.from('0609608648016503040201', 'hex');
    const rounds = Buffer.alloc(4);
    rounds.writeUInt32BE(iterationsMax + 1);
    const macData = tlv(
      0x30,
      tlv(0x30, tlv(0x30, sha256), tlv(0x04, Buffer.alloc(32))),
      tlv(0x04, Buffer.alloc(8)),
      tlv(0x02, rounds),
    );
    assert.throws(
      () => pkcs12Mac(readDer(macData), 'changeit', Buffer.alloc(1)),
      /derived in 1000001 rounds, outside 1\.\.1000000/,
    );
  });

  test('a file above the limit', () => {
    const path = join(scratch, 'large.pem');
    writeFileSync(path, Buffer.alloc(storeBytesMax + 1));
    assert.match(refusalOf(store(path, 'PEM')).message, /16777217 bytes, more than 16777216/);
  });
});

for (const [name, type, , password = 'changeit'] of keyStores.filter(
  ([, type]) => type !== 'PEM',
)) {
  test(`${name} as ${type}: cut anywhere, or with any byte changed, it is refused or the same`, () => {
    const whole = readFileSync(join(files, name));
    const path = join(scratch, name);
    const expected = readIdentities(store(name, type, password));
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      refusalOf(store(path, type, password));
    }
    for (let at = 0; at < whole.length; at += 41) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x55;
      writeFileSync(path, changed);
      try {
        const opened = readIdentities(store(path, type, password));
        // Without a digest over the file only the match of key and certificate protects.
        assert.equal(opened[0]?.key, expected[0]?.key);
      } catch (error) {
        assert(error instanceof KeyStoreError, String(error));
      }
    }
  });
}

test('a PEM file that is written only half is refused', () => {
  const path = join(scratch, 'half.pem');
  for (let length = 0; length < key.length - 1; length += 23) {
    writeFileSync(path, key.slice(0, length));
    try {
      const [identity] = readIdentities(store(path, 'PEM'));
      assert.equal(identity?.subject, 'CN=zk-1');
    } catch (error) {
      assert(error instanceof KeyStoreError, String(error));
    }
  }
});

function refusalOf(refused: KeyStore): KeyStoreError {
  try {
    readIdentities(refused);
  } catch (error) {
    assert(error instanceof KeyStoreError, String(error));
    return error;
  }
  throw new Error(`${refused.location} was taken`);
}
