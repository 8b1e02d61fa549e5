import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { startMark } from './agent/process.ts';

/** Another control plane works in the state directory. */
export class StateDirInUse extends Error {
  override readonly name = 'StateDirInUse';
  readonly pid: number;

  constructor(stateDir: string, pid: number) {
    super(
      `${stateDir} is in use by process ${pid}, another local control plane. Stop that one first ` +
        '(Ctrl-C, or kill it), or give this one a directory of its own with --state-dir.',
    );
    this.pid = pid;
  }
}

interface Holder {
  readonly pid: number;
  readonly startedAt: string | null;
}

function holderOf(path: string): Holder | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

/**
 * Takes a state directory for this process. A lock whose process has ended is taken over.
 * @returns what gives it back.
 * @throws StateDirInUse while another process holds it.
 */
export function lockStateDir(stateDir: string): () => void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, 'lock');
  for (;;) {
    try {
      const file = openSync(path, 'wx', 0o600);
      const holder: Holder = { pid: process.pid, startedAt: startMark(process.pid) };
      writeSync(file, JSON.stringify(holder));
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = holderOf(path);
    if (holder !== null && startMark(holder.pid) === holder.startedAt) {
      throw new StateDirInUse(stateDir, holder.pid);
    }
    rmSync(path, { force: true });
  }
}
