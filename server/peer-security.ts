import { randomBytes } from 'node:crypto';
import type { ServerConfig } from './config/server-config.ts';
import type { ServerSettings } from './config/server-settings.ts';
import { createSaslTransport } from './net/sasl-transport.ts';
import { plainPeers, Refusals } from './net/peer-network.ts';
import type { PeerNetwork } from './net/peer-network.ts';
import { QuorumSasl } from './net/quorum-sasl.ts';
import { asSecurityError, jaasTextOf, openTls } from './open-tls.ts';
import { loginOf, usersOf } from './sasl/digest-login.ts';
import { SecurityError } from './security-error.ts';
import type { Host } from './shell/host.ts';

/**
 * How this server reaches the other members, as its settings say: TLS, SASL, both or neither. A
 * server that is alone has no use for it.
 *
 * @throws SecurityError
 */
export function openPeerNetwork(
  config: ServerConfig,
  settings: ServerSettings,
  host: Host,
  addressMapPath: string | null,
): PeerNetwork {
  if (config.ensemble === null) return plainPeers(host.transport);
  const { isTls, portUnification, sasl: saslSettings } = settings.quorum;
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
    if (portUnification) {
      host.log('warn', 'ports between members take connections without TLS', {
        remedy: 'set portUnification=false once every member has sslQuorum=true',
      });
    }
    network.election = openTls(settings.quorumTls, host, {
      family: 'ssl.quorum',
      whose: 'between members',
      reloads: settings.quorum.reloadsCertificates,
      addressMapPath,
      dialsTls: isTls,
      acceptsPlain: portUnification,
      memberHosts: () => network.memberHosts(),
      onRefused: network.onRefused,
    });
    network.quorum = network.election;
  }
  if (saslSettings.enabled) {
    network.sasl = openSasl(settings, host);
    network.quorum = createSaslTransport(network.quorum, network.sasl, network.onRefused);
  }
  return network;
}

function openSasl(settings: ServerSettings, host: Host): QuorumSasl {
  const { serverContext, learnerContext, serverRequired, learnerRequired } = settings.quorum.sasl;
  const path = settings.security.jaasPath;
  if (path === null) {
    throw new SecurityError(
      'quorum.auth.enableSasl=true needs a JAAS file: pass -Djava.security.auth.login.config=FILE.',
    );
  }
  const text = jaasTextOf(path);
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
