import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KeyStore } from '../config/tls-settings.ts';
import { jceksMagic, jksMagic, readJks } from './jks.ts';
import { KeyStoreError, KeyStoreProblem } from './key-store-error.ts';
import { readPem } from './pem.ts';
import { readPkcs12 } from './pkcs12.ts';
import type { StoreEntries } from './store-entries.ts';

/** Bytes of a store or of a file with a password. */
export const storeBytesMax: number = 16 * 1024 * 1024;

/** Who a server is: a private key and its certificates, the own one first. PEM. */
export interface Identity {
  readonly key: string;
  readonly chain: string;
  readonly subject: string;
  /** ms since 1970. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

/**
 * The identities of a key store, one for each kind of key.
 *
 * @throws KeyStoreError
 */
export function readIdentities(store: KeyStore): readonly Identity[] {
  return ofStore(store, (entries) => {
    const certificates = entries.certificates.map(certificateOf);
    const identities = new Map<string, Identity>();
    for (const der of entries.keys) {
      const key = keyOf(der);
      const kind = key.asymmetricKeyType ?? '';
      if (!identities.has(kind)) identities.set(kind, identityOf(key, certificates));
    }
    if (identities.size > 0) return [...identities.values()];
    const remedy = 'A key store needs the private key and the certificate of this server.';
    throw new KeyStoreProblem('It holds no private key.', remedy);
  });
}

/**
 * The certificates of a trust store, PEM. Beside a private key only its own certificate and those
 * that were marked as trusted count, as in Java; else all that are in it.
 *
 * @throws KeyStoreError
 */
export function readTrusted(store: KeyStore): readonly string[] {
  return ofStore(store, (entries) => {
    const others = entries.certificates.map(certificateOf);
    const own = entries.keys.flatMap((key) => leafOf(keyOf(key), others) ?? []);
    const trusted = entries.trusted.map(certificateOf);
    const all = [...trusted, ...(entries.keys.length > 0 ? own : others)];
    if (all.length > 0) return [...new Set(all.map(String))];
    const remedy = 'Import the certificates of those who sign the certificates of the others.';
    throw new KeyStoreProblem('It holds no certificate to trust.', remedy);
  });
}

/** Every file that decides what a store says. */
export function filesOf(store: KeyStore): readonly string[] {
  return store.passwordPath === null ? [store.location] : [store.location, store.passwordPath];
}

function ofStore<T>(store: KeyStore, read: (entries: StoreEntries) => T): T {
  try {
    return read(entriesOf(store, bytesOf(store.location), passwordOf(store)));
  } catch (error) {
    if (error instanceof KeyStoreProblem) throw new KeyStoreError(store.location, error);
    throw error;
  }
}

function entriesOf(store: KeyStore, bytes: Buffer, password: string | null): StoreEntries {
  const magic = bytes.length < 4 ? 0 : bytes.readUInt32BE();
  switch (store.type) {
    case 'PEM':
      return readPem(bytes, password);
    case 'BCFKS': {
      const remedy = 'Import it into a PKCS12 store with keytool -importkeystore.';
      throw new KeyStoreProblem('BCFKS stores cannot be read by this server.', remedy);
    }
    // As in Java, each of these two names stands for both: the content decides.
    case 'JKS':
    case 'PKCS12':
      if (magic === jksMagic) return readJks(bytes, password ?? '');
      if (bytes[0] === 0x30) return readPkcs12(bytes, password ?? '');
      if (magic !== jceksMagic) {
        const remedy = 'Copy it again, or correct its type setting.';
        throw new KeyStoreProblem(`It is no ${store.type} store.`, remedy);
      }
      throw new KeyStoreProblem(
        'JCEKS stores cannot be read by this server.',
        'Import it into a PKCS12 store with keytool -importkeystore.',
      );
  }
}

function bytesOf(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const remedy = 'Check that the path is right and this user may read it.';
    throw new KeyStoreError(path, new KeyStoreProblem(`It cannot be read (${code}).`, remedy));
  }
  if (bytes.length <= storeBytesMax) return bytes;
  const problem = `It has ${bytes.length} bytes, more than ${storeBytesMax}.`;
  throw new KeyStoreError(path, new KeyStoreProblem(problem, 'It can be no key store.'));
}

/** The file wins; the line end that editors leave behind a password is no part of it. */
function passwordOf(store: KeyStore): string | null {
  if (store.passwordPath === null) return store.password;
  return bytesOf(store.passwordPath)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

function keyOf(der: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    throw new KeyStoreProblem('Its private key cannot be read.', 'Make the store again.');
  }
}

function certificateOf(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    throw new KeyStoreProblem('A certificate in it cannot be read.', 'Make the store again.');
  }
}

function leafOf(key: KeyObject, certificates: readonly X509Certificate[]): X509Certificate | null {
  return certificates.find((certificate) => certificate.checkPrivateKey(key)) ?? null;
}

function identityOf(key: KeyObject, certificates: readonly X509Certificate[]): Identity {
  const leaf = leafOf(key, certificates);
  if (leaf === null) {
    const remedy = 'Put the certificate that was issued for this key beside it.';
    throw new KeyStoreProblem('It holds no certificate for its private key.', remedy);
  }
  const chain = [leaf];
  for (let next = issuerOf(leaf, certificates); next !== null && !chain.includes(next);) {
    chain.push(next);
    next = issuerOf(next, certificates);
  }
  return {
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    chain: chain.join(''),
    subject: leaf.subject.replaceAll('\n', ', '),
    validFromMs: leaf.validFromDate.getTime(),
    validToMs: leaf.validToDate.getTime(),
  };
}

function issuerOf(
  certificate: X509Certificate,
  among: readonly X509Certificate[],
): X509Certificate | null {
  return among.find((other) => other !== certificate && certificate.checkIssued(other)) ?? null;
}
