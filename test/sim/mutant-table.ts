import { catchMutant } from './mutant-run.ts';
import { mutants } from './mutants/all.ts';
import type { Mutant } from './mutants/mutant.ts';

/** A planted bug must show within so many seeds; where no check looks inside, within more. */
export const seedsMax = 20;
export const outsideSeedsMax = 40;

/** Checks of what a server promises, as against what comes of it. */
export const insideChecks: ReadonlySet<string> = new Set([
  'Z8',
  'Z10',
  'Z11',
  'Z12',
  'Z13',
  'Z14',
  'Z15',
  'Z16',
  'Z17',
]);

const beginMark = '<!-- mutants: npm run sim -- --mutants -->';
const endMark = '<!-- /mutants -->';

/** One planted bug and how it was found. */
export interface TableRow {
  readonly mutant: Mutant;
  /** Name of the violation. */
  readonly violation: string;
  /** `null`: it was not found. */
  readonly seeds: number | null;
  readonly simulatedMs: number;
  /** Without the checks that look inside; `null`: not found, or not asked for. */
  readonly outsideSeeds: number | null;
}

/** Runs one planted bug until it shows, with all checks and, where it should, without those inside. */
export function rowOf(mutant: Mutant): TableRow {
  const found = catchMutant(mutant, seedsMax);
  const isAsked = mutant.showsOutside === true;
  const outside = isAsked ? catchMutant(mutant, outsideSeedsMax, insideChecks) : null;
  return {
    mutant,
    violation: found?.message.split(':')[0] ?? 'none',
    seeds: found?.seed ?? null,
    simulatedMs: found?.simulatedMs ?? 0,
    outsideSeeds: outside?.seed ?? null,
  };
}

export function tableOf(rows: readonly TableRow[]): string {
  const lines = rows.map(({ mutant, violation, seeds, simulatedMs, outsideSeeds }) => {
    const cells = [
      mutant.name,
      mutant.kin === '' ? '–' : mutant.kin,
      seeds ?? 'not found',
      (simulatedMs / 1_000).toFixed(1),
      violation,
      outsideSeeds ?? '–',
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const head = [
    '| a server that … | kin | seeds | simulated s | violation | seeds from outside |',
    '|---|---|---|---|---|---|',
  ];
  return [...head, ...lines].join('\n');
}

/** The document with another table. @throws when it has no place for one. */
export function withTable(document: string, table: string): string {
  const [begin, end] = placeOf(document);
  return `${document.slice(0, begin)}\n\n${table}\n\n${document.slice(end)}`;
}

/** Names in the document's table, in order, and how many seeds each took. */
export function namesIn(document: string): Map<string, number> {
  const [begin, end] = placeOf(document);
  const rows = document.slice(begin, end).trim().split('\n').slice(2);
  return new Map(
    rows.map((row) => {
      const [, name = '', , seeds = ''] = row.split('|').map((cell) => cell.trim());
      return [name, Number(seeds)];
    }),
  );
}

export function rowsOfAll(): TableRow[] {
  return mutants.map((mutant) => rowOf(mutant));
}

function placeOf(document: string): readonly [number, number] {
  const begin = document.indexOf(beginMark);
  const end = document.indexOf(endMark);
  if (begin < 0 || end < begin) throw new Error(`no "${beginMark}" … "${endMark}" in the document`);
  return [begin + beginMark.length, end];
}
