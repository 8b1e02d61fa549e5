import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { parseArgs, promisify } from 'node:util';

import { ZkError, ZooKeeper } from '../../client/index.ts';
import { parseConnectString } from '../../client/hosts.ts';
import type { Host } from '../../client/hosts.ts';
import { Latencies } from './latencies.ts';
import { closeFrame, FrameBlock, handshakeFrame, ReplyCounter } from './load-frames.ts';

/**
 * A cheap load for servers: raw sockets, requests encoded beforehand, replies counted and not
 * decoded, one write for all that a chunk of replies makes room for. Runs as a process of its own:
 *
 * ```
 * node test/bench/raw-load.ts --hosts a:2181,b:2181 --mode mixed --connections 8 --window 1000 --json
 * ```
 */
export interface LoadOptions {
  /** `host:port,…`; connections go round. */
  readonly hosts: string;
  /** mixed: writes are {@link writePercent} of all. */
  readonly mode: 'setData' | 'getData' | 'mixed';
  readonly connections: number;
  /** Outstanding requests of a connection; 1: it waits for each reply. */
  readonly window: number;
  readonly seconds: number;
  /** Before anything is measured. */
  readonly warmupSeconds: number;
  readonly dataBytes: number;
  readonly writePercent: number;
}

export interface LoadResult extends LoadOptions {
  readonly operations: number;
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Replies with an error. */
  readonly errors: number;
  /** Connections that ended by themselves. */
  readonly lost: number;
  /** Of the generator: at 100 it is the bottleneck itself. */
  readonly generatorCpuPercent: number;
  readonly node: string;
}

export const loadDefaults: LoadOptions = {
  hosts: '127.0.0.1:2181',
  mode: 'setData',
  connections: 4,
  window: 1000,
  seconds: 5,
  warmupSeconds: 1,
  dataBytes: 100,
  writePercent: 10,
};

const sessionTimeoutMs = 30_000;
const root = '/bench-load';

/** Runs the load in a child process, so that it shares no event loop with what it measures. */
export async function runLoad(options: Partial<LoadOptions>): Promise<LoadResult> {
  const args = Object.entries({ ...loadDefaults, ...options }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  const { stdout } = await promisify(execFile)(process.execPath, [
    import.meta.filename,
    ...args,
    '--json',
  ]);
  return JSON.parse(stdout) as LoadResult;
}

/** Runs the load here. */
export async function generateLoad(options: LoadOptions): Promise<LoadResult> {
  const { hosts } = parseConnectString(options.hosts);
  const paths = await prepare(options);
  const latencies = new Latencies();
  const drivers = await Promise.all(
    paths.map((path, index) => {
      const host = hosts[index % hosts.length];
      if (host === undefined) throw new Error('no hosts');
      return LoadConnection.open(host, path, options, latencies);
    }),
  );
  for (const driver of drivers) driver.start();
  await passed(options.warmupSeconds);
  latencies.clear();
  const before = totals(drivers);
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  await passed(options.seconds);
  const after = totals(drivers);
  const elapsedMs = performance.now() - startMs;
  const used = process.cpuUsage(cpu);
  await Promise.all(drivers.map((driver) => driver.close()));
  await cleanUp(options, paths);
  const operations = after.count - before.count;
  return {
    ...options,
    operations,
    opsPerSecond: Math.round((operations / elapsedMs) * 1_000),
    p50Ms: latencies.quantileMs(0.5),
    p99Ms: latencies.quantileMs(0.99),
    p999Ms: latencies.quantileMs(0.999),
    maxMs: Math.round(latencies.maxMs * 100) / 100,
    errors: after.errors - before.errors,
    lost: after.lost,
    generatorCpuPercent: Math.round((used.user + used.system) / elapsedMs / 10),
    node: process.version,
  };
}

/** One socket with a fixed number of requests on the way. */
class LoadConnection {
  readonly #socket: Socket;
  readonly #block: FrameBlock;
  readonly #window: number;
  readonly #counter: ReplyCounter;
  readonly #latencies: Latencies;
  /** When a request left, by the low bits of its xid. */
  readonly #sentMs: Float64Array;
  #nextXid = 1;
  #nowMs = 0;
  #isClosing = false;
  isLost = false;

  private constructor(socket: Socket, path: string, options: LoadOptions, latencies: Latencies) {
    const { mode, writePercent, window, dataBytes } = options;
    const percents = { setData: 100, getData: 0, mixed: writePercent };
    const data = Buffer.alloc(dataBytes, 'x');
    this.#socket = socket;
    this.#window = window;
    this.#latencies = latencies;
    this.#block = new FrameBlock({ path, data, writePercent: percents[mode] }, window);
    this.#sentMs = new Float64Array(2 ** Math.ceil(Math.log2(window + 1)));
    this.#counter = new ReplyCounter((xid) => {
      this.#latencies.add(this.#nowMs - (this.#sentMs[xid & (this.#sentMs.length - 1)] ?? 0));
    });
  }

  static open(
    host: Host,
    path: string,
    options: LoadOptions,
    latencies: Latencies,
  ): Promise<LoadConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<LoadConnection>();
    const socket = connect({ host: host.host, port: host.port, noDelay: true });
    const greeting: Buffer[] = [];
    socket.on('error', reject);
    socket.on('connect', () => void socket.write(handshakeFrame(sessionTimeoutMs)));
    const onGreeting = (chunk: Buffer): void => {
      greeting.push(chunk);
      const bytes = Buffer.concat(greeting);
      if (bytes.length < 4 || bytes.length < 4 + bytes.readInt32BE()) return;
      socket.off('data', onGreeting);
      if (bytes.readInt32BE(8) <= 0) return reject(new Error(`${host.host}: session refused`));
      resolve(new LoadConnection(socket, path, options, latencies));
    };
    socket.on('data', onGreeting);
    socket.on('close', () => reject(new Error(`${host.host}:${host.port} closed`)));
    return promise;
  }

  get count(): number {
    return this.#counter.count;
  }

  get errors(): number {
    return this.#counter.errors;
  }

  start(): void {
    this.#socket.on('data', (chunk) => {
      const before = this.#counter.count;
      this.#nowMs = performance.now();
      this.#counter.push(chunk);
      if (!this.#isClosing) this.#send(this.#counter.count - before);
    });
    this.#socket.on('close', () => {
      this.isLost = !this.#isClosing;
    });
    this.#nowMs = performance.now();
    this.#send(this.#window);
  }

  close(): Promise<void> {
    this.#isClosing = true;
    if (this.#socket.destroyed) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.on('close', () => resolve());
    this.#socket.write(closeFrame(this.#nextXid));
    return promise;
  }

  #send(count: number): void {
    if (count === 0) return;
    const first = this.#nextXid;
    const mask = this.#sentMs.length - 1;
    for (let xid = first; xid < first + count; xid += 1) this.#sentMs[xid & mask] = this.#nowMs;
    this.#nextXid += count;
    this.#socket.write(this.#block.take(count, first));
  }
}

function totals(drivers: readonly LoadConnection[]): {
  readonly count: number;
  readonly errors: number;
  readonly lost: number;
} {
  const total = { count: 0, errors: 0, lost: 0 };
  for (const driver of drivers) {
    total.count += driver.count;
    total.errors += driver.errors;
    total.lost += Number(driver.isLost);
  }
  return total;
}

/** One node for each connection, filled. */
async function prepare(options: LoadOptions): Promise<string[]> {
  await using zk = await ZooKeeper.connect(options.hosts, { sessionTimeoutMs });
  await zk.create(root).catch(ignore('NODE_EXISTS'));
  const data = Buffer.alloc(options.dataBytes, 'x');
  const paths = Array.from(
    { length: options.connections },
    (_, index) => `${root}/node-${process.pid}-${index}`,
  );
  await Promise.all(paths.map((path) => zk.create(path, data)));
  // Every server must have them before it is asked.
  for (const { host, port } of parseConnectString(options.hosts).hosts) {
    await using one = await ZooKeeper.connect(`${host}:${port}`, { sessionTimeoutMs });
    await one.sync(root);
  }
  return paths;
}

async function cleanUp(options: LoadOptions, paths: readonly string[]): Promise<void> {
  await using zk = await ZooKeeper.connect(options.hosts, { sessionTimeoutMs });
  await Promise.all(paths.map((path) => zk.remove(path).catch(ignore('NO_NODE'))));
}

function ignore(code: ZkError['code']): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof ZkError) || error.code !== code) throw error;
  };
}

function passed(seconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, seconds * 1_000));
}

function optionsOf(args: readonly string[]): {
  readonly load: LoadOptions;
  readonly json: boolean;
} {
  const strings = Object.fromEntries(
    Object.entries(loadDefaults).map(([name, value]) => [
      name,
      { type: 'string', default: String(value) } as const,
    ]),
  );
  const { values } = parseArgs({
    args: [...args],
    options: { ...strings, json: { type: 'boolean', default: false } },
  });
  const number = (name: keyof LoadOptions): number =>
    Number((values as Record<string, unknown>)[name]);
  const { hosts, mode } = values as unknown as LoadOptions;
  if (!['setData', 'getData', 'mixed'].includes(mode)) throw new Error(`unknown mode ${mode}`);
  const load: LoadOptions = {
    hosts,
    mode,
    connections: number('connections'),
    window: number('window'),
    seconds: number('seconds'),
    warmupSeconds: number('warmupSeconds'),
    dataBytes: number('dataBytes'),
    writePercent: number('writePercent'),
  };
  return { load, json: values.json };
}

if (import.meta.main) {
  const { load, json } = optionsOf(process.argv.slice(2));
  const result = await generateLoad(load);
  if (json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    for (const [name, value] of Object.entries(result)) {
      process.stdout.write(`${name.padEnd(20)} ${value}\n`);
    }
  }
}
