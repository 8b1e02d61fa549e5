import type { Acl, CreateOptions, WatchListener } from '../index.ts';
import { WatcherType, ZkError } from '../index.ts';
import { Arguments, UsageError } from './command-line.ts';
import { aclText, dataText, eventText, parseAcl, statText } from './format.ts';
import { quotaCommands } from './quota.ts';
import type { Command, Terminal } from './terminal.ts';

/** Removals in one batch of deleteall. */
const batchCount = 1000;

const watchTypes: Readonly<Record<string, WatcherType>> = {
  c: WatcherType.CHILDREN,
  d: WatcherType.DATA,
  a: WatcherType.ANY,
};

/** Named and worded after the reference's own command. */
export const commands: Readonly<Record<string, Command>> = {
  ls: { usage: 'ls [-s] [-w] [-R] path', run: list },
  get: { usage: 'get [-s] [-w] path', run: get },
  set: { usage: 'set [-s] [-v version] path data', run: set },
  create: { usage: 'create [-s] [-e] [-c] [-t ttl] path [data] [acl]', run: create },
  delete: { usage: 'delete [-v version] path', run: remove },
  deleteall: { usage: 'deleteall path', run: removeAll },
  stat: { usage: 'stat [-w] path', run: stat },
  getAcl: { usage: 'getAcl [-s] path', run: getAcl },
  setAcl: { usage: 'setAcl [-s] [-v version] [-R] path acl', run: setAcl },
  sync: { usage: 'sync path', run: sync },
  addauth: { usage: 'addauth scheme auth', run: addAuth },
  whoami: { usage: 'whoami', run: whoAmI },
  addWatch: { usage: 'addWatch [-m PERSISTENT|PERSISTENT_RECURSIVE] path', run: addWatch },
  removewatches: { usage: 'removewatches path [-c|-d|-a]', run: removeWatches },
  getEphemerals: { usage: 'getEphemerals [path]', run: getEphemerals },
  getAllChildrenNumber: { usage: 'getAllChildrenNumber path', run: countBelow },
  config: { usage: 'config [-s] [-w]', run: config },
  reconfig: {
    usage: 'reconfig [-s] [-v version] [-add member,…] [-remove id,…] [-members member,…]',
    run: reconfig,
  },
  ...quotaCommands,
};

function watchOption(args: Arguments, { print }: Terminal): { readonly watch?: WatchListener } {
  return args.has('w') ? { watch: (event) => print(eventText(event)) } : {};
}

async function list(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'w', 'R']);
  const path = args.at(0, 'path');
  if (args.has('R')) return printTree(terminal, path);
  const { children, stat } = await terminal.zk.childrenWithStat(path, watchOption(args, terminal));
  terminal.print(`[${children.sort(byCodeUnit).join(', ')}]`);
  if (args.has('s')) terminal.print(statText(stat));
}

/** A node and everything below it, parents first; a node that goes meanwhile is left out. */
async function* pathsBelow({ zk }: Terminal, top: string): AsyncGenerator<string> {
  const open = [top];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const children = await zk.children(path).catch(orNothing(path !== top));
    if (children === null) continue;
    yield path;
    for (const name of children.sort(byCodeUnit).reverse()) {
      open.push(path === '/' ? `/${name}` : `${path}/${name}`);
    }
  }
}

async function printTree(terminal: Terminal, top: string): Promise<void> {
  for await (const path of pathsBelow(terminal, top)) terminal.print(path);
}

async function get(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'w']);
  const node = await terminal.zk.get(args.at(0, 'path'), watchOption(args, terminal));
  terminal.print(dataText(node.data));
  if (args.has('s')) terminal.print(statText(node.stat));
}

async function set(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s'], ['v']);
  const data = args.at(1, 'data');
  const stat = await terminal.zk.set(args.at(0, 'path'), data, args.integer('v', -1));
  if (args.has('s')) terminal.print(statText(stat));
}

async function create({ zk, complain }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'e', 'c'], ['t']);
  const acl = args.positional[2];
  const options: CreateOptions = {
    sequential: args.has('s'),
    ephemeral: args.has('e'),
    container: args.has('c'),
    ...(args.value('t') === undefined ? {} : { ttlMs: args.integer('t', 0) }),
    ...(acl === undefined ? {} : { acl: parseAcl(acl) }),
  };
  const made = await zk.create(args.at(0, 'path'), args.positional[1] ?? null, options);
  complain(`Created ${made}`);
}

async function remove({ zk }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, [], ['v']);
  await zk.remove(args.at(0, 'path'), args.integer('v', -1));
}

/** Children first, many in one batch; what others remove or make meanwhile is met with a retry. */
async function removeAll(terminal: Terminal, words: readonly string[]): Promise<void> {
  const top = new Arguments(words, []).at(0, 'path');
  const paths: string[] = [];
  for await (const path of pathsBelow(terminal, top)) paths.push(path);
  paths.reverse();
  for (let at = 0; at < paths.length; at += batchCount) {
    const batch = paths.slice(at, at + batchCount);
    try {
      await terminal.zk.multi(batch.map((path) => ({ op: 'remove', path })));
    } catch (error) {
      if (!(error instanceof ZkError) || error.code !== 'NO_NODE') throw error;
      for (const path of batch) await terminal.zk.remove(path).catch(orNothing(true));
    }
  }
}

async function stat(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['w']);
  const path = args.at(0, 'path');
  const found = await terminal.zk.exists(path, watchOption(args, terminal));
  if (found === null) throw new ZkError('NO_NODE', path);
  terminal.print(statText(found));
}

async function getAcl({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s']);
  const { acl, stat } = await zk.getAcl(args.at(0, 'path'));
  print(aclText(acl));
  if (args.has('s')) print(statText(stat));
}

async function setAcl(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'R'], ['v']);
  const path = args.at(0, 'path');
  const acl: Acl[] = parseAcl(args.at(1, 'acl'));
  if (!args.has('R')) {
    const stat = await terminal.zk.setAcl(path, acl, args.integer('v', -1));
    if (args.has('s')) terminal.print(statText(stat));
    return;
  }
  for await (const below of pathsBelow(terminal, path)) {
    await terminal.zk.setAcl(below, acl, args.integer('v', -1)).catch(orNothing(below !== path));
  }
}

async function sync({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  await zk.sync(new Arguments(words, []).at(0, 'path'));
  print('Sync is OK');
}

async function addAuth({ zk }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, []);
  await zk.addAuth(args.at(0, 'scheme'), args.positional[1] ?? '');
}

async function whoAmI({ zk, print }: Terminal): Promise<void> {
  const identities = await zk.whoAmI();
  print(['Auth scheme: User', ...identities.map((id) => `${id.scheme}: ${id.user}`)].join('\n'));
}

async function addWatch({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, [], ['m']);
  const mode = args.value('m') ?? 'PERSISTENT_RECURSIVE';
  if (mode !== 'PERSISTENT' && mode !== 'PERSISTENT_RECURSIVE') {
    throw new UsageError(`unknown mode ${mode}`);
  }
  const recursive = mode === 'PERSISTENT_RECURSIVE';
  await zk.addWatch(args.at(0, 'path'), (event) => print(eventText(event)), { recursive });
}

async function removeWatches({ zk }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['c', 'd', 'a']);
  const flag = ['c', 'd', 'a'].find((one) => args.has(one)) ?? 'a';
  await zk.removeWatches(args.at(0, 'path'), { type: watchTypes[flag] ?? WatcherType.ANY });
}

async function getEphemerals({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  const paths = await zk.getEphemerals(new Arguments(words, []).positional[0] ?? '/');
  print(`[${paths.sort(byCodeUnit).join(', ')}]`);
}

async function countBelow({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  print(String(await zk.getAllChildrenNumber(new Arguments(words, []).at(0, 'path'))));
}

async function config(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'w']);
  const node = await terminal.zk.getConfig(watchOption(args, terminal));
  terminal.print(dataText(node.data));
  if (args.has('s')) terminal.print(statText(node.stat));
}

async function reconfig({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s'], ['v', 'add', 'remove', 'members']);
  const [joining, leaving, members] = ['add', 'remove', 'members'].map((name) => args.value(name));
  const version = args.value('v');
  const node = await zk.reconfig({
    ...(joining === undefined ? {} : { joining }),
    ...(leaving === undefined ? {} : { leaving }),
    ...(members === undefined ? {} : { members }),
    ...(version === undefined ? {} : { version: Number.parseInt(version, 16) as never }),
  });
  print(`Committed new configuration:\n${dataText(node.data)}`);
  if (args.has('s')) print(statText(node.stat));
}

/** Takes a NO_NODE for an answer where somebody else may have removed the node. */
function orNothing(isAllowed: boolean): (error: unknown) => null {
  return (error) => {
    if (isAllowed && error instanceof ZkError && error.code === 'NO_NODE') return null;
    throw error;
  };
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
