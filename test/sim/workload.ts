import type { Acl } from '../../server/protocol/acl.ts';
import { aclOpen } from '../../server/protocol/acl.ts';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import type { MultiOp } from '../../server/protocol/requests/multi.ts';
import {
  closeSession,
  create,
  createRequest,
  exists,
  getAcl,
  getChildren,
  getData,
  multi,
  remove,
  setAcl,
  setData,
  sync,
} from './client-ops.ts';
import type { ClientOp, OpResult } from './client-ops.ts';
import type { Prng } from './prng.ts';
import type { SimClient } from './sim-client.ts';

export interface WorkloadOptions {
  /** Mean time between two bursts of a client, ms. */
  readonly thinkMs: number;
  /** Requests on their way at once. */
  readonly windowMax: number;
  /** Values are padded to so many bytes at most. */
  readonly valueBytesMax: number;
}

/** Access lists: few, so that many nodes share one; all of them let everybody do everything. */
const acls: readonly (readonly Acl[])[] = [[], [1], [2], [1, 2]].map((guests) => [
  ...aclOpen,
  ...guests.map((guest) => ({ perms: guest, id: { scheme: 'ip', id: `10.9.0.${guest}` } })),
]);

const registers = ['/r0', '/r1', '/r2'];
const names = ['/n0', '/n1', '/n2', '/n3'];

/**
 * What a client does all day: registers with and without versions, nodes that come and go,
 * ephemerals, queues with numbered entries, multis, watches, syncs, and now and then the end of
 * its session. Values are unique, so that every read names its write.
 */
export class Workload {
  readonly #client: SimClient;
  readonly #options: WorkloadOptions;
  readonly #random: Prng;
  readonly #versions = new Map<string, number>();
  readonly #own: string[] = [];
  #counter = 0;
  #isStopped = false;

  constructor(client: SimClient, options: WorkloadOptions) {
    this.#client = client;
    this.#options = options;
    this.#random = client.process.random.fork('workload');
    this.#arm();
  }

  /** Nothing new; what is on its way goes on. */
  stop(): void {
    this.#isStopped = true;
  }

  #arm(): void {
    this.#client.process.after(this.#random.between(0, this.#options.thinkMs * 2), () => {
      if (this.#isStopped) return;
      if (this.#client.isOpen) this.#burst();
      this.#arm();
    });
  }

  #burst(): void {
    const room = this.#options.windowMax - this.#client.outstanding;
    const count = Math.min(room, this.#random.int(1, 3));
    for (let index = 0; index < count; index += 1) this.#one();
  }

  #one(): void {
    const dice = this.#random.int(0, 99);
    if (dice < 22) this.#set();
    else if (dice < 32) this.#make();
    else if (dice < 40) this.#client.call(remove(this.#random.pick(names)));
    else if (dice < 48) this.#ephemeral();
    else if (dice < 55) this.#queue();
    else if (dice < 63) this.#multi();
    else if (dice < 67) this.#syncedRead();
    else if (dice < 72) this.#access();
    else if (dice < 99) this.#read();
    else if (this.#random.chance(0.3)) this.#client.call(closeSession);
  }

  #set(): void {
    const path = this.#random.pick(registers);
    const version = this.#random.chance(0.5) ? -1 : (this.#versions.get(path) ?? 0);
    this.#client.call(setData(path, this.#value(), version), (result) => {
      this.#learn(path, result);
      // The register is made by whoever misses it.
      if (result !== null && result.error === -101) this.#client.call(create(path, this.#value()));
    });
  }

  #make(): void {
    const mode = this.#random.chance(0.3) ? CreateMode.EPHEMERAL : CreateMode.PERSISTENT;
    const acl = this.#random.pick(acls);
    this.#client.call(create(this.#random.pick(names), this.#value(), mode, acl));
  }

  #ephemeral(): void {
    const path = `/e-${this.#client.name}-${(this.#counter += 1)}`;
    this.#client.call(create(path, this.#value(), CreateMode.EPHEMERAL), (result) => {
      if (result?.error === 0) this.#keep(path);
    });
  }

  /** A numbered entry; the oldest own one goes when there are many. */
  #queue(): void {
    const mode = this.#random.pick([
      CreateMode.PERSISTENT_SEQUENTIAL,
      CreateMode.EPHEMERAL_SEQUENTIAL,
    ]);
    this.#client.call(create(`/q-`, this.#value(), mode), (result) => {
      if (result?.path !== undefined && result.path !== null) this.#keep(result.path);
    });
  }

  #keep(path: string): void {
    this.#own.push(path);
    const oldest = this.#own.length > 4 ? this.#own.shift() : undefined;
    if (oldest !== undefined) this.#client.call(remove(oldest));
  }

  #multi(): void {
    const path = this.#random.pick(registers);
    const other = this.#random.pick(names);
    const ops: MultiOp[] = [
      {
        op: 'check',
        path,
        version: this.#random.chance(0.5) ? -1 : (this.#versions.get(path) ?? 0),
      },
      { op: 'setData', path, data: Buffer.from(this.#value()), version: -1 },
      this.#random.chance(0.5)
        ? createRequest(other, this.#value(), CreateMode.PERSISTENT)
        : { op: 'delete', path: other, version: -1 },
    ];
    this.#client.call(multi(ops));
  }

  #syncedRead(): void {
    this.#client.call(sync('/'));
    this.#client.call(getData(this.#random.pick(registers)));
  }

  #access(): void {
    const path = this.#random.pick([...registers, ...names]);
    if (this.#random.chance(0.5)) this.#client.call(getAcl(path));
    else this.#client.call(setAcl(path, this.#random.pick(acls)));
  }

  #read(): void {
    const watch = this.#random.chance(0.3);
    const path = this.#random.pick([...registers, ...names]);
    const ops: readonly ClientOp[] = [
      getData(path, watch),
      exists(path, watch),
      getChildren('/', watch),
    ];
    this.#client.call(this.#random.pick(ops), (result) => this.#learn(path, result));
  }

  #learn(path: string, result: OpResult | null): void {
    if (result?.stat === undefined || result.stat === null) return;
    this.#versions.set(path, result.stat.version);
  }

  #value(): string {
    const name = `${this.#client.name}.${(this.#counter += 1)}`;
    const bytes = this.#options.valueBytesMax;
    return bytes === 0 ? name : name.padEnd(this.#random.int(1, bytes), '.');
  }
}
