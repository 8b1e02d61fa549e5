import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { subjectOf } from '../../server/keys/distinguished-name.ts';
import { readDer, childrenOf } from '../../server/keys/der.ts';
import { readJks } from '../../server/keys/jks.ts';
import { KeyStoreProblem } from '../../server/keys/key-store-error.ts';
import { readPem } from '../../server/keys/pem.ts';
import { readPkcs12 } from '../../server/keys/pkcs12.ts';
import type { Subject } from './fuzz.ts';

const directory = join(import.meta.dirname, '../keys/files');
/** Of the stores in `test/keys/files`; see its README. */
const password = 'changeit';

function file(name: string): Buffer {
  return readFileSync(join(directory, name));
}

/** The digest at the end is right again. */
function repairJks(bytes: Buffer): Buffer {
  const end = bytes.length - 20;
  if (end < 12) return bytes;
  const secret = Buffer.from(password, 'utf16le').swap16();
  const digest = createHash('sha1').update(secret).update('Mighty Aphrodite');
  digest.update(bytes.subarray(0, end)).digest().copy(bytes, end);
  return bytes;
}

function decodeDer(bytes: Buffer): string {
  let count = 0;
  const open = [readDer(bytes)];
  for (let der = open.pop(); der !== undefined; der = open.pop()) {
    count += 1;
    // Constructed ones hold others.
    if ((der.tag & 0x20) !== 0 && open.length < 1000) open.push(...childrenOf(der));
  }
  return `${Math.min(count, 30)}`;
}

const refusals = [KeyStoreProblem];
const pems = ['ca.pem', 'plain.pem', 'encrypted.pem'].map(file);
const certificates = readPem(file('ca.pem'), null).certificates;

/** Key and trust stores. */
export const storeSubjects: readonly Subject[] = [
  {
    name: 'JKS stores',
    corpus: [file('keytool.jks'), file('keytool-trust.jks')],
    repair: repairJks,
    decode: (bytes) => `${readJks(bytes, password).keys.length}`,
    refusals,
    share: 0.1,
  },
  {
    name: 'PKCS#12 stores',
    corpus: [file('openssl-plain.p12'), file('openssl-legacy.p12'), file('keytool-java8.p12')],
    decode: (bytes) => `${readPkcs12(bytes, password).keys.length}`,
    refusals,
    // The largest count of iterations that is taken.
    decodeMsMax: 15_000,
    share: 0.001,
  },
  {
    name: 'PEM stores',
    corpus: pems,
    words: ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '-----', '\n', '='],
    decode: (bytes) => `${readPem(bytes, 'wrong').certificates.length}`,
    refusals,
    share: 0.01,
  },
  { name: 'DER', corpus: certificates, decode: decodeDer, refusals, share: 0.3 },
  {
    name: 'certificate names',
    corpus: certificates,
    decode: subjectOf,
    refusals: [Error],
    share: 0.2,
  },
];
