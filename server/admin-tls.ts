import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import type { ServerSettings } from './config/server-settings.ts';
import { loadTlsMaterial } from './keys/tls-material.ts';
import { asSecurityError } from './open-tls.ts';

/** HTTPS on the admin port. */
export interface AdminTls {
  readonly context: SecureContextOptions;
  readonly acceptsPlain: boolean;
  /** Who shows no certificate that is trusted is not answered. */
  readonly needsClient: boolean;
}

/** Who connects and says nothing for so long is closed, ms. */
const silenceMsMax = 5000;

/** First byte of every TLS connection; no request of HTTP begins so. */
const tlsHandshake = 0x16;

/**
 * With the stores of the quorum, as in the reference; `null`: HTTP alone.
 *
 * @throws SecurityError
 */
export function adminTlsOf(settings: ServerSettings): AdminTls | null {
  const { portUnification, forceHttps, needClientAuth } = settings.admin;
  if (!forceHttps && !portUnification) return null;
  const { context } = asSecurityError(() => loadTlsMaterial(settings.quorumTls, 'ssl.quorum'));
  return { context, acceptsPlain: !forceHttps, needsClient: needClientAuth };
}

/** Turns what arrives at the port into what HTTP is spoken on; it may come paused. */
export function createAdminGate(
  tls: AdminTls,
  onReady: (socket: Socket) => void,
): (socket: Socket) => void {
  const server = createServer({
    ...tls.context,
    requestCert: tls.needsClient,
    rejectUnauthorized: tls.needsClient,
  });
  server.on('secureConnection', (secured) => {
    secured.on('error', () => secured.destroy());
    onReady(secured);
  });
  // Who speaks no TLS, or shows the wrong certificate, is closed by the server itself.
  server.on('tlsClientError', () => undefined);
  return (socket) => {
    if (!tls.acceptsPlain) return void server.emit('connection', socket);
    socket.setTimeout(silenceMsMax, () => socket.destroy());
    socket.once('data', (chunk) => {
      socket.setTimeout(0);
      socket.pause();
      socket.unshift(chunk);
      if (chunk[0] === tlsHandshake) return void server.emit('connection', socket);
      onReady(socket);
    });
  };
}
