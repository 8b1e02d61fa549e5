import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How a driver is started; the servers' addresses come behind it. */
export type Command = readonly [program: string, ...args: string[]];

/** Answers within this, or it hangs. */
const answerMsMax = 60_000;

/** A program that carries lines out with some client, one answer a line. */
export class Driver {
  readonly #child: ChildProcess;
  readonly #waiting: ((answer: string) => void)[] = [];
  #complaints = '';

  constructor([program, ...args]: Command, hosts: string) {
    this.#child = spawn(program, [...args, hosts], { stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('a driver has pipes');
    createInterface({ input: stdout }).on('line', (line) => this.#waiting.shift()?.(line));
    stderr.on('data', (chunk: Buffer) => (this.#complaints += chunk.toString('utf8')));
    this.#child.once('close', () => {
      for (const each of this.#waiting.splice(0)) each(`driver ended: ${this.#complaints}`);
    });
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  ask(line: string): Promise<string> {
    if (this.#hasEnded) return Promise.resolve('driver has ended');
    return new Promise((done) => {
      const timer = setTimeout(() => done('no answer'), answerMsMax);
      this.#waiting.push((answer) => {
        clearTimeout(timer);
        done(answer);
      });
      this.#child.stdin?.write(`${line}\n`);
    });
  }

  /** At once: its sessions are left as they are. */
  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    const ended = new Promise((done) => this.#child.once('close', done));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Why the C client cannot be tried here; `null` when it can. */
export function cClientMissing(): string | null {
  try {
    execFileSync('gcc', ['-E', '-'], { input: '#include <zookeeper/zookeeper.h>', stdio: 'pipe' });
    return null;
  } catch {
    return 'no gcc with libzookeeper-mt-dev on this machine';
  }
}

/** Compiles the C driver into a directory. */
export function cDriver(directory: string): Command {
  const program = join(directory, 'driver');
  const source = join(import.meta.dirname, 'drivers/driver.c');
  const flags = ['-O1', '-Wall', '-DTHREADED', '-o', program, source, '-lzookeeper_mt'];
  execFileSync('gcc', flags, { stdio: ['ignore', 'ignore', 'inherit'] });
  return [program];
}

/**
 * Compiles the Java driver for that version of the client into a directory, with the classes that
 * this version needs in place of its own.
 */
export function javaDriver(directory: string, version: string, classpath: string): Command {
  const home = join(directory, version);
  mkdirSync(home, { recursive: true });
  const text = readFileSync(join(import.meta.dirname, 'drivers/Driver.java'), 'utf8');
  const source = join(home, 'Driver.java');
  writeFileSync(source, linesFor(version, text));
  const instead = join(import.meta.dirname, `drivers/java-${minorNameOf(version)}`);
  const more = existsSync(instead) ? readdirSync(instead).map((name) => join(instead, name)) : [];
  const javac = ['-nowarn', '-d', home, '-cp', classpath, source, ...more];
  execFileSync('javac', javac, { stdio: 'pipe' });
  const quick = ['-Xmx300m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  const properties = [
    '-Dzookeeper.extendedTypesEnabled=true',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=off',
  ];
  return ['java', ...quick, ...properties, '-cp', `${home}:${classpath}`, 'Driver'];
}

/** Without the lines, and the blocks of lines, that are `// since` a later version. */
export function linesFor(version: string, text: string): string {
  const kept: string[] = [];
  let isLeftOut = false;
  for (const line of text.split('\n')) {
    const [, since, opens] = /\/\/ since (\d+\.\d+)( \{)?$/.exec(line) ?? [];
    const isLater = since !== undefined && minorOf(since) > minorOf(version);
    if (opens !== undefined) isLeftOut = isLater;
    else if (line.trim() === '// }') isLeftOut = false;
    else if (!isLater && !isLeftOut) kept.push(line);
  }
  return kept.join('\n');
}

/** 3.9 of 3.9.5. */
export function minorNameOf(version: string): `${number}.${number}` {
  return version.split('.').slice(0, 2).join('.') as `${number}.${number}`;
}

/** 9 of 3.9.5. */
function minorOf(version: string): number {
  return Number(version.split('.')[1]);
}
