import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { apacheClasspath, apacheMissing } from '../support/apache.ts';
import type { Kind } from '../support/real-ensemble.ts';
import { initLimitMs } from './member.ts';
import { faultNames } from './nemesis.ts';
import { Network, controlHost, networkMissing } from './network.ts';
import { brokenPhase, lineOf, runPhase } from './phase.ts';
import type { PhaseResult } from './phase.ts';
import { World } from './world.ts';

// Real processes on machines of their own, broken at random, with checked histories.
//
//   npm run harness -- --minutes 10 --seed 7         all setups, the time divided among them
//   npm run harness -- --setup ours-3 --minutes 2    one of them
//   npm run harness -- --plant local-sync            servers that lie: it has to be noticed
//
// Needs root, Go, Java, iproute2 and nftables. Ends with `N passed, N failed`.

interface Setup {
  readonly name: string;
  readonly kinds: readonly Kind[];
  readonly leaderKind: Kind | null;
}

const setups: readonly Setup[] = [
  { name: 'ours-3', kinds: ['ours', 'ours', 'ours'], leaderKind: null },
  { name: 'ours-5', kinds: ['ours', 'ours', 'ours', 'ours', 'ours'], leaderKind: null },
  { name: 'mixed-ours-leads', kinds: ['apache', 'ours', 'ours'], leaderKind: 'ours' },
  { name: 'mixed-apache-leads', kinds: ['ours', 'apache', 'apache'], leaderKind: 'apache' },
];

/** Longer ones would make trees and histories that take long to look at. */
const phaseMsMax = 160_000;

const node = resolve(import.meta.dirname, '../../node_modules/.bin/node');
const home = resolve(import.meta.dirname, '../../.local/harness');

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '' },
    setup: { type: 'string' },
    plant: { type: 'string' },
    // Only these, with semicolons between them.
    faults: { type: 'string', default: faultNames.join(';') },
    // Logs, data and histories stay also when nothing is wrong.
    keep: { type: 'boolean', default: false },
    // Of the harness itself, see `outside`.
    inside: { type: 'string' },
  },
});

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (text !== '' && Number.isFinite(number) && number > 0) return number;
  throw new Error(`--${name} is "${text}": give a number above zero`);
}

/** What is missing on this machine, each with its remedy. */
function missing(): string[] {
  const found: string[] = [];
  const network = networkMissing();
  if (network !== null) found.push(network);
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
  } catch {
    found.push('no go on this machine: install Go 1.24 or newer');
  }
  const java = apacheMissing();
  if (java !== null) found.push(`${java}: install a JDK 17 and Maven`);
  return found;
}

/** Makes the machines, and runs this program again on one of them. */
async function outside(): Promise<number> {
  const problems = missing();
  if (problems.length > 0) {
    for (const problem of problems) console.log(`harness: ${problem}`);
    console.log('0 passed, 1 failed');
    return 1;
  }
  mkdirSync(home, { recursive: true });
  execFileSync('go', ['build', '-o', join(home, 'harness'), '.'], {
    cwd: join(import.meta.dirname, 'go'),
    stdio: 'inherit',
  });
  apacheClasspath();
  const network = Network.make();
  const seed = values.seed === '' ? String(Date.now() % 1_000_000) : values.seed;
  const args = [...process.argv.slice(2), '--seed', seed, '--inside', network.id];
  const child = network.spawn(controlHost, [node, import.meta.filename, ...args], 'inherit');
  const stop = (): void => void child.kill('SIGTERM');
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  network.destroy();
  return code ?? 1;
}

/** Runs the phases and prints what came of each. */
async function inside(network: Network): Promise<number> {
  const seed = numberOf('seed', values.seed);
  const chosen = setups.filter(
    ({ name }) => (values.setup ?? planted()) === undefined || name === (values.setup ?? planted()),
  );
  if (chosen.length === 0) {
    throw new Error(
      `--setup is "${values.setup}": give one of ${setups.map(({ name }) => name).join(', ')}`,
    );
  }
  const setupMs = (numberOf('minutes', values.minutes) * 60_000) / chosen.length;
  const directory = join(
    home,
    `seed-${seed}${values.plant === undefined ? '' : `-${values.plant}`}`,
  );
  rmSync(directory, { recursive: true, force: true });
  console.log(
    `harness: seed ${seed}, ${chosen.map(({ name }) => name).join(', ')}, files in ${directory}`,
  );
  const results: PhaseResult[] = [];
  for (const [index, setup] of chosen.entries()) {
    results.push(
      ...(await runSetup(setup, network, join(directory, setup.name), seed * 100 + index, setupMs)),
    );
  }
  return values.plant === undefined ? summary(results) : plantedSummary(results);
}

function planted(): string | undefined {
  return values.plant === undefined ? undefined : 'ours-3';
}

function chosenFaults(): string[] {
  const names = values.faults.split(';');
  const stranger = names.find((name) => !faultNames.includes(name));
  if (stranger === undefined) return names;
  throw new Error(`--faults names "${stranger}": give some of ${faultNames.join(', ')}`);
}

async function runSetup(
  setup: Setup,
  network: Network,
  directory: string,
  seed: number,
  forMs: number,
): Promise<PhaseResult[]> {
  const command =
    values.plant === undefined
      ? null
      : [node, join(import.meta.dirname, 'planted-server.ts'), values.plant];
  const world = new World(setup.kinds, directory, network, command);
  const judging: Promise<PhaseResult>[] = [];
  const phaseCount = Math.ceil(forMs / phaseMsMax);
  try {
    await world.heal();
    if ((await world.servesWithin(2 * initLimitMs)) === null)
      throw new Error(`${setup.name} does not start`);
    for (let phase = 1; phase <= phaseCount; phase += 1) {
      const name = `${setup.name} ${phase}/${phaseCount}`;
      const options = {
        name,
        seed: seed * 1000 + phase,
        forMs: forMs / phaseCount,
        isStrict: setup.kinds.every((kind) => kind === 'ours'),
        leaderKind: setup.leaderKind,
        faults: chosenFaults(),
        program: join(home, 'harness'),
        directory: join(directory, `phase-${phase}`),
        isKept: values.keep,
      };
      try {
        const judged = await runPhase(world, options);
        judging.push(
          judged()
            .catch((error: unknown) => brokenPhase(options, error))
            .then(printed),
        );
      } catch (error) {
        judging.push(Promise.resolve(printed(brokenPhase(options, error))));
      }
    }
  } finally {
    await world.destroy();
  }
  const results = await Promise.all(judging);
  if (results.every(isClean) && !values.keep) {
    for (const { sid } of world.members) rmSync(join(directory, String(sid)), { recursive: true });
  }
  return results;
}

function isClean(result: PhaseResult): boolean {
  return [...result.checks.values()].every((found) => found.length === 0);
}

function printed(result: PhaseResult): PhaseResult {
  console.log(lineOf(result));
  for (const note of result.notes) console.log(`  note: ${note} (Apache)`);
  for (const [check, found] of result.checks) {
    for (const violation of found.slice(0, 10)) console.log(`  ${check}: ${violation}`);
    if (found.length > 10) console.log(`  ${check}: and ${found.length - 10} more`);
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
function plantedSummary(results: readonly PhaseResult[]): number {
  const noticed = results.some((result) => !isClean(result));
  console.log(`the lie ${values.plant} was ${noticed ? 'noticed' : 'NOT NOTICED'}`);
  console.log(noticed ? '1 passed, 0 failed' : '0 passed, 1 failed');
  return noticed ? 0 : 1;
}

if (values.inside === undefined) process.exit(await outside());
const network = Network.of(values.inside);
process.once('SIGTERM', () => process.exit(1));
process.exit(await inside(network));
