import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const directory = resolve(import.meta.dirname, '../../.local/kazoo');
const python = join(directory, 'bin/python');

/** Why kazoo cannot be run here; `null` when it can. */
export function kazooMissing(): string | null {
  try {
    execFileSync('python3', ['-c', 'import venv, ensurepip'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'no python3 with venv on this machine';
  }
}

/** A Python that has kazoo, from PyPI on first use. */
export function kazooPython(): string {
  if (!existsSync(python)) execFileSync('python3', ['-m', 'venv', directory], { stdio: 'ignore' });
  try {
    execFileSync(python, ['-c', 'import kazoo'], { stdio: 'ignore' });
  } catch {
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', 'kazoo'], { stdio: 'inherit' });
  }
  return python;
}
