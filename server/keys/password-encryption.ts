import { createDecipheriv, createHmac, hash as digestOf, pbkdf2Sync } from 'node:crypto';
import { DerTag, expect, integerOf, oidOf, sequenceOf } from './der.ts';
import type { Der } from './der.ts';
import { KeyStoreProblem } from './key-store-error.ts';
import { decryptRc2Cbc } from './rc2.ts';

/** Rounds of a password's derivation; more would hold a start up for seconds. */
export const iterationsMax = 1_000_000;

/** What a derivation by {@link pkcs12Key} is for. */
const purpose = { key: 1, iv: 2, mac: 3 } as const;

/** PBE of PKCS#12: cipher and bytes of its key. */
const pkcs12Ciphers: Readonly<Record<string, readonly [string, number]>> = {
  '1.2.840.113549.1.12.1.3': ['des-ede3-cbc', 24],
  '1.2.840.113549.1.12.1.5': ['rc2', 16],
  '1.2.840.113549.1.12.1.6': ['rc2', 5],
};

const pbes2 = '1.2.840.113549.1.5.13';
const pbkdf2 = '1.2.840.113549.1.5.12';

/** Ciphers of PBES2, with the bytes of their keys. */
const pbes2Ciphers: Readonly<Record<string, readonly [string, number]>> = {
  '2.16.840.1.101.3.4.1.2': ['aes-128-cbc', 16],
  '2.16.840.1.101.3.4.1.22': ['aes-192-cbc', 24],
  '2.16.840.1.101.3.4.1.42': ['aes-256-cbc', 32],
  '1.2.840.113549.3.7': ['des-ede3-cbc', 24],
};

const hmacs: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

const digests: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/**
 * What a password hides, by the algorithm that stands beside it.
 *
 * Source: RFC 8018 (PBES2), RFC 7292 appendix C.
 */
export function decryptByPassword(algorithm: Der, encrypted: Buffer, password: string): Buffer {
  const [name, parameters] = sequenceOf(algorithm);
  const oid = oidOf(name);
  if (oid === pbes2) return decryptPbes2(sequenceOf(parameters), encrypted, password);
  const [cipher, keyBytes] = pkcs12Ciphers[oid] ?? [];
  if (cipher === undefined || keyBytes === undefined) throw unknownAlgorithm(oid);
  const [salt, iterations] = sequenceOf(parameters);
  const derive = (id: number, bytes: number): Buffer =>
    pkcs12Key('sha1', password, {
      salt: expect(salt, DerTag.OCTET_STRING).content,
      iterations: iterationsOf(iterations),
      id,
      bytes,
    });
  return decrypt(cipher, derive(purpose.key, keyBytes), derive(purpose.iv, 8), encrypted);
}

/** HMAC of a PKCS#12 file's contents. Source: RFC 7292, section 5.1. */
export function pkcs12Mac(
  macData: Der,
  password: string,
  contents: Buffer,
): { readonly expected: Buffer; readonly computed: Buffer } {
  const [digestInfo, salt, iterations] = sequenceOf(macData);
  const [algorithm, digest] = sequenceOf(digestInfo);
  const oid = oidOf(sequenceOf(algorithm)[0]);
  const hash = digests[oid];
  if (hash === undefined) throw unknownAlgorithm(oid);
  const expected = expect(digest, DerTag.OCTET_STRING).content;
  const key = pkcs12Key(hash, password, {
    salt: expect(salt, DerTag.OCTET_STRING).content,
    iterations: iterations === undefined ? 1 : iterationsOf(iterations),
    id: purpose.mac,
    bytes: expected.length,
  });
  return { expected, computed: createHmac(hash, key).update(contents).digest() };
}

function decryptPbes2(parameters: readonly Der[], encrypted: Buffer, password: string): Buffer {
  const [derivation, scheme] = parameters;
  const [kdf, kdfParameters] = sequenceOf(derivation);
  const [cipherOid, iv] = sequenceOf(scheme);
  const [cipher, keyBytes] = pbes2Ciphers[oidOf(cipherOid)] ?? [];
  if (oidOf(kdf) !== pbkdf2) throw unknownAlgorithm(oidOf(kdf));
  if (cipher === undefined || keyBytes === undefined) throw unknownAlgorithm(oidOf(cipherOid));
  const [salt, iterations, ...rest] = sequenceOf(kdfParameters);
  const prf = rest.find((der) => der.tag === DerTag.SEQUENCE);
  const hmacOid = prf === undefined ? '1.2.840.113549.2.7' : oidOf(sequenceOf(prf)[0]);
  const hmac = hmacs[hmacOid];
  if (hmac === undefined) throw unknownAlgorithm(hmacOid);
  const key = pbkdf2Sync(
    password,
    expect(salt, DerTag.OCTET_STRING).content,
    iterationsOf(iterations),
    keyBytes,
    hmac,
  );
  return decrypt(cipher, key, expect(iv, DerTag.OCTET_STRING).content, encrypted);
}

function decrypt(cipher: string, key: Buffer, iv: Buffer, encrypted: Buffer): Buffer {
  try {
    if (cipher === 'rc2') return unpadded(decryptRc2Cbc(key, iv, encrypted));
    const decipher = createDecipheriv(cipher, key, iv);
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  } catch {
    throw wrongPassword();
  }
}

function unpadded(plain: Buffer): Buffer {
  const padding = plain.at(-1) ?? 0;
  if (padding < 1 || padding > 8 || padding > plain.length) throw wrongPassword();
  return plain.subarray(0, plain.length - padding);
}

interface Derivation {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly id: number;
  readonly bytes: number;
}

/** Source: RFC 7292, appendix B.2. */
function pkcs12Key(hash: string, password: string, derivation: Derivation): Buffer {
  const { salt, iterations, id, bytes } = derivation;
  const blockBytes = hash === 'sha1' || hash === 'sha256' ? 64 : 128;
  const secret = Buffer.from(`${password}\0`, 'utf16le').swap16();
  const diversifier = Buffer.alloc(blockBytes, id);
  let input = Buffer.concat([filled(salt, blockBytes), filled(secret, blockBytes)]);
  const out: Buffer[] = [];
  for (let have = 0; have < bytes;) {
    let digest = digestOf(hash, Buffer.concat([diversifier, input]), 'buffer');
    for (let round = 1; round < iterations; round += 1) {
      digest = digestOf(hash, digest, 'buffer');
    }
    out.push(digest);
    have += digest.length;
    input = added(input, filled(digest, blockBytes).subarray(0, blockBytes));
  }
  return Buffer.concat(out).subarray(0, bytes);
}

/** Repeated until whole blocks are full. */
function filled(bytes: Buffer, blockBytes: number): Buffer {
  if (bytes.length === 0) return bytes;
  return Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes, bytes);
}

/** Each block plus `addend` plus one, without the carry out of it. */
function added(input: Buffer, addend: Buffer): Buffer<ArrayBuffer> {
  const sum = Buffer.from(input);
  for (let start = 0; start < sum.length; start += addend.length) {
    let carry = 1;
    for (let index = addend.length - 1; index >= 0; index -= 1) {
      carry += (sum[start + index] ?? 0) + (addend[index] ?? 0);
      sum[start + index] = carry & 0xff;
      carry >>>= 8;
    }
  }
  return sum;
}

function iterationsOf(der: Der | undefined): number {
  const iterations = integerOf(der);
  if (iterations >= 1 && iterations <= iterationsMax) return iterations;
  throw new KeyStoreProblem(
    `Its password is derived in ${iterations} rounds, outside 1..${iterationsMax}.`,
    'Make it again with the standard settings of keytool or openssl.',
  );
}

export function wrongPassword(): KeyStoreProblem {
  return new KeyStoreProblem(
    'The password does not open it.',
    'Correct the password setting or the file that passwordPath names.',
  );
}

function unknownAlgorithm(oid: string): KeyStoreProblem {
  return new KeyStoreProblem(
    `It is protected by an algorithm (${oid}) that this server does not have.`,
    'Make it again with a current keytool or openssl pkcs12 -export.',
  );
}
