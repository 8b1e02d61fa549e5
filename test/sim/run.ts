import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { rowsOfAll, tableOf, withTable } from './mutant-table.ts';
import { report, sessionKinds, stormScenario, withSessions } from './scenario.ts';
import type { SessionKind } from './scenario.ts';
import { measureAll } from './speed.ts';
import { topologies } from './topologies.ts';

const usage = `npm run sim -- --seed N [--hours H | --minutes M] [--voters V] [--sessions KIND] [--topology SHAPE]
npm run sim -- --seeds A..B [--minutes M] [--voters V] [--sessions KIND] [--topology SHAPE]
npm run sim -- --mutants
npm run sim -- --speed

Runs whole servers through storms and calm for so long in simulated time (default: half a
minute), then demands that everything comes back. Prints the hash of the trace; a seed that
finds a violation prints the way there and ends with 1.

KIND is one of ${Object.keys(sessionKinds).join(', ')}: sessions of one server alone, and members that
serve reads without a quorum.

SHAPE is one of ${Object.keys(topologies).join(', ')}: votes by groups and weights, and followers
that serve observers.

--mutants runs every planted bug until it is found, and writes the table of docs/testing.md.
--speed says how many simulated seconds a second of one core makes, by load.`;

/** A storm of that length between two calms. */
const stormMsEach = 15_000;

interface Wanted {
  readonly first: number;
  readonly last: number;
  readonly stormMs: number;
  readonly voters: number | null;
  readonly sessions: SessionKind | null;
  readonly topology: string | null;
}

function wantedOf(args: readonly string[]): Wanted | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      hours: { type: 'string' },
      minutes: { type: 'string' },
      voters: { type: 'string' },
      sessions: { type: 'string' },
      topology: { type: 'string' },
    },
  });
  const [first, last] = (values.seeds ?? `${values.seed ?? ''}..${values.seed ?? ''}`).split('..');
  const minutes = Number(values.minutes ?? Number(values.hours ?? 0) * 60);
  const wanted = {
    first: Number.parseInt(first ?? '', 10),
    last: Number.parseInt(last ?? '', 10),
    stormMs: minutes > 0 ? minutes * 60_000 : 2 * stormMsEach,
    voters: values.voters === undefined ? null : Number(values.voters),
    sessions: (values.sessions ?? null) as SessionKind | null,
    topology: values.topology ?? null,
  };
  if (wanted.sessions !== null && !(wanted.sessions in sessionKinds)) return null;
  if (wanted.topology !== null && !(wanted.topology in topologies)) return null;
  return Number.isInteger(wanted.first) && wanted.last >= wanted.first ? wanted : null;
}

function run(wanted: Wanted): number {
  let failures = 0;
  for (let seed = wanted.first; seed <= wanted.last; seed += 1) {
    const startedMs = performance.now();
    const result = stormScenario({
      seed,
      stormMs: wanted.stormMs,
      storms: Math.ceil(wanted.stormMs / stormMsEach),
      options: {
        ...(wanted.sessions === null ? {} : withSessions(wanted.sessions, seed)),
        ...(wanted.topology === null ? {} : topologies[wanted.topology]),
        ...(wanted.voters === null ? {} : { voters: wanted.voters }),
      },
    });
    const { world, checker, clientChecker } = result.ensemble;
    if (result.violation !== null) {
      failures += 1;
      console.log(report(seed, result));
      continue;
    }
    const { writes, reads, lost } = clientChecker.counts;
    console.log(
      `seed ${seed} hash ${result.hash} simulated ${(world.nowMs / 60_000).toFixed(1)} min ` +
        `events ${world.eventCount} transactions ${checker.committed.length} writes ${writes} ` +
        `reads ${reads} lost ${lost} real ${Math.round(performance.now() - startedMs)} ms`,
    );
  }
  return failures;
}

/** `null` for options that there are not. */
function wantedOrNull(args: readonly string[]): Wanted | null {
  try {
    return wantedOf(args);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** @returns how many planted bugs were not found, or not for what they are. */
function runMutants(): number {
  const path = resolve(import.meta.dirname, '../../docs/testing.md');
  const rows = rowsOfAll();
  const table = tableOf(rows);
  console.log(table);
  writeFileSync(path, withTable(readFileSync(path, 'utf8'), table));
  const odd = rows.filter(({ mutant, seeds, violation }) => {
    return seeds === null || !mutant.symptom.test(`${violation} `);
  });
  for (const { mutant, violation } of odd) console.error(`${mutant.name}: ${violation}`);
  return odd.length;
}

function runSpeed(): void {
  for (const { load, requestsPerSecond, eventsPerSecond, perCpuSecond } of measureAll()) {
    console.log(
      `${load.name}: ${requestsPerSecond.toFixed(0)} requests and ` +
        `${eventsPerSecond.toFixed(0)} events a simulated second, ` +
        `${perCpuSecond.toFixed(0)} simulated seconds a second of one core`,
    );
  }
}

const args = process.argv.slice(2);
const wanted = wantedOrNull(args);
if (args.length === 1 && args[0] === '--mutants') {
  process.exitCode = runMutants() > 0 ? 1 : 0;
} else if (args.length === 1 && args[0] === '--speed') {
  runSpeed();
} else if (wanted === null) {
  console.error(usage);
  process.exitCode = 2;
} else if (run(wanted) > 0) {
  process.exitCode = 1;
}
