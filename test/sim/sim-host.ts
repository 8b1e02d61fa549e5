import type { Transport } from '../../server/net/transport.ts';
import type { Host, LogLevel, Timer } from '../../server/shell/host.ts';
import type { Disk } from '../../server/storage/disk.ts';
import type { Prng } from './prng.ts';
import { InvariantViolation } from './world.ts';
import type { World } from './world.ts';

/** Thrown through the code of a process that has ended in the middle of a call; caught by its guard. */
export class ProcessEnded extends Error {
  override readonly name: string = 'ProcessEnded';
}

export interface Exit {
  readonly code: number;
  readonly reason: string;
}

/** How one process sees time. */
export interface ClockOptions {
  /** Simulated ms per real ms: 1.0 is exact. */
  readonly rate: number;
  /** Wall clock's error, ms. */
  readonly skewMs: number;
}

const exactClock: ClockOptions = { rate: 1, skewMs: 0 };

/** Wall clock at the world's beginning: 2026-01-01T00:00:00Z. */
export const epochWallMs: number = 1_767_225_600_000;

/**
 * One life of one process: everything it does enters through {@link SimProcess.run}, so that a
 * process that is paused does it later and one that has ended does it never.
 */
export class SimProcess {
  readonly world: World;
  /** Address of its machine on the simulated network. */
  readonly host: string;
  readonly name: string;
  readonly random: Prng;
  readonly clock: ClockOptions;
  /** Wall clock's error now, ms: somebody may set it. */
  wallSkewMs: number;
  exit: Exit | null = null;
  onExit: ((exit: Exit) => void) | null = null;
  readonly #startedMs: number;
  #alive = true;
  #held: (() => void)[] | null = null;
  readonly #endings: (() => void)[] = [];

  constructor(world: World, name: string, host: string, clock: ClockOptions = exactClock) {
    this.world = world;
    this.name = name;
    this.host = host;
    this.clock = clock;
    this.wallSkewMs = clock.skewMs;
    this.random = world.random.fork(name);
    this.#startedMs = world.nowMs;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#held !== null;
  }

  nowMs(): number {
    return 1000 + (this.world.nowMs - this.#startedMs) * this.clock.rate;
  }

  wallMs(): number {
    return Math.floor(epochWallMs + this.world.nowMs + this.wallSkewMs);
  }

  /** Runs a callback of the process: now, when it is let go on, or never. */
  run(act: () => void): void {
    if (!this.#alive) return;
    if (this.#held !== null) {
      this.#held.push(act);
      return;
    }
    try {
      act();
    } catch (error) {
      // Whatever the code made of its own end: nobody is there any more to see it.
      if (!this.#alive && !(error instanceof InvariantViolation)) return;
      throw error;
    }
  }

  /** Soon, and for certain: nobody wants to take it back. */
  soon(act: () => void): void {
    if (this.#alive) this.world.schedule(0, () => this.run(act));
  }

  /** @param afterMs by the process's own clock. */
  after(afterMs: number, act: () => void): Timer {
    if (!this.#alive) return noTimer;
    let done = false;
    const scheduled = this.world.schedule(afterMs / this.clock.rate, () => {
      this.run(() => {
        if (!done) act();
      });
    });
    return {
      cancel() {
        done = true;
        scheduled.cancel();
      },
    };
  }

  /** SIGSTOP: its callbacks pile up. */
  pause(): void {
    this.#held ??= [];
  }

  /** SIGCONT. */
  resume(): void {
    const held = this.#held;
    this.#held = null;
    for (const act of held ?? []) this.run(act);
  }

  /** Runs when the process ends, in reverse order. */
  atEnd(act: () => void): void {
    this.#endings.push(act);
  }

  /** The process is gone: nothing of it runs any more. */
  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#held = null;
    while (this.#endings.length > 0) this.#endings.pop()?.();
  }

  /** The process's own wish. @throws ProcessEnded always, as nothing follows an exit. */
  leave(code: number, reason: string): never {
    if (this.#alive) {
      this.exit = { code, reason };
      this.world.say(this.name, `exit ${code}: ${reason}`);
      this.end();
      this.onExit?.(this.exit);
    }
    throw new ProcessEnded(reason);
  }
}

/** What a server is given for a machine. */
export class SimHost implements Host {
  readonly disk: Disk;
  readonly transport: Transport;
  readonly #process: SimProcess;

  constructor(process: SimProcess, disk: Disk, transport: Transport) {
    this.#process = process;
    this.disk = disk;
    this.transport = transport;
  }

  nowMs(): number {
    return this.#process.nowMs();
  }

  wallMs(): number {
    return this.#process.wallMs();
  }

  random(): number {
    return this.#process.random.float();
  }

  timer(afterMs: number, run: () => void): Timer {
    // No real timer is finer.
    return this.#process.after(Math.max(1, afterMs), run);
  }

  defer(run: () => void): void {
    this.#process.soon(run);
  }

  log(level: LogLevel, message: string, values: Readonly<Record<string, unknown>>): void {
    if (level === 'debug') return;
    this.#process.world.say(this.#process.name, `${message} ${textOf(values)}`);
  }

  environment(): readonly (readonly [string, string])[] {
    return [];
  }

  exit(code: number, reason: string): void {
    this.#process.leave(code, reason);
  }
}

const noTimer: Timer = { cancel() {} };

function textOf(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${plainText(value)}`)
    .join(' ');
}

function plainText(value: unknown): string {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value, (_, inner: unknown) => {
    return typeof inner === 'bigint' ? inner.toString() : inner;
  });
  return text ?? 'undefined';
}
