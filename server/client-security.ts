import { randomBytes } from 'node:crypto';
import type { ServerSettings } from './config/server-settings.ts';
import { plainClients } from './net/client-network.ts';
import type { ClientNetwork } from './net/client-network.ts';
import { Refusals } from './net/peer-network.ts';
import { asSecurityError, jaasTextOf, openTls } from './open-tls.ts';
import { usersOf } from './sasl/digest-login.ts';
import { clientService, DigestMd5Server, nonceBytes } from './sasl/digest-md5.ts';
import { parseJaas } from './sasl/jaas.ts';
import type { ClientSasl } from './shell/client-sasl.ts';
import { SecurityError } from './security-error.ts';
import type { Host } from './shell/host.ts';

/**
 * How clients reach this server, as its settings say: in plain, over TLS, or both.
 *
 * @throws SecurityError
 */
export function openClientNetwork(
  settings: ServerSettings,
  host: Host,
  addressMapPath: string | null,
): ClientNetwork {
  const { secureClientAddress, clientPortUnification, clientCertificatesReload } = settings.listen;
  if (secureClientAddress === null && !clientPortUnification) return plainClients(host.transport);
  const refusals = new Refusals(
    (remote, reason, times) =>
      host.log('warn', 'a client was refused for its TLS', { remote, reason, times }),
    () => host.nowMs(),
  );
  const transport = (acceptsPlain: boolean): ReturnType<typeof openTls> =>
    openTls(settings.clientTls, host, {
      family: 'ssl',
      whose: 'of the client port',
      reloads: clientCertificatesReload,
      addressMapPath,
      dialsTls: false,
      acceptsPlain,
      memberHosts: () => [],
      onRefused: (remote, reason) => refusals.note(remote, reason),
    });
  return {
    plain: clientPortUnification ? transport(true) : host.transport,
    secure:
      secureClientAddress === null
        ? null
        : { transport: transport(false), address: secureClientAddress },
    hasCertificates: true,
  };
}

/** Section of a JAAS file by its standard name; without it the file is for members alone. */
const standardSection = 'Server';

/**
 * Whom of the clients this server believes by SASL; `null`: no mechanism is configured.
 *
 * @throws SecurityError
 */
export function openClientSasl(settings: ServerSettings): ClientSasl | null {
  const { jaasPath, saslSection, saslRequired, authRequired, authSchemes } = settings.security;
  if (authRequired && authSchemes.length === 0) {
    throw new SecurityError(
      'enforce.auth.enabled=true needs enforce.auth.schemes=… beside it, e.g. digest,sasl.',
    );
  }
  const sasl = jaasPath === null ? null : readClientSasl(jaasPath, saslSection);
  if (sasl !== null || !saslRequired) return sasl;
  throw new SecurityError(
    `sessionRequireClientSASLAuth=true needs a JAAS file with a section ${saslSection}: ` +
      'pass -Djava.security.auth.login.config=FILE.',
  );
}

function readClientSasl(path: string, section: string): ClientSasl | null {
  const text = jaasTextOf(path);
  return asSecurityError(() => {
    const isThere = section !== standardSection || parseJaas(text).has(section);
    if (!isThere) return null;
    const users = usersOf(text, section);
    const nonce = (): string => randomBytes(nonceBytes).toString('base64');
    return { begin: () => new DigestMd5Server(clientService, users, nonce()) };
  }, `${path}: `);
}
