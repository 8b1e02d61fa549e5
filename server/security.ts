import type { AdminTls } from './admin-tls.ts';
import type { ServerConfig } from './config/server-config.ts';
import type { ServerSettings } from './config/server-settings.ts';
import { plainClients } from './net/client-network.ts';
import type { ClientNetwork } from './net/client-network.ts';
import { plainPeers } from './net/peer-network.ts';
import type { PeerNetwork } from './net/peer-network.ts';
import type { ClientSasl } from './shell/client-sasl.ts';
import type { Host } from './shell/host.ts';

/** Who may reach this server, and how each side proves who it is. */
export interface Security {
  readonly peers: PeerNetwork;
  readonly clients: ClientNetwork;
  /** `null`: no mechanism is configured. */
  readonly clientSasl: ClientSasl | null;
  /** `null`: HTTP alone. */
  readonly adminTls: AdminTls | null;
}

/**
 * What the settings ask for. TLS, key stores and SASL are loaded only where one of them is: a
 * server without them does without their megabytes.
 *
 * Rejects with SecurityError.
 */
export async function openSecurity(
  config: ServerConfig,
  settings: ServerSettings,
  host: Host,
  addressMapPath: string | null,
): Promise<Security> {
  const { isTls, sasl } = settings.quorum;
  if (config.ensemble !== null && !isTls && !sasl.enabled) {
    host.log('warn', 'members do not authenticate each other: whoever reaches their ports is one', {
      remedy: 'set sslQuorum=true or quorum.auth.enableSasl=true',
    });
  }
  if (isPlain(config, settings)) {
    return {
      peers: plainPeers(host.transport),
      clients: plainClients(host.transport),
      clientSasl: null,
      adminTls: null,
    };
  }
  const [{ openPeerNetwork }, { openClientNetwork, openClientSasl }, { adminTlsOf }] =
    await Promise.all([
      import('./peer-security.ts'),
      import('./client-security.ts'),
      import('./admin-tls.ts'),
    ]);
  return {
    adminTls: config.admin.enabled ? adminTlsOf(settings) : null,
    peers: openPeerNetwork(config, settings, host, addressMapPath),
    clients: openClientNetwork(settings, host, addressMapPath),
    clientSasl: openClientSasl(settings),
  };
}

function isPlain(config: ServerConfig, settings: ServerSettings): boolean {
  const { quorum, listen, security, admin } = settings;
  const areMembersPlain =
    config.ensemble === null || !(quorum.isTls || quorum.portUnification || quorum.sasl.enabled);
  const areClientsPlain =
    listen.secureClientAddress === null &&
    !listen.clientPortUnification &&
    security.jaasPath === null &&
    !security.saslRequired &&
    !security.authRequired;
  const isAdminPlain = !config.admin.enabled || !(admin.forceHttps || admin.portUnification);
  return areMembersPlain && areClientsPlain && isAdminPlain;
}
