import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  const own = `${path}.${process.pid}`;
  const text = JSON.stringify({ pid: process.pid, startedAt: startMark(process.pid) });
  writeFileSync(own, text, { mode: 0o600 });
  try {
    for (;;) {
      // A link appears with its whole content or not at all.
      if (isLinked(own, path)) break;
      const holder = holderOf(path);
      if (holder !== null && startMark(holder.pid) === holder.startedAt) {
        throw new StateDirInUse(stateDir, holder.pid);
      }
      rmSync(path, { force: true });
    }
  } finally {
    rmSync(own, { force: true });
  }
  return () => rmSync(path, { force: true });
}

function isLinked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
