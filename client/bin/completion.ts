import type { ZooKeeper } from '../index.ts';
import { commands } from './commands.ts';
import { sessionCommands } from './session-commands.ts';

/** What the last word of a line may become, and that word: as `node:readline` wants it. */
export type Completion = [candidates: string[], word: string];

const names: readonly string[] = [
  ...Object.keys(commands),
  ...Object.keys(sessionCommands),
  'help',
].sort();

/** Children of one node that are offered at most. */
const candidatesMax = 500;

/** Names of commands, then their options and the paths of nodes. Nothing that fails is told. */
export async function complete(line: string, zk: ZooKeeper | null): Promise<Completion> {
  const word = /\S*$/.exec(line)?.[0] ?? '';
  const before = line.slice(0, line.length - word.length).trim();
  if (before === '') return [starting(names, word), word];
  if (word.startsWith('-')) return [starting(optionsOf(before), word), word];
  if (!word.startsWith('/') || zk === null) return [[], word];
  const at = word.lastIndexOf('/');
  const parent = word.slice(0, at);
  const children = await zk.children(parent === '' ? '/' : parent).catch(() => []);
  const paths = children.sort((a, b) => (a < b ? -1 : 1)).map((name) => `${parent}/${name}`);
  return [starting(paths, word).slice(0, candidatesMax), word];
}

/** Options that the usage of a line's command names. */
function optionsOf(before: string): string[] {
  const [name = ''] = before.split(/\s/);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  return [...(command?.usage ?? '').matchAll(/[[|\s](-[a-zA-Z]+)/g)].map(([, one]) => one ?? '');
}

function starting(words: readonly string[], start: string): string[] {
  return words.filter((one) => one.startsWith(start));
}
