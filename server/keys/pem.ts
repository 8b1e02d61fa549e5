import { createPrivateKey } from 'node:crypto';
import { KeyStoreProblem } from './key-store-error.ts';
import { wrongPassword } from './password-encryption.ts';
import type { StoreEntries } from './store-entries.ts';

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/** Private key and certificates of a PEM file, in any order; the key may be encrypted. */
export function readPem(bytes: Buffer, password: string | null): StoreEntries {
  const text = bytes.toString('latin1');
  const entries = { keys: [] as Buffer[], certificates: [] as Buffer[], trusted: [] as Buffer[] };
  for (const [pem, label = ''] of text.matchAll(block)) {
    if (label.endsWith('PRIVATE KEY')) entries.keys.push(keyOf(pem, password));
    else if (label.endsWith('CERTIFICATE')) {
      // As in Java, a PEM file that is a trust store trusts whatever is in it.
      entries.certificates.push(bytesOf(pem));
      entries.trusted.push(bytesOf(pem));
    }
  }
  const begun = text.match(/-----BEGIN ([A-Z0-9 ]+)-----/g)?.length ?? 0;
  if (begun > [...text.matchAll(block)].length) {
    throw new KeyStoreProblem('A block in it has no end: it is cut short.', 'Write it again.');
  }
  if (begun > 0) return entries;
  const remedy = 'It must hold -----BEGIN … blocks: a private key, certificates, or both.';
  throw new KeyStoreProblem('It is no PEM file.', remedy);
}

function keyOf(pem: string, password: string | null): Buffer {
  const isEncrypted = pem.includes('ENCRYPTED');
  if (isEncrypted && password === null) {
    const remedy = 'Set the password or the passwordPath of the key store.';
    throw new KeyStoreProblem('Its private key is encrypted and no password is set.', remedy);
  }
  try {
    const key = createPrivateKey(isEncrypted ? { key: pem, passphrase: password ?? '' } : pem);
    return key.export({ format: 'der', type: 'pkcs8' });
  } catch {
    if (isEncrypted) throw wrongPassword();
    throw new KeyStoreProblem('Its private key cannot be read.', 'Write it again as PKCS#8.');
  }
}

function bytesOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
}
