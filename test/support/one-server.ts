import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { jarsOf, type Artifact } from './maven.ts';
import { until } from './real-ensemble.ts';

const root = resolve(import.meta.dirname, '../..');

/** Ours, or that version of Apache ZooKeeper. */
export type Build = 'ours' | `${number}.${number}.${number}`;

export interface OneServerOptions {
  /** Holds zoo.cfg, `data` and the log of what runs there. */
  readonly directory: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string | number>>;
}

/** A server that is alone, whoever's it is: one process at a time on one directory and port. */
export class OneServer implements AsyncDisposable {
  readonly address: string;
  readonly #options: OneServerOptions;
  #process: ChildProcess | null = null;

  constructor(options: OneServerOptions) {
    this.#options = options;
    this.address = `127.0.0.1:${options.port}`;
  }

  get dataDir(): string {
    return join(this.#options.directory, 'data');
  }

  get versionDir(): string {
    return join(this.dataDir, 'version-2');
  }

  /** Serves clients on return. `more` are lines of zoo.cfg for this run. */
  async start(build: Build, more: Readonly<Record<string, string | number>> = {}): Promise<void> {
    const { directory, port, settings } = this.#options;
    const cfg = join(directory, 'zoo.cfg');
    const lines = Object.entries({
      ...settings,
      ...more,
      dataDir: this.dataDir,
      clientPort: port,
      clientPortAddress: '127.0.0.1',
      '4lw.commands.whitelist': '*',
      'admin.enableServer': 'false',
    });
    writeFileSync(cfg, `${lines.map(([key, value]) => `${key}=${value}`).join('\n')}\n`);
    const log = openSync(join(directory, 'server.log'), 'a');
    const logAt = this.log().length;
    const [command, args] = build === 'ours' ? oursOf(cfg) : apacheOf(build, cfg);
    const child = spawn(command, args, { stdio: ['ignore', log, log], cwd: directory });
    closeSync(log);
    this.#process = child;
    let hasEnded = false;
    child.once('exit', () => (hasEnded = true));
    await until(`${build} to serve`, 30_000, async () => {
      if (hasEnded) throw new Error(`${build} has ended: ${this.log().slice(logAt).slice(-4000)}`);
      return /^Mode: /m.test(await this.ask('srvr'));
    });
  }

  /** At once, without a chance to finish anything. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await ended;
  }

  /** The answer to a four-letter word; empty when nobody listens. */
  ask(word: string): Promise<string> {
    return new Promise((done) => {
      const socket = connect({ host: '127.0.0.1', port: this.#options.port, timeout: 2000 });
      let answer = '';
      socket.on('connect', () => socket.write(word));
      socket.on('data', (chunk) => (answer += chunk.toString('utf8')));
      socket.on('timeout', () => socket.destroy());
      socket.on('error', () => done(''));
      socket.on('close', () => done(answer));
    });
  }

  log(): string {
    return readFileSync(join(this.#options.directory, 'server.log'), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function oursOf(cfg: string): [string, string[]] {
  const script = join(root, 'server/bin/zk-server.js');
  return [join(root, 'node_modules/.bin/node'), [script, 'start-foreground', cfg]];
}

function apacheOf(version: string, cfg: string): [string, string[]] {
  const options = ['-Xmx300m', '-XX:TieredStopAtLevel=1', '-Dzookeeper.jmx.log4j.disable=true'];
  const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
  return ['java', [...options, '-cp', `${apacheJars(version)}/*`, main, cfg]];
}

/** What a server that is alone needs, and no more: some four megabytes a version. */
export function apacheJars(version: string): string {
  const server: Artifact[] = [
    ['org.apache.zookeeper', 'zookeeper', version],
    ['org.slf4j', 'slf4j-api', '1.7.30'],
    ['org.slf4j', 'slf4j-simple', '1.7.30'],
    ['io.dropwizard.metrics', 'metrics-core', '4.1.12.1'],
    ['org.xerial.snappy', 'snappy-java', '1.1.10.5'],
  ];
  // A jar of its own since 3.5.
  if (!version.startsWith('3.4.')) server.push(['org.apache.zookeeper', 'zookeeper-jute', version]);
  return jarsOf(`zookeeper-${version}`, server, true);
}
