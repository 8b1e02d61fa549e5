import { readFileSync } from 'node:fs';
import type { TlsSettings } from './config/tls-settings.ts';
import { KeyStoreError } from './keys/key-store-error.ts';
import { certificateWarnings, loadTlsMaterial, TlsMaterialWatch } from './keys/tls-material.ts';
import { TlsTransport } from './net/tls-transport.ts';
import type { TlsTransportOptions } from './net/tls-transport.ts';
import { JaasError } from './sasl/jaas.ts';
import { SecurityError } from './security-error.ts';
import type { Host } from './shell/host.ts';

/** Files of certificates are looked at so often, ms. */
const reloadPollMs = 1000;

export interface OpenTlsOptions extends Omit<TlsTransportOptions, 'context' | 'settings'> {
  /** Prefix of the settings: `ssl` or `ssl.quorum`. */
  readonly family: string;
  /** For the log: between or of whom. */
  readonly whose: string;
  readonly reloads: boolean;
}

/**
 * A transport over TLS with the stores of its settings, which are read again when they change.
 *
 * @throws SecurityError
 */
export function openTls(settings: TlsSettings, host: Host, options: OpenTlsOptions): TlsTransport {
  const { family, whose, reloads } = options;
  const material = asSecurityError(() => loadTlsMaterial(settings, family));
  const warn = (warnings: readonly string[]): void => {
    for (const warning of warnings) host.log('warn', warning, {});
  };
  warn(certificateWarnings(material, host.wallMs()));
  const transport = new TlsTransport({ ...options, settings, context: material.context });
  if (!reloads) return transport;
  const watch = new TlsMaterialWatch(settings, family);
  setInterval(() => {
    try {
      const renewed = watch.poll();
      if (renewed === null) return;
      transport.renew(renewed.context);
      host.log('info', `certificates ${whose} were read again`, {
        subject: renewed.identities.map(({ subject }) => subject).join(' and '),
      });
      warn(certificateWarnings(renewed, host.wallMs()));
    } catch (error) {
      if (!(error instanceof KeyStoreError)) throw error;
      host.log('error', `changed certificates ${whose} cannot be used; those from before stay`, {
        reason: error.message,
      });
    }
  }, reloadPollMs).unref();
  return transport;
}

/** Errors of files as errors of the start. */
export function asSecurityError<T>(open: () => T, prefix: string = ''): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof KeyStoreError || error instanceof JaasError)) throw error;
    throw new SecurityError(`${prefix}${error.message}`);
  }
}

/** @throws SecurityError */
export function jaasTextOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new SecurityError(
      `${path} cannot be read. Correct -Djava.security.auth.login.config, or who may read it.`,
    );
  }
}
