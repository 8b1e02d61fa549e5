import { ZooKeeper } from '../../client/index.ts';
import type { Acl, ConnectOptions } from '../../client/index.ts';
import type { TreeDump } from './tree-dump.ts';

const identity: ConnectOptions = { auth: [{ scheme: 'digest', auth: 'ann:secret' }] };
const own: readonly Acl[] = [{ perms: 31, id: { scheme: 'auth', id: '' } }];
const shared: readonly Acl[] = [
  { perms: 31, id: { scheme: 'ip', id: '127.0.0.1' } },
  { perms: 1, id: { scheme: 'world', id: 'anyone' } },
];

/** Groups of plain nodes, and nodes in each. */
const groupCount = 10;
const groupSize = 30;
/** Makes a log longer than a page and a snapshot worth writing. */
const largeBytes = 100_000;

/**
 * A tree with a node of every kind that nobody changes once it is made, below `/standing`, and
 * the session that its ephemeral nodes belong to.
 */
export class StandingState implements AsyncDisposable {
  /** With these everything may be read. */
  readonly options: ConnectOptions = identity;
  readonly #zk: ZooKeeper;
  #before: ReadonlyMap<string, string> | null = null;

  private constructor(zk: ZooKeeper) {
    this.#zk = zk;
  }

  static async make(connectString: string): Promise<StandingState> {
    const options = { ...identity, sessionTimeoutMs: 20_000 };
    const zk = await ZooKeeper.connect(connectString, options);
    await zk.create('/standing');
    await zk.create('/zookeeper/quota/standing');
    await zk.create('/zookeeper/quota/standing/zookeeper_limits', 'count=1000,bytes=1000000');
    await zk.create('/zookeeper/quota/standing/zookeeper_stats', 'count=0,bytes=0');
    for (let group = 0; group < groupCount; group += 1) await makeGroup(zk, group);
    await makeKinds(zk);
    await makeGuarded(zk);
    await makeEphemerals(zk);
    return new StandingState(zk);
  }

  /**
   * Nodes that are not, to the last number, what they were in the tree that was shown first: a
   * line each.
   */
  changesIn(dump: TreeDump): string[] {
    const mine = new Map(
      [...dump].filter(([path]) => /^(\/zookeeper\/quota)?\/standing/.test(path)),
    );
    this.#before ??= mine;
    const paths = new Set([...this.#before.keys(), ...mine.keys()]);
    return [...paths]
      .filter((path) => this.#before?.get(path) !== mine.get(path))
      .map((path) => `${path}: ${this.#before?.get(path)} | ${mine.get(path)}`);
  }

  /** Nodes in it. */
  get size(): number {
    return this.#before?.size ?? 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#zk.close();
  }
}

async function makeGroup(zk: ZooKeeper, group: number): Promise<void> {
  const parent = `/standing/group-${group}`;
  await zk.create(parent, null);
  const names = Array.from({ length: groupSize }, (_, index) => `${parent}/node-${index}`);
  await Promise.all(names.map((path, index) => zk.create(path, `${group}.${index}`)));
  // Versions and numbers of children that are not all the same.
  for (const path of names.slice(0, group)) await zk.set(path, 'once more');
  await Promise.all(names.slice(groupSize - group).map((path) => zk.remove(path)));
}

async function makeKinds(zk: ZooKeeper): Promise<void> {
  await zk.create('/standing/null', null);
  await zk.create('/standing/empty', new Uint8Array(0));
  await zk.create('/standing/large', new Uint8Array(largeBytes).fill(0x5a));
  await zk.create('/standing/ünïcode-節点', 'δεδομένα');
  await zk.create('/standing/queue', null);
  for (let item = 0; item < 20; item += 1) {
    await zk.create('/standing/queue/item-', `${item}`, { sequential: true });
  }
  await zk.remove('/standing/queue/item-0000000007');
  // A container without children would go.
  await zk.create('/standing/container', null, { container: true });
  await zk.create('/standing/container/child', 'c');
  await zk.create('/standing/ttl', 't', { ttlMs: 3_600_000 });
  await zk.multi([
    { op: 'create', path: '/standing/multi', data: '1' },
    { op: 'create', path: '/standing/multi/n-', sequential: true },
    { op: 'set', path: '/standing/multi', data: '2', version: 0 },
  ]);
  let deep = '/standing';
  for (let depth = 0; depth < 20; depth += 1) {
    deep += `/depth-${depth}`;
    await zk.create(deep, null);
  }
}

async function makeGuarded(zk: ZooKeeper): Promise<void> {
  await zk.create('/standing/own', 'mine', { acl: own });
  await zk.create('/standing/own/below', 'mine too', { acl: own });
  await zk.create('/standing/shared', 'seen', { acl: shared });
  await zk.create('/standing/changed-acl', null);
  await zk.setAcl('/standing/changed-acl', shared);
  await zk.setAcl('/standing/changed-acl', own);
}

async function makeEphemerals(zk: ZooKeeper): Promise<void> {
  await zk.create('/standing/members', null);
  for (let member = 0; member < 5; member += 1) {
    await zk.create(`/standing/members/m-${member}`, `${member}`, { ephemeral: true });
    await zk.create('/standing/members/s-', null, { ephemeral: true, sequential: true });
  }
}
