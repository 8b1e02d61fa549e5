import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writePrivateFile } from '../kubeconfig.ts';

/** How a process ended. */
export interface Exit {
  /** 128 and the signal's number for a process that a signal ended. */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessSpec {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** Takes what the process writes, appended. */
  readonly logPath: string;
  /** Remembers the process over a crash of this one. */
  readonly pidPath: string;
}

interface PidFile {
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * What tells a process from a later one with the same number; `null` when there is none, also
 * when it has ended and nobody has asked how.
 */
export function startMark(pid: number): string | null {
  try {
    if (process.platform === 'linux') {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
    }
    const shown = ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)];
    const [state = '', ...started] = execFileSync('ps', shown, { encoding: 'utf8' })
      .trim()
      .split(/\s+/);
    return state.startsWith('Z') ? null : started.join(' ');
  } catch {
    return null;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** A process of a pod, in a group of its own, so that it and its children end together. */
export class PodProcess {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #isOver = false;

  /** @throws Error of node:fs when the log cannot be opened. */
  constructor(spec: ProcessSpec) {
    mkdirSync(dirname(spec.logPath), { recursive: true });
    const [file = '', ...args] = spec.command;
    const log = openSync(spec.logPath, 'a', 0o600);
    this.#child = spawn(file === 'node' ? process.execPath : file, args, {
      cwd: spec.workingDirectory,
      env: spec.environment,
      stdio: ['ignore', log, log],
      // A terminal's Ctrl-C reaches this process alone, which ends the others in order.
      detached: true,
    });
    closeSync(log);
    this.exited = new Promise((resolve) => {
      const end = (exit: Exit): void => {
        this.#isOver = true;
        rmSync(spec.pidPath, { force: true });
        resolve(exit);
      };
      this.#child.once('error', () => end({ code: 127, signal: null }));
      this.#child.once('exit', (code, signal) => {
        const number = signal === null ? 0 : constants.signals[signal];
        end({ code: code ?? 128 + number, signal });
      });
    });
    const { pid } = this.#child;
    if (pid === undefined) return;
    const file_: PidFile = { pid, startedAt: startMark(pid) ?? '' };
    writePrivateFile(spec.pidPath, JSON.stringify(file_));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid !== undefined && !this.#isOver) signalGroup(pid, signal);
  }

  /** Asks it to end, and ends it when the grace is over. */
  async stop(graceMs: number): Promise<Exit> {
    this.signal(graceMs <= 0 ? 'SIGKILL' : 'SIGTERM');
    const abort = new AbortController();
    const killed = sleep(Math.max(graceMs, 0), null, { signal: abort.signal, ref: false }).then(
      () => this.signal('SIGKILL'),
      () => {},
    );
    const exit = await this.exited;
    abort.abort();
    await killed;
    // Children that outlived it.
    const { pid } = this.#child;
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
    return exit;
  }
}

function orphans(podsDir: string): { pid: number; path: string }[] {
  if (!existsSync(podsDir)) return [];
  const found: { pid: number; path: string }[] = [];
  for (const pod of readdirSync(podsDir)) {
    for (const name of readdirSync(join(podsDir, pod))) {
      if (!name.endsWith('.pid')) continue;
      const path = join(podsDir, pod, name);
      try {
        const { pid, startedAt } = JSON.parse(readFileSync(path, 'utf8')) as PidFile;
        if (startedAt !== '' && startMark(pid) === startedAt) found.push({ pid, path });
        else rmSync(path, { force: true });
      } catch {
        rmSync(path, { force: true });
      }
    }
  }
  return found;
}

/**
 * Ends processes that an earlier control plane started and did not live to end.
 * @returns how many there were.
 */
export async function endOrphans(podsDir: string, graceMs: number): Promise<number> {
  const found = orphans(podsDir);
  for (const { pid } of found) signalGroup(pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (Date.now() < deadline && found.some(({ pid }) => startMark(pid) !== null)) {
    await sleep(50);
  }
  for (const { pid, path } of found) {
    signalGroup(pid, 'SIGKILL');
    rmSync(path, { force: true });
  }
  return found.length;
}
