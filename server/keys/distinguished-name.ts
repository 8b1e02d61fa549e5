import { childrenOf, DerTag, expect, oidOf, readDer, sequenceOf } from './der.ts';
import type { Der } from './der.ts';

/** Types that have a word; of all others the number is shown. */
const words: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
};

/** How the bytes of a text are to be read, by its tag. */
const encodings: Readonly<Record<number, 'utf8' | 'latin1' | 'ucs2'>> = {
  0x0c: 'utf8',
  0x13: 'latin1',
  0x14: 'latin1',
  0x16: 'latin1',
  0x1e: 'ucs2',
};

/**
 * Whom a certificate (DER) is about, as access lists write it: `CN=ann,OU=team,O=example`, the part
 * that says most first.
 *
 * Source: RFC 2253, as Java's `X500Principal.getName`.
 *
 * @throws KeyStoreProblem when it is no certificate
 */
export function subjectOf(certificate: Buffer): string {
  const [body] = sequenceOf(readDer(certificate));
  const parts = sequenceOf(body);
  const versionCount = parts[0]?.tag === DerTag.CONTEXT_0 ? 1 : 0;
  const subject = parts[versionCount + 4];
  return sequenceOf(subject).reverse().map(relativeName).join(',');
}

function relativeName(set: Der): string {
  return childrenOf(expect(set, DerTag.SET)).map(attributeText).join('+');
}

function attributeText(attribute: Der): string {
  const [type, value] = sequenceOf(attribute);
  const oid = oidOf(type);
  const word = words[oid];
  const encoding = encodings[value?.tag ?? 0];
  if (value === undefined || word === undefined || encoding === undefined) {
    return `${oid}=#${value?.bytes.toString('hex') ?? ''}`;
  }
  const bytes = encoding === 'ucs2' ? Buffer.from(value.content).swap16() : value.content;
  return `${word}=${escaped(bytes.toString(encoding))}`;
}

function escaped(text: string): string {
  return text
    .replace(/[,=+<>#;"\\]/g, '\\$&')
    .replaceAll('\0', '\\00')
    .replace(/^ +| +$/g, (blanks) => '\\ '.repeat(blanks.length));
}
