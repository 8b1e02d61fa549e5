import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export interface Credentials {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** What clients show as bearer token. */
  readonly token: string;
}

const validityYears = 10;

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content]);
  const octets = length < 256 ? [length] : [length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, 128 + octets.length, ...octets]), content]);
}

function sequence(...contents: readonly Uint8Array[]): Buffer {
  return der(0x30, ...contents);
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 127];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 127) | 128);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));
}

function time(date: Date): Buffer {
  const text = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(text));
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  const critical = isCritical ? [der(0x01, Buffer.from([255]))] : [];
  return sequence(oid(id), ...critical, der(0x04, value));
}

function extensions(publicKey: Buffer): Buffer {
  const keyId = createHash('sha1').update(publicKey).digest();
  const names = sequence(
    der(0x82, Buffer.from('localhost')),
    der(0x87, Buffer.from([127, 0, 0, 1])),
  );
  return der(
    0xa3,
    sequence(
      extension('2.5.29.19', true, sequence(der(0x01, Buffer.from([255])))),
      // digitalSignature and keyCertSign.
      extension('2.5.29.15', true, der(0x03, Buffer.from([2, 0x84]))),
      extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))),
      extension('2.5.29.14', false, der(0x04, keyId)),
      extension('2.5.29.17', false, names),
    ),
  );
}

function certificateFor(publicKey: KeyObject, privateKey: KeyObject, nowMs: number): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const until = new Date(nowMs);
  until.setUTCFullYear(until.getUTCFullYear() + validityYears);
  const name = nameOf('zkensemble-local');
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    algorithm,
    name,
    // An hour back, for clients whose clock is behind.
    sequence(time(new Date(nowMs - 3_600_000)), time(until)),
    name,
    spki,
    extensions(spki),
  );
  const signature = sign('sha256', body, privateKey);
  const whole = sequence(body, algorithm, der(0x03, Buffer.from([0]), signature));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/**
 * A certificate for this machine's loopback address that vouches for itself, its key, and a
 * token. Source: RFC 5280 (the certificate), X.690 (its encoding).
 */
export function makeCredentials(nowMs: number): Credentials {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return {
    certificate: certificateFor(publicKey, createPrivateKey(key), nowMs),
    key,
    token: randomBytes(24).toString('base64url'),
  };
}
