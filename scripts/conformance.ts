import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { commands } from '../server/admin/commands.ts';
import { fourLetterWords } from '../server/admin/four-letter-words.ts';
import { knownSettings } from '../server/config/known-settings.ts';
import { ErrorCode } from '../server/protocol/error-code.ts';
import { OpCode } from '../server/protocol/op-code.ts';

// Writes docs/conformance.md: everything of the reference that has a name, and the test that shows
// it here or the reason why there is none. What a test is for follows from
//
//   the recorded frames of the reference, which test/real/golden-client.test.ts plays: operations
//   and errors;
//   a title, or a row of a table of tests, that begins with the name and `=` or `:`;
//   scripts/conformance.json, for the rest: "file: title", or a reason.

const root = resolve(import.meta.dirname, '..');

export const pagePath: string = join(root, 'docs/conformance.md');

/** A test by its file, from the repository's root, and its title as it is written there. */
export interface Evidence {
  readonly file: string;
  readonly title: string;
  /** What the page says where a title is made of parts; the title otherwise. */
  readonly shown?: string;
}

export interface Item {
  readonly name: string;
  /** What a reader should know beside the name: a number, how much a drop-in needs it. */
  readonly note: string;
  readonly tests: readonly Evidence[];
  /** Why there is no test; `null` where there are some. */
  readonly reason: string | null;
}

export interface Section {
  readonly title: string;
  readonly items: readonly Item[];
}

/** Section → name → tests as `file: title`, or a reason. */
export type Written = Readonly<
  Record<string, Readonly<Record<string, string | readonly string[]>>>
>;

export interface TestFile {
  readonly file: string;
  readonly text: string;
}

const recordedPlace = 'test/real/golden-client.test.ts';
const recordedTitle = '${file}: every reply as recorded';

/** Recordings that golden-client.test.ts plays by that title. */
const recordings = ['auth', 'connect', 'crud', 'errors', 'multi', 'quota', 'watches'];

export function written(): Written {
  return JSON.parse(readFileSync(join(root, 'scripts/conformance.json'), 'utf8')) as Written;
}

export function testFiles(): readonly TestFile[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !name.endsWith('conformance-page.test.ts'))
    .sort()
    .map((name) => ({
      file: `test/${name}`,
      text: readFileSync(join(root, 'test', name), 'utf8'),
    }));
}

const titles = /\b(?:test|it)\(\s*(['"`])((?:\\.|(?!\1).)+?)\1/gs;
const rows = /^\s*\[\s*(['"`])((?:\\.|(?!\1).)+?)\1/gm;

/** Every title, and what each row of a table of tests begins with. */
export function literalsOf({ text }: TestFile): readonly string[] {
  return [...text.matchAll(titles), ...text.matchAll(rows)].map((match) =>
    (match[2] ?? '').replaceAll(/\\(.)/g, '$1'),
  );
}

export function sectionsOf(map: Written, files: readonly TestFile[]): readonly Section[] {
  const all = files.flatMap((each) =>
    literalsOf(each).map((title) => ({ file: each.file, title })),
  );
  const testsOf = (name: string): readonly Evidence[] =>
    all.filter(({ title }) => isAbout(title, name)).slice(0, testsShownMax);
  const section = (
    title: string,
    names: readonly (readonly [string, string])[],
    found: (name: string) => readonly Evidence[] = () => [],
    reasonOf: (name: string) => string | null = () => null,
  ): Section => ({
    title,
    items: names.map(([name, note]) => {
      const more = map[title]?.[name] ?? [];
      const tests = [
        ...found(name),
        ...testsOf(name),
        ...(typeof more === 'string' ? [] : more.map(evidenceOf)),
      ];
      const reason = typeof more === 'string' ? more : reasonOf(name);
      return reason === null
        ? { name, note, tests: withoutRepeats(tests), reason }
        : { name, note, tests: [], reason };
    }),
  });
  const played = recordedOf();
  const numbered = (numbers: Readonly<Record<string, number>>): [string, string][] =>
    Object.entries(numbers).map(([name, number]) => [name, String(number)]);
  return [
    section('Operations', numbered(OpCode), (name) =>
      played(({ op }) => op === OpCode[name as keyof typeof OpCode]),
    ),
    section('Errors', numbered(ErrorCode), (name) =>
      played(({ error }) => error === ErrorCode[name as keyof typeof ErrorCode]),
    ),
    section('Settings', settingNames(), () => [], idleReason),
    section(
      'Four-letter words',
      [...fourLetterWords].map((word) => [word, '']),
    ),
    section(
      'Admin commands',
      commands.map(({ name }) => [name, '']),
    ),
    section(
      'Metrics',
      Object.keys(map['Metrics'] ?? {}).map((name) => [name, '']),
    ),
    section(
      'Exit codes',
      Object.keys(map['Exit codes'] ?? {}).map((name) => [name, '']),
    ),
  ];
}

function withoutRepeats(tests: readonly Evidence[]): readonly Evidence[] {
  const places = tests.map(({ file, title }) => `${file}: ${title}`);
  return tests.filter((_, index) => places.indexOf(places[index] ?? '') === index);
}

/** A setting may have rows by the dozen; so many say enough. */
const testsShownMax = 3;

function settingNames(): readonly (readonly [string, string])[] {
  const names = new Map<string, string>();
  for (const { key, rank } of knownSettings) names.set(key, names.get(key) ?? rank);
  return [...names];
}

/** As in `maxCnxns=7`, `maxCnxns: bounded`, `first, second: both`. */
function isAbout(title: string, name: string): boolean {
  if (name.endsWith('*')) return false;
  const subject = /^[^:=]*(?=[:=])/.exec(title)?.[0] ?? '';
  return subject.split(', ').some((each) => each.trim() === name);
}

function idleReason(name: string): string | null {
  const idle = knownSettings.find(({ key, idle: why }) => key === name && why !== null);
  return idle === undefined ? null : `${idle.idle} Named at the start.`;
}

/** `file: title`. */
function evidenceOf(line: string): Evidence {
  const at = line.indexOf(': ');
  return { file: line.slice(0, at), title: line.slice(at + 2) };
}

interface Frame {
  readonly op: number;
  readonly error: number;
}

interface Vector {
  readonly direction: string;
  readonly decoded: {
    readonly header?: { readonly type?: number; readonly err?: number };
  } | null;
}

/** Which recordings have such a frame. */
function recordedOf(): (matches: (frame: Frame) => boolean) => readonly Evidence[] {
  const frames = recordings.map((name) => {
    const path = join(root, `test/golden/client/${name}.json`);
    const vectors = JSON.parse(readFileSync(path, 'utf8')) as Vector[];
    return {
      name,
      frames: vectors.map(({ direction, decoded }) => ({
        op: direction === 'request' ? (decoded?.header?.type ?? Number.NaN) : Number.NaN,
        error: direction === 'response' ? (decoded?.header?.err ?? Number.NaN) : Number.NaN,
      })),
    };
  });
  return (matches) => {
    const names = frames.filter((each) => each.frames.some(matches)).map(({ name }) => name);
    if (names.length === 0) return [];
    const shown = recordedTitle.replace('${file}', names.join(', '));
    return [{ file: recordedPlace, title: recordedTitle, shown }];
  };
}

/** What is wrong with lists, tests and map; empty when everything has its test or its reason. */
export function problemsOf(
  sections: readonly Section[],
  map: Written,
  files: readonly TestFile[],
): readonly string[] {
  const texts = new Map(files.map((each) => [each.file, literalsOf(each)]));
  const names = new Map(
    sections.map(({ title, items }) => [title, new Set(items.map(({ name }) => name))]),
  );
  return [
    ...sections.flatMap(({ title, items }) =>
      items
        .filter(({ tests, reason }) => tests.length === 0 && reason === null)
        .map(({ name }) => `${title}: ${name} has neither a test nor a reason`),
    ),
    ...sections.flatMap(({ items }) =>
      items.flatMap(({ name, tests }) =>
        tests
          .filter(({ file, title }) => texts.get(file)?.includes(title) !== true)
          .map(({ file, title }) => `${name}: ${file} has no test "${title}"`),
      ),
    ),
    ...Object.entries(map).flatMap(([title, entries]) =>
      Object.keys(entries)
        .filter((name) => names.get(title)?.has(name) !== true)
        .map((name) => `${title}: nothing has the name ${name}`),
    ),
  ];
}

export function pageOf(sections: readonly Section[]): string {
  return [
    '# What of the reference is here, and the test that shows it',
    '',
    'Made by `npm run conformance` from the lists of the code, the titles of the tests and',
    '`scripts/conformance.json`; `npm test` compares. *M*ust, *S*hould, *L*ater, *-*: how much somebody',
    'who comes from Apache ZooKeeper 3.9 needs a setting. Which bytes are compared with its own:',
    '[testing.md](testing.md).',
    '',
    ...sections.flatMap(({ title, items }) => [
      `## ${title}`,
      '',
      summaryOf(items),
      '',
      '| | | shown by |',
      '|---|---|---|',
      ...items.map(rowOf),
      '',
    ]),
  ].join('\n');
}

function summaryOf(items: readonly Item[]): string {
  const tested = items.filter(({ tests }) => tests.length > 0).length;
  return `${tested} of ${items.length} have a test; the others have a reason.`;
}

function rowOf({ name, note, tests, reason }: Item): string {
  const cells = tests.map((each) => `${shownOf(each)} ([${each.file}](../${each.file}))`);
  const cell = (reason ?? cells.join('; ')).replaceAll('|', String.raw`\|`);
  return `| \`${name}\` | ${note} | ${cell} |`;
}

function shownOf({ title, shown = title }: Evidence): string {
  return shown.replaceAll(/\$\{[^}]*\}/g, '…');
}

if (process.argv[1] === import.meta.filename) {
  const [map, files] = [written(), testFiles()];
  const sections = sectionsOf(map, files);
  const problems = problemsOf(sections, map, files);
  for (const problem of problems) console.error(problem);
  writeFileSync(pagePath, pageOf(sections));
  const items = sections.flatMap((section) => section.items);
  console.log(
    `${items.length} names, ${items.filter((each) => each.tests.length > 0).length} tested`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
