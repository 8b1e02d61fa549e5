import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';

// Runs the suites and ends with one line: `N passed, N failed`.
//
//   node test/run.ts            what needs only Node and npm: checks, then every test of the rooms
//   node test/run.ts --ci       what needs more: Java, Python, kubectl, real clients
//   node test/run.ts FILE…      these files alone

const root = resolve(import.meta.dirname, '..');

/** Folders of tests that need more than Node and npm. */
const needMore: readonly string[] = ['test/ci', 'test/conformance', 'test/interop'];

const checks: readonly (readonly [string, readonly string[]])[] = [
  ['tsc', ['--noEmit']],
  ['oxlint', ['--type-aware']],
  ['oxfmt', ['--check', '.']],
];

/** Test files that run at a time: each is a process, and some start servers of their own. */
const concurrency = 2;

/** Slowest files first, so that the last minutes are not one file's alone. */
const slowFirst: readonly string[] = ['test/sim/storm', 'test/real', 'test/operator/local'];

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

function testFiles(wantsMore: boolean): string[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('test', name))
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => needMore.some((folder) => name.startsWith(`${folder}/`)) === wantsMore)
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function rank(file: string): number {
  const index = slowFirst.findIndex((prefix) => file.startsWith(prefix));
  return index === -1 ? slowFirst.length : index;
}

/** Each counts as one test. */
function runChecks(counts: Counts): void {
  for (const [command, args] of checks) {
    const { status } = spawnSync(join(root, 'node_modules/.bin', command), args, {
      cwd: root,
      stdio: 'inherit',
    });
    console.log(`${status === 0 ? '✔' : '✖'} ${command} ${args.join(' ')}`);
    counts[status === 0 ? 'passed' : 'failed'] += 1;
  }
}

function runFiles(files: readonly string[], counts: Counts): Promise<void> {
  const events = run({ files: files.map((file) => resolve(root, file)), concurrency });
  events.on('test:pass', (event) => {
    if (event.details.type === 'suite' || isFile(event)) return;
    if (event.skip !== undefined) counts.skipped += 1;
    else counts.passed += 1;
  });
  events.on('test:fail', (event) => {
    if (event.details.type === 'suite') return;
    counts.failed += 1;
  });
  events.compose(spec).pipe(process.stdout, { end: false });
  return new Promise((done) => events.on('end', done));
}

/** A file's own entry, beside those of the tests in it. */
function isFile(event: { readonly name: string; readonly nesting: number }): boolean {
  return event.nesting === 0 && event.name.endsWith('.test.ts');
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { ci: { type: 'boolean', default: false } },
});
const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
const files =
  positionals.length > 0
    ? positionals.map((file) => relative(root, resolve(file)))
    : testFiles(values.ci);
if (positionals.length === 0 && !values.ci) runChecks(counts);
await runFiles(files, counts);
const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
