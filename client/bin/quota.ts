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
  setquota: { usage: 'setquota -n|-b|-N|-B value path', run: setQuota },
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

async function setQuota({ zk }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, [], Object.keys(fields));
  const path = args.at(0, 'path');
  const flags = Object.keys(fields).filter((flag) => args.value(flag) !== undefined);
  if (flags.length === 0) throw new UsageError('a limit is missing');
  if ((await zk.exists(path)) === null) throw new UsageError(`${path} does not exist.`);
  const limits = await readQuota(zk, path, limitsName);
  if (limits === null) await refuseNested(zk, path);
  const quota = limits ?? parseQuota('');
  for (const flag of flags) {
    const field = fields[flag];
    if (field !== undefined) quota[field] = args.integer(flag, -1);
  }
  if (limits !== null) {
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
  const path = new Arguments(words, []).at(0, 'path');
  print(`absolute path is ${root}${path}/${limitsName}`);
  const limits = await readQuota(zk, path, limitsName);
  if (limits === null) return complain(`quota for ${path} does not exist.`);
  const stats = parseQuota(await textAt(zk, `${root}${path}/${statsName}`));
  print(`Output quota for ${path} ${quotaText(limits)}`);
  print(`Output stat for ${path} count=${stats.count},bytes=${stats.bytes}`);
}

async function deleteQuota({ zk }: Terminal, words: readonly string[]): Promise<void> {
  const args = new Arguments(words, Object.keys(fields));
  const path = args.at(0, 'path');
  const quota = await readQuota(zk, path, limitsName);
  if (quota === null) throw new UsageError(`Quota does not exist for ${path}`);
  const flags = Object.keys(fields).filter((flag) => args.has(flag));
  if (flags.length > 0) {
    for (const flag of flags) {
      const field = fields[flag];
      if (field !== undefined) quota[field] = -1;
    }
    await zk.set(`${root}${path}/${limitsName}`, quotaText(quota));
    return;
  }
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
