// Goal: whichever single step of the disk fails, at whatever moment, nothing that was confirmed is
// lost, nothing is invented, and the next start works.
// Method: a script of everything that storage does (batches, epochs, snapshots, a cut, a leader's
// snapshot in place of the history) over the simulated disk; each step of it fails once, in a run of
// its own. Whoever fails ends, and starts again; then a crash of each kind, and another start.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeTxn } from '../../server/protocol/txn-codec.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { zxidOf } from '../../server/protocol/zxid.ts';
import { TreeRecovery } from '../../server/shell/history.ts';
import { StorageError } from '../../server/storage/storage-error.ts';
import { openStorage } from '../../server/storage/storage.ts';
import type { Storage } from '../../server/storage/door.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import { DiskPort } from './sim-disk-port.ts';
import { SimDisk } from './sim-disk.ts';
import { SimHost, SimProcess } from './sim-host.ts';
import type { CrashMode } from './sim-inode.ts';
import { SimNetwork } from './sim-network.ts';
import { World } from './world.ts';

/** A member's disk through several processes, and what was confirmed to its agreement. */
class MemberLife {
  readonly world: World;
  readonly disk: SimDisk;
  /** Newest transaction and epochs that were confirmed; newest transaction ever appended. */
  confirmed = 0;
  appended = 0;
  accepted = 0;
  current = 0;
  /** The epoch that is to become current. */
  wanted = 0;
  #process: SimProcess | null = null;
  #storage: Storage | null = null;
  #tree: StoredTree | null = null;

  constructor(seed: number) {
    this.world = new World(seed);
    this.disk = new SimDisk(this.world, 'd');
  }

  get isAlive(): boolean {
    return this.#process?.alive === true;
  }

  start(): void {
    const process = new SimProcess(this.world, 'p', 'host');
    const network = new SimNetwork(this.world);
    const host = new SimHost(process, new DiskPort(this.disk, process), network.transport(process));
    this.#process = process;
    process.run(() => {
      const storage = openStorage(optionsFor(host), host.disk);
      const tree = createTree({ extendedTypesEnabled: false, hashSeed: 1 });
      try {
        const found = storage.recover(new TreeRecovery(tree, host), 0);
        assert.equal(found.lack, null, `what was told is there: ${found.lack?.what}`);
        const last = found.lastZxid === 0 ? 0 : found.lastZxid - zxidOf(1, 0);
        assert(last >= this.confirmed, `${last} of at least ${this.confirmed} found`);
        assert(last <= this.appended, `${last} found, ${this.appended} appended`);
        assert((found.acceptedEpoch ?? 0) >= this.accepted, 'promises are kept');
        assert((found.currentEpoch ?? 0) >= this.current, 'epochs do not go back');
        this.confirmed = last;
        this.appended = last;
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        assert.match(error.code, /^(DISK|DATA_DIR)$/, error.message);
        return process.leave(1, error.message);
      }
      storage.onDurable = (zxid) => (this.confirmed = zxid - zxidOf(1, 0));
      storage.onFailure = ({ message }) => process.leave(1, message);
      this.#storage = storage;
      this.#tree = tree;
    });
  }

  append(count: number): void {
    this.#run((storage, tree) => {
      for (let index = 0; index < count; index += 1) {
        this.appended += 1;
        const txn = txnOf(this.appended);
        tree.apply(txn);
        storage.append({ zxid: txn.header.zxid, bytes: encodeTxn(txn) });
      }
      storage.flush();
    });
  }

  storeEpochs(epoch: number): void {
    this.wanted = epoch;
    this.#run((storage) => {
      storage.storeEpoch('accepted', epoch, () => (this.accepted = epoch));
      storage.storeEpoch('current', epoch, () => (this.current = epoch));
    });
  }

  snapshot(replaceHistory: boolean): void {
    this.#run((storage, tree) => {
      storage.writeSnapshot(tree.snapshotSource(), { replaceHistory }, () => {});
    });
  }

  /** The agreement knows before that this may go. */
  cut(count: number): void {
    this.#run((storage) => {
      this.confirmed = Math.max(0, this.confirmed - count);
      storage.truncate(zxidOf(1, this.confirmed), () => this.#process?.end());
    });
  }

  kill(): void {
    this.#process?.end();
  }

  #run(act: (storage: Storage, tree: StoredTree) => void): void {
    this.#process?.run(() => {
      if (this.#storage !== null && this.#tree !== null) act(this.#storage, this.#tree);
    });
  }
}

function txnOf(number: number): Parameters<typeof encodeTxn>[0] {
  const zxid: Zxid = zxidOf(1, number);
  const header = { sessionId: 1n as SessionId, cxid: number, zxid, timeMs: 1_000 + number };
  const body = {
    type: 1,
    path: `/n${number}`,
    data: Buffer.alloc(150, `value ${number} `),
    acl: [],
    ephemeral: false,
    parentCversion: number + 1,
  } as const;
  return { header, body, digest: null };
}

function optionsFor(host: SimHost): Parameters<typeof openStorage>[0] {
  return {
    dataDir: '/data',
    dataLogDir: '/data',
    isStandalone: false,
    snapCount: 1_000_000,
    snapBytesMax: 0,
    preallocateBytes: 4096,
    forceSync: true,
    snapshotTrustEmpty: false,
    snapshotSizeFactor: 0.33,
    host,
  };
}

const modes: readonly CrashMode[] = ['kept', 'lost', 'torn'];

const script: readonly ((life: MemberLife) => void)[] = [
  (life) => life.storeEpochs(1),
  (life) => life.append(3),
  (life) => life.append(2),
  (life) => life.snapshot(false),
  (life) => life.append(4),
  (life) => life.cut(2),
  (life) => life.append(2),
  (life) => life.storeEpochs(2),
  (life) => life.snapshot(true),
  (life) => life.append(3),
  (life) => life.snapshot(false),
  (life) => life.append(1),
];

for (const code of ['EIO', 'ENOSPC']) {
  test(`each single step of the disk fails once with ${code}`, (t) => {
    const failed = new Set<string>();
    let isOver = false;
    let step = 1;
    for (; !isOver; step += 1) {
      const life = new MemberLife(step);
      life.disk.failCode = code;
      life.disk.failAtStep = step;
      for (const act of script) {
        // Nothing is logged in an epoch that is not on disk: that act is done again until it is.
        for (let tries = 0; tries < 3; tries += 1) {
          for (let starts = 0; starts < 2 && !life.isAlive; starts += 1) life.start();
          act(life);
          life.world.run(10);
          if (life.current >= life.wanted) break;
        }
      }
      isOver = life.disk.failed.length === 0;
      for (const what of life.disk.failed) failed.add(what.split(' ').slice(0, -1).join(' '));
      life.disk.failAtStep = 0;
      for (const mode of modes) {
        life.kill();
        life.disk.afterCrash(mode);
        life.start();
        assert(life.isAlive, `step ${step}, ${mode}: it starts`);
      }
    }
    t.diagnostic(`${step - 2} steps: ${[...failed].sort().join(', ')}`);
    for (const what of [
      'write',
      'fsync',
      'fsync of the directory',
      'rename',
      'truncate',
      'extend',
    ]) {
      assert(failed.has(what), `${what} has failed`);
    }
    for (const what of ['create', 'write', 'fsync', 'rename', 'fsync of the directory']) {
      assert(failed.has(`replace: ${what}`), `${what} of a small file has failed`);
    }
  });
}
