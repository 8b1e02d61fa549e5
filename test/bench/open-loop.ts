import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { Latencies, OpenLoadResult } from './open-load.ts';
import type { Pair } from './rates.ts';
import { prepare } from './rates.ts';
import { inTurn, medians, report } from './table.ts';

const node = join(resolve(import.meta.dirname, '../..'), 'node_modules/.bin/node');

/** Requests a second: about half of what the reference can do on two cores. */
const readsPerSecond = 16_000;
const writesPerSecond = 2000;

/** Runs the generator as a process of its own. */
function openLoad(hosts: string, seconds: number): Promise<OpenLoadResult> {
  return new Promise((done, reject) => {
    const script = join(import.meta.dirname, 'open-load.ts');
    const rates = ['--reads', String(readsPerSecond), '--writes', String(writesPerSecond)];
    const args = [script, '--hosts', hosts, ...rates, '--seconds', String(seconds)];
    const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('exit', (code) => {
      if (code === 0) done(JSON.parse(output) as OpenLoadResult);
      else reject(new Error(`the generator ended with ${code}`));
    });
  });
}

/** Latency at a fixed rate, from the moment that each request was due. */
export async function compareOpenLoop(pair: Pair, rounds: number, seconds: number): Promise<void> {
  await prepare(pair);
  const measured = await inTurn(rounds, async (kind) => {
    const result = await openLoad(pair[kind].connectString, seconds);
    if (result.errors > 0) throw new Error(`${result.errors} requests failed`);
    return result;
  });
  const rate = `${readsPerSecond} reads/s, ${writesPerSecond} writes/s`;
  for (const what of ['reads', 'writes'] as const) {
    for (const [name, pick] of [
      ['p50', ({ p50Ms }) => p50Ms],
      ['p99', ({ p99Ms }) => p99Ms],
      ['p99.9', ({ p999Ms }) => p999Ms],
    ] satisfies readonly (readonly [string, (one: Latencies) => number])[]) {
      const title = name === 'p50' ? `${rate}: ${what}, p50` : `  ${what}, ${name}`;
      const values = medians(measured, (one) => pick(one[what]));
      report({ what: title, unit: 'ms', ...values, aim: 1, wantsMore: false });
    }
  }
}
