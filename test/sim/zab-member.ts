import type { Connection, Listener } from '../../server/net/transport.ts';
import type { Notification } from '../../server/protocol/notification.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import type { QuorumPacket } from '../../server/protocol/quorum-packet.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { PeerOptions, ZabPeer } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import type { LinkId, Proposal, ZabEvent } from '../../server/zab/events.ts';
import type { SimProcess } from './sim-host.ts';
import { TappedPeer } from './tap.ts';
import { ZabDisk } from './zab-disk.ts';
import type { ZabPlatter } from './zab-disk.ts';
import type { ZabWorld } from './zab-world.ts';

/** Makes the peer under test; a planted bug wraps the real one. */
export type PeerFactory = (options: PeerOptions) => ZabPeer;

/** What travels on a quorum link: a packet, or the tree behind a SNAP. */
export type Message = { readonly packet: QuorumPacket } | { readonly history: readonly Proposal[] };

const quorumPort = 2888;
const observerMasterPort = 2191;

/** One process of the zab-level simulation: performs what its peer asks for, and reports back. */
export class ZabMember {
  readonly process: SimProcess;
  readonly sid: number;
  readonly peer: ZabPeer;
  readonly disk: ZabDisk;
  readonly #world: ZabWorld;
  /** The tree: what was delivered. */
  #tree: Proposal[];
  /** The tree before a received one, until that is on its way to the disk. */
  #treeBefore: Proposal[] | null = null;
  #turnIsAsked = false;
  #tickAtMs = Infinity;
  #listener: Listener | null = null;
  readonly #links = new Map<LinkId, Connection>();
  #linkNext = 0;
  #leaderLink: LinkId | null = null;
  #awaitsSnapshot: Zxid | null = null;
  readonly #lastVotes = new Map<number, Notification>();

  constructor(
    world: ZabWorld,
    process: SimProcess,
    sid: number,
    platter: ZabPlatter,
    options: PeerOptions,
    createPeer: PeerFactory,
  ) {
    this.#world = world;
    this.process = process;
    this.sid = sid;
    this.disk = new ZabDisk(platter, process, world.world.random.pick([0.5, 3, 40]));
    this.#tree = [...platter.history];
    this.peer = new TappedPeer(createPeer(options), world.checker, sid);
    process.run(() => this.#turn());
  }

  get tree(): readonly Proposal[] {
    return this.#tree;
  }

  /** A client's write, when this member leads. */
  propose(payload: number): void {
    this.process.run(() => {
      if (!this.peer.canPropose()) return;
      const zxid = this.peer.nextZxid();
      const bytes = Buffer.from(`s${this.sid} ${zxid.toString(16)} ${payload}`);
      this.#step({ type: 'propose', proposal: { zxid, bytes }, nowMs: this.process.nowMs() });
    });
  }

  /** Another member is (again) within reach: it hears our last vote. */
  greet(sid: number): void {
    const vote = this.#lastVotes.get(sid);
    if (vote !== undefined) this.#deliverVote(sid, vote);
  }

  #step(event: ZabEvent): void {
    this.peer.step(event);
    this.#askTurn();
  }

  /** Effects are taken in a later turn, together with those of whatever happens until then. */
  #askTurn(): void {
    if (this.#turnIsAsked) return;
    this.#turnIsAsked = true;
    this.process.after(this.process.random.chance(0.5) ? 0 : 0.05, () => {
      this.#turnIsAsked = false;
      this.#turn();
    });
  }

  #turn(): void {
    for (let effects = this.peer.takeEffects(); effects.length > 0;) {
      for (const effect of effects) this.#perform(effect);
      effects = this.peer.takeEffects();
    }
    this.disk.flush((last) => {
      this.#step({ type: 'durable', zxid: last.zxid, nowMs: this.process.nowMs() });
    });
    this.#armTick();
  }

  #armTick(): void {
    const deadlineMs = this.peer.nextDeadlineMs();
    if (deadlineMs === Infinity || deadlineMs >= this.#tickAtMs) return;
    this.#tickAtMs = deadlineMs;
    this.process.after(deadlineMs - this.process.nowMs(), () => {
      if (this.#tickAtMs !== deadlineMs) return;
      this.#tickAtMs = Infinity;
      this.#step({ type: 'tick', nowMs: this.process.nowMs() });
    });
  }

  #perform(effect: ZabEffect): void {
    switch (effect.type) {
      case 'sendNotification':
        this.#lastVotes.set(effect.to, effect.notification);
        return this.#deliverVote(effect.to, effect.notification);
      case 'listenForLearners':
        return this.#listen(quorumPort);
      case 'listenForObservers':
        return this.#listen(observerMasterPort);
      case 'stopListening':
        return this.#stopListening();
      case 'connectToLeader':
        return this.#connect(effect.sid, quorumPort);
      case 'connectToMaster':
        return this.#connect(effect.sid, observerMasterPort);
      case 'send':
        for (const link of effect.links) this.#write(link, { packet: effect.packet });
        return;
      case 'closeLink':
        return this.#closeLink(effect.link);
      case 'sendSnapshot':
        return this.#write(effect.link, { history: [...this.#tree] });
      case 'readLog':
        return this.#readLog(effect.link, effect.from);
      case 'receiveSnapshot':
        this.#awaitsSnapshot = effect.zxid;
        return;
      case 'installSnapshot':
        return this.#installSnapshot(effect.zxid);
      case 'append':
        return this.disk.append(effect.proposal);
      case 'truncate':
        return this.#truncate(effect.zxid);
      case 'storeEpoch':
        return this.#storeEpoch(effect.which, effect.epoch);
      case 'deliver':
        this.#tree.push(effect.proposal);
        return;
      case 'answerPing':
        return this.#write(effect.link, {
          packet: {
            type: PacketType.PING,
            zxid: effect.zxid,
            data: Buffer.alloc(0),
            authIds: null,
          },
        });
      case 'note':
        this.#world.world.say(`s${this.sid}`, `${effect.what} ${JSON.stringify(effect.values)}`);
        return;
      case 'fatal':
        this.#world.exited(this.sid);
        return this.process.leave(effect.exitCode, effect.reason);
      case 'roleChanged':
        if (effect.role !== 'looking' || this.#treeBefore === null) return;
        this.#tree = this.#treeBefore;
        this.#treeBefore = null;
        return;
      case 'openEpoch':
      case 'storeNext':
      case 'activate':
      case 'learnerRequest':
      case 'learnerRevalidate':
      case 'learnerTouched':
      case 'revalidated':
      case 'syncDone':
        return;
    }
  }

  #deliverVote(to: number, notification: Notification): void {
    const { network, world } = this.#world;
    const link = network.link(this.process.host, this.#world.hostOf(to));
    if (link.cut) return this.#tryVoteLater(to, notification);
    world.schedule(network.delayMs(link), () => {
      const member = this.#world.member(to);
      if (member === undefined) return;
      member.process.run(() => {
        const nowMs = member.process.nowMs();
        member.#step({ type: 'notification', from: this.sid, notification, nowMs });
      });
    });
  }

  /** The mesh dials again and repeats the last vote. */
  #tryVoteLater(to: number, notification: Notification): void {
    this.process.after(100, () => {
      if (this.#lastVotes.get(to) === notification) this.#deliverVote(to, notification);
    });
  }

  #listen(port: number): void {
    this.#listener = this.#world.network.transport(this.process).listen(
      { host: this.process.host, port },
      {
        onListening: () => {},
        onFailure: (reason) => this.#world.world.fail('listen', reason),
        onConnection: (connection) => {
          const link = this.#newLink(connection);
          connection.onData = this.#reader((message) => this.#fromLearner(link, message));
          connection.onClose = () => {
            if (!this.#links.delete(link)) return;
            this.#step({ type: 'learnerClosed', link, nowMs: this.process.nowMs() });
          };
          this.#step({ type: 'learnerConnected', link, nowMs: this.process.nowMs() });
        },
      },
    );
  }

  #stopListening(): void {
    this.#listener?.close();
    this.#listener = null;
    for (const link of this.#links.keys()) if (link !== this.#leaderLink) this.#closeLink(link);
  }

  #connect(sid: number, port: number): void {
    const address = { host: this.#world.hostOf(sid), port };
    const connection = this.#world.network.transport(this.process).connect(address, 300);
    const link = this.#newLink(connection);
    this.#leaderLink = link;
    connection.onConnect = () => {
      this.#step({ type: 'leaderConnected', link, nowMs: this.process.nowMs() });
    };
    connection.onData = this.#reader((message) => this.#fromLeader(message));
    connection.onClose = (reason) => {
      if (!this.#links.delete(link)) return;
      if (this.#leaderLink === link) this.#leaderLink = null;
      this.#step({ type: 'leaderClosed', reason, nowMs: this.process.nowMs() });
    };
  }

  #newLink(connection: Connection): LinkId {
    const link = (this.#linkNext += 1);
    this.#links.set(link, connection);
    return link;
  }

  #closeLink(link: LinkId): void {
    const connection = this.#links.get(link);
    this.#links.delete(link);
    if (this.#leaderLink === link) this.#leaderLink = null;
    connection?.destroy();
  }

  #write(link: LinkId, message: Message): void {
    const connection = this.#links.get(link);
    if (connection === undefined) return;
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#world.wire.push(message) - 1);
    connection.write(bytes);
  }

  #reader(take: (message: Message) => void): (chunk: Buffer) => void {
    let rest = Buffer.alloc(0);
    return (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 4) {
        const number = rest.readUInt32BE(0);
        rest = rest.subarray(4);
        const message = this.#world.wire[number];
        if (message !== undefined) take(message);
      }
    };
  }

  #fromLearner(link: LinkId, message: Message): void {
    if (!('packet' in message) || !this.#links.has(link)) return;
    const nowMs = this.process.nowMs();
    this.#step({ type: 'learnerPacket', link, packet: message.packet, nowMs });
  }

  #fromLeader(message: Message): void {
    const nowMs = this.process.nowMs();
    if ('packet' in message) {
      this.#step({ type: 'leaderPacket', packet: message.packet, nowMs });
      // The bytes behind a SNAP are the tree, so its effect must be known before they come.
      if (message.packet.type === PacketType.SNAP) this.#turn();
      return;
    }
    if (this.#awaitsSnapshot === null) return;
    const zxid = this.#awaitsSnapshot;
    this.#awaitsSnapshot = null;
    this.#treeBefore ??= this.#tree;
    this.#tree = [...message.history];
    this.#step({ type: 'snapshotReceived', zxid, nowMs });
  }

  #readLog(link: LinkId, from: Zxid): void {
    this.disk.beside(
      () => {},
      () => {
        const { history } = this.disk.platter;
        const index = history.findIndex((entry) => entry.zxid > from);
        const start = index < 0 ? history.length - 1 : index - 1;
        const proposals = start < 0 || history.length - start > 60 ? null : history.slice(start);
        this.#step({ type: 'logRead', link, proposals, nowMs: this.process.nowMs() });
      },
    );
  }

  #installSnapshot(zxid: Zxid): void {
    const history = [...this.#tree];
    this.#treeBefore = null;
    this.disk.inOrder(
      () => (this.disk.platter.history = history),
      () => this.#step({ type: 'snapshotInstalled', zxid, nowMs: this.process.nowMs() }),
    );
  }

  #truncate(zxid: Zxid): void {
    const { platter } = this.disk;
    this.disk.inOrder(
      () => (platter.history = platter.history.filter((entry) => entry.zxid <= zxid)),
      () => {
        this.#tree = this.#tree.filter((entry) => entry.zxid <= zxid);
        this.#step({ type: 'truncated', zxid, nowMs: this.process.nowMs() });
      },
    );
  }

  #storeEpoch(which: 'accepted' | 'current', epoch: number): void {
    const { platter } = this.disk;
    this.disk.beside(
      () => {
        if (which === 'accepted') platter.acceptedEpoch = epoch;
        else platter.currentEpoch = epoch;
      },
      () => this.#step({ type: 'epochStored', which, epoch, nowMs: this.process.nowMs() }),
    );
  }
}
