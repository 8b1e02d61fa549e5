import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { apacheClasspath } from './apache.ts';
import { freePorts } from './ports.ts';

/** Whose server a member runs. */
export type Kind = 'ours' | 'apache';

export interface MemberSpec {
  readonly kind: Kind;
  readonly role?: 'participant' | 'observer';
  /** Where the others reach it; 127.0.0.1 otherwise. Several with `multiAddress.enabled` alone. */
  readonly hosts?: readonly string[];
  /** More lines of its own zoo.cfg. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** More properties of its own. */
  readonly properties?: Readonly<Record<string, string>>;
  /** What a shell does before it becomes the server, e.g. `ulimit -n 64`. */
  readonly shell?: string;
}

export interface EnsembleOptions {
  readonly members: readonly MemberSpec[];
  /** More lines of zoo.cfg, for every member. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Java properties, `-D…` for Apache's and system properties for ours. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly tickMs?: number;
}

interface MemberPorts {
  readonly quorum: number;
  readonly election: number;
  readonly client: number;
  readonly admin: number;
}

const root = resolve(import.meta.dirname, '../..');
const node = join(root, 'node_modules/.bin/node');
const pollMs = 20;
let lastNumber = 0;

/** One server of a real ensemble: a process with its own directory and ports on the loopback. */
export class Member {
  readonly sid: number;
  readonly spec: MemberSpec;
  readonly directory: string;
  readonly clientPort: number;
  readonly adminPort: number;
  readonly quorumPort: number;
  readonly electionPort: number;
  readonly #options: EnsembleOptions;
  #process: ChildProcess | null = null;

  constructor(
    sid: number,
    spec: MemberSpec,
    directory: string,
    ports: MemberPorts,
    options: EnsembleOptions,
  ) {
    this.sid = sid;
    this.spec = spec;
    this.directory = directory;
    this.clientPort = ports.client;
    this.adminPort = ports.admin;
    this.quorumPort = ports.quorum;
    this.electionPort = ports.election;
    this.#options = options;
  }

  get address(): string {
    return `127.0.0.1:${this.clientPort}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error(`server ${this.sid} does not run`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#process !== null;
  }

  /** With another kind than before, its directory changes hands. */
  start(kind: Kind = this.spec.kind): void {
    if (this.#process !== null) throw new Error(`server ${this.sid} runs already`);
    const log = openSync(join(this.directory, 'server.log'), 'a');
    const cfg = join(this.directory, 'zoo.cfg');
    const [command, args] = kind === 'ours' ? this.#ours(cfg) : this.#apache(cfg);
    const { shell } = this.spec;
    const options: SpawnOptions = { stdio: ['ignore', log, log], cwd: this.directory };
    const child =
      shell === undefined
        ? spawn(command, args, options)
        : spawn('sh', ['-c', `${shell}; exec "$@"`, 'sh', command, ...args], options);
    closeSync(log);
    this.#process = child;
    child.once('exit', () => {
      if (this.#process === child) this.#process = null;
    });
  }

  /** Starts it and waits for its end; resolves with the exit code. */
  async exits(withinMs: number): Promise<number | null> {
    this.start();
    const child = this.#process;
    await until(`server ${this.sid} to end`, withinMs, () => this.#process !== child);
    return child?.exitCode ?? null;
  }

  /** Resolves with the exit code when the process has ended; `null`: the signal ended it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.#process;
    if (child === null) return null;
    const ended = new Promise<number | null>((done) => child.once('exit', done));
    child.kill(signal);
    return ended;
  }

  /** The process goes on, unless that signal ends it. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Changes lines of its zoo.cfg; they count from its next start. */
  configure(settings: Readonly<Record<string, string | number>>): void {
    const path = join(this.directory, 'zoo.cfg');
    const kept = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !((line.split('=', 1)[0] ?? '') in settings));
    const changed = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    writeFileSync(path, `${[...kept, ...changed].join('\n')}\n`);
  }

  /** Takes its log and snapshots, as if the disk were new. */
  wipe(): void {
    rmSync(join(this.directory, 'data/version-2'), { recursive: true, force: true });
  }

  /** The answer to a four-letter word; `null` when nobody listens. */
  ask(word: string): Promise<string | null> {
    return new Promise((done) => {
      const socket = connect({ host: '127.0.0.1', port: this.clientPort, timeout: 2000 });
      let answer = '';
      socket.on('connect', () => socket.write(word));
      socket.on('data', (chunk) => (answer += chunk.toString('utf8')));
      socket.on('timeout', () => socket.destroy());
      socket.on('error', () => done(null));
      socket.on('close', () => done(answer));
    });
  }

  /** leader, follower, observer or standalone; `null` while it serves nobody. */
  async mode(): Promise<string | null> {
    return /^Mode: (\S+)/m.exec((await this.ask('srvr')) ?? '')?.[1] ?? null;
  }

  log(): string {
    return readFileSync(join(this.directory, 'server.log'), 'utf8');
  }

  /** Processor time used so far, s; of this run of the process. */
  cpuSeconds(): number {
    const text = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Memory of the process that is in RAM, bytes. */
  rssBytes(): number {
    const text = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0) * 1024;
  }

  #properties(): string[] {
    const all = { ...this.#options.properties, ...this.spec.properties };
    return Object.entries(all).map(([key, value]) => `-D${key}=${value}`);
  }

  #ours(cfg: string): [string, string[]] {
    return [
      node,
      [join(root, 'server/bin/zk-server.js'), 'start-foreground', cfg, ...this.#properties()],
    ];
  }

  #apache(cfg: string): [string, string[]] {
    // The heap that its start script gives it.
    const args = ['-Xmx1000m', '-Dzookeeper.admin.enableServer=false', ...this.#properties()];
    const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
    return ['java', [...args, '-cp', apacheClasspath(), main, cfg]];
  }
}

/** Real servers on this machine, ours, Apache's or both; gone with its directory when disposed of. */
export class RealEnsemble implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly #directory: string;

  private constructor(members: readonly Member[], directory: string) {
    this.members = members;
    this.#directory = directory;
  }

  /** Writes every member's files; {@link Member.start} or {@link startAll} runs them. */
  static async create(options: EnsembleOptions): Promise<RealEnsemble> {
    lastNumber += 1;
    const directory = join(tmpdir(), `zkensemble-${process.pid}-${lastNumber}`);
    const ports = await freePorts(options.members.length * 4);
    const portsOf = (index: number): MemberPorts => {
      const [quorum = 0, election = 0, client = 0, admin = 0] = ports.slice(index * 4);
      return { quorum, election, client, admin };
    };
    const lines = options.members.map((member, index) => {
      const { quorum, election } = portsOf(index);
      const role = member.role ?? 'participant';
      const addresses = (member.hosts ?? ['127.0.0.1']).map(
        (host) => `${host}:${quorum}:${election}:${role}`,
      );
      return `server.${index + 1}=${addresses.join('|')}`;
    });
    const members = options.members.map((spec, index) => {
      const home = join(directory, String(index + 1));
      const member = new Member(index + 1, spec, home, portsOf(index), options);
      writeFiles(member, lines, options);
      return member;
    });
    return new RealEnsemble(members, directory);
  }

  static async started(options: EnsembleOptions): Promise<RealEnsemble> {
    const ensemble = await RealEnsemble.create(options);
    ensemble.startAll();
    await ensemble.ready();
    return ensemble;
  }

  get connectString(): string {
    return this.members.map((member) => member.address).join(',');
  }

  member(sid: number): Member {
    const found = this.members[sid - 1];
    if (found === undefined) throw new Error(`no server ${sid}`);
    return found;
  }

  startAll(): void {
    for (const member of this.members) member.start();
  }

  /** Every running member serves clients. */
  async ready(withinMs: number = 60_000): Promise<void> {
    await until('every server to serve', withinMs, async () => {
      const running = this.members.filter((member) => member.isRunning);
      const modes = await Promise.all(running.map((member) => member.mode()));
      return modes.length > 0 && modes.every((mode) => mode !== null);
    });
  }

  async leader(): Promise<Member> {
    let found: Member | undefined;
    await until('a leader', 60_000, async () => {
      for (const member of this.members) {
        const mode = member.isRunning ? await member.mode() : null;
        if (mode === 'leader' || mode === 'standalone') found = member;
      }
      return found !== undefined;
    });
    return found as Member;
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill('SIGKILL')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAll();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Waits for a condition, looking often; fails with its name. */
export async function until(
  what: string,
  withinMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`waited ${withinMs} ms for ${what}`);
    await delay(pollMs);
  }
}

function writeFiles(member: Member, lines: readonly string[], options: EnsembleOptions): void {
  const dataDir = join(member.directory, 'data');
  mkdirSync(dataDir, { recursive: true });
  const settings: Record<string, string | number> = {
    tickTime: options.tickMs ?? 2000,
    initLimit: 10,
    syncLimit: 5,
    dataDir,
    clientPort: member.clientPort,
    clientPortAddress: '127.0.0.1',
    maxClientCnxns: 0,
    '4lw.commands.whitelist': '*',
    'admin.serverPort': member.adminPort,
    'admin.serverAddress': '127.0.0.1',
    ...options.settings,
    ...member.spec.settings,
  };
  const text = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  const servers = options.members.length > 1 ? lines : [];
  if (member.spec.role === 'observer') text.push('peerType=observer');
  writeFileSync(join(member.directory, 'zoo.cfg'), `${[...text, ...servers].join('\n')}\n`);
  if (options.members.length > 1) writeFileSync(join(dataDir, 'myid'), `${member.sid}\n`);
}
