import { createHash, timingSafeEqual } from 'node:crypto';
import { DerTag, expect, oidOf, readDer, sequenceOf } from './der.ts';
import { KeyStoreProblem } from './key-store-error.ts';
import { wrongPassword } from './password-encryption.ts';
import type { StoreEntries } from './store-entries.ts';

/** First bytes of the file. */
export const jksMagic = 0xfeedfeed;

/** Of the form that Java's JCE adds; not read here. */
export const jceksMagic = 0xcececece;

/** Entries of one store. */
export const entriesMax = 10_000;

const entryKind = { key: 1, trusted: 2 } as const;
const keyProtection = '1.3.6.1.4.1.42.2.17.1.1';
const digestBytes = 20;

/**
 * Keys and certificates of Java's own first form of a key store. Key and store have one password.
 *
 * ```
 * magic uint32 · version uint32 · count uint32 · entries · SHA-1 over password, a word, all before
 * ```
 */
export function readJks(bytes: Buffer, password: string): StoreEntries {
  const secret = Buffer.from(password, 'utf16le').swap16();
  const bodyBytes = bytes.length - digestBytes;
  if (bodyBytes < 12) throw damaged();
  const body = bytes.subarray(0, bodyBytes);
  const digest = createHash('sha1').update(secret).update('Mighty Aphrodite').update(body).digest();
  if (!timingSafeEqual(digest, bytes.subarray(bodyBytes))) throw wrongPassword();
  const reader = new JksReader(body);
  reader.uint32();
  const version = reader.uint32();
  const count = reader.uint32();
  if (version !== 1 && version !== 2) throw damaged();
  if (count > entriesMax) {
    const problem = `It says that it holds ${count} entries, more than ${entriesMax}.`;
    throw new KeyStoreProblem(problem, 'Make it again with what this server needs alone.');
  }
  const entries = { keys: [] as Buffer[], certificates: [] as Buffer[], trusted: [] as Buffer[] };
  for (let index = 0; index < count; index += 1) {
    const kind = reader.uint32();
    reader.skipText();
    reader.take(8);
    if (kind === entryKind.key) {
      entries.keys.push(decryptKey(reader.take(reader.uint32()), secret));
      const chainCount = reader.uint32();
      for (let link = 0; link < chainCount; link += 1) {
        entries.certificates.push(reader.certificate(version));
      }
    } else if (kind === entryKind.trusted) entries.trusted.push(reader.certificate(version));
    else throw damaged();
  }
  return entries;
}

/** The key is hidden behind a stream of SHA-1 digests, each of the password and the one before. */
function decryptKey(encryptedKey: Buffer, secret: Buffer): Buffer {
  const [algorithm, octets] = sequenceOf(readDer(encryptedKey));
  const oid = oidOf(sequenceOf(algorithm)[0]);
  if (oid !== keyProtection) {
    const remedy = 'Import it into a PKCS12 store with keytool -importkeystore.';
    throw new KeyStoreProblem(`Its key is protected by an unknown algorithm (${oid}).`, remedy);
  }
  const data = expect(octets, DerTag.OCTET_STRING).content;
  const keyBytes = data.length - 2 * digestBytes;
  if (keyBytes < 0) throw damaged();
  const plain = Buffer.alloc(keyBytes);
  let pad = data.subarray(0, digestBytes);
  for (let at = 0; at < keyBytes; at += digestBytes) {
    pad = createHash('sha1').update(secret).update(pad).digest();
    for (let index = 0; index < digestBytes && at + index < keyBytes; index += 1) {
      plain[at + index] = (data[digestBytes + at + index] ?? 0) ^ (pad[index] ?? 0);
    }
  }
  const check = createHash('sha1').update(secret).update(plain).digest();
  if (!timingSafeEqual(check, data.subarray(digestBytes + keyBytes))) throw wrongPassword();
  return plain;
}

class JksReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  take(count: number): Buffer {
    const end = this.#offset + count;
    if (end > this.#bytes.length) throw damaged();
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  skipText(): void {
    this.take(this.take(2).readUInt16BE());
  }

  certificate(version: number): Buffer {
    if (version === 2) this.skipText();
    return this.take(this.uint32());
  }
}

function damaged(): KeyStoreProblem {
  return new KeyStoreProblem('It is damaged or cut short.', 'Copy or make it again.');
}
