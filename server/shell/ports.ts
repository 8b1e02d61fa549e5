import { answerFourLetterWord } from '../admin/four-letter-words.ts';
import type { ServerView } from '../admin/server-view.ts';
import type { EnsembleServer } from '../config/ensemble.ts';
import { areSamePlaces, electionAddressesOf } from '../config/server-addresses.ts';
import type { ClientConnection } from '../net/client-connection.ts';
import { ClientListener } from '../net/client-listener.ts';
import { PeerMesh } from '../net/peer-mesh.ts';
import type { PeerMeshOptions } from '../net/peer-mesh.ts';
import type { SocketAddress } from '../net/transport.ts';
import type { Client } from './client.ts';
import type { Core } from './core.ts';
import { ExitCode } from './core.ts';
import { listenPlaces } from './links.ts';
import type { TimelessEvent } from './links.ts';
import type { Sessions } from './sessions.ts';

export interface PortsParts {
  readonly sessions: Sessions;
  readonly view: ServerView;
  readonly emit: (event: TimelessEvent) => void;
}

/** The ports that are open in every role: elections and clients. They move when the own line does. */
export class Ports {
  /** Election port; `null` in a server that is alone. */
  mesh: PeerMesh | null = null;
  /** The port that clients reach; `null` until it listens. */
  clientPort: number | null = null;
  readonly #core: Core;
  readonly #parts: PortsParts;
  #listener: ClientListener | null = null;
  #clientAddress: SocketAddress | null;
  #electionAddresses: readonly SocketAddress[] = [];

  constructor(core: Core, parts: PortsParts) {
    this.#core = core;
    this.#parts = parts;
    this.#clientAddress = core.config.clientAddress;
  }

  open(): void {
    const { members } = this.#core;
    if (members !== null) this.#openMesh(members.own);
    const isOpen = this.#clientAddress !== null || this.#core.clients.secure !== null;
    if (isOpen) this.#listener = this.#listen(this.#clientAddress);
  }

  close(): void {
    this.closeToClients();
    this.mesh?.close();
  }

  closeToClients(): void {
    this.#listener?.close();
  }

  /** Members have changed. A server that is no member any more stays where it was. */
  moveTo(own: EnsembleServer | null): void {
    if (own === null) return;
    const isMoved = !areSamePlaces(this.#electionAddresses, electionAddressesOf(own));
    if (isMoved) this.#openMesh(own);
    const address = own.clientAddress;
    const now = this.#clientAddress;
    if (address === null || (address.host === now?.host && address.port === now.port)) return;
    this.#clientAddress = address;
    if (this.#listener === null) this.#listener = this.#listen(address);
    else this.#listener.moveTo(address);
  }

  released(remote: SocketAddress): void {
    this.#listener?.released(remote);
  }

  #listen(address: SocketAddress | null): ClientListener {
    const { config, host, clients, clientLimits } = this.#core;
    const limits = {
      perAddressMax: config.clientConnectionsPerAddressMax,
      totalMax: config.clientConnectionsMax,
      frameBytesMax: config.frameBytesMax,
      backlogCount: clientLimits.backlogCount,
      keepAlive: clientLimits.keepAlive,
    };
    const listener = new ClientListener(clients.plain, address, limits, {
      onListening: (port) => {
        this.clientPort = port;
        host.log('info', 'clients may connect', { port });
      },
      onFailure: (reason) =>
        host.exit(ExitCode.BIND_FAILED, `${reason}: change clientPort or secureClientPort`),
      onClient: (connection) => this.#accept(connection),
      onRejected: (remote, reason) => {
        this.#core.counters.connectionsRejected += 1;
        host.log('warn', 'client connection refused', { remote: remote.host, reason });
      },
    });
    const { secure } = clients;
    if (secure !== null) {
      listener.alsoAt(secure.transport, secure.address, (port) =>
        host.log('info', 'clients may connect over TLS', { port }),
      );
    }
    return listener;
  }

  #openMesh(own: EnsembleServer | null): void {
    const { config, host, members, peers } = this.#core;
    const { emit } = this.#parts;
    const addresses = own === null ? [{ host: '', port: 0 }] : electionAddressesOf(own);
    this.#electionAddresses = addresses;
    this.mesh?.close();
    this.mesh = new PeerMesh({
      sid: config.sid,
      addresses,
      listenAddresses: listenPlaces(config, addresses),
      isMultiAddress: config.multiAddressEnabled === true,
      transport: peers.election,
      sasl: peers.sasl,
      isSecured: peers.isSecured,
      connectTimeoutMs: config.connectTimeoutMs,
      ...this.#patience(),
      addressesOf: (sid) => members?.electionAddresses(sid) ?? [],
      onNotification: (from, notification) => emit({ type: 'notification', from, notification }),
      onUnreachable: (sid, isRefused) => emit({ type: 'voterUnreachable', sid, isRefused }),
      onListenFailure: (reason) => host.exit(ExitCode.BIND_FAILED, `election port: ${reason}`),
      onRefused: peers.onRefused,
      onNote: (what, values) => host.log('debug', what, values),
    });
  }

  #patience(): Pick<PeerMeshOptions, 'patience' | 'greeting' | 'keepAlive'> {
    const { host, electionPort } = this.#core;
    const { bindAttemptsMax, greetingMsMax, keepAlive } = electionPort;
    const timer = host.timer.bind(host);
    const onRetry = (reason: string): void => {
      host.log('warn', 'the election port cannot be had yet', { reason });
    };
    return {
      patience: { attemptsMax: bindAttemptsMax, timer, onRetry },
      keepAlive,
      // 0: none, as in the reference.
      ...(greetingMsMax === null || greetingMsMax === 0
        ? {}
        : { greeting: { withinMs: greetingMsMax, timer } }),
    };
  }

  #accept(connection: ClientConnection): void {
    const { sessions, view } = this.#parts;
    const client: Client = sessions.accept(connection);
    connection.onWord = (word) => {
      const answer = answerFourLetterWord(word, view, this.#core.config.fourLetterWords);
      connection.sendText(answer);
      sessions.closeAfterReplies(client, `asked ${word}`);
    };
  }
}
