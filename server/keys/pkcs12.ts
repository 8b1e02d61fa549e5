import { timingSafeEqual } from 'node:crypto';
import { childrenOf, DerTag, expect, oidOf, readDer, sequenceOf } from './der.ts';
import type { Der } from './der.ts';
import { KeyStoreProblem } from './key-store-error.ts';
import { decryptByPassword, pkcs12Mac, wrongPassword } from './password-encryption.ts';
import type { StoreEntries } from './store-entries.ts';

const contentType = { data: '1.2.840.113549.1.7.1', encrypted: '1.2.840.113549.1.7.6' } as const;

const bagType = {
  key: '1.2.840.113549.1.12.10.1.1',
  shroudedKey: '1.2.840.113549.1.12.10.1.2',
  certificate: '1.2.840.113549.1.12.10.1.3',
} as const;

const x509Certificate = '1.2.840.113549.1.9.22.1';

/** keytool marks certificates that it was told to trust. */
const trustedMark = '2.16.840.1.113894.746875.1.1';

/**
 * Keys and certificates of a PKCS#12 file, as keytool and openssl make them, also without a key.
 *
 * Source: RFC 7292.
 */
export function readPkcs12(bytes: Buffer, password: string): StoreEntries {
  const [version, authSafe, macData] = sequenceOf(readDer(bytes));
  expect(version, DerTag.INTEGER);
  const [type, content] = sequenceOf(authSafe);
  if (oidOf(type) !== contentType.data) {
    const remedy = 'Make it again with keytool or openssl pkcs12 -export.';
    throw new KeyStoreProblem('It is signed by a key and not by a password.', remedy);
  }
  const contents = octetsInside(content);
  if (macData !== undefined) {
    const { expected, computed } = pkcs12Mac(macData, password, contents);
    if (!timingSafeEqual(expected, computed)) throw wrongPassword();
  }
  const found: Found = { keys: [], certificates: [], trusted: [] };
  for (const safe of sequenceOf(readDer(contents))) {
    for (const bag of sequenceOf(readDer(safeContents(safe, password)))) {
      takeBag(sequenceOf(bag), password, found);
    }
  }
  return found;
}

interface Found {
  readonly keys: Buffer[];
  readonly certificates: Buffer[];
  readonly trusted: Buffer[];
}

function safeContents(safe: Der, password: string): Buffer {
  const [type, content] = sequenceOf(safe);
  const oid = oidOf(type);
  if (oid === contentType.data) return octetsInside(content);
  if (oid !== contentType.encrypted) {
    const remedy = 'Make it again with keytool or openssl pkcs12 -export.';
    throw new KeyStoreProblem(`It has a part of an unknown kind (${oid}).`, remedy);
  }
  const [encryptedData] = childrenOf(expect(content, DerTag.CONTEXT_0));
  const [, encryptedContent] = sequenceOf(encryptedData);
  const [, algorithm, encrypted] = sequenceOf(encryptedContent);
  return decryptByPassword(
    expect(algorithm, DerTag.SEQUENCE),
    expect(encrypted, DerTag.CONTEXT_0_PRIMITIVE).content,
    password,
  );
}

function takeBag(bag: readonly Der[], password: string, found: Found): void {
  const [type, value, attributes] = bag;
  const [inner] = childrenOf(expect(value, DerTag.CONTEXT_0));
  switch (oidOf(type)) {
    case bagType.key:
      found.keys.push(expect(inner, DerTag.SEQUENCE).bytes);
      return;
    case bagType.shroudedKey: {
      const [algorithm, encrypted] = sequenceOf(inner);
      const data = expect(encrypted, DerTag.OCTET_STRING).content;
      found.keys.push(decryptByPassword(expect(algorithm, DerTag.SEQUENCE), data, password));
      return;
    }
    case bagType.certificate: {
      const [kind, certificate] = sequenceOf(inner);
      if (oidOf(kind) !== x509Certificate) return;
      const isTrusted = attributes !== undefined && hasAttribute(attributes, trustedMark);
      (isTrusted ? found.trusted : found.certificates).push(octetsInside(certificate));
    }
  }
}

function hasAttribute(attributes: Der, oid: string): boolean {
  return childrenOf(attributes).some((attribute) => oidOf(sequenceOf(attribute)[0]) === oid);
}

/** `[0] { OCTET STRING }` */
function octetsInside(explicit: Der | undefined): Buffer {
  const [octets] = childrenOf(expect(explicit, DerTag.CONTEXT_0));
  return expect(octets, DerTag.OCTET_STRING).content;
}
