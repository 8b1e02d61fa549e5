import { isAnyHost } from '../config/host-address.ts';
import {
  encodeInitialMessage,
  initialVersionMulti,
  initialVersionSingle,
  readInitialMessage,
} from '../protocol/initial-message.ts';
import type { InitialMessage } from '../protocol/initial-message.ts';
import { FrameDecoder, notificationBytesMax } from '../protocol/framing.ts';
import { JuteError } from '../protocol/jute.ts';
import type { Notification } from '../protocol/notification.ts';
import { decodeNotification, encodeNotificationFrame } from '../protocol/notification.ts';
import { listenPatiently, oneAttempt } from './patient-listener.ts';
import type { Patience } from './patient-listener.ts';
import type { QuorumSasl } from './quorum-sasl.ts';
import { connectToAny } from './several-addresses.ts';
import type { Connection, Listener, SocketAddress, Transport } from './transport.ts';

export interface PeerMeshOptions {
  readonly sid: number;
  /** This server's election addresses, as told to others. */
  readonly addresses: readonly SocketAddress[];
  readonly listenAddresses: readonly SocketAddress[];
  /** Servers may have several addresses: they are told all of this one's. Default false. */
  readonly isMultiAddress?: boolean;
  readonly transport: Transport;
  /** Behind the greeting, servers authenticate each other. */
  readonly sasl?: QuorumSasl | null;
  /** By certificates or SASL: who is not let in sees its connections opened and closed. */
  readonly isSecured?: boolean;
  readonly connectTimeoutMs: number;
  /** How often the ports are tried; one attempt without it. */
  readonly patience?: Patience;
  /** Whoever connects says who it is within that time; without it the number of strangers alone is bounded. */
  readonly greeting?: Greeting;
  /** The system looks after connections on which nothing is said. Default false. */
  readonly keepAlive?: boolean;
  /** Of the configuration; empty for a server it does not name. */
  readonly addressesOf: (sid: number) => readonly SocketAddress[];
  readonly onNotification: (from: number, notification: Notification) => void;
  /** That server's port cannot be dialled; or, not refused, the connection to it ended. */
  readonly onUnreachable: (sid: number, isRefused: boolean) => void;
  readonly onListenFailure: (reason: string) => void;
  /** Not let in, or not believed: authentication or the certificate's names say so. */
  readonly onRefused?: (remote: SocketAddress, reason: string) => void;
  /** Something a person may want to know about a connection. */
  readonly onNote: (what: string, values: Readonly<Record<string, string | number>>) => void;
}

export interface Greeting {
  readonly withinMs: number;
  readonly timer: (afterMs: number, run: () => void) => { cancel(): void };
}

/** What is kept of one other server. */
interface Peer {
  connection: Connection | null;
  /** Dialling: at most one attempt at a time. */
  dialling: Connection | null;
  /** Sent last, or to be sent: goes out first on every new connection. */
  last: Buffer | null;
}

const greetingBytesMax = 20 + 2048;
const noBytes: Buffer = Buffer.alloc(0);

/** Addresses of one greeting that are dialled. */
const announcedMax = 8;

/** Connections that have not said who they are. A server says it at once, so the oldest may go. */
const unknownMax = 64;

/**
 * Connections of the election port: at most one to each other server, kept by the one with the
 * larger id. The last vote is sent again on each new connection, so votes may come twice or late.
 *
 * Source: election protocol, sections 1 to 4.
 */
export class PeerMesh {
  readonly #options: PeerMeshOptions;
  readonly #peers = new Map<number, Peer>();
  readonly #listener: Listener;
  readonly #unknown = new Set<Connection>();
  #isClosed = false;

  constructor(options: PeerMeshOptions) {
    this.#options = options;
    const { transport, listenAddresses, patience = oneAttempt, onListenFailure } = options;
    const onConnection = (connection: Connection): void => this.#greeted(connection);
    const handlers = { onListening: () => undefined, onFailure: onListenFailure, onConnection };
    this.#listener = listenPatiently(transport, listenAddresses, handlers, patience);
  }

  /** A newer vote replaces one that was not sent yet. */
  send(to: number, notification: Notification): void {
    const peer = this.#peer(to);
    peer.last = encodeNotificationFrame(notification);
    if (peer.connection === null) this.#dial(to);
    else peer.connection.write(peer.last);
  }

  close(): void {
    this.#isClosed = true;
    this.#listener.close();
    for (const connection of this.#unknown) connection.destroy();
    for (const peer of this.#peers.values()) {
      peer.connection?.destroy();
      peer.dialling?.destroy();
    }
  }

  #peer(sid: number): Peer {
    let peer = this.#peers.get(sid);
    if (peer === undefined) {
      peer = { connection: null, dialling: null, last: null };
      this.#peers.set(sid, peer);
    }
    return peer;
  }

  #dial(to: number, announced: readonly SocketAddress[] = []): void {
    const peer = this.#peer(to);
    const addresses = announced.length > 0 ? announced : this.#options.addressesOf(to);
    if (peer.dialling !== null || addresses.length === 0 || this.#isClosed) return;
    const { transport, connectTimeoutMs } = this.#options;
    const connection = connectToAny(transport, addresses, connectTimeoutMs);
    peer.dialling = connection;
    connection.onClose = (reason) => {
      peer.dialling = null;
      this.#options.onNote('election connection failed', { to, reason });
      this.#options.onUnreachable(to, true);
    };
    connection.onConnect = () => {
      connection.write(encodeInitialMessage(this.#greeting()));
      const { sasl = null } = this.#options;
      if (sasl === null) return this.#opened(to, connection, noBytes);
      sasl.initiate(connection, {
        onDone: (rest) => this.#opened(to, connection, rest),
        onRefused: (reason) => {
          if (this.#isClosed) return;
          peer.dialling = null;
          this.#options.onRefused?.(connection.remote, reason);
          this.#options.onUnreachable(to, true);
        },
      });
    };
  }

  /** The larger id keeps the connection that it opened; the smaller only asks to be dialled. */
  #opened(to: number, connection: Connection, rest: Buffer): void {
    if (this.#isClosed) return connection.destroy();
    this.#peer(to).dialling = null;
    if (this.#options.sid < to) {
      connection.onClose = () => undefined;
      return connection.end();
    }
    const frames = new FrameDecoder(notificationBytesMax);
    this.#keep(to, connection, frames);
    if (rest.length > 0) this.#take(to, connection, frames, rest);
  }

  #greeting(): InitialMessage {
    const { sid, addresses, isMultiAddress = false } = this.#options;
    return isMultiAddress
      ? { version: initialVersionMulti, sid, addresses }
      : { version: initialVersionSingle, sid, addresses: addresses.slice(0, 1) };
  }

  /** A connection that was accepted says who it is. */
  #greeted(connection: Connection): void {
    let received: Buffer = Buffer.alloc(0);
    this.#unknown.add(connection);
    if (this.#unknown.size > unknownMax) this.#dropOldestUnknown();
    const { greeting: limit } = this.#options;
    const timer = limit?.timer(limit.withinMs, () => this.#dropSilent(connection));
    connection.onClose = () => {
      timer?.cancel();
      this.#unknown.delete(connection);
    };
    connection.onData = (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const greeting = this.#readGreeting(connection, received);
      if (greeting === null) return;
      timer?.cancel();
      this.#identify(connection, greeting.message, received.subarray(greeting.bytes));
    };
  }

  /** Whether it is who it says it is. */
  #identify(connection: Connection, message: InitialMessage, rest: Buffer): void {
    const { sasl = null } = this.#options;
    const onRefused = (reason: string): void => {
      this.#unknown.delete(connection);
      if (!this.#isClosed) this.#options.onRefused?.(connection.remote, reason);
    };
    const onDone = (behind: Buffer): void => {
      this.#unknown.delete(connection);
      if (this.#isClosed) return connection.destroy();
      this.#accepted(connection, message, behind);
    };
    const hosts = this.#hostsOf(message);
    if (hosts.length > 0 && hosts.every((host) => connection.proves?.(host) === false)) {
      const where = hosts.join(' or ');
      connection.destroy();
      return onRefused(`its certificate does not name ${where}, where server ${message.sid} is`);
    }
    if (sasl === null) onDone(rest);
    else sasl.accept(connection, rest, { onDone, onRefused });
  }

  /** Where the server is that it says it is: by the configuration, or else by its own word. */
  #hostsOf(message: InitialMessage): readonly string[] {
    const known = this.#options.addressesOf(message.sid);
    const places = known.length > 0 ? known : announcedAddresses(message);
    return places.map(({ host }) => host);
  }

  #dropSilent(connection: Connection): void {
    if (!this.#unknown.delete(connection)) return;
    connection.destroy();
    const { host, port } = connection.remote;
    this.#options.onNote('election connection refused', {
      remote: `${host}:${port}`,
      reason: 'it does not say who it is',
    });
  }

  #dropOldestUnknown(): void {
    for (const oldest of this.#unknown) {
      this.#unknown.delete(oldest);
      return oldest.destroy();
    }
  }

  #readGreeting(connection: Connection, received: Buffer): ReturnType<typeof readInitialMessage> {
    try {
      const greeting = readInitialMessage(received);
      if (greeting === null && received.length > greetingBytesMax) {
        throw new JuteError('greeting too long');
      }
      return greeting;
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#unknown.delete(connection);
      connection.destroy();
      this.#options.onNote('election connection refused', {
        remote: `${connection.remote.host}:${connection.remote.port}`,
        reason: error.message,
      });
      return null;
    }
  }

  #accepted(connection: Connection, message: InitialMessage, rest: Buffer): void {
    const { sid } = this.#options;
    if (message.sid > sid) {
      const frames = new FrameDecoder(notificationBytesMax);
      this.#keep(message.sid, connection, frames);
      if (rest.length > 0) this.#take(message.sid, connection, frames, rest);
      return;
    }
    connection.destroy();
    if (message.sid === sid) {
      this.#options.onNote('another server has the same id', { sid });
      return;
    }
    const peer = this.#peer(message.sid);
    this.#options.onNote('asked to dial', { peer: message.sid });
    peer.connection?.destroy();
    peer.connection = null;
    this.#dial(message.sid, announcedAddresses(message));
  }

  #keep(sid: number, connection: Connection, frames: FrameDecoder): void {
    const peer = this.#peer(sid);
    this.#options.onNote('election connection kept', { peer: sid, port: connection.remote.port });
    peer.connection?.destroy();
    peer.connection = connection;
    if (this.#options.keepAlive === true) connection.keepAlive?.();
    let isHeard = false;
    connection.onData = (chunk) => {
      isHeard = true;
      this.#take(sid, connection, frames, chunk);
    };
    connection.onClose = (reason) => {
      if (peer.connection !== connection) return;
      peer.connection = null;
      this.#options.onNote('election connection closed', { peer: sid, reason });
      this.#options.onUnreachable(sid, this.#options.isSecured === true && !isHeard);
    };
    if (peer.last !== null) connection.write(peer.last);
  }

  #take(sid: number, connection: Connection, frames: FrameDecoder, chunk: Buffer): void {
    frames.push(chunk);
    try {
      while (frames.next()) {
        const notification = decodeNotification(frames.buffer, frames.start, frames.end);
        if (notification !== null) this.#options.onNotification(sid, notification);
      }
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      connection.destroy();
      const peer = this.#peer(sid);
      if (peer.connection === connection) peer.connection = null;
      this.#options.onNote('election connection refused', { peer: sid, reason: error.message });
    }
  }
}

/** Where the dialler says it listens; a wildcard names no host. */
function announcedAddresses(message: InitialMessage): readonly SocketAddress[] {
  return message.addresses.filter(({ host }) => !isAnyHost(host)).slice(0, announcedMax);
}
