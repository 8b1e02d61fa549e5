import type { Prng } from './prng.ts';
import type { SimProcess } from './sim-host.ts';
import type { SimDisk } from './sim-disk.ts';
import type { CrashMode } from './sim-inode.ts';
import type { SimNetwork } from './sim-network.ts';
import type { Scheduled, World } from './world.ts';

/** What a storm needs to know of an ensemble, whatever runs in it. */
export interface Cluster {
  readonly world: World;
  readonly network: SimNetwork;
  readonly sids: readonly number[];
  hostOf(sid: number): string;
  /** `null` while it is down. */
  process(sid: number): SimProcess | null;
  /** `null` where disks are not simulated in detail. */
  disk(sid: number): SimDisk | null;
  /** Machines of clients: their links break, too. */
  readonly clientHosts?: readonly string[];
  crash(sid: number, mode: CrashMode): void;
  /** An orderly end, and a start some time later; absent where there is none. */
  stop?(sid: number): void;
  start(sid: number): void;
}

export interface StormOptions {
  /** Mean time between two faults, ms. */
  readonly meanMs: number;
  /** Pauses last up to this, ms: longer than any timeout of the ensemble. */
  readonly pauseMsMax: number;
  /** How long a crashed server stays down at most, ms. */
  readonly downMsMax: number;
  /** Servers that may be down at once. */
  readonly downMax: number;
  /** Disks fail their writes and syncs, too. */
  readonly diskErrors: boolean;
}

const defaults: StormOptions = {
  meanMs: 400,
  pauseMsMax: 6_000,
  downMsMax: 4_000,
  downMax: Infinity,
  diskErrors: false,
};

/** A wall clock is set by up to a year. */
const clockJumpMsMax = 365 * 86_400_000;

type Fault = (sid: number) => void;

/**
 * Faults at random until calmed: crashes of one or all with any unsynced bytes lost, crash points
 * in the middle of a disk step, pauses, cuts both ways and one way, partitions, resets, slow links
 * and slow disks, wall clocks that are set.
 */
export class Storm {
  readonly #cluster: Cluster;
  readonly #options: StormOptions;
  readonly #random: Prng;
  readonly #faults: readonly (readonly [number, Fault])[];
  #next: Scheduled | null = null;
  #isOver = true;

  constructor(cluster: Cluster, options: Partial<StormOptions> = {}) {
    this.#cluster = cluster;
    this.#options = { ...defaults, ...options };
    this.#random = cluster.world.random.fork('storm');
    this.#faults = [
      [4, (sid) => this.#crash(sid)],
      [4, (sid) => this.#armCrashPoint(sid)],
      [1, () => this.#crashAll()],
      [3, (sid) => this.#pause(sid)],
      [4, (sid) => this.#cutOne(sid)],
      [3, (sid) => this.#isolate(sid)],
      [2, () => this.#halves()],
      [3, (sid) => this.#reset(sid)],
      [2, (sid) => this.#slowLinks(sid)],
      [3, (sid) => this.#clientLink(sid)],
      [2, (sid) => this.#stop(sid)],
      [2, (sid) => this.#slowDisk(sid)],
      [3, (sid) => this.#clock(sid)],
      [this.#options.diskErrors ? 2 : 0, (sid) => this.#diskError(sid)],
      [3, () => this.#healSome()],
    ];
  }

  start(): void {
    this.#isOver = false;
    this.#arm();
  }

  /** No more faults; everything is repaired, everyone runs. */
  calm(): void {
    this.#isOver = true;
    this.#next?.cancel();
    const { network, sids, world } = this.#cluster;
    world.say('storm', 'over: everything is repaired');
    network.healAll();
    for (const sid of sids) {
      const disk = this.#cluster.disk(sid);
      if (disk !== null) repair(disk);
      this.#cluster.process(sid)?.resume();
      if (this.#cluster.process(sid) === null) this.#cluster.start(sid);
    }
  }

  #arm(): void {
    const afterMs = -Math.log(1 - this.#random.float()) * this.#options.meanMs;
    this.#next = this.#cluster.world.schedule(afterMs, () => {
      if (this.#isOver) return;
      this.#strike();
      this.#arm();
    });
  }

  #strike(): void {
    const total = this.#faults.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#random.float() * total;
    for (const [weight, fault] of this.#faults) {
      at -= weight;
      if (at >= 0) continue;
      fault(this.#random.pick(this.#cluster.sids));
      return;
    }
  }

  #crash(sid: number): void {
    if (this.#cluster.process(sid) === null || this.#downCount() >= this.#options.downMax) return;
    this.#crashNow(sid, this.#mode(), 'crash');
  }

  #crashNow(sid: number, mode: CrashMode, why: string): void {
    const { network, world } = this.#cluster;
    world.say(`s${sid}`, `*** ${why}, unsynced ${mode}`);
    const host = this.#cluster.hostOf(sid);
    const isDark = mode !== 'kept' && this.#random.chance(0.5);
    if (isDark) network.powerOff(host);
    this.#cluster.crash(sid, mode);
    this.#restartLater(sid);
  }

  #restartLater(sid: number): void {
    const { network, world } = this.#cluster;
    world.schedule(this.#random.between(5, this.#options.downMsMax), () => {
      network.powerOn(this.#cluster.hostOf(sid));
      if (this.#cluster.process(sid) === null) this.#cluster.start(sid);
    });
  }

  /** The crash comes in the middle of what the disk will be doing. */
  #armCrashPoint(sid: number): void {
    const disk = this.#cluster.disk(sid);
    if (disk === null || this.#cluster.process(sid) === null) return;
    disk.crashAfterSteps = this.#random.int(1, 25);
    disk.crash = (step) => {
      if (this.#isOver || this.#cluster.process(sid) === null) return;
      if (this.#downCount() >= this.#options.downMax) return;
      this.#crashNow(sid, this.#mode(), `crash at "${step}"`);
    };
  }

  #crashAll(): void {
    if (this.#options.downMax < this.#cluster.sids.length) return;
    const mode = this.#mode();
    for (const sid of this.#cluster.sids) {
      if (this.#cluster.process(sid) !== null) this.#crashNow(sid, mode, 'power loss of all');
    }
  }

  #pause(sid: number): void {
    const process = this.#cluster.process(sid);
    if (process === null || process.paused) return;
    const { world } = this.#cluster;
    const forMs = this.#random.between(10, this.#options.pauseMsMax);
    world.say(`s${sid}`, `*** paused for ${Math.round(forMs)} ms`);
    process.pause();
    world.schedule(forMs, () => {
      if (!process.alive || !process.paused) return;
      world.say(`s${sid}`, '*** goes on');
      process.resume();
    });
  }

  #cutOne(sid: number): void {
    const other = this.#other(sid);
    this.#cut(sid, other);
    if (this.#random.chance(0.5)) this.#cut(other, sid);
  }

  #isolate(sid: number): void {
    for (const other of this.#cluster.sids) {
      if (other === sid) continue;
      this.#cut(sid, other);
      this.#cut(other, sid);
    }
  }

  #halves(): void {
    const shuffled = this.#random.shuffle(this.#cluster.sids);
    const size = this.#random.int(1, shuffled.length - 1);
    for (const a of shuffled.slice(0, size)) {
      for (const b of shuffled.slice(size)) {
        this.#cut(a, b);
        this.#cut(b, a);
      }
    }
  }

  #cut(from: number, to: number): void {
    const { network, world } = this.#cluster;
    const [a, b] = [this.#cluster.hostOf(from), this.#cluster.hostOf(to)];
    world.say('net', `cut s${from} > s${to}`);
    network.cut(a, b);
    world.schedule(this.#random.between(50, this.#options.pauseMsMax), () => network.heal(a, b));
  }

  #reset(sid: number): void {
    const other = this.#other(sid);
    this.#cluster.world.say('net', `reset s${sid} - s${other}`);
    this.#cluster.network.reset(this.#cluster.hostOf(sid), this.#cluster.hostOf(other));
  }

  /** A client is cut off from a server, one way or both, or loses its connection. */
  #clientLink(sid: number): void {
    const { network, world, clientHosts = [] } = this.#cluster;
    if (clientHosts.length === 0) return;
    const client = this.#random.pick(clientHosts);
    const server = this.#cluster.hostOf(sid);
    const kind = this.#random.int(0, 3);
    world.say(
      'net',
      `${['cut to', 'cut from', 'cut both ways', 'reset'][kind]} ${client} at s${sid}`,
    );
    if (kind === 3) {
      network.reset(client, server);
      return;
    }
    if (kind !== 1) network.cut(client, server);
    if (kind !== 0) network.cut(server, client);
    world.schedule(this.#random.between(50, this.#options.pauseMsMax), () => {
      network.heal(client, server);
      network.heal(server, client);
    });
  }

  #stop(sid: number): void {
    const { world } = this.#cluster;
    if (this.#cluster.stop === undefined || this.#cluster.process(sid) === null) return;
    if (this.#downCount() >= this.#options.downMax) return;
    world.say(`s${sid}`, '*** is stopped orderly');
    this.#cluster.stop(sid);
  }

  #slowLinks(sid: number): void {
    const { network, world } = this.#cluster;
    const delayMs = this.#random.between(5, 150);
    world.say('net', `slow around s${sid}: up to ${Math.round(delayMs)} ms`);
    for (const other of this.#cluster.sids) {
      if (other === sid) continue;
      network.slow(this.#cluster.hostOf(sid), this.#cluster.hostOf(other), delayMs / 4, delayMs);
      network.slow(this.#cluster.hostOf(other), this.#cluster.hostOf(sid), delayMs / 4, delayMs);
    }
  }

  /** Somebody sets the wall clock forward or back, or two of them fight over it for a while. */
  #clock(sid: number): void {
    const process = this.#cluster.process(sid);
    if (process === null) return;
    const { world } = this.#cluster;
    const sizeMs = 1_000 * (clockJumpMsMax / 1_000) ** this.#random.float();
    const jumpMs = this.#random.chance(0.5) ? sizeMs : -sizeMs;
    const isStrobe = this.#random.chance(0.3);
    world.say(
      `s${sid}`,
      `*** clock ${isStrobe ? 'to and fro by' : 'set by'} ${Math.round(jumpMs)} ms`,
    );
    process.wallSkewMs += jumpMs;
    if (!isStrobe) return;
    let left = this.#random.int(5, 40);
    const strobe = (): void => {
      left -= 1;
      process.wallSkewMs += left % 2 === 0 ? jumpMs : -jumpMs;
      if (left > 0 && process.alive) world.schedule(this.#random.between(1, 100), strobe);
    };
    strobe();
  }

  #slowDisk(sid: number): void {
    const disk = this.#cluster.disk(sid);
    if (disk === null) return;
    disk.faults.syncMsMax = this.#random.between(5, 400);
    this.#cluster.world.say(
      `s${sid}`,
      `slow disk: fsync up to ${Math.round(disk.faults.syncMsMax)} ms`,
    );
  }

  #diskError(sid: number): void {
    const disk = this.#cluster.disk(sid);
    if (disk === null) return;
    const kind = this.#random.int(0, 3);
    if (kind === 0) disk.faults.full = true;
    else if (kind === 1) disk.faults.writeErrorChance = 0.3;
    else if (kind === 2) disk.faults.syncErrorChance = 0.3;
    else {
      disk.failCode = this.#random.pick(['EIO', 'ENOSPC', 'EROFS', 'EMFILE']);
      disk.failAtStep = disk.stepCount + this.#random.int(1, 60);
    }
    this.#cluster.world.say(
      `s${sid}`,
      `*** disk: ${['full', 'write errors', 'fsync errors', `a ${disk.failCode} soon`][kind]}`,
    );
    this.#cluster.world.schedule(this.#random.between(50, 2_000), () => repair(disk));
  }

  #healSome(): void {
    if (this.#random.chance(0.5)) {
      this.#cluster.world.say('net', 'all links pass');
      this.#cluster.network.healAll();
    }
    for (const sid of this.#cluster.sids) {
      const disk = this.#cluster.disk(sid);
      if (disk !== null && this.#random.chance(0.5)) repair(disk);
    }
  }

  /** A server that is alone has none but itself. */
  #other(sid: number): number {
    if (this.#cluster.sids.length === 1) return sid;
    return this.#random.pick(this.#cluster.sids.filter((other) => other !== sid));
  }

  #mode(): CrashMode {
    return this.#random.pick<CrashMode>(['kept', 'lost', 'torn']);
  }

  #downCount(): number {
    return this.#cluster.sids.filter((sid) => this.#cluster.process(sid) === null).length;
  }
}

function repair(disk: SimDisk): void {
  disk.faults.full = false;
  disk.failAtStep = 0;
  disk.faults.writeErrorChance = 0;
  disk.faults.syncErrorChance = 0;
  disk.faults.syncMsMax = disk.usualSyncMsMax;
}
