import { readdirSync, readFileSync } from 'node:fs';
import { hostname, release, type } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { createTcpTransport } from '../net/tcp-transport.ts';
import { createNodeDisk } from '../storage/node-disk.ts';
import type { Host, LogLevel } from './host.ts';

export interface NodeHostOptions {
  /** Translates addresses of the configuration; see net/tcp-transport. `null`: as they are. */
  readonly addressMapPath: string | null;
  /** Lines below this level are not written. */
  readonly logLevel: LogLevel;
  readonly exit: (code: number) => void;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** The machine that Node runs on. */
export function createNodeHost(options: NodeHostOptions): Host {
  const levelMin = levels.indexOf(options.logLevel);
  const log: Host['log'] = (level, message, values) => {
    if (levels.indexOf(level) >= levelMin) process.stderr.write(logLine(level, message, values));
  };
  return {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    random: () => Math.random(),
    timer(afterMs, run) {
      const timer = setTimeout(run, Math.max(0, Math.min(afterMs, 2 ** 31 - 1)));
      return { cancel: () => clearTimeout(timer) };
    },
    defer: (run) => void setImmediate(run),
    disk: createNodeDisk(),
    transport: createTcpTransport(options.addressMapPath),
    log,
    environment,
    descriptors,
    exit(code, reason) {
      log(code === 0 ? 'info' : 'error', reason, { exitCode: code });
      options.exit(code);
    },
  };
}

/** As Linux tells it. */
function descriptors(): { readonly open: number; readonly max: number } | null {
  try {
    // One of them is the directory that is read.
    const open = readdirSync('/proc/self/fd').length - 1;
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const max = Number(/^Max open files +(\d+)/m.exec(limits)?.[1]);
    return Number.isNaN(max) ? null : { open, max };
  } catch {
    return null;
  }
}

function environment(): readonly (readonly [string, string])[] {
  const { heapTotal, heapUsed } = process.memoryUsage();
  const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)}MB`;
  return [
    ['host.name', hostname()],
    ['node.version', process.version],
    ['node.home', process.execPath],
    ['os.name', type()],
    ['os.arch', process.arch],
    ['os.version', release()],
    ['user.dir', process.cwd()],
    ['os.memory.free', mebibytes(heapTotal - heapUsed)],
    ['os.memory.max', mebibytes(getHeapStatistics().heap_size_limit)],
    ['os.memory.total', mebibytes(heapTotal)],
  ];
}

/** `2026-11-25T12:00:00.000Z INFO message key=value`: for eyes first, and still one line to parse. */
function logLine(
  level: string,
  message: string,
  values: Readonly<Record<string, unknown>>,
): string {
  let line = `${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${message}`;
  for (const [key, value] of Object.entries(values)) line += ` ${key}=${wordOf(value)}`;
  return `${line}\n`;
}

function wordOf(value: unknown): string {
  const text = typeof value === 'string' ? value : String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
