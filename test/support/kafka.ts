import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jarsOf } from './maven.ts';

/** The last line of releases that keeps its metadata in ZooKeeper. */
const version = '3.9.1';

function classpath(): string {
  return `${jarsOf(`kafka-${version}`, [
    ['org.apache.kafka', 'kafka_2.13', version],
    ['org.apache.kafka', 'kafka-tools', version],
  ])}/*`;
}

/** A broker: a process with its own directory and port on the loopback. */
export class Broker implements AsyncDisposable {
  readonly id: number;
  readonly port: number;
  readonly #directory: string;
  #process: ChildProcess | null = null;

  /** @param connectString of the ensemble, with a chroot if it has one. */
  constructor(id: number, port: number, directory: string, connectString: string) {
    this.id = id;
    this.port = port;
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    const settings: Record<string, string | number> = {
      'broker.id': id,
      listeners: `PLAINTEXT://127.0.0.1:${port}`,
      'zookeeper.connect': connectString,
      'zookeeper.session.timeout.ms': 6000,
      'log.dirs': join(directory, 'data'),
      'default.replication.factor': 3,
      'min.insync.replicas': 2,
      'offsets.topic.replication.factor': 3,
      'offsets.topic.num.partitions': 3,
      'group.initial.rebalance.delay.ms': 0,
      'controlled.shutdown.enable': 'true',
    };
    const text = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    writeFileSync(join(directory, 'server.properties'), `${text.join('\n')}\n`);
    writeFileSync(join(directory, 'log4j.properties'), log4j);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  start(): void {
    const log = openSync(join(this.#directory, 'broker.log'), 'a');
    const args = [
      '-Xmx384m',
      `-Dlog4j.configuration=file:${join(this.#directory, 'log4j.properties')}`,
      '-cp',
      classpath(),
      'kafka.Kafka',
      join(this.#directory, 'server.properties'),
    ];
    const child = spawn('java', args, { stdio: ['ignore', log, log], cwd: this.#directory });
    closeSync(log);
    this.#process = child;
    child.once('exit', () => {
      if (this.#process === child) this.#process = null;
    });
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await ended;
  }

  log(): string {
    return readFileSync(join(this.#directory, 'broker.log'), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL');
  }
}

const log4j = `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %m (%c)%n
log4j.logger.kafka.controller=INFO
`;

/** One of Kafka's own tools while it runs: its lines so far, and its end. */
export class KafkaTool implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly ended: Promise<void>;
  readonly #process: ChildProcess;

  constructor(main: string, args: readonly string[]) {
    const child = spawn('java', ['-Xmx256m', '-cp', classpath(), main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    let rest = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop() ?? '';
      this.lines.push(...parts);
    });
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    this.ended = new Promise((done, reject) => {
      child.on('close', (code) => {
        if (code === 0) done();
        else reject(new Error(`${main} ended with ${code}\n${this.lines.join('\n')}\n${errors}`));
      });
    });
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.ended.catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended.catch(() => undefined);
  }
}

/** Runs a tool to its end. */
export async function kafkaTool(main: string, args: readonly string[]): Promise<readonly string[]> {
  await using tool = new KafkaTool(main, args);
  await tool.ended;
  return tool.lines;
}
