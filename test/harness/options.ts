import { parseArgs } from 'node:util';
import type { Kind } from '../support/real-ensemble.ts';
import { faultNames } from './nemesis.ts';

/** Which servers make an ensemble. */
export interface Setup {
  readonly name: string;
  readonly kinds: readonly Kind[];
  /** Kind of server that leads when a phase begins; `null`: whoever does. */
  readonly leaderKind: Kind | null;
}

const setups: readonly Setup[] = [
  { name: 'ours-3', kinds: ['ours', 'ours', 'ours'], leaderKind: null },
  { name: 'ours-5', kinds: ['ours', 'ours', 'ours', 'ours', 'ours'], leaderKind: null },
  { name: 'mixed-ours-leads', kinds: ['apache', 'ours', 'ours'], leaderKind: 'ours' },
  { name: 'mixed-apache-leads', kinds: ['ours', 'apache', 'apache'], leaderKind: 'apache' },
];

/** What planted-server.ts can tell. */
const lies: readonly string[] = ['local-sync', 'hasty-sync', 'lost-write'];

const seedMax = 2 ** 32;

/** The command line, read. */
export interface Options {
  readonly setups: readonly Setup[];
  /** Of faults, all setups together. */
  readonly forMs: number;
  readonly seed: number;
  readonly lie: string | null;
  readonly faults: readonly string[];
  /** Logs, data and histories stay also when nothing is wrong. */
  readonly isKept: boolean;
  /** Of the harness that runs this one on its control machine; `null`: this is the first. */
  readonly networkId: string | null;
}

/** @throws Error that names the option, its value and what it may be. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      setup: { type: 'string' },
      plant: { type: 'string' },
      faults: { type: 'string', default: faultNames.join(';') },
      keep: { type: 'boolean', default: false },
      inside: { type: 'string' },
    },
  });
  const { setup, plant } = values;
  const chosen = setup ?? (plant === undefined ? undefined : 'ours-3');
  if (setup !== undefined) known('setup', setup, namesOf(setups));
  if (plant !== undefined) known('plant', plant, lies);
  const faults = values.faults.split(';');
  for (const fault of faults) known('faults', fault, faultNames);
  const seed = numberOf('seed', values.seed, seedMax);
  if (!Number.isInteger(seed)) throw new Error(`--seed is "${values.seed}": give a whole number`);
  return {
    setups: setups.filter(({ name }) => chosen === undefined || name === chosen),
    forMs: numberOf('minutes', values.minutes, 24 * 60) * 60_000,
    seed,
    lie: plant ?? null,
    faults,
    isKept: values.keep,
    networkId: values.inside ?? null,
  };
}

function namesOf(some: readonly Setup[]): string[] {
  return some.map(({ name }) => name);
}

function known(option: string, value: string, choice: readonly string[]): void {
  if (choice.includes(value)) return;
  throw new Error(`--${option} is "${value}": give one of ${choice.join('; ')}`);
}

function numberOf(option: string, value: string, max: number): number {
  const number = Number(value);
  if (value !== '' && number > 0 && number <= max) return number;
  throw new Error(`--${option} is "${value}": give a number above 0, at most ${max}`);
}
