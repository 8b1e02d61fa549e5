import type { Kind } from '../support/real-ensemble.ts';

/** One line of the table. What counts is the ratio: ours over the reference's. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly theirs: number;
  /** Bound of the ratio; 0: nothing at all is allowed. */
  readonly aim: number;
  readonly wantsMore: boolean;
}

const nameWidth = 48;

const rows: Row[] = [];

export const header: string =
  `| ${'what'.padEnd(nameWidth)} | ${'ours'.padStart(10)} | ${'Apache'.padStart(10)} | unit     |  ratio |    aim |        |\n` +
  `|${'-'.repeat(nameWidth + 2)}|${'-'.repeat(12)}|${'-'.repeat(12)}|${'-'.repeat(10)}|${'-'.repeat(8)}|${'-'.repeat(8)}|${'-'.repeat(8)}|`;

/** Prints the row now, and keeps it for {@link printAll}. */
export function report(row: Row): void {
  rows.push(row);
  console.log(line(row));
}

export function printAll(): void {
  console.log(`\n${header}`);
  for (const row of rows) console.log(line(row));
}

function line(row: Row): string {
  const ratio = row.ours === 0 ? 0 : row.ours / row.theirs;
  const isMet = row.wantsMore ? ratio >= row.aim : ratio <= row.aim;
  const verdict = isMet ? 'met' : 'MISSED';
  const aim = `${row.wantsMore ? '≥' : '≤'} ${row.aim.toFixed(2)}`;
  return (
    `| ${row.what.padEnd(nameWidth)} | ${number(row.ours).padStart(10)} | ${number(row.theirs).padStart(10)} ` +
    `| ${row.unit.padEnd(8)} | ${ratio.toFixed(2).padStart(6)} | ${aim.padStart(6)} | ${verdict.padEnd(6)} |`
  );
}

function number(value: number): string {
  return value >= 100 || value === 0 ? value.toFixed(0) : value.toFixed(2);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Measures both kinds in turn, `rounds` times, so that what else the machine does meets both. */
export async function inTurn<T>(
  rounds: number,
  measure: (kind: Kind) => Promise<T>,
): Promise<Readonly<Record<Kind, readonly T[]>>> {
  const measured: Record<Kind, T[]> = { ours: [], apache: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of ['ours', 'apache'] as const) measured[kind].push(await measure(kind));
  }
  return measured;
}

/** The medians of one figure of both kinds. */
export function medians<T>(
  measured: Readonly<Record<Kind, readonly T[]>>,
  pick: (one: T) => number,
): { readonly ours: number; readonly theirs: number } {
  return { ours: median(measured.ours.map(pick)), theirs: median(measured.apache.map(pick)) };
}
