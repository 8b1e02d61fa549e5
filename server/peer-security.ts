import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerConfig } from './config/server-config.ts';
import type { ServerSettings } from './config/server-settings.ts';
import { KeyStoreError } from './keys/key-store-error.ts';
import { certificateWarnings, loadTlsMaterial, TlsMaterialWatch } from './keys/tls-material.ts';
import { createSaslTransport } from './net/sasl-transport.ts';
import { plainPeers, Refusals } from './net/peer-network.ts';
import type { PeerNetwork } from './net/peer-network.ts';
import { QuorumSasl } from './net/quorum-sasl.ts';
import { TlsTransport } from './net/tls-transport.ts';
import type { SocketAddress, Transport } from './net/transport.ts';
import { loginOf, usersOf } from './sasl/digest-login.ts';
import { JaasError } from './sasl/jaas.ts';
import type { Host } from './shell/host.ts';

/** Files of certificates are looked at so often, ms. */
const reloadPollMs = 1000;

/** What was asked for cannot be had; the message names the setting or file, and the remedy. */
export class PeerSecurityError extends Error {
  override readonly name: string = 'PeerSecurityError';
}

/**
 * How this server reaches the other members, as its settings say: TLS, SASL, both or neither. A
 * server that is alone has no use for it.
 *
 * @throws PeerSecurityError
 */
export function openPeerNetwork(
  config: ServerConfig,
  settings: ServerSettings,
  host: Host,
  addressMapPath: string | null,
): PeerNetwork {
  if (config.ensemble === null) return plainPeers(host.transport);
  const { isTls, portUnification, sasl: saslSettings } = settings.quorum;
  if (!isTls && !saslSettings.enabled) {
    host.log('warn', 'members do not authenticate each other: whoever reaches their ports is one', {
      remedy: 'set sslQuorum=true or quorum.auth.enableSasl=true',
    });
  }
  const refusals = new Refusals(
    (remote, reason, times) =>
      host.log('warn', 'a connection between members was refused', { remote, reason, times }),
    () => host.nowMs(),
  );
  const network: { -readonly [Key in keyof PeerNetwork]: PeerNetwork[Key] } = {
    ...plainPeers(host.transport),
    isSecured: isTls || saslSettings.enabled,
    onRefused: (remote, reason) => refusals.note(remote, reason),
  };
  if (isTls || portUnification) {
    network.election = openTls(settings, host, addressMapPath, network);
    network.quorum = network.election;
  }
  if (saslSettings.enabled) {
    network.sasl = openSasl(settings, host);
    network.quorum = createSaslTransport(network.quorum, network.sasl, network.onRefused);
  }
  return network;
}

function openTls(
  settings: ServerSettings,
  host: Host,
  addressMapPath: string | null,
  network: PeerNetwork,
): Transport {
  const { isTls, portUnification, reloadsCertificates } = settings.quorum;
  const material = asSecurityError(() => loadTlsMaterial(settings.quorumTls, 'ssl.quorum'));
  const warn = (warnings: readonly string[]): void => {
    for (const warning of warnings) host.log('warn', warning, {});
  };
  warn(certificateWarnings(material, host.wallMs()));
  if (portUnification) {
    host.log('warn', 'ports between members take connections without TLS', {
      remedy: 'set portUnification=false once every member has sslQuorum=true',
    });
  }
  const transport = new TlsTransport({
    addressMapPath,
    settings: settings.quorumTls,
    context: material.context,
    dialsTls: isTls,
    acceptsPlain: portUnification,
    memberHosts: () => network.memberHosts(),
    onRefused: (remote: SocketAddress, reason) => network.onRefused(remote, reason),
  });
  if (reloadsCertificates) {
    const watch = new TlsMaterialWatch(settings.quorumTls, 'ssl.quorum');
    setInterval(() => {
      try {
        const renewed = watch.poll();
        if (renewed === null) return;
        transport.renew(renewed.context);
        host.log('info', 'certificates between members were read again', {
          subject: renewed.identities.map(({ subject }) => subject).join(' and '),
        });
        warn(certificateWarnings(renewed, host.wallMs()));
      } catch (error) {
        if (!(error instanceof KeyStoreError)) throw error;
        host.log('error', 'changed certificates cannot be used; those from before stay', {
          reason: error.message,
        });
      }
    }, reloadPollMs).unref();
  }
  return transport;
}

function openSasl(settings: ServerSettings, host: Host): QuorumSasl {
  const { serverContext, learnerContext, serverRequired, learnerRequired } = settings.quorum.sasl;
  const path = settings.security.jaasPath;
  if (path === null) {
    throw new PeerSecurityError(
      'quorum.auth.enableSasl=true needs a JAAS file: pass -Djava.security.auth.login.config=FILE.',
    );
  }
  const text = textOf(path);
  return asSecurityError(
    () =>
      new QuorumSasl({
        users: usersOf(text, serverContext),
        login: learnerRequired ? loginOf(text, learnerContext) : null,
        isRequired: serverRequired,
        random: randomBytes,
        timer: (afterMs, run) => host.timer(afterMs, run),
      }),
    `${path}: `,
  );
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new PeerSecurityError(
      `${path} cannot be read. Correct -Djava.security.auth.login.config, or who may read it.`,
    );
  }
}

function asSecurityError<T>(open: () => T, prefix: string = ''): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof KeyStoreError || error instanceof JaasError)) throw error;
    throw new PeerSecurityError(`${prefix}${error.message}`);
  }
}
