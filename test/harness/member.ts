import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { apacheClasspath } from '../support/apache.ts';
import type { Kind } from '../support/real-ensemble.ts';
import { addressOf, memberHost } from './network.ts';
import type { Network } from './network.ts';

const root = resolve(import.meta.dirname, '../..');
const node = join(root, 'node_modules/.bin/node');

const clientPort = 2181;
const tickMs = 500;
const initLimitTicks = 30;
const syncLimitTicks = 4;

/** Within so long everybody has to serve once nothing is wrong any more. */
export const initLimitMs: number = tickMs * initLimitTicks;
/** A leader or follower that is silent for longer is given up. */
export const syncLimitMs: number = tickMs * syncLimitTicks;

/** A member that does not end when it is told to is killed. */
const stopMsMax = 10_000;
const answerMsMax = 1_500;

const properties: readonly string[] = [
  '-Dzookeeper.extendedTypesEnabled=true',
  // Small logs and many snapshots: both are read again and again.
  '-Dzookeeper.preAllocSize=1024',
  '-Dzookeeper.snapCount=2000',
  // A minute between two notifications is longer than anything here lasts.
  '-Dzookeeper.fastleader.maxNotificationInterval=2000',
];

/** What `srvr` says. */
export interface Status {
  readonly mode: string;
  readonly epoch: number;
  readonly zxid: string;
}

/** One server, a process on a machine of its own. */
export class Member {
  readonly sid: number;
  readonly kind: Kind;
  readonly host: string;
  readonly directory: string;
  /** Ended although nobody wanted that: what the process left as its code or signal. */
  readonly deaths: string[] = [];
  readonly #network: Network;
  readonly #command: readonly string[] | null;
  #process: ChildProcess | null = null;
  #isWanted = false;
  #isPaused = false;

  /** `command` runs it in place of the real server; the path of its zoo.cfg is added. */
  constructor(
    sid: number,
    kind: Kind,
    directory: string,
    network: Network,
    command: readonly string[] | null,
  ) {
    this.sid = sid;
    this.kind = kind;
    this.host = memberHost(sid);
    this.directory = directory;
    this.#network = network;
    this.#command = command;
  }

  get address(): string {
    return `${addressOf(this.host)}:${clientPort}`;
  }

  get isRunning(): boolean {
    return this.#process !== null;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  writeFiles(members: readonly Member[]): void {
    const dataDir = join(this.directory, 'data');
    mkdirSync(dataDir, { recursive: true });
    const lines = [
      `tickTime=${tickMs}`,
      `initLimit=${initLimitTicks}`,
      `syncLimit=${syncLimitTicks}`,
      `dataDir=${dataDir}`,
      `clientPort=${clientPort}`,
      'maxClientCnxns=0',
      '4lw.commands.whitelist=*',
      'admin.enableServer=false',
      ...members.map(({ sid, host }) => `server.${sid}=${addressOf(host)}:2888:3888`),
    ];
    writeFileSync(join(this.directory, 'zoo.cfg'), `${lines.join('\n')}\n`);
    writeFileSync(join(dataDir, 'myid'), `${this.sid}\n`);
  }

  start(): void {
    if (this.#process !== null) return;
    const log = openSync(join(this.directory, 'server.log'), 'a');
    const child = this.#network.spawn(this.host, this.#commandLine(), ['ignore', log, log]);
    closeSync(log);
    this.#process = child;
    this.#isWanted = true;
    this.#isPaused = false;
    child.once('exit', (code, signal) => {
      if (this.#process !== child) return;
      this.#process = null;
      if (this.#isWanted) this.deaths.push(`server ${this.sid} ended: ${signal ?? code}`);
    });
  }

  /** Resolves when the process has ended. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    this.#isWanted = false;
    const ended = new Promise<void>((done) => child.once('exit', () => done()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
    await ended;
    clearTimeout(timer);
  }

  pause(): void {
    if (this.#process?.kill('SIGSTOP') === true) this.#isPaused = true;
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
    this.#isPaused = false;
  }

  /** `null`: it serves nobody, or does not answer in time. */
  async status(): Promise<Status | null> {
    const text = await this.#ask('srvr');
    const mode = /^Mode: (\S+)/m.exec(text)?.[1];
    const zxid = /^Zxid: 0x([0-9a-f]+)$/m.exec(text)?.[1];
    if (mode === undefined || zxid === undefined) return null;
    return { mode, zxid, epoch: Number.parseInt(zxid.slice(0, -8) || '0', 16) };
  }

  /** Ephemeral nodes that it holds; `null` when it does not answer. */
  async ephemeralCount(): Promise<number | null> {
    const found = /^zk_ephemerals_count\t(\d+)$/m.exec(await this.#ask('mntr'))?.[1];
    return found === undefined ? null : Number(found);
  }

  #ask(word: string): Promise<string> {
    return new Promise((done) => {
      const socket = connect({ host: addressOf(this.host), port: clientPort });
      const timer = setTimeout(() => socket.destroy(), answerMsMax);
      let answer = '';
      socket.on('connect', () => socket.write(word));
      socket.on('data', (chunk) => (answer += chunk.toString('utf8')));
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        clearTimeout(timer);
        done(answer);
      });
    });
  }

  #commandLine(): readonly string[] {
    const cfg = join(this.directory, 'zoo.cfg');
    if (this.#command !== null) return [...this.#command, cfg];
    if (this.kind === 'ours') {
      return [node, join(root, 'server/bin/zk-server.js'), 'start-foreground', cfg, ...properties];
    }
    const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
    return ['java', '-Xmx512m', ...properties, '-cp', apacheClasspath(), main, cfg];
  }
}
