import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

/** Who is certified, from when to when. */
export interface CertificateSpec {
  readonly commonName: string;
  /** Parts of the name before the common name: type by number, text. */
  readonly above?: readonly (readonly [string, string])[];
  /** Host names and addresses. */
  readonly names?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** A key and its certificate, PEM. */
export interface Certified {
  readonly key: string;
  readonly certificate: string;
}

/** Signs certificates for tests; nothing that it makes outlives them. */
export class CertificateAuthority implements Certified {
  readonly key: string;
  readonly certificate: string;
  readonly #name: Buffer;
  readonly #key: KeyObject;
  #lastSerial = 1;

  constructor(commonName: string = 'test CA') {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = pair.privateKey;
    this.#name = nameOf({ commonName });
    this.key = pemOf(pair.privateKey);
    const spec = { commonName };
    this.certificate = this.#certificate(spec, pair.publicKey, [
      sequence(oid('2.5.29.19'), boolean(true), octets(sequence(boolean(true)))),
    ]);
  }

  /** A certificate that a server may show as well as a client. */
  issue(spec: CertificateSpec): Certified {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = (spec.names ?? []).map((name) =>
      isIP(name) === 0 ? tlv(0x82, Buffer.from(name)) : tlv(0x87, addressBytes(name)),
    );
    const extensions =
      names.length === 0 ? [] : [sequence(oid('2.5.29.17'), octets(sequence(...names)))];
    const certificate = this.#certificate(spec, pair.publicKey, extensions);
    return { key: pemOf(pair.privateKey), certificate };
  }

  #certificate(spec: CertificateSpec, publicKey: KeyObject, extensions: Buffer[]): string {
    this.#lastSerial += 1;
    const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
    const body = sequence(
      tlv(0xa0, integer(2)),
      integer(this.#lastSerial),
      algorithm,
      this.#name,
      sequence(
        time(spec.notBefore ?? new Date('2020-01-01T00:00:00Z')),
        time(spec.notAfter ?? new Date('2120-01-01T00:00:00Z')),
      ),
      nameOf(spec),
      publicKey.export({ format: 'der', type: 'spki' }),
      ...(extensions.length === 0 ? [] : [tlv(0xa3, sequence(...extensions))]),
    );
    const signature = sign('sha256', body, this.#key);
    const der = sequence(body, algorithm, tlv(0x03, Buffer.concat([Buffer.of(0), signature])));
    const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80
      ? Buffer.of(length)
      : length < 0x100
        ? Buffer.of(0x81, length)
        : Buffer.of(0x82, length >> 8, length & 0xff);
  return Buffer.concat([Buffer.of(tag), size, content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function octets(content: Buffer): Buffer {
  return tlv(0x04, content);
}

function boolean(value: boolean): Buffer {
  return tlv(0x01, Buffer.of(value ? 0xff : 0));
}

/** Of one byte, without a sign. */
function integer(value: number): Buffer {
  return tlv(0x02, value < 0x80 ? Buffer.of(value) : Buffer.of(0, value));
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups: number[] = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left >>>= 7)
      groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tlv(0x06, Buffer.from(bytes));
}

/** An address of mail is in a text form of its own, as everywhere. */
const emailAddress = '1.2.840.113549.1.9.1';

function nameOf(spec: CertificateSpec): Buffer {
  const parts = [...(spec.above ?? []), ['2.5.4.3', spec.commonName] as const];
  const attributes = parts.map(([type, text]) => {
    const tag = type === emailAddress ? 0x16 : 0x0c;
    return tlv(0x31, sequence(oid(type), tlv(tag, Buffer.from(text))));
  });
  return sequence(...attributes);
}

/** Before 2050 the one form, later the other, as certificates must have it. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return date.getUTCFullYear() < 2050
    ? tlv(0x17, Buffer.from(digits.slice(2)))
    : tlv(0x18, Buffer.from(digits));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  if (address === '::1') return Buffer.concat([Buffer.alloc(15), Buffer.of(1)]);
  throw new Error(`${address}: write its bytes here first`);
}
