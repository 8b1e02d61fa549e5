import { createServer as createNetServer, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import type { SecureContextOptions, Server as TlsServer, TLSSocket } from 'node:tls';
import type { TlsSettings } from '../config/tls-settings.ts';
import { AddressBook } from './address-book.ts';
import { KeyStoreProblem } from '../keys/key-store-error.ts';
import { subjectOf } from '../keys/distinguished-name.ts';
import { checkMemberNames, isNamed } from './peer-names.ts';
import { remoteOf, TcpConnection } from './tcp-connection.ts';
import { createTcpTransport, listenOn } from './tcp-transport.ts';
import type {
  Connection,
  Listener,
  ListenHandlers,
  SocketAddress,
  Transport,
} from './transport.ts';

/** Connections of one port that have not finished their handshake; the oldest make room. */
export const handshakesMax = 256;

const unknownRemote: SocketAddress = { host: 'unknown', port: 0 };

/** First byte of every TLS connection; nothing else that members say begins so. */
const tlsHandshake = 0x16;

export interface TlsTransportOptions {
  /** See {@link createTcpTransport}. */
  readonly addressMapPath: string | null;
  readonly settings: TlsSettings;
  readonly context: SecureContextOptions;
  /** False: this side dials plain connections and takes both kinds. */
  readonly dialsTls: boolean;
  readonly acceptsPlain: boolean;
  /** Hosts of the members as they are now. */
  readonly memberHosts: () => readonly string[];
  /** A connection that came to nothing for what its TLS said. */
  readonly onRefused: (remote: SocketAddress, reason: string) => void;
}

/**
 * Byte streams between members over TLS, each side showing its certificate. Names count as they
 * stand in the configuration.
 *
 * Source: quorum protocol, section 18; configuration, section 6.
 */
export class TlsTransport implements Transport {
  readonly #options: TlsTransportOptions;
  readonly #plain: Transport;
  readonly #addresses: AddressBook;
  readonly #servers = new Set<TlsServer>();
  #context: SecureContextOptions;

  constructor(options: TlsTransportOptions) {
    this.#options = options;
    this.#context = options.context;
    this.#plain = createTcpTransport(options.addressMapPath);
    this.#addresses = new AddressBook(options.addressMapPath);
  }

  /** From here on connections begin with other keys and other trust; those that live go on. */
  renew(context: SecureContextOptions): void {
    this.#context = context;
    for (const server of this.#servers) server.setSecureContext(context);
  }

  listen(configured: SocketAddress, handlers: ListenHandlers): Listener {
    const { acceptsPlain, settings } = this.#options;
    const address = this.#addresses.listen(configured);
    const handshakes = new Map<string, Socket>();
    const remotes = new WeakMap<object, SocketAddress>();
    const tls = createTlsServer({
      ...this.#context,
      requestCert: settings.clientAuth !== 'none',
      // Refused in `#check`, which can say who and why.
      rejectUnauthorized: false,
      handshakeTimeout: settings.handshakeDetectionTimeoutMs,
    });
    this.#servers.add(tls);
    tls.on('secureConnection', (socket) => {
      handshakes.delete(keyOf(socket));
      this.#check(socket, handlers);
    });
    tls.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      // Who leaves before it has said anything is a probe, or was told by its own side.
      if (error.code === 'ECONNRESET') return;
      this.#options.onRefused(remotes.get(parentOf(socket)) ?? unknownRemote, reasonOf(error));
    });
    const server = createNetServer({ noDelay: true, allowHalfOpen: false }, (socket) => {
      const key = keyOf(socket);
      handshakes.set(key, socket);
      remotes.set(socket, remoteOf(socket));
      socket.once('close', () => handshakes.delete(key));
      if (handshakes.size > handshakesMax) dropOldest(handshakes);
      if (!acceptsPlain) return void tls.emit('connection', socket);
      this.#detect(socket, tls, () => {
        handshakes.delete(key);
        handlers.onConnection(new TcpConnection(socket, remoteOf(socket)));
      });
    });
    const listener = listenOn(server, address, handlers);
    return {
      close: () => {
        this.#servers.delete(tls);
        for (const socket of handshakes.values()) socket.destroy();
        listener.close();
      },
    };
  }

  connect(configured: SocketAddress, timeoutMs: number): Connection {
    const { dialsTls, settings, onRefused } = this.#options;
    if (!dialsTls) return this.#plain.connect(configured, timeoutMs);
    const address = this.#addresses.connect(configured);
    const socket = tlsConnect({
      ...this.#context,
      host: address.host,
      port: address.port,
      servername: isIP(configured.host) === 0 ? configured.host : '',
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) =>
        !settings.hostnameVerification || isNamed(certificate, configured.host)
          ? undefined
          : new Error(`its certificate does not name ${configured.host}`),
    });
    const connection = new TcpConnection(socket, address);
    const timer = setTimeout(() => connection.fail('connect timed out'), timeoutMs);
    let isOpen = false;
    socket.once('connect', () => {
      isOpen = true;
      socket.setNoDelay(true);
    });
    socket.prependListener('error', (error) => {
      // Nobody listening is nothing to report; a handshake that failed is.
      if (isOpen && !(error as NodeJS.ErrnoException).syscall) onRefused(address, reasonOf(error));
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      connection.onConnect();
    });
    socket.once('close', () => clearTimeout(timer));
    return connection;
  }

  /** The first byte decides; who says nothing for too long speaks no TLS. */
  #detect(socket: Socket, tls: TlsServer, onPlain: () => void): void {
    const { handshakeDetectionTimeoutMs } = this.#options.settings;
    const ignoreError = (): void => undefined;
    const decide = (chunk: Buffer | null): void => {
      clearTimeout(timer);
      socket.off('data', decide);
      socket.off('error', ignoreError);
      if (chunk !== null) {
        socket.pause();
        socket.unshift(chunk);
      }
      if (chunk?.[0] === tlsHandshake) return void tls.emit('connection', socket);
      onPlain();
      socket.resume();
    };
    const timer = setTimeout(() => decide(null), handshakeDetectionTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
    socket.on('error', ignoreError);
    socket.on('data', decide);
  }

  /** The handshake is done; whether this may be a member is not known yet. */
  #check(socket: TLSSocket, handlers: ListenHandlers): void {
    const { settings, memberHosts, onRefused } = this.#options;
    const remote = remoteOf(socket);
    const certificate = socket.getPeerCertificate();
    const hasCertificate = Object.keys(certificate).length > 0;
    const refuse = (reason: string): void => {
      onRefused(remote, reason);
      socket.destroy();
    };
    if (!hasCertificate && settings.clientAuth === 'need') return refuse('it shows no certificate');
    if (hasCertificate && !socket.authorized) {
      return refuse(`its certificate is not trusted: ${String(socket.authorizationError)}`);
    }
    if (!hasCertificate) return handlers.onConnection(new TcpConnection(socket, remote));
    const subject = subjectOrEmpty(certificate.raw);
    if (!settings.clientHostnameVerification) {
      return handlers.onConnection(new TcpConnection(socket, remote, { subject }));
    }
    const ignoreError = (): void => undefined;
    socket.on('error', ignoreError);
    checkMemberNames(certificate, memberHosts(), remote.host, (isMember) => {
      socket.off('error', ignoreError);
      if (socket.destroyed) return;
      if (!isMember) {
        return refuse(`its certificate names no member: ${certificate.subjectaltname ?? 'nobody'}`);
      }
      const proves = (host: string): boolean => isNamed(certificate, host);
      handlers.onConnection(new TcpConnection(socket, remote, { proves, subject }));
    });
  }
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}

/** A name that cannot be read proves nothing. */
function subjectOrEmpty(certificate: Buffer): string {
  try {
    return subjectOf(certificate);
  } catch (error) {
    if (error instanceof KeyStoreProblem) return '';
    throw error;
  }
}

/** The socket below; a failed one does not know its peer's address any more. */
function parentOf(socket: TLSSocket): object {
  return (socket as unknown as { readonly _parent?: Socket })._parent ?? socket;
}

/** OpenSSL's words without its places: `…:error:0A00010B:SSL routines:place:words:file:line:`. */
function reasonOf(error: Error): string {
  return /SSL routines:[^:]*:([^:]+):/.exec(error.message)?.[1] ?? error.message;
}

function dropOldest(handshakes: Map<string, Socket>): void {
  for (const [key, socket] of handshakes) {
    handshakes.delete(key);
    socket.destroy();
    return;
  }
}
