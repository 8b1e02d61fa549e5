import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { parseArgs } from 'node:util';
import { buffer, createFrame, frame, getFrame, int32, pathOf, setFrame } from './frames.ts';
import { Histogram } from './histogram.ts';

// The load generator: raw frames, encoded once and only renumbered, replies counted by their
// lengths. It prints one line of JSON with its own processor time, so that a run shows whether the
// generator was the bottleneck.
//
//   node test/bench/load.ts --hosts h:p,h:p --mode set|get|mixed --connections 6 --window 200 --seconds 5

/** Nodes that the load spreads over. */
const nodeCount = 1000;

/** Every tenth request of the mixed load is a write. */
const mixedWriteEvery = 10;

const replyHeaderBytes = 16;

export interface LoadResult {
  readonly ops: number;
  readonly errors: number;
  readonly seconds: number;
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the generator itself. */
  readonly cpuSeconds: number;
}

type Mode = 'set' | 'get' | 'mixed' | 'prepare';

/** One connection with a session, that keeps `window` requests outstanding. */
class LoadConnection {
  readonly #socket: Socket;
  readonly #frames: (sequence: number) => Buffer;
  readonly #window: number;
  readonly #sentMs: Float64Array;
  readonly #onLatency: (ms: number) => void;
  #received: Buffer = Buffer.alloc(0);
  #sequence = 0;
  #limit = Number.POSITIVE_INFINITY;
  #answered = 0;
  #isOpen = false;
  #isStopping = false;
  #isClosing = false;
  #onOpen: () => void = () => undefined;
  #onIdle: () => void = () => undefined;
  errors = 0;

  constructor(
    address: string,
    window: number,
    frames: (sequence: number) => Buffer,
    onLatency: (ms: number) => void,
  ) {
    const colon = address.lastIndexOf(':');
    this.#window = window;
    this.#frames = frames;
    this.#sentMs = new Float64Array(window);
    this.#onLatency = onLatency;
    const place = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
    this.#socket = tls === null ? connect(place) : tlsConnect({ ...place, ...tls });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', (error) => {
      console.error(`${address}: ${error.message}`);
      process.exit(1);
    });
    this.#socket.on('close', () => {
      if (this.#isStopping) return;
      console.error(`${address} closed the connection`);
      process.exit(1);
    });
  }

  get answered(): number {
    return this.#answered;
  }

  open(): Promise<void> {
    const request = Buffer.concat([
      int32(0),
      Buffer.alloc(8),
      int32(30_000),
      Buffer.alloc(8),
      buffer(Buffer.alloc(16)),
      Buffer.from([0]),
    ]);
    this.#socket.write(Buffer.concat([int32(request.length), request]));
    return new Promise((resolve) => {
      this.#onOpen = resolve;
    });
  }

  /** `limit`: stops by itself after so many. */
  start(limit: number = Number.POSITIVE_INFINITY): void {
    this.#limit = limit;
    this.#send(Math.min(this.#window, limit));
  }

  /** Sends no more; resolves when everything that was sent is answered. */
  drained(): Promise<void> {
    this.#isStopping = true;
    return this.idle();
  }

  /** Resolves when nothing is outstanding. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#sequence === this.#answered) resolve();
      else this.#onIdle = resolve;
    });
  }

  close(): void {
    this.#isStopping = true;
    this.#isClosing = true;
    this.#socket.end(frame(-11, []));
  }

  #send(count: number): void {
    const parts: Buffer[] = [];
    let bytes = 0;
    for (let index = 0; index < count; index += 1) {
      const next = this.#frames(this.#sequence + index);
      parts.push(next);
      bytes += next.length;
    }
    const all = Buffer.allocUnsafe(bytes);
    const nowMs = performance.now();
    let at = 0;
    for (const part of parts) {
      part.copy(all, at);
      all.writeInt32BE((this.#sequence + 1) & 0x7fffffff, at + 4);
      this.#sentMs[this.#sequence % this.#window] = nowMs;
      this.#sequence += 1;
      at += part.length;
    }
    this.#socket.write(all);
  }

  #take(chunk: Buffer): void {
    const bytes = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const nowMs = performance.now();
    let at = 0;
    let count = 0;
    while (at + 4 <= bytes.length) {
      const length = bytes.readInt32BE(at);
      if (at + 4 + length > bytes.length) break;
      if (!this.#isOpen) {
        this.#isOpen = true;
        this.#onOpen();
      } else if (length >= replyHeaderBytes && !this.#isClosing) {
        this.#answer(bytes.readInt32BE(at + 4), bytes.readInt32BE(at + 16), nowMs);
        count += 1;
      }
      at += 4 + length;
    }
    this.#received = at === bytes.length ? Buffer.alloc(0) : bytes.subarray(at);
    if (count === 0) return;
    if (!this.#isStopping) {
      const left = this.#limit - this.#sequence;
      if (left > 0) this.#send(Math.min(count, left));
    }
    if (this.#sequence === this.#answered) this.#onIdle();
  }

  #answer(xid: number, error: number, nowMs: number): void {
    if (xid !== ((this.#answered + 1) & 0x7fffffff)) {
      console.error(`reply ${xid} out of order: ${this.#answered + 1} was expected`);
      process.exit(1);
    }
    if (error !== 0) this.errors += 1;
    this.#onLatency(nowMs - (this.#sentMs[this.#answered % this.#window] ?? nowMs));
    this.#answered += 1;
  }
}

const { values } = parseArgs({
  options: {
    hosts: { type: 'string' },
    mode: { type: 'string', default: 'set' },
    connections: { type: 'string', default: '6' },
    window: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '1' },
    /** PEM files; with them every connection is TLS: whom to trust, own key with its certificate. */
    trust: { type: 'string' },
    keys: { type: 'string' },
    /** Of `prepare`: how many nodes to make. */
    nodes: { type: 'string', default: String(nodeCount) },
  },
});

const tls = tlsOf(values.trust, values.keys);

function tlsOf(trust: string | undefined, keys: string | undefined): ConnectionOptions | null {
  if (trust === undefined || keys === undefined) return null;
  const own = readFileSync(keys);
  return { ca: readFileSync(trust), key: own, cert: own };
}

function framesOf(mode: Mode): (sequence: number) => Buffer {
  const sets = Array.from({ length: nodeCount }, (_, node) => setFrame(node));
  const gets = Array.from({ length: nodeCount }, (_, node) => getFrame(node));
  const at = (list: Buffer[], index: number): Buffer => list[index % nodeCount] as Buffer;
  switch (mode) {
    case 'set':
      return (sequence) => at(sets, sequence);
    case 'get':
      return (sequence) => at(gets, sequence);
    case 'mixed':
      return (sequence) => at(sequence % mixedWriteEvery === 0 ? sets : gets, sequence);
    case 'prepare':
      return (sequence) => createFrame(sequence === 0 ? '/bench' : pathOf(sequence - 1));
  }
}

async function main(): Promise<void> {
  const hosts = (values.hosts ?? '').split(',');
  const mode = values.mode as Mode;
  const histogram = new Histogram();
  let isMeasuring = false;
  const onLatency = (ms: number): void => {
    if (isMeasuring) histogram.add(ms);
  };
  const count = mode === 'prepare' ? 1 : Number(values.connections);
  const connections = Array.from({ length: count }, (_, index) => {
    const address = hosts[index % hosts.length] ?? '';
    const offset = index * 37;
    const frames = framesOf(mode);
    const window = Number(values.window);
    return new LoadConnection(
      address,
      window,
      mode === 'prepare' ? frames : (sequence) => frames(sequence + offset),
      onLatency,
    );
  });
  await Promise.all(connections.map((connection) => connection.open()));
  if (mode === 'prepare') {
    connections[0]?.start(Number(values.nodes) + 1);
    await connections[0]?.idle();
    console.log(JSON.stringify({ nodes: Number(values.nodes), errors: connections[0]?.errors }));
    connections[0]?.close();
    return;
  }
  for (const connection of connections) connection.start();
  await seconds(Number(values.warmup));
  isMeasuring = true;
  const startMs = performance.now();
  const cpuStart = process.cpuUsage();
  const before = sum(connections);
  await seconds(Number(values.seconds));
  isMeasuring = false;
  const ops = sum(connections) - before;
  const elapsed = (performance.now() - startMs) / 1000;
  const cpu = process.cpuUsage(cpuStart);
  const result: LoadResult = {
    ops,
    errors: connections.reduce((total, connection) => total + connection.errors, 0),
    seconds: elapsed,
    opsPerSecond: ops / elapsed,
    p50Ms: histogram.quantile(0.5),
    p99Ms: histogram.quantile(0.99),
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  };
  console.log(JSON.stringify(result));
  await Promise.all(connections.map((connection) => connection.drained()));
  for (const connection of connections) connection.close();
}

function sum(connections: readonly LoadConnection[]): number {
  return connections.reduce((total, connection) => total + connection.answered, 0);
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}

await main();
