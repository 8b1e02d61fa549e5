import type { EnsembleServer } from '../config/ensemble.ts';
import { anyHost } from '../config/host-address.ts';
import { addressesOf, quorumAddressesOf } from '../config/server-addresses.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { QuorumLink } from '../net/quorum-link.ts';
import { connectToAny, listenAtAll } from '../net/several-addresses.ts';
import type { Listener, SocketAddress } from '../net/transport.ts';
import { JuteError, JuteWriter } from '../protocol/jute.ts';
import { writeQuorumPacket } from '../protocol/quorum-packet.ts';
import type { QuorumPacket } from '../protocol/quorum-packet.ts';
import type { LinkId, ZabEvent } from '../zab/events.ts';
import type { Core, ObserverMasterOptions } from './core.ts';

/** `ZabEvent` without its time, which the turn adds. */
export type TimelessEvent = ZabEvent extends infer Event
  ? Event extends ZabEvent
    ? Omit<Event, 'nowMs'>
    : never
  : never;

/** The connections of the quorum port: learners' at a leader, the leader's at a learner. */
export class Links {
  /** A learner's link to its leader. */
  leader: QuorumLink | null = null;
  readonly #core: Core;
  readonly #emit: (event: TimelessEvent) => void;
  readonly #learners = new Map<LinkId, QuorumLink>();
  #listener: Listener | null = null;
  #ready: QuorumLink[] = [];
  readonly #isReady = new Set<QuorumLink>();
  #lastId = 0;
  /** What may wait for a learner; a leader lets time decide. */
  #backlogBytesMax = Number.POSITIVE_INFINITY;
  readonly #packet = new JuteWriter(4096);

  constructor(core: Core, emit: (event: TimelessEvent) => void) {
    this.#core = core;
    this.#emit = emit;
  }

  learner(id: LinkId): QuorumLink | null {
    return this.#learners.get(id) ?? null;
  }

  /** Opens the quorum port; a port that cannot be had ends this leadership, not the process. */
  listen(own: EnsembleServer): void {
    this.#backlogBytesMax = Number.POSITIVE_INFINITY;
    this.#listenAt(quorumAddressesOf(own), (reason) => this.#emit({ type: 'resign', reason }));
  }

  /** Opens the port for observers; without it they find other servers. */
  listenForObservers(own: EnsembleServer, options: ObserverMasterOptions): void {
    this.#backlogBytesMax = options.backlogBytesMax;
    this.#listenAt(placesAt(own, options.port), (reason) => {
      this.#core.host.log('error', 'observers are not served: change observerMasterPort', {
        reason,
      });
    });
  }

  #listenAt(own: readonly SocketAddress[], onFailure: (reason: string) => void): void {
    const { config, peers } = this.#core;
    this.#listener = listenAtAll(peers.quorum, listenPlaces(config, own), {
      onListening: () => undefined,
      onConnection: (connection) => this.#accept(connection),
      onFailure,
    });
  }

  stopListening(): void {
    this.#listener?.close();
    this.#listener = null;
    for (const link of this.#learners.values()) link.close();
    this.#learners.clear();
  }

  connect(addresses: readonly SocketAddress[], timeoutMs: number): void {
    this.closeLeader();
    const link = this.#open(connectToAny(this.#core.peers.quorum, addresses, timeoutMs));
    this.leader = link;
    link.onConnect = () => this.#emit({ type: 'leaderConnected', link: link.id });
    link.onClose = (reason) => {
      if (this.leader !== link) return;
      this.leader = null;
      this.#emit({ type: 'leaderClosed', reason });
    };
  }

  closeLeader(): void {
    this.leader?.close();
    this.leader = null;
  }

  close(id: LinkId): void {
    if (this.leader?.id === id) return this.closeLeader();
    this.#learners.get(id)?.end();
    this.#learners.delete(id);
  }

  /** One packet to several links, encoded once. */
  send(ids: readonly LinkId[], packet: QuorumPacket): void {
    if (ids.length === 1) {
      this.#link(ids[0] ?? 0)?.send(packet);
      return;
    }
    this.#packet.clear();
    writeQuorumPacket(this.#packet, packet);
    const bytes = this.#packet.view();
    for (const id of ids) this.#link(id)?.sendEncoded(bytes);
  }

  /** Steps the agreement with every packet that is there. */
  takePackets(): void {
    if (this.#ready.length === 0) return;
    const ready = this.#ready;
    this.#ready = [];
    this.#isReady.clear();
    for (const link of ready) this.#takePacketsOf(link);
  }

  flush(): void {
    this.leader?.flush();
    for (const link of this.#learners.values()) {
      link.flush();
      if (link.bytesWaiting > this.#backlogBytesMax) this.#drop(link);
    }
  }

  closeAll(): void {
    this.closeLeader();
    this.stopListening();
  }

  #link(id: LinkId): QuorumLink | null {
    return this.leader?.id === id ? this.leader : this.learner(id);
  }

  #open(connection: ConstructorParameters<typeof QuorumLink>[1]): QuorumLink {
    this.#lastId += 1;
    const link = new QuorumLink(this.#lastId, connection);
    link.onInput = () => {
      if (this.#isReady.has(link)) return;
      this.#isReady.add(link);
      this.#ready.push(link);
      this.#core.wake();
    };
    link.onDrain = () => this.#core.wake();
    return link;
  }

  #accept(connection: ConstructorParameters<typeof QuorumLink>[1]): void {
    const link = this.#open(connection);
    this.#learners.set(link.id, link);
    link.onClose = () => {
      if (!this.#learners.delete(link.id)) return;
      this.#emit({ type: 'learnerClosed', link: link.id });
    };
    this.#emit({ type: 'learnerConnected', link: link.id });
  }

  #drop(link: QuorumLink): void {
    this.#core.host.log('warn', 'an observer takes too little of what is committed', {
      link: link.id,
      bytesWaiting: link.bytesWaiting,
    });
    this.#learners.delete(link.id);
    link.close();
    this.#emit({ type: 'learnerClosed', link: link.id });
  }

  #takePacketsOf(link: QuorumLink): void {
    const { peer, nowMs } = this.#core;
    try {
      for (let packet = link.next(); packet !== null; packet = link.next()) {
        if (link === this.leader) peer.step({ type: 'leaderPacket', packet, nowMs });
        else peer.step({ type: 'learnerPacket', link: link.id, packet, nowMs });
      }
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.#core.host.log('warn', 'quorum connection closed for what it sent', {
        remote: `${link.remote.host}:${link.remote.port}`,
        reason: error.message,
      });
      link.close();
      link.onClose(error.message);
    }
  }
}

/** Every address of the server, at that port. */
export function placesAt(server: EnsembleServer, port: number): SocketAddress[] {
  return addressesOf(server).map(({ host }) => ({ host, port }));
}

/** Where a server that has those addresses listens: there, or at its ports on all addresses of the machine. */
export function listenPlaces(
  config: Pick<ServerConfig, 'quorumListenOnAllAddresses'>,
  own: readonly SocketAddress[],
): readonly SocketAddress[] {
  if (!config.quorumListenOnAllAddresses) return own;
  return [...new Set(own.map(({ port }) => port))].map((port) => ({ host: anyHost, port }));
}
