import { ZooKeeper } from '../../client/index.ts';
import type { ConnectOptions } from '../../client/index.ts';
import type { Member, RealEnsemble } from './real-ensemble.ts';
import { until } from './real-ensemble.ts';

/** Path → what a server holds there, as one line: data, numbers, access list. */
export type TreeDump = ReadonlyMap<string, string>;

/** Differences that are worth printing. */
const differencesMax = 10;

/** Everything that a member's tree holds, as of its answer to a sync. */
export async function dumpOf(
  member: Pick<Member, 'address'>,
  options: ConnectOptions = {},
): Promise<TreeDump> {
  await using zk = await ZooKeeper.connect(member.address, {
    connectTimeoutMs: 10_000,
    ...options,
  });
  await zk.sync('/');
  const found = new Map<string, string>();
  await visit(zk, '/', found);
  return found;
}

/** The tree of every running member, in the order of their ids. */
export async function dumpsOf(
  ensemble: RealEnsemble,
  options: ConnectOptions = {},
): Promise<TreeDump[]> {
  const running = ensemble.members.filter((member) => member.isRunning);
  const dumps: TreeDump[] = [];
  for (const member of running) dumps.push(await dumpOf(member, options));
  return dumps;
}

/** In what two trees differ, a line for each node; no more than a few. */
export function differencesOf(left: TreeDump, right: TreeDump): string[] {
  const paths = [...new Set([...left.keys(), ...right.keys()])];
  return paths
    .filter((path) => left.get(path) !== right.get(path))
    .slice(0, differencesMax)
    .map((path) => `${path}: ${left.get(path) ?? 'missing'} | ${right.get(path) ?? 'missing'}`);
}

/** Waits until no session is alive, so that ephemerals are gone. */
export async function sessionsGone(member: Member, withinMs: number): Promise<void> {
  await until('the sessions to end', withinMs, async () =>
    /^zk_global_sessions\t0$/m.test((await member.ask('mntr')) ?? ''),
  );
}

async function visit(zk: ZooKeeper, path: string, found: Map<string, string>): Promise<void> {
  const [node, { acl }, children] = await Promise.all([
    zk.get(path),
    zk.getAcl(path),
    zk.children(path),
  ]);
  const data = node.data === null ? 'null' : `"${node.data.toString('base64')}"`;
  const numbers = Object.entries(node.stat)
    // Every server writes this node by itself when it starts, with its own clock.
    .filter(([key]) => path !== '/zookeeper/config' || key !== 'mtimeMs')
    .map(([key, value]) => `${key}=${value.toString()}`);
  const access = acl.map(({ id, perms }) => `${id.scheme}:${id.id}:${perms}`);
  found.set(path, `${data} ${numbers.join(' ')} ${access.join(',')}`);
  const prefix = path === '/' ? '' : path;
  await Promise.all(children.map((name) => visit(zk, `${prefix}/${name}`, found)));
}
