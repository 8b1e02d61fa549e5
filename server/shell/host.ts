import type { Transport } from '../net/transport.ts';
import type { Disk } from '../storage/disk.ts';

export interface Timer {
  cancel(): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Time, chance, disk, wire: all that a server takes from its machine. */
export interface Host {
  /** Monotonic, ms; for deadlines. */
  nowMs(): number;
  /** Wall clock, ms since 1970; for transaction times. */
  wallMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Runs once, after at least that long. */
  timer(afterMs: number, run: () => void): Timer;
  /** Runs in the next turn, after pending input was taken in. */
  defer(run: () => void): void;
  readonly disk: Disk;
  readonly transport: Transport;
  /** One structured line. */
  log(level: LogLevel, message: string, values: Readonly<Record<string, unknown>>): void;
  /** `envi`: what a person may want to know of the machine, by the reference's keys. No secrets. */
  environment(): readonly (readonly [string, string])[];
  /** Files that the process has open and may have; without it, or `null`: unknown. */
  descriptors?(): { readonly open: number; readonly max: number } | null;
  /** Ends the process: what cannot go on says why and with which documented exit code. */
  exit(code: number, reason: string): void;
}
