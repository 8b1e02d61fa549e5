import { KeyStoreProblem } from './key-store-error.ts';

/** One value in the distinguished encoding rules: a tag and what it holds. */
export interface Der {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content. */
  readonly bytes: Buffer;
}

/** Tags that key stores are made of. */
export const DerTag = {
  INTEGER: 0x02,
  OCTET_STRING: 0x04,
  OID: 0x06,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
  /** `[0]` around another value. */
  CONTEXT_0: 0xa0,
  /** `[0]` in place of an octet string's own tag. */
  CONTEXT_0_PRIMITIVE: 0x80,
} as const;

/**
 * The value at `offset`. Lengths must be definite and lie inside the bytes.
 *
 * Source: X.690, section 10.
 */
export function readDer(bytes: Buffer, offset: number = 0): Der {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw damaged();
  let start = offset + 2;
  let length = first;
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f;
    if (lengthBytes === 0 || lengthBytes > 4 || start + lengthBytes > bytes.length) throw damaged();
    length = bytes.readUIntBE(start, lengthBytes);
    start += lengthBytes;
  }
  const end = start + length;
  if (end > bytes.length) throw damaged();
  return { tag, content: bytes.subarray(start, end), bytes: bytes.subarray(offset, end) };
}

/** The values inside a sequence, a set or an explicit tag. */
export function childrenOf(der: Der): Der[] {
  const children: Der[] = [];
  for (let offset = 0; offset < der.content.length;) {
    const child = readDer(der.content, offset);
    children.push(child);
    offset += child.bytes.length;
  }
  return children;
}

/** A value that must be there, with that tag. */
export function expect(der: Der | undefined, tag: number): Der {
  if (der?.tag !== tag) throw damaged();
  return der;
}

export function sequenceOf(der: Der | undefined): Der[] {
  return childrenOf(expect(der, DerTag.SEQUENCE));
}

/** `1.2.840.113549.1.7.1` */
export function oidOf(der: Der | undefined): string {
  const { content } = expect(der, DerTag.OID);
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (arcs.length > 0) arcs.push(arc);
    else arcs.push(Math.min(Math.floor(arc / 40), 2), arc - Math.min(Math.floor(arc / 40), 2) * 40);
    arc = 0;
  }
  return arcs.join('.');
}

/** A count that fits six bytes. */
export function integerOf(der: Der | undefined): number {
  const { content } = expect(der, DerTag.INTEGER);
  if (content.length === 0 || content.length > 6) throw damaged();
  return content.readUIntBE(0, content.length);
}

function damaged(): KeyStoreProblem {
  return new KeyStoreProblem('It is damaged or cut short.', 'Copy or make it again.');
}
