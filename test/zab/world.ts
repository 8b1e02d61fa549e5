import assert from 'node:assert/strict';
import type { Ensemble } from '../../server/config/ensemble.ts';
import { PacketType } from '../../server/protocol/packet-type.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { zxidHex, zxidZero } from '../../server/protocol/zxid.ts';
import type { ZabPeer } from '../../server/zab/door.ts';
import type { ZabEffect } from '../../server/zab/effects.ts';
import type { LinkId, Proposal, ZabEvent } from '../../server/zab/events.ts';
import { createPeer } from '../../server/zab/peer.ts';
import { ensembleOf } from './ensembles.ts';

/** Ways the world may behave; times in ms. */
export interface WorldOptions {
  readonly seed: number;
  readonly participants: number;
  readonly observers?: number;
  readonly networkMs?: number;
  readonly diskMs?: number;
  readonly commitLogCount?: number;
  readonly tickMs?: number;
  /** Votes in groups, instead of a majority: group to server ids. */
  readonly groups?: ReadonlyMap<number, readonly number[]>;
  /** 1 where absent; only together with groups. */
  readonly weights?: ReadonlyMap<number, number>;
  /** Observers are served by followers. */
  readonly observerMaster?: boolean;
}

type Distribute<T> = T extends unknown ? Omit<T, 'nowMs'> : never;
/** An event without its time: the world adds it. */
export type Happening = Distribute<ZabEvent>;

type DiskEffect = Extract<
  ZabEffect,
  { readonly type: 'append' | 'truncate' | 'installSnapshot' | 'storeEpoch' | 'readLog' }
>;

interface Link {
  readonly id: LinkId;
  readonly learner: number;
  readonly leader: number;
  isOpen: boolean;
}

/** What one server's disk holds; survives its crash. */
interface Disk {
  log: Proposal[];
  /** The tree at this point was a snapshot: what came before is not in the log. */
  snapshot: Proposal[];
  accepted: number;
  current: number;
}

/** One server: its peer, its disk, its tree as the list of what was applied. */
export class Server {
  readonly sid: number;
  readonly disk: Disk = { log: [], snapshot: [], accepted: 0, current: 0 };
  peer: ZabPeer | null = null;
  tree: Proposal[] = [];
  /** Grows with each start: what an earlier life asked for is lost. */
  life = 0;
  isListening = false;
  takesObservers = false;
  incoming: readonly Proposal[] | null = null;
  diskFreeAtMs = 0;
  readonly notes: Extract<ZabEffect, { type: 'note' }>[] = [];
  readonly syncsDone: number[] = [];

  constructor(sid: number) {
    this.sid = sid;
  }

  get last(): Zxid {
    return this.tree.at(-1)?.zxid ?? zxidZero;
  }
}

/** A small random generator, so that a seed is a whole run. */
export function prng(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/**
 * Several peers wired by links that keep their order, each with a disk that confirms late. It
 * checks with every delivery that all trees are prefixes of one history.
 */
export class World {
  readonly servers: Map<number, Server> = new Map();
  readonly ensemble: Ensemble;
  readonly options: Required<WorldOptions>;
  readonly random: () => number;
  /** What was delivered anywhere, by its place in the history. */
  readonly committed: Proposal[] = [];
  readonly links: Map<LinkId, Link> = new Map();
  nowMs = 0;
  /** Pairs of servers that cannot reach each other. */
  readonly #cuts = new Set<string>();
  #queue: { readonly atMs: number; readonly run: () => void }[] = [];
  /** Earliest next arrival of each direction of each link: links keep their order. */
  readonly #lastArrivalMs = new Map<string, number>();
  #nextLink = 1;
  trace: ((line: string) => void) | null = null;

  constructor(options: WorldOptions) {
    this.options = {
      observers: 0,
      networkMs: 2,
      diskMs: 2,
      commitLogCount: 500,
      tickMs: 100,
      groups: new Map(),
      weights: new Map(),
      observerMaster: false,
      ...options,
    };
    this.random = prng(options.seed);
    const { participants, observers, groups, weights } = this.options;
    this.ensemble = { ...ensembleOf(participants, observers), groups, weights };
    for (const { sid } of this.ensemble.servers) this.servers.set(sid, new Server(sid));
  }

  server(sid: number): Server {
    const server = this.servers.get(sid);
    assert(server !== undefined, `server ${sid} exists`);
    return server;
  }

  start(...sids: number[]): void {
    for (const sid of sids) this.#start(this.server(sid));
  }

  startAll(): void {
    this.start(...this.servers.keys());
  }

  /** The process ends; the disk keeps what it has confirmed. */
  crash(sid: number): void {
    const server = this.server(sid);
    server.peer = null;
    server.life += 1;
    server.isListening = false;
    server.takesObservers = false;
    server.diskFreeAtMs = 0;
    server.incoming = null;
    for (const link of this.links.values()) {
      if (link.isOpen && (link.leader === sid || link.learner === sid)) this.#close(link, sid);
    }
  }

  /** Nothing passes between the two, and their links break. */
  cut(a: number, b: number): void {
    this.#cuts.add(pair(a, b));
    for (const link of this.links.values()) {
      if (link.isOpen && pair(link.leader, link.learner) === pair(a, b)) this.#break(link);
    }
  }

  heal(): void {
    this.#cuts.clear();
  }

  run(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const atMs = this.#nextMs();
      if (atMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, atMs);
      this.#runDue();
    }
    this.nowMs = endMs;
  }

  /** Runs until the condition holds; fails when it does not within that time. */
  runUntil(what: string, ms: number, condition: () => boolean): void {
    const endMs = this.nowMs + ms;
    while (!condition()) {
      assert(this.nowMs < endMs, `${what} within ${ms} ms`);
      this.run(5);
    }
  }

  /** Servers that lead in broadcast, by their own view. */
  leaders(): Server[] {
    return [...this.servers.values()].filter((server) => server.peer?.canPropose() === true);
  }

  /** Exactly one leader, and everybody else who runs follows it in broadcast. */
  isSettled(): boolean {
    const running = [...this.servers.values()].filter((server) => server.peer !== null);
    const [leader, ...others] = this.leaders();
    if (leader === undefined || others.length > 0) return false;
    return running.every((server) => {
      const view = server.peer?.view();
      if (view?.phase !== 'broadcast') return false;
      // Through a follower an observer comes to whoever leads, whom its election had named or not.
      return view.leader === leader.sid || (view.master ?? null) !== null;
    });
  }

  settle(ms: number = 30_000): Server {
    this.runUntil('an ensemble with one leader', ms, () => this.isSettled());
    const [leader] = this.leaders();
    assert(leader !== undefined);
    return leader;
  }

  /** A write at that leader, if it still is one; its zxid. */
  write(leader: Server, text: string): Zxid | null {
    const { peer } = leader;
    if (peer === null || !peer.canPropose()) return null;
    const zxid = peer.nextZxid();
    const bytes = new TextEncoder().encode(`${zxidHex(zxid)} ${text}`);
    this.step(leader, { type: 'propose', proposal: { zxid, bytes } });
    return zxid;
  }

  /** All running servers have applied the same, and all of what is committed. */
  assertLevel(): void {
    for (const server of this.servers.values()) {
      if (server.peer === null) continue;
      const zxids = server.tree.map((proposal) => zxidHex(proposal.zxid));
      const all = this.committed.map((proposal) => zxidHex(proposal.zxid));
      assert.deepEqual(zxids, all, `tree of server ${server.sid}`);
    }
  }

  step(server: Server, event: Happening): void {
    const { peer, life } = server;
    if (peer === null) return;
    this.trace?.(`${this.nowMs} ${server.sid} <- ${describe(event)}`);
    peer.step({ ...event, nowMs: this.nowMs });
    for (const effect of peer.takeEffects()) {
      if (server.life === life) this.#perform(server, effect);
    }
  }

  #start(server: Server): void {
    if (server.peer !== null) return;
    server.life += 1;
    server.tree = [...server.disk.snapshot, ...server.disk.log];
    server.peer = createPeer({
      sid: server.sid,
      ensemble: this.ensemble,
      tickMs: this.options.tickMs,
      initLimitTicks: 10,
      syncLimitTicks: 5,
      notificationMsMin: 200,
      notificationMsMax: 1000,
      commitLogCount: this.options.commitLogCount,
      observerMaster: this.options.observerMaster,
      random: this.random,
      lastZxid: server.last,
      acceptedEpoch: server.disk.accepted,
      currentEpoch: server.disk.current,
      recentLog: server.disk.log.slice(-this.options.commitLogCount),
      nowMs: this.nowMs,
    });
    this.step(server, { type: 'tick' });
  }

  #perform(server: Server, effect: ZabEffect): void {
    this.trace?.(`${this.nowMs} ${server.sid} -> ${describe(effect)}`);
    switch (effect.type) {
      case 'sendNotification': {
        const { to, notification } = effect;
        const from = server.sid;
        if (this.#cuts.has(pair(from, to))) return;
        this.#later(`vote ${from} ${to}`, this.options.networkMs, () => {
          this.step(this.server(to), { type: 'notification', from, notification });
        });
        return;
      }
      case 'listenForLearners':
        server.isListening = true;
        return;
      case 'listenForObservers':
        server.takesObservers = true;
        return;
      case 'stopListening':
        server.isListening = false;
        server.takesObservers = false;
        for (const link of this.links.values()) {
          if (link.isOpen && link.leader === server.sid) this.#close(link, server.sid);
        }
        return;
      case 'connectToLeader':
        return this.#connect(server, this.server(effect.sid), (leader) => leader.isListening);
      case 'connectToMaster':
        return this.#connect(server, this.server(effect.sid), (master) => master.takesObservers);
      case 'send':
        for (const link of effect.links) this.#send(server, link, effect.packet);
        return;
      case 'closeLink': {
        const link = this.links.get(effect.link);
        if (link?.isOpen === true) this.#close(link, server.sid);
        return;
      }
      case 'answerPing': {
        const data = new Uint8Array(0);
        const packet = { type: PacketType.PING, zxid: effect.zxid, data, authIds: null };
        return this.#send(server, effect.link, packet);
      }
      case 'deliver':
        return this.#deliver(server, effect.proposal);
      case 'note':
        server.notes.push(effect);
        return;
      case 'fatal':
        return assert.fail(`server ${server.sid} ended: ${effect.reason}`);
      case 'syncDone':
        server.syncsDone.push(effect.tag ?? -1);
        return;
      case 'openEpoch':
      case 'storeNext':
      case 'activate':
      case 'roleChanged':
      case 'learnerRequest':
      case 'learnerRevalidate':
      case 'learnerTouched':
      case 'revalidated':
      case 'receiveSnapshot':
        return;
      case 'sendSnapshot':
        return this.#sendSnapshot(server, effect.link);
      case 'append':
      case 'truncate':
      case 'installSnapshot':
      case 'storeEpoch':
      case 'readLog':
        return this.#disk(server, effect);
    }
  }

  #deliver(server: Server, proposal: Proposal): void {
    assert(proposal.zxid > server.last, `server ${server.sid} delivers in order, none twice`);
    server.tree.push(proposal);
    for (let place = this.committed.length; place < server.tree.length; place += 1) {
      const next = server.tree[place];
      assert(next !== undefined);
      this.committed.push(next);
    }
    const place = server.tree.length - 1;
    assert.equal(zxidHex(this.committed[place]?.zxid ?? zxidZero), zxidHex(proposal.zxid));
    assert.deepEqual(this.committed[place]?.bytes, proposal.bytes, 'one history');
  }

  /** Disk operations complete one after another, each as late as the disk is. */
  #disk(server: Server, effect: DiskEffect): void {
    const startMs = Math.max(this.nowMs, server.diskFreeAtMs);
    const endMs = startMs + this.random() * this.options.diskMs;
    const { life } = server;
    server.diskFreeAtMs = endMs;
    if (effect.type === 'installSnapshot') {
      assert(server.incoming !== null, 'a snapshot was received');
      server.tree = [...server.incoming];
      server.incoming = null;
    }
    this.#at(endMs, () => {
      if (server.life === life) this.#diskDone(server, effect);
    });
  }

  #diskDone(server: Server, effect: DiskEffect): void {
    const { disk } = server;
    switch (effect.type) {
      case 'append': {
        disk.log.push(effect.proposal);
        return this.step(server, { type: 'durable', zxid: effect.proposal.zxid });
      }
      case 'truncate': {
        const { zxid } = effect;
        if ((disk.snapshot.at(-1)?.zxid ?? zxidZero) > zxid) {
          return this.step(server, { type: 'truncationRefused', zxid });
        }
        disk.log = disk.log.filter((proposal) => proposal.zxid <= zxid);
        if (server.last > zxid) server.tree = [...disk.snapshot, ...disk.log];
        return this.step(server, { type: 'truncated', zxid });
      }
      case 'installSnapshot':
        disk.snapshot = [...server.tree];
        disk.log = [];
        return this.step(server, { type: 'snapshotInstalled', zxid: effect.zxid });
      case 'storeEpoch':
        if (effect.which === 'accepted') disk.accepted = effect.epoch;
        else disk.current = effect.epoch;
        assert(disk.current <= disk.accepted, 'currentEpoch <= acceptedEpoch on disk');
        return this.step(server, {
          type: 'epochStored',
          which: effect.which,
          epoch: effect.epoch,
        });
      case 'readLog': {
        const at = disk.log.findLastIndex((proposal) => proposal.zxid <= effect.from);
        const proposals = disk.log.slice(Math.max(at, 0));
        return this.step(server, { type: 'logRead', link: effect.link, proposals });
      }
    }
  }

  #connect(learner: Server, leader: Server, isReady: (leader: Server) => boolean): void {
    const { life } = learner;
    this.#later(`dial ${learner.sid}`, this.options.networkMs, () => {
      if (learner.life !== life) return;
      const isOpen = isReady(leader) && !this.#cuts.has(pair(learner.sid, leader.sid));
      if (!isOpen) return this.step(learner, { type: 'leaderClosed', reason: 'refused' });
      const link = { id: this.#nextLink, learner: learner.sid, leader: leader.sid, isOpen };
      this.#nextLink += 1;
      this.links.set(link.id, link);
      this.step(leader, { type: 'learnerConnected', link: link.id });
      if (link.isOpen) this.step(learner, { type: 'leaderConnected', link: link.id });
    });
  }

  #send(from: Server, id: LinkId, packet: Extract<ZabEffect, { type: 'send' }>['packet']): void {
    const link = this.links.get(id);
    if (link?.isOpen !== true) return;
    const toLearner = link.leader === from.sid;
    this.#later(`link ${id} ${toLearner}`, this.options.networkMs, () => {
      if (!link.isOpen) return;
      if (toLearner) this.step(this.server(link.learner), { type: 'leaderPacket', packet });
      else this.step(this.server(link.leader), { type: 'learnerPacket', link: id, packet });
    });
  }

  #sendSnapshot(from: Server, id: LinkId): void {
    const link = this.links.get(id);
    if (link?.isOpen !== true) return;
    const view = from.peer?.view();
    const opened = view?.phase === 'broadcast' ? view.currentEpoch * 2 ** 32 : 0;
    const zxid = Math.max(from.last, opened) as Zxid;
    const tree = [...from.tree];
    this.#later(`link ${id} true`, this.options.networkMs * 5, () => {
      if (!link.isOpen) return;
      const learner = this.server(link.learner);
      learner.incoming = tree;
      this.step(learner, { type: 'snapshotReceived', zxid });
    });
  }

  /** One side closes: the other learns of it, the closer does not. */
  #close(link: Link, by: number): void {
    link.isOpen = false;
    const { id } = link;
    if (by === link.leader) {
      const learner = this.server(link.learner);
      const { life } = learner;
      this.#later(`link ${id} true`, this.options.networkMs, () => {
        if (learner.life !== life) return;
        this.step(learner, { type: 'leaderClosed', reason: 'closed by the leader' });
      });
    } else {
      this.#later(`link ${id} false`, this.options.networkMs, () => {
        this.step(this.server(link.leader), { type: 'learnerClosed', link: id });
      });
    }
  }

  #break(link: Link): void {
    link.isOpen = false;
    this.step(this.server(link.learner), { type: 'leaderClosed', reason: 'broken' });
    this.step(this.server(link.leader), { type: 'learnerClosed', link: link.id });
  }

  /** In order behind what was scheduled under the same key. */
  #later(key: string, ms: number, run: () => void): void {
    const earliest = this.#lastArrivalMs.get(key) ?? 0;
    const atMs = Math.max(earliest, this.nowMs + this.random() * ms);
    this.#lastArrivalMs.set(key, atMs);
    this.#at(atMs, run);
  }

  #at(atMs: number, run: () => void): void {
    let index = this.#queue.length;
    while (index > 0 && (this.#queue[index - 1]?.atMs ?? 0) > atMs) index -= 1;
    this.#queue.splice(index, 0, { atMs, run });
  }

  #nextMs(): number {
    let next = this.#queue[0]?.atMs ?? Number.POSITIVE_INFINITY;
    for (const { peer } of this.servers.values()) {
      if (peer !== null) next = Math.min(next, peer.nextDeadlineMs());
    }
    return next;
  }

  #runDue(): void {
    const due = this.#queue[0];
    if (due !== undefined && due.atMs <= this.nowMs) {
      this.#queue.shift();
      return due.run();
    }
    for (const server of this.servers.values()) {
      if (server.peer !== null && server.peer.nextDeadlineMs() <= this.nowMs) {
        this.step(server, { type: 'tick' });
        const next = server.peer.nextDeadlineMs();
        assert(next > this.nowMs, `server ${server.sid} does not spin`);
      }
    }
  }
}

function pair(a: number, b: number): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}

function describe(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'config' || key === 'bytes' || key === 'data') return undefined;
    return typeof inner === 'number' && inner >= 2 ** 32 ? zxidHex(inner as Zxid) : inner;
  });
}
