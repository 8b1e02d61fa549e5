import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { apacheClasspath } from '../support/apache.ts';
import { initLimitMs } from './member.ts';
import { missing } from './missing.ts';
import { Network, controlHost } from './network.ts';
import { readOptions } from './options.ts';
import type { Options, Setup } from './options.ts';
import { brokenPhase, lineOf, runPhase } from './phase.ts';
import type { PhaseOptions, PhaseResult } from './phase.ts';
import { World } from './world.ts';

// Real processes on machines of their own, broken at random, with checked histories.
//
//   npm run harness -- --minutes 10 --seed 7         all setups, the time divided among them
//   npm run harness -- --setup ours-3 --minutes 2    one of them
//   npm run harness -- --faults 'halves;kill some'   only these
//   npm run harness -- --plant local-sync            servers that lie: it has to be noticed
//   npm run harness -- --keep                        logs, data and histories stay in any case
//
// Needs root, Go, Java, iproute2 and nftables. Ends with `N passed, N failed`.

/** Longer ones would make trees and histories that take long to look at. */
const phaseMsMax = 305_000;
const violationsShown = 10;

const exitUsage = 2;
const node = resolve(import.meta.dirname, '../../node_modules/.bin/node');
const home = resolve(import.meta.dirname, '../../.local/harness');
const program = join(home, 'harness');

/** Makes the machines, and runs this program again on one of them. */
async function outside(options: Options): Promise<number> {
  const problems = missing();
  if (problems.length > 0) {
    for (const problem of problems) console.log(`harness: ${problem}`);
    console.log('0 passed, 1 failed');
    return 1;
  }
  mkdirSync(home, { recursive: true });
  execFileSync('go', ['build', '-o', program, '.'], {
    cwd: join(import.meta.dirname, 'go'),
    stdio: 'inherit',
  });
  if (options.setups.some(({ kinds }) => kinds.includes('apache'))) apacheClasspath();
  const network = Network.make();
  const more = ['--seed', String(options.seed), '--inside', network.id];
  const command = [node, import.meta.filename, ...process.argv.slice(2), ...more];
  const child = network.spawn(controlHost, command, 'inherit');
  const stop = (): void => void child.kill('SIGTERM');
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  network.destroy();
  return code ?? 1;
}

/** Runs the phases and prints what came of each. */
async function inside(network: Network, options: Options): Promise<number> {
  const { seed, lie, setups } = options;
  const directory = join(home, lie === null ? `seed-${seed}` : `seed-${seed}-${lie}`);
  rmSync(directory, { recursive: true, force: true });
  const names = setups.map(({ name }) => name).join(', ');
  console.log(`harness: seed ${seed}, ${names}, files in ${directory}`);
  const results: PhaseResult[] = [];
  for (const [index, setup] of setups.entries()) {
    const place = join(directory, setup.name);
    results.push(...(await runSetup(setup, network, place, seed * 100 + index, options)));
  }
  return lie === null ? summary(results) : plantedSummary(results, lie);
}

async function runSetup(
  setup: Setup,
  network: Network,
  directory: string,
  seed: number,
  options: Options,
): Promise<PhaseResult[]> {
  const { lie, isKept, faults } = options;
  const liar = join(import.meta.dirname, 'planted-server.ts');
  const world = new World(setup.kinds, directory, network, lie === null ? null : [node, liar, lie]);
  const forMs = options.forMs / options.setups.length;
  const phaseCount = Math.ceil(forMs / phaseMsMax);
  const judging: Promise<PhaseResult>[] = [];
  try {
    await world.heal();
    await world.servesWithin(2 * initLimitMs);
    for (let phase = 1; phase <= phaseCount; phase += 1) {
      const asked: PhaseOptions = {
        name: `${setup.name} ${phase}/${phaseCount}`,
        seed: seed * 1000 + phase,
        forMs: forMs / phaseCount,
        isStrict: setup.kinds.every((kind) => kind === 'ours'),
        leaderKind: setup.leaderKind,
        faults,
        program,
        directory: join(directory, `phase-${phase}`),
        isKept,
      };
      const judged = await begun(world, asked);
      judging.push(judged());
    }
  } finally {
    await world.destroy();
  }
  const results = await Promise.all(judging);
  if (results.every(isClean) && !isKept) {
    for (const { sid } of world.members) rmSync(join(directory, String(sid)), { recursive: true });
  }
  return results;
}

/** Resolves when its faults are over; the judge is at work by then. */
async function begun(world: World, asked: PhaseOptions): Promise<() => Promise<PhaseResult>> {
  const failed = (error: unknown): PhaseResult => brokenPhase(asked, error);
  try {
    const judged = await runPhase(world, asked);
    return async () => printed(await judged().catch(failed));
  } catch (error) {
    return async () => printed(failed(error));
  }
}

function isClean(result: PhaseResult): boolean {
  return [...result.checks.values()].every((found) => found.length === 0);
}

function printed(result: PhaseResult): PhaseResult {
  console.log(lineOf(result));
  for (const note of result.notes) console.log(`  note: ${note} (Apache)`);
  for (const [check, found] of result.checks) {
    for (const violation of found.slice(0, violationsShown))
      console.log(`  ${check}: ${violation}`);
    const rest = found.length - violationsShown;
    if (rest > 0) console.log(`  ${check}: and ${rest} more`);
  }
  return result;
}

/** Each check of each phase counts as one. */
function summary(results: readonly PhaseResult[]): number {
  const checks = results.flatMap((result) => [...result.checks.values()]);
  const failed = checks.filter((found) => found.length > 0).length;
  const sum = (of: (result: PhaseResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const longest = Math.max(...results.map(({ verdict }) => verdict.longestGapMs));
  console.log(
    `${(sum(({ nemesisMs }) => nemesisMs) / 1000).toFixed(0)} s of faults: ` +
      `${sum(({ faults }) => faults.length)} faults, ${sum(({ elections }) => elections)} elections, ` +
      `${sum(({ verdict }) => verdict.ops)} ops, ${sum(({ verdict }) => verdict.unknown)} unknown, ` +
      `${(longest / 1000).toFixed(1)} s longest without a write`,
  );
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  return failed === 0 && checks.length > 0 ? 0 : 1;
}

/** A lie that nobody noticed is the failure. */
function plantedSummary(results: readonly PhaseResult[], lie: string): number {
  const isNoticed = results.some((result) => !isClean(result));
  console.log(`the lie ${lie} was ${isNoticed ? 'noticed' : 'NOT NOTICED'}`);
  console.log(isNoticed ? '1 passed, 0 failed' : '0 passed, 1 failed');
  return isNoticed ? 0 : 1;
}

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return process.exit(exitUsage);
  }
}

const given = optionsOrExit();
if (given.networkId === null) process.exit(await outside(given));
process.once('SIGTERM', () => process.exit(1));
process.exit(await inside(Network.of(given.networkId), given));
