import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { Kind, RealEnsemble } from '../support/real-ensemble.ts';
import type { LoadResult } from './load.ts';
import { inTurn, medians, report } from './table.ts';

const node = join(resolve(import.meta.dirname, '../..'), 'node_modules/.bin/node');

interface LoadCase {
  readonly name: string;
  readonly args: readonly string[];
  /** Throughput, as a multiple of the reference's, that is aimed at. */
  readonly throughputAim: number;
  /** CPU per operation, as a share of the reference's. */
  readonly cpuAim: number;
}

export const pipelinedWrites: LoadCase = {
  name: 'pipelined writes',
  args: ['--mode', 'set'],
  throughputAim: 3,
  cpuAim: 1 / 4,
};

export const waitingWriters: LoadCase = {
  name: '64 waiting writers',
  args: ['--mode', 'set', '--connections', '64', '--window', '1'],
  throughputAim: 2,
  cpuAim: 1 / 2,
};

export const pipelinedReads: LoadCase = {
  name: 'pipelined reads',
  args: ['--mode', 'get'],
  throughputAim: 6,
  cpuAim: 1 / 8,
};

const cases: readonly LoadCase[] = [
  pipelinedWrites,
  pipelinedReads,
  { name: '90/10 reads/writes', args: ['--mode', 'mixed'], throughputAim: 4, cpuAim: 1 / 4 },
  waitingWriters,
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

export type Pair = Readonly<Record<Kind, RealEnsemble>>;

/** Runs the generator as a process of its own, against these servers. */
export function load(hosts: string, args: readonly string[]): Promise<LoadResult> {
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

export interface Measured {
  readonly result: LoadResult;
  /** Of all servers. */
  readonly cpuUsPerOp: number;
}

/** @param hosts the servers that clients use; CPU is that of all. */
export async function measureLoad(
  ensemble: RealEnsemble,
  args: readonly string[],
  seconds: number,
  hosts: string = ensemble.connectString,
): Promise<Measured> {
  const before = cpuSeconds(ensemble);
  const result = await load(hosts, [...args, '--seconds', String(seconds)]);
  const after = cpuSeconds(ensemble);
  if (result.errors > 0) throw new Error(`${result.errors} requests failed`);
  // The servers also worked through the warm-up second.
  const opsInAll = result.opsPerSecond * (seconds + 1);
  return { result, cpuUsPerOp: ((after - before) / opsInAll) * 1e6 };
}

function cpuSeconds(ensemble: RealEnsemble): number {
  return ensemble.members.reduce((total, member) => total + member.cpuSeconds(), 0);
}

/** Makes the nodes that the loads use. */
export async function prepare(pair: Pair): Promise<void> {
  for (const ensemble of [pair.ours, pair.apache]) {
    await load(ensemble.connectString, ['--mode', 'prepare']);
  }
}

/** Every load against three members of either kind. */
export async function compareRates(pair: Pair, rounds: number, seconds: number): Promise<void> {
  await prepare(pair);
  for (const one of cases) {
    const measured = await inTurn(rounds, (kind) => measureLoad(pair[kind], one.args, seconds));
    reportLoad(one.name, measured, one);
    const busy = medians(measured, ({ result }) => (result.cpuSeconds / result.seconds) * 100);
    console.log(
      `  (generator busy: ${busy.ours.toFixed(0)} % of a core with ours, ${busy.theirs.toFixed(0)} % with Apache's)`,
    );
  }
}

export function reportLoad(
  name: string,
  measured: Readonly<Record<Kind, readonly Measured[]>>,
  aims: Pick<LoadCase, 'throughputAim' | 'cpuAim'>,
): void {
  const rate = medians(measured, ({ result }) => result.opsPerSecond);
  report({ what: name, unit: 'ops/s', ...rate, aim: aims.throughputAim, wantsMore: true });
  const cpu = medians(measured, ({ cpuUsPerOp }) => cpuUsPerOp);
  report({ what: '  CPU', unit: 'µs/op', ...cpu, aim: aims.cpuAim, wantsMore: false });
  const p50 = medians(measured, ({ result }) => result.p50Ms);
  report({ what: '  p50', unit: 'ms', ...p50, aim: 1, wantsMore: false });
  const p99 = medians(measured, ({ result }) => result.p99Ms);
  report({ what: '  p99', unit: 'ms', ...p99, aim: 1, wantsMore: false });
}
