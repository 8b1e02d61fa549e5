import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

// Writes docs/known-defects.md: each known defect of other servers, and the test that would find
// it here. A test names the defects that it is for at the beginning of its title:
//
//   test('ZOOKEEPER-2845, ZOOKEEPER-1154: what must be so', …)

const root = resolve(import.meta.dirname, '..');

export const pagePath: string = join(root, 'docs/known-defects.md');

export interface Section {
  readonly section: string;
  /** Id, what went wrong; and, where nothing of it can be seen here, why. */
  readonly defects: readonly (readonly [string, string, string?])[];
}

export interface TitledTest {
  readonly ids: readonly string[];
  /** Relative to the repository. */
  readonly file: string;
  readonly title: string;
}

const id = String.raw`(?:ZOOKEEPER|Keeper|etcd|Gray|Decode)-[a-z0-9-]+`;
const titled = new RegExp(
  String.raw`\b(?:test|it)\(\s*(['"\`])(${id}(?:, ${id})*): ((?:\\.|(?!\1).)+)\1`,
  'gs',
);

export function knownDefects(): readonly Section[] {
  return JSON.parse(readFileSync(join(root, 'scripts/known-defects.json'), 'utf8'));
}

/** Tests of a file's text that name defects. */
export function titlesIn(file: string, text: string): TitledTest[] {
  return [...text.matchAll(titled)].map((match) => ({
    ids: (match[2] ?? '').split(', '),
    file,
    title: (match[3] ?? '').replaceAll(/\\(.)/g, '$1').replaceAll(/\$\{[^}]*\}/g, '…'),
  }));
}

export function titledTests(): TitledTest[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !name.endsWith('known-defects.test.ts'))
    .sort()
    .map((name) => join(root, 'test', name))
    .flatMap((path) => titlesIn(relative(root, path), readFileSync(path, 'utf8')));
}

/** What is wrong with list and tests; empty when every defect has its test or its reason. */
export function problemsOf(
  sections: readonly Section[],
  tests: readonly TitledTest[],
): readonly string[] {
  const defects = sections.flatMap((section) => section.defects);
  const known = new Set(defects.map(([name]) => name));
  const tested = new Set(tests.flatMap((test) => test.ids));
  return [
    ...defects
      .map(([name]) => name)
      .filter((name, index, all) => all.indexOf(name) !== index)
      .map((name) => `${name} is listed twice`),
    ...defects
      .filter(([name, , reason]) => reason === undefined && !tested.has(name))
      .map(([name]) => `${name} has no test: name it at the beginning of a test's title`),
    ...defects
      .filter(([name, , reason]) => reason !== undefined && tested.has(name))
      .map(([name]) => `${name} has a test and a reason for having none: remove the reason`),
    ...[...tested]
      .filter((name) => !known.has(name))
      .map((name) => `${name} is named by a test and not in scripts/known-defects.json`),
  ];
}

export function pageOf(sections: readonly Section[], tests: readonly TitledTest[]): string {
  const count = sections.reduce((sum, { defects }) => sum + defects.length, 0);
  return [
    '# Known defects of others, and the tests that would find them here',
    '',
    `${count} defects that other servers of this kind have had. Each has a test that fails on a`,
    'server with that defect, or a reason why there is nothing to see. Made by `npm run defects`',
    'from `scripts/known-defects.json` and the titles of the tests; `npm test` compares.',
    '',
    ...sections.flatMap((section) => [
      `## ${section.section}`,
      '',
      '| id | what went wrong | what holds here |',
      '|---|---|---|',
      ...section.defects.map((defect) => rowOf(defect, tests)),
      '',
    ]),
  ].join('\n');
}

function rowOf(defect: Section['defects'][number], tests: readonly TitledTest[]): string {
  const [name, wrong, reason] = defect;
  const own = tests.filter((test) => test.ids.includes(name));
  const cells = own.map(({ file, title }) => `${title} ([${file}](../${file}))`);
  return `| ${name} | ${wrong} | ${(reason ?? cells.join('; ')).replaceAll('|', String.raw`\|`)} |`;
}

if (process.argv[1] === import.meta.filename) {
  const sections = knownDefects();
  const tests = titledTests();
  const problems = problemsOf(sections, tests);
  for (const problem of problems) console.error(problem);
  writeFileSync(pagePath, pageOf(sections, tests));
  console.log(
    `${sections.flatMap(({ defects }) => defects).length} defects, ${tests.length} tests`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
