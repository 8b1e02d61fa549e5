import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
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

  ask(line: string): Promise<string> {
    if (this.#child.exitCode !== null) return Promise.resolve('driver has ended');
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
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
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

/** Compiles a program in Java into a directory; `options` are of the machine that runs it. */
export function javaDriver(
  directory: string,
  name: string,
  classpath: string,
  options: readonly string[],
): Command {
  const source = join(import.meta.dirname, `drivers/${name}.java`);
  const javac = ['-nowarn', '-d', directory, '-cp', classpath, source];
  execFileSync('javac', javac, { stdio: ['ignore', 'ignore', 'inherit'] });
  const quick = ['-Xmx300m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  return ['java', ...quick, ...options, '-cp', `${classpath}:${directory}`, name];
}
