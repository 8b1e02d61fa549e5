import type { Ensemble } from '../../server/config/ensemble.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import type { PeerOptions } from '../../server/zab/door.ts';
import { ZabChecker } from './checkers/zab-checker.ts';
import { hashOfBytes } from './prng.ts';
import { SimProcess } from './sim-host.ts';
import type { CrashMode } from './sim-inode.ts';
import { SimNetwork } from './sim-network.ts';
import { Storm } from './storm.ts';
import type { Cluster, StormOptions } from './storm.ts';
import { World } from './world.ts';
import type { ZabPlatter } from './zab-disk.ts';
import { ZabMember } from './zab-member.ts';
import type { Message, PeerFactory } from './zab-member.ts';

export interface ZabWorldOptions {
  readonly seed: number;
  readonly voters: number;
  readonly observers?: number;
  readonly createPeer: PeerFactory;
  readonly storm?: Partial<StormOptions>;
}

const tickMs = 200;

/**
 * An ensemble of bare {@link ZabPeer}s: packets travel over the simulated network, disks keep
 * histories instead of bytes. Some ten times faster than whole servers, and what fails here is
 * zab's.
 */
export class ZabWorld implements Cluster {
  readonly world: World;
  readonly network: SimNetwork;
  readonly sids: readonly number[];
  readonly ensemble: Ensemble;
  readonly checker: ZabChecker;
  readonly storm: Storm;
  /** Messages ever sent: the simulated wire carries their numbers, four bytes each. */
  readonly wire: Message[] = [];
  readonly #createPeer: PeerFactory;
  readonly #platters = new Map<number, ZabPlatter>();
  readonly #members = new Map<number, ZabMember>();
  #payload = 0;

  constructor(options: ZabWorldOptions) {
    this.world = new World(options.seed);
    this.network = new SimNetwork(this.world);
    this.#createPeer = options.createPeer;
    const voters = Array.from({ length: options.voters }, (_, index) => index + 1);
    const observers = Array.from(
      { length: options.observers ?? 0 },
      (_, index) => options.voters + index + 1,
    );
    this.sids = [...voters, ...observers];
    this.ensemble = simEnsemble(voters, observers);
    this.checker = new ZabChecker(this.world, { voters, observers }, (sids) => {
      return sids.length * 2 > voters.length;
    });
    for (const sid of this.sids) {
      this.#platters.set(sid, { history: [], acceptedEpoch: 0, currentEpoch: 0 });
    }
    this.storm = new Storm(this, { meanMs: 250, ...options.storm });
    for (const sid of this.sids) this.start(sid);
    this.#load();
  }

  hostOf(sid: number): string {
    return hostOfSid(sid);
  }

  process(sid: number): SimProcess | null {
    return this.#members.get(sid)?.process ?? null;
  }

  disk(): null {
    return null;
  }

  member(sid: number): ZabMember | undefined {
    return this.#members.get(sid);
  }

  members(): readonly ZabMember[] {
    return [...this.#members.values()];
  }

  start(sid: number): void {
    const platter = this.#platters.get(sid) as ZabPlatter;
    const process = new SimProcess(this.world, `s${sid}`, hostOfSid(sid));
    const lastZxid = (platter.history.at(-1)?.zxid ?? 0) as Zxid;
    this.world.say(`s${sid}`, `starts, ${platter.history.length} transactions`);
    this.checker.recovered(sid, {
      snapshotZxid: 0,
      entries: platter.history.map((entry) => {
        return { zxid: entry.zxid, hash: hashOfBytes(entry.bytes) };
      }),
      lastZxid,
      acceptedEpoch: platter.acceptedEpoch,
      currentEpoch: platter.currentEpoch,
    });
    const options: PeerOptions = {
      sid,
      ensemble: this.ensemble,
      tickMs,
      initLimitTicks: 10,
      syncLimitTicks: 5,
      notificationMsMin: 20,
      notificationMsMax: 1_000,
      commitLogCount: 30,
      random: () => process.random.float(),
      lastZxid,
      acceptedEpoch: platter.acceptedEpoch,
      currentEpoch: platter.currentEpoch,
      recentLog: platter.history.slice(-30),
      nowMs: process.nowMs(),
    };
    const member = new ZabMember(this, process, sid, platter, options, this.#createPeer);
    this.#members.set(sid, member);
    for (const other of this.members()) if (other !== member) other.greet(sid);
  }

  crash(sid: number, mode: CrashMode): void {
    const member = this.#members.get(sid);
    if (member === undefined) return;
    this.#members.delete(sid);
    this.checker.ended(sid);
    member.process.end();
    member.disk.afterCrash(mode);
  }

  /** A process that ended by itself is started again. */
  exited(sid: number): void {
    this.#members.delete(sid);
    this.checker.ended(sid);
    this.world.schedule(this.world.random.between(10, 500), () => {
      if (!this.#members.has(sid)) this.start(sid);
    });
  }

  /** Liveness: with nothing broken, everyone serves one leader and has the same history. */
  settle(withinMs: number): void {
    const isLevel = this.world.runUntil(() => this.isLevel(), withinMs, 50);
    if (isLevel) return;
    const lines = this.sids.map((sid) => {
      const view = this.#members.get(sid)?.peer.view();
      if (view === undefined) return `s${sid} is down`;
      return `s${sid} ${view.role}/${view.phase} of ${view.leader ?? '-'} epoch ${view.currentEpoch}`;
    });
    this.world.fail('L2 everyone serves', `not level after ${withinMs} ms: ${lines.join(', ')}`);
  }

  isLevel(): boolean {
    const ghosts = [...this.checker.members.values()];
    const leaders = new Set(ghosts.map((ghost) => ghost.leader));
    const level = ghosts.every((ghost) => {
      return ghost.isServing && ghost.applied.length === this.checker.committed.length;
    });
    return level && leaders.size === 1;
  }

  /** Proposes at whoever leads, for ever. */
  #load(): void {
    this.world.schedule(this.world.random.between(1, 30), () => {
      for (const member of this.members()) {
        const count = this.world.random.int(1, 4);
        for (let index = 0; index < count; index += 1) member.propose((this.#payload += 1));
      }
      this.#load();
    });
  }
}

export function hostOfSid(sid: number): string {
  return `10.0.0.${sid}`;
}

/** A plain ensemble of the simulation: one machine each, well-known ports. */
export function simEnsemble(voters: readonly number[], observers: readonly number[]): Ensemble {
  const servers = [...voters, ...observers].map((sid) => ({
    sid,
    host: hostOfSid(sid),
    quorumPort: 2888,
    electionPort: 3888,
    role: voters.includes(sid) ? ('participant' as const) : ('observer' as const),
    clientAddress: null,
  }));
  return { version: 0, servers, groups: new Map(), weights: new Map() };
}
