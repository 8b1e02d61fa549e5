// Goal: whatever a crash leaves of the log, recovery finds all that was confirmed, nothing that
// was not appended, and counts only on what the disk really has.
// Method: the real storage on a simulated disk, through many lives of one history: batches, then a
// crash of any kind at any step, then recovery, again and again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeTxn, encodeTxn } from '../../server/protocol/txn-codec.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import { zxidOf } from '../../server/protocol/zxid.ts';
import type { Compression } from '../../server/storage/snapshot-format.ts';
import { openStorage } from '../../server/storage/storage.ts';
import type { Storage } from '../../server/storage/door.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import type { StoredTree } from '../../server/tree/door.ts';
import { TreeRecovery } from '../../server/shell/history.ts';
import { DiskPort } from './sim-disk-port.ts';
import { SimDisk } from './sim-disk.ts';
import { SimHost, SimProcess } from './sim-host.ts';
import type { CrashMode } from './sim-inode.ts';
import { SimNetwork } from './sim-network.ts';
import { World } from './world.ts';

/** One machine's log through several processes. */
class LogLife {
  readonly world: World;
  readonly disk: SimDisk;
  /** Newest counter that was confirmed, and newest that was appended. */
  confirmed = 0;
  appended = 0;
  exitReason: string | null = null;
  readonly #compression: Compression;
  #process: SimProcess | null = null;
  #storage: Storage | null = null;
  #tree: StoredTree | null = null;

  constructor(seed: number, compression: Compression = 'none') {
    this.#compression = compression;
    this.world = new World(seed);
    this.disk = new SimDisk(this.world, 'd');
    this.disk.crash = (step) => {
      this.world.say('d', `crash at ${step}`);
      this.kill();
    };
  }

  get isAlive(): boolean {
    return this.#process?.alive === true;
  }

  /** A new process recovers; its history must hold all that was confirmed. */
  start(): void {
    const process = new SimProcess(this.world, 'p', 'host');
    const network = new SimNetwork(this.world);
    const host = new SimHost(process, new DiskPort(this.disk, process), network.transport(process));
    process.onExit = ({ reason }) => (this.exitReason = reason);
    this.#process = process;
    process.run(() => {
      const snapshotCompression = this.#compression;
      const storage = openStorage({ ...options(host), snapshotCompression }, host.disk);
      const tree = createTree({ extendedTypesEnabled: false, hashSeed: 1 });
      const recovered = storage.recover(new TreeRecovery(tree, host), 0);
      const found = recovered.lastZxid === 0 ? 0 : recovered.lastZxid - zxidOf(1, 0);
      assert(found >= this.confirmed, `${found} of at least ${this.confirmed} found`);
      assert(found <= this.appended, `${found} found, ${this.appended} appended`);
      assert.equal(tree.nodeCount, 5 + found);
      this.confirmed = found;
      this.appended = found;
      storage.onDurable = (zxid) => (this.confirmed = zxid - zxidOf(1, 0));
      storage.onFailure = ({ message }) => process.leave(1, message);
      this.#storage = storage;
      this.#tree = tree;
    });
  }

  /** Begins a snapshot of all that was appended, durable or not. */
  snapshot(): void {
    this.#process?.run(() => {
      if (this.#tree === null) return;
      const source = this.#tree.snapshotSource();
      this.#storage?.writeSnapshot(source, { replaceHistory: false }, () => {
        this.#storage?.purge(3);
      });
    });
  }

  append(count: number, bytes: number): void {
    this.#process?.run(() => {
      for (let index = 0; index < count; index += 1) {
        this.appended += 1;
        const entry = { zxid: zxidOf(1, this.appended), bytes: txn(this.appended, bytes) };
        this.#storage?.append(entry);
        this.#tree?.apply(decodeTxn(entry.bytes));
      }
      this.#storage?.flush();
    });
  }

  kill(): void {
    this.#process?.end();
  }
}

function options(host: SimHost): Parameters<typeof openStorage>[0] {
  return {
    dataDir: '/data',
    dataLogDir: '/data',
    isStandalone: true,
    snapCount: 1_000_000,
    snapBytesMax: 0,
    preallocateBytes: 4096,
    forceSync: true,
    snapshotTrustEmpty: false,
    snapshotSizeFactor: 0.33,
    host,
  };
}

function txn(number: number, bytes: number): Buffer {
  return encodeTxn({
    header: {
      sessionId: 1n as SessionId,
      cxid: number,
      zxid: zxidOf(1, number),
      timeMs: 1_000 + number,
    },
    body: {
      type: 1,
      path: `/n${number}`,
      data: Buffer.alloc(bytes, `value ${number} `),
      acl: [],
      ephemeral: false,
      parentCversion: number + 1,
    },
    digest: null,
  });
}

const modes: readonly CrashMode[] = ['kept', 'lost', 'torn'];

for (const bytesMax of [20, 300, 3_000]) {
  test(`confirmed entries of up to ${bytesMax} bytes outlive every crash (150 histories)`, () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const life = new LogLife(seed * 3 + bytesMax);
      const { random } = life.world;
      for (let lives = 0; lives < 6; lives += 1) {
        // The crash may come while it starts, too.
        life.disk.crashAfterSteps = random.int(1, 40);
        life.start();
        for (let batch = 0; batch < 8 && life.isAlive; batch += 1) {
          life.append(random.int(1, 4), random.int(0, bytesMax));
          life.world.run(random.between(0, 2));
        }
        life.kill();
        assert.equal(life.exitReason, null, `seed ${seed}`);
        life.disk.afterCrash(random.pick(modes));
      }
    }
  });
}

test('every two crashes of the first two lives leave what starts (840 histories)', () => {
  for (let first = 1; first <= 14; first += 1) {
    for (let second = 1; second <= 10; second += 1) {
      for (let seed = 1; seed <= 6; seed += 1) {
        const life = new LogLife(seed);
        life.disk.crashAfterSteps = first;
        life.start();
        life.world.run(5);
        life.kill();
        // The kernel lives on: what is not synced is still there to be read.
        life.disk.afterCrash('kept');
        life.disk.crashAfterSteps = second;
        life.start();
        life.append(1, 20);
        life.world.run(5);
        life.kill();
        life.disk.afterCrash('torn');
        life.disk.crashAfterSteps = 0;
        life.start();
        assert(life.isAlive, `steps ${first} and ${second}, seed ${seed}`);
        life.kill();
      }
    }
  }
});

test('what a failed fsync left in the cache is not counted on before it is on the disk', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const life = new LogLife(seed);
    life.start();
    life.append(3, 100);
    life.world.run(10);
    assert.equal(life.confirmed, 3);
    life.disk.faults.syncErrorChance = 1;
    life.append(2, 100);
    life.world.run(10);
    assert.match(life.exitReason ?? '', /cannot be written: EIO: fsync/);
    life.disk.faults.syncErrorChance = 0;
    // The kernel lives on, and shows what the disk never got.
    life.start();
    assert.equal(life.confirmed, 5, 'recovered from the cache');
    life.kill();
    life.disk.afterCrash('lost');
    life.start();
    assert.equal(life.confirmed, 5, 'and still there after a power loss');
  }
});

test('writes and syncs that fail cost nothing confirmed, and the next start works (300 histories)', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const life = new LogLife(seed);
    const { random } = life.world;
    const { faults } = life.disk;
    for (let lives = 0; lives < 5; lives += 1) {
      life.exitReason = null;
      life.start();
      assert(life.isAlive, `seed ${seed}: a disk that is well again lets the server start`);
      faults.writeErrorChance = random.pick([0, 0.2]);
      faults.syncErrorChance = random.pick([0, 0.2]);
      for (let batch = 0; batch < 10 && life.isAlive; batch += 1) {
        life.append(random.int(1, 3), random.int(0, 200));
        life.world.run(random.between(0, 2));
      }
      life.kill();
      faults.writeErrorChance = 0;
      faults.syncErrorChance = 0;
      life.disk.afterCrash(random.pick(modes));
    }
  }
});

for (const compression of ['none', 'gz', 'snappy'] as const) {
  test(`with snapshots and purges in between, written as ${compression} (30 histories)`, () => {
    let count = 0;
    for (let seed = 1; seed <= 30; seed += 1) {
      const life = new LogLife(seed, compression);
      const { random } = life.world;
      for (let lives = 0; lives < 6; lives += 1) {
        life.disk.crashAfterSteps = random.int(10, 80);
        life.start();
        for (let batch = 0; batch < 10 && life.isAlive; batch += 1) {
          life.append(random.int(1, 4), random.int(0, 20_000));
          if (random.int(0, 2) === 0) life.snapshot();
          life.world.run(random.between(0, 4));
        }
        life.kill();
        assert.equal(life.exitReason, null, `seed ${seed}`);
        life.disk.afterCrash(random.pick(modes));
        count += life.disk
          .list('/data/version-2')
          .filter((name) => name.includes('snapshot.1')).length;
      }
    }
    assert(count > 30, `${count} snapshots outlived a crash`);
  });
}
