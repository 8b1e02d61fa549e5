import { ZkError, ZooKeeper } from '../../client/index.ts';
import type { Acl, ConnectOptions } from '../../client/index.ts';

/** Who may read everything that {@link EveryKind} makes. */
export const everyKindIdentity: ConnectOptions = {
  auth: [{ scheme: 'digest', auth: 'ann:secret' }],
};

const own: readonly Acl[] = [{ perms: 31, id: { scheme: 'auth', id: '' } }];
const shared: readonly Acl[] = [
  { perms: 31, id: { scheme: 'ip', id: '127.0.0.1' } },
  { perms: 1, id: { scheme: 'world', id: 'anyone' } },
];

/** Longer than any test: the session outlives each server. */
const sessionTimeoutMs = 50_000;

/**
 * Nodes of every kind that a version of the reference knows, by requests that it knows, and a
 * session that owns some of them and goes from server to server.
 */
export class EveryKind implements AsyncDisposable {
  readonly #zk: ZooKeeper;

  private constructor(zk: ZooKeeper) {
    this.#zk = zk;
  }

  /** @param hasKinds containers and TTLs: from 3.5 on. */
  static async make(address: string, hasKinds: boolean): Promise<EveryKind> {
    const zk = await ZooKeeper.connect(address, { ...everyKindIdentity, sessionTimeoutMs });
    await makePlain(zk);
    await makeAccess(zk);
    await makeSessions(zk, address);
    if (hasKinds) {
      await zk.create('/container', null, { container: true });
      await zk.create('/container/child', 'c');
      await zk.create('/ttl', 't', { ttlMs: 3_600_000 });
    }
    return new EveryKind(zk);
  }

  /** The session is alive at whichever server runs now, and its ephemerals are there. */
  async isAlive(): Promise<boolean> {
    return (await this.#zk.exists('/members/mine')) !== null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#zk.close();
  }
}

async function makePlain(zk: ZooKeeper): Promise<void> {
  await zk.create('/plain', 'p');
  for (let index = 0; index < 60; index += 1) await zk.create(`/plain/n-${index}`, `${index}`);
  for (let index = 0; index < 60; index += 3) await zk.set(`/plain/n-${index}`, `again ${index}`);
  for (let index = 1; index < 60; index += 3) await zk.remove(`/plain/n-${index}`);
  await zk.create('/null', null);
  await zk.create('/empty', new Uint8Array(0));
  await zk.create('/large', null);
  for (let index = 0; index < 12; index += 1) {
    await zk.create(`/large/n-${index}`, Buffer.alloc(500_000, `${index} and more `));
  }
  await zk.create('/ünïcode-節点', 'δεδομένα');
  await zk.create('/queue', null);
  for (let item = 0; item < 12; item += 1) {
    await zk.create('/queue/item-', `${item}`, { sequential: true });
  }
  await zk.remove('/queue/item-0000000007');
  await zk.multi([
    { op: 'create', path: '/multi', data: '1' },
    { op: 'create', path: '/multi/n-', sequential: true },
    { op: 'set', path: '/multi', data: '2', version: 0 },
    { op: 'check', path: '/multi', version: 1 },
  ]);
  const refused = zk.multi([
    { op: 'create', path: '/never' },
    { op: 'check', path: '/multi', version: 9 },
  ]);
  await refused.then(
    () => Promise.reject(new Error('a multi with a wrong version passed')),
    () => undefined,
  );
}

async function makeAccess(zk: ZooKeeper): Promise<void> {
  await zk.create('/own', 'mine', { acl: own });
  await zk.create('/own/below', 'mine too', { acl: own });
  await zk.create('/shared', 'seen', { acl: shared });
  await zk.create('/changed-acl', null);
  await zk.setAcl('/changed-acl', shared);
  await zk.setAcl('/changed-acl', own);
  await zk.create('/zookeeper/quota/plain');
  await zk.create('/zookeeper/quota/plain/zookeeper_limits', 'count=1000,bytes=1000000');
  await zk.create('/zookeeper/quota/plain/zookeeper_stats', 'count=0,bytes=0');
  await zk.create('/plain/counted', 'counted');
}

/** Two that stay, of which one owns nothing; one that ends, with what it owns. */
async function makeSessions(zk: ZooKeeper, address: string): Promise<void> {
  await zk.create('/members');
  await zk.create('/members/mine', 'm', { ephemeral: true });
  await zk.create('/members/s-', null, { ephemeral: true, sequential: true });
  const short = await ZooKeeper.connect(address, { ...everyKindIdentity, sessionTimeoutMs });
  await short.create('/members/short', null, { ephemeral: true });
  await short.create('/plain/short', null, { ephemeral: true });
  await short.close();
}

/** Writes without a pause until its server is gone; what was answered is to be found again. */
export class BusyWriter {
  readonly answered: Map<string, string> = new Map<string, string>();
  readonly #done: Promise<unknown>;
  readonly #zk: ZooKeeper;
  #isOver = false;

  private constructor(zk: ZooKeeper, name: string, bytes: number) {
    this.#zk = zk;
    const lanes = Array.from({ length: 8 }, (_, lane) => this.#run(`/${name}-${lane}`, bytes));
    this.#done = Promise.all(lanes);
  }

  static async start(address: string, name: string, bytes: number): Promise<BusyWriter> {
    const zk = await ZooKeeper.connect(address, { sessionTimeoutMs });
    return new BusyWriter(zk, name, bytes);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    await this.#zk.close().catch(() => undefined);
  }

  async #run(prefix: string, bytes: number): Promise<void> {
    for (let number = 0; !this.#isOver; number += 1) {
      const path = `${prefix}-${number}`;
      try {
        await this.#zk.create(path, path.padEnd(bytes, '.'));
        this.answered.set(path, path.padEnd(bytes, '.'));
        if (number % 4 === 3) await this.#zk.set(`${prefix}-${number - 1}`, 'changed');
        if (number % 4 === 3) this.answered.set(`${prefix}-${number - 1}`, 'changed');
      } catch (error) {
        // Nobody knows what became of a write whose server went away.
        if (!(error instanceof ZkError)) throw error;
        this.answered.delete(`${prefix}-${number - 1}`);
        return;
      }
    }
  }
}
