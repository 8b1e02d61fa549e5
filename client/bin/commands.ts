import type { Acl, CreateOptions } from '../index.ts';
import { WatcherType, ZkError } from '../index.ts';
import { ErrorCode } from '../../server/protocol/error-code.ts';
import { Arguments, UsageError } from './command-line.ts';
import { aclText, hexText, parseAcl, statText } from './format.ts';
import { memberCommands } from './member-commands.ts';
import { quotaCommands } from './quota.ts';
import { watchOption } from './terminal.ts';
import type { Command, Terminal } from './terminal.ts';

/** Removals in one batch of deleteall. */
const batchCountStandard = 1000;

/** Of a TTL in ms: 40 bits. */
const ttlMsMax: number = 2 ** 40 - 1;

const watchTypes: Readonly<Record<string, WatcherType>> = {
  c: WatcherType.CHILDREN,
  d: WatcherType.DATA,
  a: WatcherType.ANY,
};

const createUsage = 'create [-s] [-e] [-c] [-t ttl] path [data] [acl]';

/** Named and worded after the reference's own commands. */
export const commands: Readonly<Record<string, Command>> = {
  addWatch: {
    usage:
      'addWatch [-m mode] path # optional mode is one of ' +
      '[PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE',
    run: addWatch,
  },
  addauth: { usage: 'addauth scheme auth', run: addAuth },
  create: { usage: createUsage, run: create },
  delete: { usage: 'delete [-v version] path', run: remove },
  deleteall: { usage: 'deleteall path [-b batch size]', run: removeAll },
  get: {
    usage: 'get [-s] [-w] [-b] [-x] path',
    optionHelp:
      ' -b   Output data in base64 format\n' +
      ' -s   Print znode stats additionally\n' +
      ' -w   Watch for changes on the znode\n' +
      ' -x   Output data in hexdump format\n',
    run: get,
  },
  getAcl: { usage: 'getAcl [-s] path', run: getAcl },
  getAllChildrenNumber: { usage: 'getAllChildrenNumber path', run: countBelow },
  getEphemerals: { usage: 'getEphemerals path', run: getEphemerals },
  ls: { usage: 'ls [-s] [-w] [-R] path', run: list },
  removewatches: { usage: 'removewatches path [-c|-d|-a] [-l]', run: removeWatches },
  set: {
    usage: 'set path data [-s] [-v version] [-b]',
    optionHelp:
      ' -b         Supply data in base64 format\n' +
      ' -s         Print znode stats additionally\n' +
      ' -v <arg>   Set with an expected version\n',
    run: set,
  },
  setAcl: { usage: 'setAcl [-s] [-v version] [-R] path acl', run: setAcl },
  stat: { usage: 'stat [-w] path', run: stat },
  sync: { usage: 'sync path', run: sync },
  whoami: { usage: 'whoami ', run: whoAmI },
  ...memberCommands,
  ...quotaCommands,
};

/** A form that the reference has given up and still takes. */
function complainOfOldForm({ complain }: Terminal, old: string, now: string): void {
  complain(`'${old}' has been deprecated. Please use '${now}' instead.`);
}

async function list(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'w', 'R']);
  const path = args.at(0);
  const isOldForm = args.positional.length > 1;
  if (isOldForm) complainOfOldForm(terminal, 'ls path [watch]', 'ls [-w] path');
  if (args.has('R')) return printTree(terminal, path);
  const options = watchOption(terminal, isOldForm || args.has('w'));
  const { children, stat } = await terminal.zk.childrenWithStat(path, options);
  terminal.print(`[${children.sort(byCodeUnit).join(', ')}]`);
  if (args.has('s')) terminal.print(statText(stat));
}

/** A node and everything below it, level by level; a node that goes meanwhile is left out. */
async function* pathsBelow({ zk }: Terminal, top: string): AsyncGenerator<string> {
  let level = [top];
  while (level.length > 0) {
    const next: string[] = [];
    for (const path of level) {
      const children = await zk.children(path).catch(orNothing(path !== top));
      if (children === null) continue;
      yield path;
      const prefix = path === '/' ? '' : path;
      for (const name of children.sort(byCodeUnit)) next.push(`${prefix}/${name}`);
    }
    level = next;
  }
}

async function printTree(terminal: Terminal, top: string): Promise<void> {
  for await (const path of pathsBelow(terminal, top)) terminal.print(path);
}

async function get(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'w', 'b', 'x']);
  const path = args.at(0);
  const isOldForm = args.positional.length > 1;
  if (isOldForm) complainOfOldForm(terminal, 'get path [watch]', 'get [-s] [-w] path');
  const node = await terminal.zk.get(path, watchOption(terminal, isOldForm || args.has('w')));
  terminal.print(shownData(args, node.data));
  if (args.has('s')) terminal.print(statText(node.stat));
}

function shownData(args: Arguments, data: Buffer | null): string {
  // The reference shows no data as the word, whatever the format.
  const bytes = data ?? Buffer.from('null');
  if (args.has('b')) return bytes.toString('base64');
  return args.has('x') ? hexText(bytes) : bytes.toString('utf8');
}

async function set(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'b'], ['v']);
  const [path, text] = [args.at(0), args.at(1)];
  const data = args.has('b') ? base64Of(text) : text;
  const stat = await terminal.zk.set(path, data, args.integer('v', -1));
  if (args.has('s')) terminal.print(statText(stat));
}

function base64Of(text: string): Buffer {
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return Buffer.from(text, 'base64');
  throw new UsageError(`${text} is no base64`);
}

async function create({ zk, complain }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'e', 'c'], ['t']);
  const path = args.at(0);
  const [sequential, ephemeral, container] = [args.has('s'), args.has('e'), args.has('c')];
  if (container && (sequential || ephemeral)) {
    throw new UsageError(
      '-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.',
    );
  }
  const ttlMs = ttlOf(args);
  const acl = args.positional[2];
  const options: CreateOptions = {
    sequential,
    ephemeral,
    container,
    ...(ttlMs === null ? {} : { ttlMs }),
    ...(acl === undefined
      ? {}
      : { acl: aclOf(acl, 'KeeperErrorCode = InvalidACL\nAcl is not valid : null') }),
  };
  const made = await zk.create(path, args.positional[1] ?? null, options);
  complain(`Created ${made}`);
}

function ttlOf(args: Arguments): number | null {
  const text = args.value('t');
  if (text === undefined) return null;
  if (!/^[-+]?\d+$/.test(text)) throw new UsageError('-t argument must be a long value');
  if (args.has('e')) throw new UsageError('TTLs cannot be used with Ephemeral znodes');
  if (args.has('c')) throw new UsageError('TTLs cannot be used with Container znodes');
  const ttlMs = Number(text);
  if (ttlMs >= 1 && ttlMs <= ttlMsMax) return ttlMs;
  throw new UsageError(`ttl must be positive and cannot be larger than: ${ttlMsMax}`);
}

async function remove(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, [], ['v']);
  const path = args.at(0);
  const old = args.positional[1];
  if (old === undefined) return terminal.zk.remove(path, args.integer('v', -1));
  complainOfOldForm(terminal, 'delete path [version]', 'delete [-v version] path');
  if (!/^-?\d+$/.test(old)) throw new UsageError(`${old} is no version`);
  return terminal.zk.remove(path, Number(old));
}

/** Children first, many in one batch; what others remove or make meanwhile is met with a retry. */
async function removeAll(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, [], ['b']);
  const top = args.at(0);
  const batchCount = args.integer('b', batchCountStandard);
  if (batchCount < 1) throw new UsageError(`-b ${batchCount} must be at least 1`);
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
  const path = args.at(0);
  const isOldForm = args.positional.length > 1;
  if (isOldForm) complainOfOldForm(terminal, 'stat path [watch]', 'stat [-w] path');
  const found = await terminal.zk.exists(path, watchOption(terminal, isOldForm || args.has('w')));
  if (found === null) throw new ZkError('NO_NODE', path);
  terminal.print(statText(found));
}

async function getAcl({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s']);
  const { acl, stat } = await zk.getAcl(args.at(0));
  print(aclText(acl));
  if (args.has('s')) print(statText(stat));
}

async function setAcl(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['s', 'R'], ['v']);
  const path = args.at(0);
  const acl = aclOf(args.at(1), 'Acl is not valid : null');
  if (!args.has('R')) {
    const stat = await terminal.zk.setAcl(path, acl, args.integer('v', -1));
    if (args.has('s')) terminal.print(statText(stat));
    return;
  }
  for await (const below of pathsBelow(terminal, path)) {
    await terminal.zk.setAcl(below, acl, args.integer('v', -1)).catch(orNothing(below !== path));
  }
}

/** @param remark what the reference says below what is wrong */
function aclOf(text: string, remark: string): Acl[] {
  try {
    return parseAcl(text);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${error.message}\n${remark}`);
    throw error;
  }
}

async function sync({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  await zk.sync(new Arguments(words, []).at(0)).catch((error: unknown) => {
    if (!(error instanceof ZkError) || error.code === 'BAD_ARGUMENTS') throw error;
    throw new UsageError(`Sync has failed. rc=${ErrorCode[error.code]}`);
  });
  print('Sync is OK');
}

async function addAuth({ zk }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, []);
  await zk.addAuth(args.at(0), args.positional[1] ?? '');
}

async function whoAmI({ zk, print }: Terminal): Promise<void> {
  const identities = await zk.whoAmI();
  print(['Auth scheme: User', ...identities.map((id) => `${id.scheme}: ${id.user}`)].join('\n'));
}

async function addWatch({ zk, watch }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, [], ['m']);
  const path = args.at(0);
  const mode = args.value('m') ?? 'PERSISTENT_RECURSIVE';
  if (mode !== 'PERSISTENT' && mode !== 'PERSISTENT_RECURSIVE') throw new UsageError();
  await zk.addWatch(path, watch, { recursive: mode === 'PERSISTENT_RECURSIVE' });
}

async function removeWatches(terminal: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, ['c', 'd', 'a', 'l']);
  const path = args.at(0);
  const flag = ['c', 'd', 'a'].find((one) => args.has(one)) ?? 'a';
  const { zk, removed } = terminal;
  try {
    removed(path, await zk.removeWatches(path, { type: watchTypes[flag] ?? WatcherType.ANY }));
  } catch (error) {
    // Without a server the watches are gone here, which is what was asked for.
    const isLocal = args.has('l') && error instanceof ZkError && error.code === 'CONNECTION_LOSS';
    if (!isLocal) throw error;
  }
}

async function getEphemerals({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  const paths = await zk.getEphemerals(new Arguments(words, []).positional[0] ?? '/');
  print(`[${paths.sort(byCodeUnit).join(', ')}]`);
}

async function countBelow({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  print(String(await zk.getAllChildrenNumber(new Arguments(words, []).at(0))));
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
