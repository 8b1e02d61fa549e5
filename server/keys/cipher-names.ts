import { getCiphers } from 'node:tls';

const javaName = /^(?:TLS|SSL)_(\w+?)_WITH_(\w+)$/;

/**
 * OpenSSL's name of a cipher suite by its name in Java, which is that of the registry, e.g.
 * `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`; `null`: this Node has no such suite. Names of TLS 1.3
 * are the same in both; OpenSSL's own are taken too.
 */
export function openSslCipher(name: string): string | null {
  const [, exchange, rest] = javaName.exec(name) ?? [];
  if (exchange === undefined || rest === undefined) return known(name);
  const key = exchange === 'RSA' ? '' : `${exchange.replaceAll('_', '-')}-`;
  const cipher = rest
    .replace(/^CHACHA20_POLY1305_SHA256$/, 'CHACHA20-POLY1305')
    .replace(/^AES_(128|256)_CBC_SHA/, 'AES$1-SHA')
    .replace(/^AES_(128|256)_/, 'AES$1-')
    .replaceAll('_', '-');
  return known(`${key}${cipher}`);
}

function known(name: string): string | null {
  return getCiphers().includes(name.toLowerCase()) ? name : null;
}
