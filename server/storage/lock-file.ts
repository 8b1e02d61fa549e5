import * as fs from 'node:fs';
import type { DiskLock } from './disk.ts';

/** Locks that this very process holds. */
const held = new Set<string>();

/**
 * Takes a lock file that cannot be left behind in a way that matters: it names a process by
 * boot, PID namespace, pid and start time, and counts only while exactly that process lives. After
 * `kill -9`, a reboot, or on another machine it is stale and taken over. Where `/proc` does not
 * exist nothing can be proven, so nobody is refused.
 */
export function lockFile(path: string): DiskLock {
  const own = identity('self');
  if (held.has(path)) return { holder: `this process (${own ?? 'pid unknown'})` };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (createExclusive(path, own ?? 'unknown')) {
      held.add(path);
      return { release: () => release(path, own ?? 'unknown') };
    }
    const holder = readText(path);
    if (holder !== null && holder !== own && isAlive(holder)) return { holder };
    fs.rmSync(path, { force: true });
  }
  return { holder: 'a process that starts at the same time' };
}

function release(path: string, own: string): void {
  held.delete(path);
  if (readText(path) === own) fs.rmSync(path, { force: true });
}

/** Whole or not at all: a link to a finished file, so nobody reads half of it. */
function createExclusive(path: string, text: string): boolean {
  const draft = `${path}.${text.replaceAll(/[^0-9A-Za-z]+/g, '-')}`;
  fs.writeFileSync(draft, text);
  try {
    fs.linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    // Not every file system has links.
    return createWithoutLink(path, text);
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

function createWithoutLink(path: string, text: string): boolean {
  try {
    fs.writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readText(path: string): string | null {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function isAlive(holder: string): boolean {
  const pid = /\bpid (\d+)\b/.exec(holder)?.[1];
  return pid !== undefined && identity(pid) === holder;
}

/** `pid 7 started 12345 in pid:[4026531836] boot 1b4e…`; `null` when there is no such process or no `/proc`. */
function identity(pid: string): string | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = fs.readlinkSync('/proc/self/ns/pid');
    // The command's name is in brackets and may hold blanks; the fields are counted behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A killed process whose parent has not looked yet: it holds nothing any more.
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return `pid ${stat.split(' ', 1)[0] ?? ''} started ${fields[19] ?? ''} in ${namespace} boot ${boot}`;
  } catch {
    return null;
  }
}
