import type { ZooKeeper } from '../index.ts';
import { ZkError } from '../index.ts';
import { Arguments, UsageError } from './command-line.ts';
import type { Command, Terminal } from './terminal.ts';

/** Limits or usage of a subtree; -1: none. */
interface Quota {
  count: number;
  bytes: number;
  countHardLimit: number;
  byteHardLimit: number;
}

const root = '/zookeeper/quota';
const limitsName = 'zookeeper_limits';
const statsName = 'zookeeper_stats';

const fields: Readonly<Record<string, keyof Quota>> = {
  n: 'count',
  b: 'bytes',
  N: 'countHardLimit',
  B: 'byteHardLimit',
};

/** Limits live in nodes below /zookeeper/quota; the servers keep the usage beside them. */
export const quotaCommands: Readonly<Record<string, Command>> = {
  setquota: { usage: 'setquota -n|-b|-N|-B val path', run: setQuota },
  listquota: { usage: 'listquota path', run: listQuota },
  delquota: { usage: 'delquota [-n|-b|-N|-B] path', run: deleteQuota },
};

/** `count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=-1`; what is absent or no number is -1. */
export function parseQuota(text: string): Quota {
  const quota: Quota = { count: -1, bytes: -1, countHardLimit: -1, byteHardLimit: -1 };
  for (const part of text.split(/[,;]+/)) {
    const [name = '', value = ''] = part.split('=');
    if (Object.hasOwn(quota, name)) quota[name as keyof Quota] = Number(value || -1);
  }
  return quota;
}

export function quotaText(quota: Quota): string {
  const { count, bytes, countHardLimit, byteHardLimit } = quota;
  return `count=${count},bytes=${bytes}=;byteHardLimit=${byteHardLimit};countHardLimit=${countHardLimit}`;
}

async function setQuota(
  { zk, print, complain }: Terminal,
  words: readonly string[],
): Promise<void> {
  const args = new Arguments(words, [], Object.keys(fields));
  const [flag, ...others] = Object.keys(fields).filter((one) => args.value(one) !== undefined);
  const field = flag === undefined ? undefined : fields[flag];
  if (flag === undefined || field === undefined) {
    throw new UsageError('Missing required option: one of -n, -b, -N and -B, with the limit');
  }
  if (others.length > 0) throw new UsageError(`-${flag} and -${others[0]}: one limit at a time`);
  const path = args.at(0);
  const text = args.value(flag) ?? '';
  // The reference says so and counts it as done.
  if (!/^-?\d+$/.test(text)) {
    return complain('NumberFormatException happens when parsing the option value');
  }
  const value = Number(text);
  const isCount = field.startsWith('count');
  if (isCount ? value < 1 : value < 0) {
    throw new UsageError(`the ${isCount ? 'num' : 'bytes'} quota must be greater than zero`);
  }
  if (path === root || path.startsWith(`${root}/`)) {
    throw new UsageError(`cannot set a quota under the path: ${root}`);
  }
  if (path === '/') throw new UsageError('Path must not end with / character');
  if ((await zk.exists(path)) === null) throw new UsageError(`${path} does not exist.`);
  const limits = await readQuota(zk, path, limitsName);
  if (limits === null) await refuseNested(zk, path);
  const quota = { ...(limits ?? parseQuota('')), [field]: value };
  await writeQuota(zk, path, quota, limits !== null);
  const usage = await readQuota(zk, path, statsName);
  if (usage !== null) warnOfUsage(print, quota, usage);
}

/** A limit below what is there already is taken all the same. */
function warnOfUsage(print: (text: string) => void, quota: Quota, usage: Quota): void {
  const isBelow = (limit: number, used: number): boolean => limit > -1 && limit < used;
  const warn = (what: string, used: number): void =>
    print(`[Warning]: the ${what} quota you create is less than the existing ${what}:${used}`);
  const { count, bytes } = usage;
  if (isBelow(quota.count, count) || isBelow(quota.countHardLimit, count)) warn('count', count);
  if (isBelow(quota.bytes, bytes) || isBelow(quota.byteHardLimit, bytes)) warn('bytes', bytes);
}

async function writeQuota(
  zk: ZooKeeper,
  path: string,
  quota: Quota,
  isThere: boolean,
): Promise<void> {
  if (isThere) {
    await zk.set(`${root}${path}/${limitsName}`, quotaText(quota));
    return;
  }
  const names = path.split('/').slice(1);
  for (let depth = 1; depth <= names.length; depth += 1) {
    await zk.create(`${root}/${names.slice(0, depth).join('/')}`).catch(ignoreExisting);
  }
  await zk.create(`${root}${path}/${limitsName}`, quotaText(quota));
  await zk.create(`${root}${path}/${statsName}`, 'count=0,bytes=0');
}

/** A subtree under quota must hold no other and lie in no other. */
async function refuseNested(zk: ZooKeeper, path: string): Promise<void> {
  const names = path.split('/').slice(1);
  for (let depth = 1; depth < names.length; depth += 1) {
    const above = `/${names.slice(0, depth).join('/')}`;
    if ((await readQuota(zk, above, limitsName)) !== null) {
      throw new UsageError(`${path} has a parent ${above} which has a quota`);
    }
  }
  const open = [path];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const children = (await zk.exists(`${root}${at}`)) === null ? [] : await zk.children(root + at);
    if (children.includes(limitsName)) {
      throw new UsageError(`${path} has child ${at} which has a quota`);
    }
    for (const name of children) if (name !== statsName) open.push(`${at}/${name}`);
  }
}

async function listQuota(
  { zk, print, complain }: Terminal,
  words: readonly string[],
): Promise<void> {
  const path = new Arguments(words, []).at(0);
  complain(`absolute path is ${root}${path}/${limitsName}`);
  const limits = await readQuota(zk, path, limitsName);
  if (limits === null) return complain(`quota for ${path} does not exist.`);
  const stats = parseQuota(await textAt(zk, `${root}${path}/${statsName}`));
  print(`Output quota for ${path} ${quotaText(limits)}`);
  print(`Output stat for ${path} count=${stats.count},bytes=${stats.bytes}`);
}

async function deleteQuota({ zk, print }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, Object.keys(fields));
  const path = args.at(0);
  const [flag, ...others] = Object.keys(fields).filter((one) => args.has(one));
  if (others.length > 0) throw new UsageError(`-${flag} and -${others[0]}: one limit at a time`);
  const quota = await readQuota(zk, path, limitsName);
  // The reference says so and counts it as done.
  if (quota === null) return print(`Quota does not exist for ${path}`);
  const field = flag === undefined ? undefined : fields[flag];
  if (field !== undefined) return writeQuota(zk, path, { ...quota, [field]: -1 }, true);
  await zk.remove(`${root}${path}/${limitsName}`);
  await zk.remove(`${root}${path}/${statsName}`);
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    if ((await zk.children(root + at)).length > 0) return;
    await zk.remove(root + at);
  }
}

async function readQuota(zk: ZooKeeper, path: string, name: string): Promise<Quota | null> {
  const at = `${root}${path}/${name}`;
  return (await zk.exists(at)) === null ? null : parseQuota(await textAt(zk, at));
}

async function textAt(zk: ZooKeeper, path: string): Promise<string> {
  return (await zk.get(path)).data?.toString() ?? '';
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof ZkError) || error.code !== 'NODE_EXISTS') throw error;
}
