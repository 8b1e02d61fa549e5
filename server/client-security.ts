import type { ServerSettings } from './config/server-settings.ts';
import { plainClients } from './net/client-network.ts';
import type { ClientNetwork } from './net/client-network.ts';
import { Refusals } from './net/peer-network.ts';
import { openTls } from './open-tls.ts';
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
