import type { Ensemble } from '../../server/config/ensemble.ts';
import type { ServerConfig } from '../../server/config/server-config.ts';
import type { Host } from '../../server/shell/host.ts';
import { startServer } from '../../server/shell/server.ts';
import type { SessionRules } from '../../server/shell/core.ts';
import type { RunningServer, ServerParts } from '../../server/shell/server.ts';
import { counterMax } from '../../server/protocol/zxid.ts';
import { createPeer } from '../../server/zab/peer.ts';
import { openStorage } from '../../server/storage/storage.ts';
import { ClientChecker } from './checkers/client-checker.ts';
import { HistoryModel } from './checkers/history-model.ts';
import { isQuorumOf } from './checkers/quorums.ts';
import { ZabChecker } from './checkers/zab-checker.ts';
import { SimClient } from './sim-client.ts';
import { simConfig, simTickMs } from './sim-config.ts';
import { rot } from './disk-rot.ts';
import { DiskPort } from './sim-disk-port.ts';
import { SimDisk } from './sim-disk.ts';
import { SimHost, SimProcess } from './sim-host.ts';
import type { ClockOptions } from './sim-host.ts';
import type { CrashMode } from './sim-inode.ts';
import { SimNetwork } from './sim-network.ts';
import type { NetworkOptions } from './sim-network.ts';
import { Storm } from './storm.ts';
import type { Cluster, StormOptions } from './storm.ts';
import { TappedPeer, tapStorage } from './tap.ts';
import { Workload } from './workload.ts';
import type { WorkloadOptions } from './workload.ts';
import { World } from './world.ts';
import { hostOfSid, simEnsemble } from './zab-world.ts';

export interface EnsembleOptions {
  readonly seed: number;
  readonly voters: number;
  readonly observers?: number;
  /** Who votes with whom, and how much each counts; a majority of all otherwise. */
  readonly votes?: Pick<Ensemble, 'groups' | 'weights'>;
  readonly clients?: number;
  /** Each of them has one server, as sessions that only that server knows demand it. */
  readonly homed?: boolean;
  /** What kinds of sessions there are; as without settings otherwise. */
  readonly sessionRules?: SessionRules;
  /** So many of them are content with a server that has no quorum. */
  readonly readOnlyClients?: number;
  readonly sessionTimeoutMs?: number;
  readonly storm?: Partial<StormOptions>;
  readonly network?: Partial<NetworkOptions>;
  readonly workload?: Partial<WorkloadOptions>;
  readonly config?: Partial<ServerConfig>;
  /** How a member's next process sees time; at random otherwise. */
  readonly clockOf?: (sid: number) => ClockOptions | undefined;
  /** What a member's configuration says at its next start, beyond that. */
  readonly configOf?: (sid: number) => Partial<ServerConfig>;
  /** Which voters make a commit safe; those of the configuration unless members change. */
  readonly isQuorum?: (sids: readonly number[]) => boolean;
  /** Chance that the disk of one of these has rotted when it starts: a minority, so that others know. */
  readonly rot?: { readonly sids: readonly number[]; readonly chance: number };
  /** Planted bugs: wraps the real parts of a server. */
  readonly parts?: (sid: number, ensemble: SimEnsemble) => ServerParts;
  /** Planted bugs: stands before a server's machine. */
  readonly host?: (sid: number, host: Host) => Host;
  /** Transactions of an epoch, at most; the next election comes then. */
  readonly counterMax?: number;
  /** Ids of invariants of the agreement that are not looked at. */
  readonly ignored?: ReadonlySet<string>;
  readonly traceLinesMax?: number;
}

/** Killed when it has not stopped by itself. */
const stopMsMax = 2_000;

/** What processes may believe of time. */
const clocks: readonly ClockOptions[] = [
  { rate: 1, skewMs: 0 },
  { rate: 1.005, skewMs: 20_000 },
  { rate: 0.995, skewMs: -20_000 },
  { rate: 1, skewMs: -86_400_000 },
];

interface Member {
  readonly process: SimProcess;
  server: RunningServer | null;
  isStopping: boolean;
}

/** Unreported contact: a learner that has lost its leader answers for so long without knowing. */
const expirySlackMs = simTickMs * 8;

/**
 * Whole servers on simulated machines, with clients, faults and every checker: the scenario's own
 * stage. What it does follows from its seed alone.
 */
export class SimEnsemble implements Cluster {
  readonly world: World;
  readonly network: SimNetwork;
  readonly sids: readonly number[];
  readonly ensemble: Ensemble;
  readonly checker: ZabChecker;
  readonly model: HistoryModel;
  readonly clientChecker: ClientChecker;
  readonly storm: Storm;
  readonly clients: SimClient[] = [];
  readonly clientHosts: string[] = [];
  readonly #options: EnsembleOptions;
  readonly #disks = new Map<number, SimDisk>();
  readonly #members = new Map<number, Member>();
  /** What a server remembers of its own accord ends with its life; a process may have several. */
  readonly #lives = new Map<number, object>();
  readonly #workloads: Workload[] = [];

  constructor(options: EnsembleOptions) {
    this.#options = options;
    this.world = new World(options.seed, options.traceLinesMax);
    this.network = new SimNetwork(this.world, options.network);
    const voters = range(1, options.voters);
    const observers = range(options.voters + 1, options.observers ?? 0);
    this.sids = [...voters, ...observers];
    this.ensemble = { ...simEnsemble(voters, observers), ...options.votes };
    const isQuorum = options.isQuorum ?? ((sids) => isQuorumOf(this.ensemble, sids));
    this.checker = new ZabChecker(this.world, { voters, observers }, isQuorum);
    this.model = new HistoryModel(this.world);
    this.checker.ignored = options.ignored ?? new Set();
    this.checker.counterMax = options.counterMax ?? counterMax;
    this.checker.onCommitted = (proposal) => this.model.committed(proposal);
    this.checker.onProposed = (proposal) => this.model.proposed(proposal);
    const lifeAt = (host: string): object | null => {
      const sid = this.sids.find((each) => hostOfSid(each) === host) ?? 0;
      return this.process(sid) === null ? null : (this.#lives.get(sid) ?? null);
    };
    this.clientChecker = new ClientChecker(this.world, this.model, { expirySlackMs, lifeAt });
    for (const sid of this.sids) this.#disks.set(sid, new SimDisk(this.world, `s${sid}`));
    this.storm = new Storm(this, options.storm);
    for (const sid of this.sids) this.start(sid);
    for (let number = 1; number <= (options.clients ?? 0); number += 1) this.#addLoad(number);
  }

  hostOf(sid: number): string {
    return hostOfSid(sid);
  }

  process(sid: number): SimProcess | null {
    return this.#members.get(sid)?.process ?? null;
  }

  server(sid: number): RunningServer | null {
    return this.#members.get(sid)?.server ?? null;
  }

  disk(sid: number): SimDisk {
    return this.#disks.get(sid) as SimDisk;
  }

  /** Who leads and serves, by the newest epoch. */
  leader(): number | undefined {
    const leading = [...this.checker.members.values()].filter((member) => {
      return member.isServing && member.role === 'leading';
    });
    return leading.toSorted((a, b) => b.epoch - a.epoch)[0]?.sid;
  }

  start(sid: number): void {
    const clock = this.#options.clockOf?.(sid) ?? this.world.random.pick(clocks);
    const process = new SimProcess(this.world, `s${sid}`, hostOfSid(sid), clock);
    const disk = new DiskPort(this.disk(sid), process);
    const real = new SimHost(process, disk, this.network.transport(process));
    const host = this.#options.host?.(sid, real) ?? real;
    const { rot: wanted } = this.#options;
    if (wanted?.sids.includes(sid) === true && this.world.random.chance(wanted.chance)) {
      this.rot(sid);
    }
    const member: Member = { process, server: null, isStopping: false };
    this.#members.set(sid, member);
    process.onExit = ({ code, reason }) => this.#exited(sid, code, reason);
    this.world.say(`s${sid}`, 'starts');
    const config = simConfig(sid, hostOfSid(sid), this.ensemble, {
      ...this.#options.config,
      ...this.#options.configOf?.(sid),
    });
    process.run(() => (member.server = startServer(config, host, this.#parts(sid))));
  }

  /** As SIGTERM: the process is gone once the server says so, or soon after. */
  stop(sid: number): void {
    const member = this.#members.get(sid);
    if (member === undefined) return;
    const { process, server } = member;
    if (member.isStopping) return;
    member.isStopping = true;
    const gone = (): void => {
      if (!process.alive) return;
      this.#members.delete(sid);
      this.checker.ended(sid);
      process.end();
      this.#startLater(sid);
    };
    process.run(() => server?.stop(gone));
    this.world.schedule(stopMsMax, gone);
  }

  crash(sid: number, mode: CrashMode): void {
    const member = this.#members.get(sid);
    if (member === undefined) return;
    this.#members.delete(sid);
    this.checker.ended(sid);
    member.process.end();
    const disk = this.disk(sid);
    disk.crashAfterSteps = 0;
    disk.afterCrash(mode);
  }

  /** Durable bytes of a member that is down change or vanish. False: there was nothing to change. */
  rot(sid: number): boolean {
    const what = rot(this.disk(sid), this.disk(sid).random);
    if (what === null) return false;
    this.world.say(`s${sid}`, `*** ${what}`);
    this.checker.damaged(sid);
    return true;
  }

  /** A new, empty disk for a member that is down: its promises are void. */
  wipe(sid: number): void {
    this.world.say(`s${sid}`, '*** gets a new disk');
    this.disk(sid).wipe();
    this.checker.wiped(sid);
  }

  run(forMs: number): void {
    this.world.run(forMs);
  }

  client(
    name: string,
    hosts: readonly string[],
    timeoutMs: number = 3_000,
    watchesAll: boolean = false,
    readOnly: boolean = false,
  ): SimClient {
    const host = `10.0.1.${this.clients.length + 1}`;
    this.clientHosts.push(host);
    const client = new SimClient(this.network, name, host, {
      hosts,
      timeoutMs,
      observer: this.clientChecker,
      watchesAll,
      readOnly,
    });
    this.clients.push(client);
    return client;
  }

  /** Liveness: with nothing broken, everyone serves one leader, and has one history. */
  settle(withinMs: number): void {
    if (this.world.runUntil(() => this.isLevel(), withinMs, 50)) return;
    const lines = [...this.checker.members.values()].map((member) => {
      const last = member.applied.at(-1)?.zxid.toString(16) ?? '0';
      return `s${member.sid} ${member.role}/${member.phase} of ${member.leader ?? '-'} at ${last}`;
    });
    this.world.fail('L2 everyone serves', `not level after ${withinMs} ms: ${lines.join(', ')}`);
  }

  isLevel(): boolean {
    const members = [...this.checker.members.values()];
    // Who is served by a follower may take another server for the leader.
    const leaders = new Set(members.filter((each) => each.isVoter).map((member) => member.leader));
    return leaders.size === 1 && members.every((member) => member.isServing);
  }

  /** No new requests from now on. */
  quiet(): void {
    for (const workload of this.#workloads) workload.stop();
  }

  #addLoad(number: number): void {
    const all = this.sids.map(hostOfSid);
    const hosts = this.#options.homed === true ? [all[number % all.length] as string] : all;
    const timeoutMs = this.#options.sessionTimeoutMs ?? 3_000;
    const readsOnly = number <= (this.#options.readOnlyClients ?? 0);
    const client = this.client(`c${number}`, hosts, timeoutMs, number === 1, readsOnly);
    this.#workloads.push(
      new Workload(client, {
        thinkMs: 25,
        windowMax: 6,
        valueBytesMax: 0,
        ...this.#options.workload,
      }),
    );
  }

  #parts(sid: number): ServerParts {
    const { counterMax, sessionRules } = this.#options;
    const planted = this.#options.parts?.(sid, this);
    const makePeer = planted?.createPeer ?? createPeer;
    const makeStorage = planted?.openStorage ?? openStorage;
    return {
      ...(sessionRules === undefined ? {} : { sessionRules }),
      ...planted,
      createPeer: (options) => {
        const all = counterMax === undefined ? options : { ...options, counterMax };
        return new TappedPeer(makePeer(all), this.checker, sid);
      },
      openStorage: (options, disk) => {
        this.#lives.set(sid, {});
        return tapStorage(makeStorage(options, disk), this.checker, sid);
      },
    };
  }

  /** A process that ended by itself: only a broken disk is a reason. */
  #exited(sid: number, code: number, reason: string): void {
    this.#members.delete(sid);
    this.checker.ended(sid);
    this.world.expect(this.#options.storm?.diskErrors === true, 'L2 no exit', () => {
      return `s${sid} ended with ${code}: ${reason}`;
    });
    this.#startLater(sid);
  }

  #startLater(sid: number): void {
    this.world.schedule(this.world.random.between(50, 1_000), () => {
      if (!this.#members.has(sid)) this.start(sid);
    });
  }
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
