import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whose client carries a behaviour out, and whose servers answer. */
export const clientNames: readonly ClientName[] = ['kazoo', 'java', 'c'];
/** An older one has its version behind it. */
export type ClientName = 'kazoo' | 'java' | 'c' | `java-${number}.${number}`;
export type ServerName = 'ours' | 'apache';

export interface Step {
  /** Connection that asks, one of its behaviour's. */
  readonly name: string;
  /** Verb and arguments, one blank apart. */
  readonly words: string;
  readonly expected: string;
  /** What a client, or a kind of server, answers instead, and why that is right. */
  readonly otherwise: ReadonlyMap<string, string>;
}

export interface Behaviour {
  readonly id: string;
  readonly what: string;
  readonly steps: readonly Step[];
  /** Why a client cannot show it. */
  readonly skips: ReadonlyMap<string, string>;
}

interface Draft extends Behaviour {
  readonly steps: Step[];
  readonly skips: Map<string, string>;
}

const sources = join(import.meta.dirname, 'behaviours');

/** The whole table, in the order of its files. @throws Error with file and line of what is wrong. */
export function allBehaviours(): Behaviour[] {
  return readdirSync(sources)
    .toSorted()
    .flatMap((file) => parseBehaviours(file, readFileSync(join(sources, file), 'utf8')));
}

/** One file of the table; README.md has its form. */
export function parseBehaviours(file: string, text: string): Behaviour[] {
  const all: Draft[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const fail = (why: string): never => {
      throw new Error(`${file}:${index + 1}: ${why}: ${line}`);
    };
    if (line === '') continue;
    const head = /^# (\S+): (.+)$/.exec(line);
    if (head !== null) {
      const [, id = '', what = ''] = head;
      if (all.some((each) => each.id === id)) fail('this id is taken');
      all.push({ id, what, steps: [], skips: new Map() });
      continue;
    }
    const behaviour = all.at(-1) ?? fail('a file begins with "# id: what"');
    const skip = /^skip ([\w.-]+): (.+)$/.exec(line);
    if (skip !== null) behaviour.skips.set(skip[1] ?? '', skip[2] ?? '');
    else
      behaviour.steps.push(stepOf(line) ?? fail('neither "[name: ]verb … => answer" nor a skip'));
  }
  return all;
}

function stepOf(line: string): Step | null {
  const [asked = '', answers, ...more] = line.split(' => ');
  if (answers === undefined || more.length > 0) return null;
  const [given = '', reason] = answers.split(' -- ');
  const [expected = '', ...others] = given.split(' || ');
  if (others.length > 0 && reason === undefined) return null;
  const named = /^([a-z]): (.+)$/.exec(asked);
  const otherwise = new Map<string, string>();
  for (const other of others) {
    const [who = '', answer = ''] = other.split(/: (.*)/);
    otherwise.set(who, answer);
  }
  return { name: named?.[1] ?? 'a', words: named?.[2] ?? asked, expected, otherwise };
}

/** What this client may answer when it asks this kind of server. */
export function expectedOf(step: Step, client: ClientName, server: ServerName): string {
  return nearest(step.otherwise, client) ?? step.otherwise.get(server) ?? step.expected;
}

/** Why this client cannot show it; `undefined` when it can. */
export function skipOf(behaviour: Behaviour, client: ClientName): string | undefined {
  return nearest(behaviour.skips, client);
}

/** What is said of this very client, or else of its kind. */
function nearest(said: ReadonlyMap<string, string>, client: ClientName): string | undefined {
  return said.get(client) ?? said.get(client.split('-')[0] ?? client);
}
