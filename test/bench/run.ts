import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { apacheMissing, apacheVersion } from '../support/apache.ts';
import { RealEnsemble } from '../support/real-ensemble.ts';
import type { Kind } from '../support/real-ensemble.ts';
import type { LoadResult } from './load.ts';
import { RawClient, firstWrite } from './raw-client.ts';

// The same load against this server and against Apache ZooKeeper, three members each, fsync on, in
// one run with rounds interleaved. What counts are the ratios of the last column.
//
//   npm run bench               everything, about fifteen minutes
//   npm run bench -- --short    rates, start and failover alone, about two minutes

const root = resolve(import.meta.dirname, '../..');
const node = join(root, 'node_modules/.bin/node');

interface LoadCase {
  readonly name: string;
  readonly args: readonly string[];
  /** Throughput, as a multiple of the reference's, that is aimed at. */
  readonly throughputAim: number;
  /** CPU per operation, as a share of the reference's. */
  readonly cpuAim: number;
}

const cases: readonly LoadCase[] = [
  { name: 'pipelined writes', args: ['--mode', 'set'], throughputAim: 3, cpuAim: 1 / 4 },
  { name: 'pipelined reads', args: ['--mode', 'get'], throughputAim: 6, cpuAim: 1 / 8 },
  { name: '90/10 reads/writes', args: ['--mode', 'mixed'], throughputAim: 4, cpuAim: 1 / 4 },
  {
    name: '64 waiting writers',
    args: ['--mode', 'set', '--connections', '64', '--window', '1'],
    throughputAim: 2,
    cpuAim: 1 / 2,
  },
  {
    name: '64 waiting readers',
    args: ['--mode', 'get', '--connections', '64', '--window', '1'],
    throughputAim: 1,
    cpuAim: 1 / 2,
  },
  {
    name: 'one waiting writer',
    args: ['--mode', 'set', '--connections', '1', '--window', '1'],
    throughputAim: 1.1,
    cpuAim: 1,
  },
];

interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly theirs: number;
  /** Ours over theirs; `aim` is its bound. */
  readonly aim: number;
  readonly wantsMore: boolean;
}

const rows: Row[] = [];

function report(row: Row): void {
  rows.push(row);
  console.log(line(row));
}

function line(row: Row): string {
  const ratio = row.ours / row.theirs;
  const isMet = row.wantsMore ? ratio >= row.aim : ratio <= row.aim;
  const verdict = isMet ? 'met' : 'MISSED';
  const aim = `${row.wantsMore ? '≥' : '≤'} ${row.aim.toFixed(2)}`;
  return (
    `| ${row.what.padEnd(42)} | ${number(row.ours).padStart(10)} | ${number(row.theirs).padStart(10)} ` +
    `| ${row.unit.padEnd(8)} | ${ratio.toFixed(2).padStart(6)} | ${aim.padStart(6)} | ${verdict.padEnd(6)} |`
  );
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function load(hosts: string, args: readonly string[]): Promise<LoadResult> {
  return new Promise((done, reject) => {
    const script = join(import.meta.dirname, 'load.ts');
    const child = spawn(node, [script, '--hosts', hosts, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('exit', (code) => {
      if (code === 0) done(JSON.parse(output) as LoadResult);
      else reject(new Error(`the load generator ended with ${code}`));
    });
  });
}

interface Measured {
  readonly result: LoadResult;
  /** Of all three servers. */
  readonly cpuUsPerOp: number;
}

async function measureLoad(
  ensemble: RealEnsemble,
  args: readonly string[],
  seconds: number,
): Promise<Measured> {
  const before = cpuSeconds(ensemble);
  const result = await load(ensemble.connectString, [...args, '--seconds', String(seconds)]);
  const after = cpuSeconds(ensemble);
  if (result.errors > 0) throw new Error(`${result.errors} requests failed`);
  // The servers also worked through the warm-up second.
  const opsInAll = result.opsPerSecond * (seconds + 1);
  return { result, cpuUsPerOp: ((after - before) / opsInAll) * 1e6 };
}

function cpuSeconds(ensemble: RealEnsemble): number {
  return ensemble.members.reduce((total, member) => total + member.cpuSeconds(), 0);
}

function rssMb(ensemble: RealEnsemble): number {
  const bytes = ensemble.members.map((member) => member.rssBytes());
  return bytes.reduce((total, one) => total + one, 0) / bytes.length / 1e6;
}

type Pair = Readonly<Record<Kind, RealEnsemble>>;

async function rates(pair: Pair, rounds: number, seconds: number): Promise<void> {
  for (const ensemble of [pair.ours, pair.apache]) {
    await load(ensemble.connectString, ['--mode', 'prepare']);
  }
  for (const one of cases) {
    const measured: Record<Kind, Measured[]> = { ours: [], apache: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of ['ours', 'apache'] as const) {
        measured[kind].push(await measureLoad(pair[kind], one.args, seconds));
      }
    }
    const of = (kind: Kind, pick: (one: Measured) => number): number =>
      median(measured[kind].map(pick));
    const both = (pick: (one: Measured) => number): { ours: number; theirs: number } => ({
      ours: of('ours', pick),
      theirs: of('apache', pick),
    });
    const rate = both(({ result }) => result.opsPerSecond);
    report({ what: one.name, unit: 'ops/s', ...rate, aim: one.throughputAim, wantsMore: true });
    const cpu = both(({ cpuUsPerOp }) => cpuUsPerOp);
    report({ what: '  CPU', unit: 'µs/op', ...cpu, aim: one.cpuAim, wantsMore: false });
    const p50 = both(({ result }) => result.p50Ms);
    report({ what: '  p50', unit: 'ms', ...p50, aim: 1, wantsMore: false });
    const p99 = both(({ result }) => result.p99Ms);
    report({ what: '  p99', unit: 'ms', ...p99, aim: 1, wantsMore: false });
    const busy = both(({ result }) => (result.cpuSeconds / result.seconds) * 100);
    console.log(
      `  (generator busy: ${busy.ours.toFixed(0)} % of a core with ours, ${busy.theirs.toFixed(0)} % with Apache's)`,
    );
  }
}

/** From spawning three servers with empty disks to the first write. */
async function startTime(kind: Kind): Promise<number> {
  await using ensemble = await RealEnsemble.create(threeOf(kind));
  const startMs = performance.now();
  ensemble.startAll();
  return (await firstWrite(addresses(ensemble), 60_000)) - startMs;
}

/** From kill -9 of the leader to the next write. */
async function failover(kind: Kind): Promise<number> {
  await using ensemble = await RealEnsemble.started(threeOf(kind));
  await firstWrite(addresses(ensemble), 10_000);
  const leader = await ensemble.leader();
  const killMs = performance.now();
  await leader.kill('SIGKILL');
  const others = ensemble.members.filter((member) => member !== leader);
  const atMs = await firstWrite(
    others.map((member) => member.address),
    60_000,
  );
  return atMs - killMs;
}

async function compareTimes(
  what: string,
  aim: number,
  rounds: number,
  measure: (kind: Kind) => Promise<number>,
): Promise<void> {
  const times: Record<Kind, number[]> = { ours: [], apache: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of ['ours', 'apache'] as const) times[kind].push(await measure(kind));
  }
  const [ours, theirs] = [median(times.ours), median(times.apache)];
  report({ what, unit: 'ms', ours, theirs, aim, wantsMore: false });
}

/** Memory with a million nodes, and the time of a restart with them. */
async function millionNodes(kind: Kind): Promise<{ rssMb: number; restartMs: number }> {
  await using ensemble = await RealEnsemble.started(threeOf(kind));
  await load(ensemble.connectString, [
    '--mode',
    'prepare',
    '--nodes',
    '1000000',
    '--window',
    '1000',
  ]);
  const rss = rssMb(ensemble);
  await ensemble.stopAll();
  const startMs = performance.now();
  ensemble.startAll();
  const restartMs = (await firstWrite(addresses(ensemble), 300_000)) - startMs;
  return { rssMb: rss, restartMs };
}

/** Ten thousand sessions, each with a watch on one node: memory, and the time to tell them all. */
async function watchers(kind: Kind, count: number): Promise<{ tellMs: number; rssMb: number }> {
  await using ensemble = await RealEnsemble.started(threeOf(kind));
  const writer = await RawClient.open(ensemble.member(1).address, 10_000);
  await writer.create('/watched');
  const clients: RawClient[] = [];
  const all = addresses(ensemble);
  let left = count;
  let done: () => void = () => undefined;
  const told = new Promise<void>((resolve) => (done = resolve));
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(100, count - clients.length) }, (_, index) =>
      RawClient.open(all[(clients.length + index) % all.length] ?? '', 30_000),
    );
    for (const client of await Promise.all(batch)) {
      client.onEvent = () => {
        left -= 1;
        if (left === 0) done();
      };
      clients.push(client);
    }
  }
  await Promise.all(clients.map((client) => client.watch('/watched')));
  const rss = rssMb(ensemble);
  const startMs = performance.now();
  await writer.set('/watched', Buffer.alloc(100));
  await told;
  const tellMs = performance.now() - startMs;
  for (const client of clients) client.destroy();
  return { tellMs, rssMb: rss };
}

async function compareLarge(): Promise<void> {
  const million = { ours: await millionNodes('ours'), apache: await millionNodes('apache') };
  report({
    what: 'memory with 1,000,000 znodes',
    unit: 'MB',
    ours: million.ours.rssMb,
    theirs: million.apache.rssMb,
    aim: 1 / 2,
    wantsMore: false,
  });
  report({
    what: 'restart with 1,000,000 znodes',
    unit: 'ms',
    ours: million.ours.restartMs,
    theirs: million.apache.restartMs,
    aim: 1 / 2,
    wantsMore: false,
  });
  const watching = {
    ours: await watchers('ours', 10_000),
    apache: await watchers('apache', 10_000),
  };
  report({
    what: '10,000 watchers told',
    unit: 'ms',
    ours: watching.ours.tellMs,
    theirs: watching.apache.tellMs,
    aim: 1,
    wantsMore: false,
  });
  report({
    what: 'memory with 10,000 sessions',
    unit: 'MB',
    ours: watching.ours.rssMb,
    theirs: watching.apache.rssMb,
    aim: 1,
    wantsMore: false,
  });
}

function threeOf(kind: Kind): Parameters<typeof RealEnsemble.create>[0] {
  return { members: [{ kind }, { kind }, { kind }] };
}

function addresses(ensemble: RealEnsemble): string[] {
  return ensemble.members.map((member) => member.address);
}

const header =
  `| ${'what'.padEnd(42)} | ${'ours'.padStart(10)} | ${'Apache'.padStart(10)} | unit     |  ratio |    aim |        |\n` +
  `|${'-'.repeat(44)}|${'-'.repeat(12)}|${'-'.repeat(12)}|${'-'.repeat(10)}|${'-'.repeat(8)}|${'-'.repeat(8)}|${'-'.repeat(8)}|`;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
  const missing = apacheMissing();
  if (missing !== null) {
    console.log(
      `Apache ZooKeeper cannot be run: ${missing}. The bench compares, so it does nothing alone.`,
    );
    return;
  }
  console.log(`this server and Apache ZooKeeper ${apacheVersion}, three members each, fsync on\n`);
  console.log(header);
  {
    await using ours = await RealEnsemble.started(threeOf('ours'));
    await using apache = await RealEnsemble.started(threeOf('apache'));
    report({
      what: 'idle memory of a server',
      unit: 'MB',
      ours: rssMb(ours),
      theirs: rssMb(apache),
      aim: 1,
      wantsMore: false,
    });
    await rates({ ours, apache }, values.short ? 1 : 3, values.short ? 3 : 6);
  }
  const rounds = values.short ? 1 : 3;
  await compareTimes('start to first write', 1 / 3, rounds, startTime);
  await compareTimes('first write after kill -9 of the leader', 1 / 2, rounds, failover);
  if (!values.short) await compareLarge();
  console.log(`\n${header}`);
  for (const row of rows) console.log(line(row));
}

await main();
