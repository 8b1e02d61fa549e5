import { constants } from 'node:crypto';
import { statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import type { TlsSettings } from '../config/tls-settings.ts';
import { openSslCipher } from './cipher-names.ts';
import { KeyStoreError, KeyStoreProblem } from './key-store-error.ts';
import { filesOf, readIdentities, readTrusted } from './key-store.ts';
import type { Identity } from './key-store.ts';

/** What Node needs to speak TLS as this server. */
export interface TlsMaterial {
  readonly context: SecureContextOptions;
  readonly identities: readonly Identity[];
}

/** Of the names in `enabledProtocols`; older ones are unsafe and never spoken. */
const protocols = ['TLSv1.2', 'TLSv1.3'] as const;

/** Warns so long before a certificate ends, ms. */
const endsSoonMs: number = 14 * 24 * 3600 * 1000;

/**
 * Reads both stores and fits them together.
 *
 * @param family prefix of the settings, for errors: `ssl` or `ssl.quorum`
 * @throws KeyStoreError
 */
export function loadTlsMaterial(settings: TlsSettings, family: string): TlsMaterial {
  const { keyStore, trustStore } = settings;
  if (keyStore === null) throw unset(`${family}.keyStore.location`, 'no key to show');
  const identities = readIdentities(keyStore);
  const needsTrust = settings.clientAuth !== 'none' || family === 'ssl.quorum';
  if (trustStore === null && needsTrust) {
    throw unset(`${family}.trustStore.location`, 'nobody to trust');
  }
  const enabled = protocols.filter((protocol) => settings.enabledProtocols.includes(protocol));
  const [minVersion] = enabled;
  const maxVersion = enabled.at(-1);
  if (minVersion === undefined || maxVersion === undefined) {
    const remedy = `Name ${protocols.join(' or ')}, or leave it out.`;
    const problem = new KeyStoreProblem('No protocol in it is spoken here.', remedy);
    throw new KeyStoreError(`${family}.enabledProtocols`, problem);
  }
  const ciphers = ciphersOf(settings.cipherSuites, family);
  const context: SecureContextOptions = {
    key: identities.map((identity) => ({ pem: identity.key })),
    cert: identities.map((identity) => identity.chain),
    ...(trustStore === null ? {} : { ca: [...readTrusted(trustStore)] }),
    // As in Java, a certificate in the trust store need not have signed itself.
    allowPartialTrustChain: true,
    minVersion,
    maxVersion,
    ...(ciphers === null ? {} : { ciphers }),
    honorCipherOrder: true,
    // A session that is taken up again would not show its certificate again.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
  checkContext(context, keyStore.location);
  return { context, identities };
}

/** What a person should know of certificates that are taken all the same. */
export function certificateWarnings(material: TlsMaterial, wallMs: number): readonly string[] {
  return material.identities.flatMap(({ subject, validFromMs, validToMs }) => {
    const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
    if (wallMs > validToMs) return [`the certificate of ${subject} ended on ${day(validToMs)}`];
    if (wallMs < validFromMs) {
      return [`the certificate of ${subject} begins on ${day(validFromMs)} only`];
    }
    if (wallMs + endsSoonMs < validToMs) return [];
    return [`the certificate of ${subject} ends on ${day(validToMs)}`];
  });
}

/**
 * Notices when files of the stores change, and reads them again once they rest. What cannot be read
 * changes nothing.
 */
export class TlsMaterialWatch {
  readonly #settings: TlsSettings;
  readonly #family: string;
  readonly #files: readonly string[];
  #taken: string;
  #seen: string;

  constructor(settings: TlsSettings, family: string) {
    this.#settings = settings;
    this.#family = family;
    const stores = [settings.keyStore, settings.trustStore];
    this.#files = stores.flatMap((store) => (store === null ? [] : filesOf(store)));
    this.#taken = this.#fingerprint();
    this.#seen = this.#taken;
  }

  /**
   * To be called again and again. New material, `null` if there is none.
   *
   * @throws KeyStoreError once for each state of the files that cannot be read
   */
  poll(): TlsMaterial | null {
    const now = this.#fingerprint();
    const isAtRest = now === this.#seen;
    this.#seen = now;
    if (!isAtRest || now === this.#taken) return null;
    this.#taken = now;
    return loadTlsMaterial(this.#settings, this.#family);
  }

  #fingerprint(): string {
    return this.#files
      .map((file) => {
        const { mtimeMs = 0, size = -1, ino = 0 } = statSync(file, { throwIfNoEntry: false }) ?? {};
        return `${mtimeMs} ${size} ${ino}`;
      })
      .join(', ');
  }
}

function ciphersOf(suites: readonly string[], family: string): string | null {
  if (suites.length === 0) return null;
  const unknown = suites.filter((suite) => openSslCipher(suite) === null);
  if (unknown.length === 0) return suites.map(openSslCipher).join(':');
  const problem = `This Node has no ${unknown.join(', ')}.`;
  const remedy = 'Leave them out; without the setting the standard suites are used.';
  throw new KeyStoreError(`${family}.ciphersuites`, new KeyStoreProblem(problem, remedy));
}

function checkContext(context: SecureContextOptions, location: string): void {
  try {
    createSecureContext(context);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = new KeyStoreProblem(`TLS cannot use it: ${reason}.`, 'Make it again.');
    throw new KeyStoreError(location, problem);
  }
}

function unset(key: string, lack: string): KeyStoreError {
  const remedy = 'Set it to a PEM, PKCS12 or JKS file.';
  return new KeyStoreError(key, new KeyStoreProblem(`Not set: there is ${lack}.`, remedy));
}
