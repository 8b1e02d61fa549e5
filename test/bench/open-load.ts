import { parseArgs } from 'node:util';
import { getFrame, setFrame } from './frames.ts';
import { Histogram } from './histogram.ts';
import { RawClient } from './raw-client.ts';

// A load at a fixed rate, whatever the servers do: request number n is due at n / rate, and its
// latency counts from then, also when it could only be sent late. So a server that stands still for
// a moment pays for all that was due meanwhile.
//
//   node test/bench/open-load.ts --hosts h:p,h:p --reads 20000 --writes 2000 --seconds 5

/** Nodes that the load spreads over. */
const nodeCount = 1000;

export interface Latencies {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

export interface OpenLoadResult {
  readonly errors: number;
  /** Of the whole load; the rate that was asked for when nothing is in the way. */
  readonly opsPerSecond: number;
  readonly reads: Latencies;
  readonly writes: Latencies;
}

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '' },
    reads: { type: 'string', default: '20000' },
    writes: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '1' },
  },
});

const readsPerSecond = Number(values.reads);
const writesPerSecond = Number(values.writes);
const perSecond = readsPerSecond + writesPerSecond;
const warmupMs = Number(values.warmup) * 1000;
const endMs = warmupMs + Number(values.seconds) * 1000;

const reads = new Histogram();
const writes = new Histogram();
let errors = 0;

/** Spreads the writes evenly over the requests. */
function isWrite(request: number): boolean {
  const share = writesPerSecond / perSecond;
  return Math.floor((request + 1) * share) > Math.floor(request * share);
}

async function send(client: RawClient, request: number, startMs: number): Promise<void> {
  const dueMs = (request / perSecond) * 1000;
  const writing = isWrite(request);
  const node = request % nodeCount;
  const error = await client.request(writing ? setFrame(node) : getFrame(node));
  if (error !== 0) errors += 1;
  if (dueMs < warmupMs) return;
  (writing ? writes : reads).add(performance.now() - startMs - dueMs);
}

/** Sends what is due, looks again a millisecond later, and ends with the last answer. */
async function run(clients: readonly RawClient[]): Promise<number> {
  const total = Math.floor((endMs / 1000) * perSecond);
  const startMs = performance.now();
  let sent = 0;
  let answered = 0;
  return new Promise((done, reject) => {
    const sendDue = (): void => {
      const due = Math.floor(((performance.now() - startMs) / 1000) * perSecond);
      for (; sent < Math.min(due, total); sent += 1) {
        const client = clients[sent % clients.length] as RawClient;
        send(client, sent, startMs).then(() => {
          answered += 1;
          if (answered === total) done(performance.now() - startMs);
        }, reject);
      }
      if (sent < total) setTimeout(sendDue, 1);
    };
    sendDue();
  });
}

function latenciesOf(histogram: Histogram): Latencies {
  return {
    count: histogram.count,
    p50Ms: histogram.quantile(0.5),
    p99Ms: histogram.quantile(0.99),
    p999Ms: histogram.quantile(0.999),
  };
}

const hosts = values.hosts.split(',');
const clients = await Promise.all(
  Array.from({ length: Number(values.connections) }, (_, index) =>
    RawClient.open(hosts[index % hosts.length] ?? '', 10_000),
  ),
);
const elapsedMs = await run(clients);
const result: OpenLoadResult = {
  errors,
  opsPerSecond: (Math.floor((endMs / 1000) * perSecond) / elapsedMs) * 1000,
  reads: latenciesOf(reads),
  writes: latenciesOf(writes),
};
console.log(JSON.stringify(result));
for (const client of clients) client.destroy();
