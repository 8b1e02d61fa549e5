// Goal: what a disk has is found again as it was, or refused; never a part of it taken for all.
// Method: real storage over disks in memory, cut at every act; whole simulated servers where what
// others believe of a member counts as well.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aclOpen } from '../../server/protocol/acl.ts';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { Xid } from '../../server/protocol/headers.ts';
import { OpCode } from '../../server/protocol/op-code.ts';
import { encodeTxn } from '../../server/protocol/txn-codec.ts';
import type { SessionId } from '../../server/protocol/session-id.ts';
import type { TxnBody } from '../../server/protocol/txn.ts';
import { zxidOf } from '../../server/protocol/zxid.ts';
import type { Zxid } from '../../server/protocol/zxid.ts';
import { TreeRecovery } from '../../server/shell/history.ts';
import { createTree } from '../../server/tree/data-tree.ts';
import { create, createRequest, getData, multi } from '../sim/client-ops.ts';
import { epilogue } from '../sim/epilogue.ts';
import { SimHost, SimProcess } from '../sim/sim-host.ts';
import { DiskPort } from '../sim/sim-disk-port.ts';
import { SimDisk } from '../sim/sim-disk.ts';
import { SimNetwork } from '../sim/sim-network.ts';
import { World } from '../sim/world.ts';
import { Bench, entry, recovered, sourceOf, versionDir } from '../storage/fixtures.ts';
import { Crash, MemoryDisk } from '../storage/memory-disk.ts';
import { picture } from '../tree/golden-files.ts';
import { RawClient } from './raw-client.ts';
import { followersOf, leaderOf, openClient, settled } from './stage.ts';

const session = 0x0100_0000_0000_0001n as SessionId;
const data = Buffer.from('x');
const acl = aclOpen;
const parentCversion = -1;

/** One of each kind, in an order in which each does something. */
const bodies: readonly TxnBody[] = [
  { type: -10, timeoutMs: 4_000 },
  { type: 1, path: '/a', data, acl, ephemeral: false, parentCversion },
  { type: 15, path: '/a/e', data: null, acl, ephemeral: true, parentCversion },
  { type: 19, path: '/c', data, acl, parentCversion },
  { type: 21, path: '/t', data, acl, parentCversion, ttlMs: 60_000 },
  { type: 5, path: '/a', data: null, version: 1 },
  { type: 7, path: '/c', acl: [{ perms: 1, id: { scheme: 'world', id: 'anyone' } }], version: 1 },
  { type: -1, error: -101 },
  { type: 20, path: '/c' },
  {
    type: 14,
    txns: [
      { type: 13, path: '/a', version: 2 },
      { type: 1, path: '/m', data, acl, ephemeral: false, parentCversion },
      { type: 5, path: '/m', data, version: 1 },
    ],
  },
  { type: 14, txns: [{ type: -1, error: -2 }] },
  { type: 2, path: '/t' },
  { type: -11, paths: ['/a/e'] },
];

test('ZOOKEEPER-2623: every kind of transaction that is logged is replayed to the same tree', () => {
  const world = new World(1);
  const disk = new MemoryDisk();
  const host = new SimHost(
    new SimProcess(world, 'p', 'h'),
    new DiskPort(new SimDisk(world, 'd'), new SimProcess(world, 'q', 'h')),
    new SimNetwork(world).transport(new SimProcess(world, 'r', 'h')),
  );
  const options = { extendedTypesEnabled: true, hashSeed: 1 };
  const [live, found] = [createTree(options), createTree(options)];
  const { storage } = new Bench(disk);
  storage.recover(new TreeRecovery(live, host), 0);
  bodies.forEach((body, index) => {
    const zxid = zxidOf(1, index + 1);
    const header = { sessionId: session, cxid: index, zxid, timeMs: 1_000 };
    const txn = { header, body, digest: null };
    live.apply(txn);
    storage.append({ zxid, bytes: encodeTxn(txn) });
  });
  storage.flush();
  disk.run();
  disk.crash();
  new Bench(disk).storage.recover(new TreeRecovery(found, host), 0);
  assert.deepEqual(picture(found), picture(live));
  assert.equal(found.lastZxid, zxidOf(1, bodies.length));
});

test('ZOOKEEPER-2623: a check in a multi is replayed by all', () => {
  const stage = settled(3);
  const [sid] = followersOf(stage);
  const client = openClient(stage, sid);
  client.call(create('/checked', 'x'));
  let isDone = false;
  const ops = [
    { op: 'check', path: '/checked', version: 0 } as const,
    createRequest('/with-it', 'y', CreateMode.PERSISTENT),
  ];
  client.call(multi(ops), (result) => {
    isDone = result?.error === 0;
    assert.deepEqual(
      result?.results?.map(({ type }) => type),
      [13, 1],
    );
  });
  stage.run(100);
  assert(isDone, 'the multi is done');
  epilogue(stage);
});

test('ZOOKEEPER-2325: a member whose snapshots are gone never serves or votes for less than it had', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = settled(seed, { storm: { diskErrors: true } });
    stage.run(600);
    const sid = seed % 2 === 0 ? leaderOf(stage) : followersOf(stage)[0];
    const committed = stage.checker.committed.length;
    stage.crash(sid, 'lost');
    const disk = stage.disk(sid);
    const snapshots = disk.files().filter((path) => path.includes('/snapshot.'));
    assert(snapshots.length > 0, 'there were snapshots');
    for (const path of snapshots) disk.remove(path);
    disk.syncDir('/data/version-2');
    stage.checker.damaged(sid);
    stage.start(sid);
    stage.settle(20_000);
    assert(stage.checker.committed.length >= committed, 'nothing that was committed is gone');
    epilogue(stage);
  }
});

test('ZOOKEEPER-3781: a log without a snapshot that was trusted once needs no trust any more', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const all = [1, 2, 3].map((counter) => entry(0, counter));
  for (const one of all) bench.storage.append(one);
  bench.storage.flush();
  disk.run();
  for (const name of newestFirst(disk)) disk.remove(`${versionDir}/${name}`);
  disk.syncDir(versionDir);
  assert.throws(() => recovered(disk), { code: 'SNAPSHOT_MISSING', message: /start once with/ });
  const expected = all.map(({ zxid }) => zxid);
  assert.deepEqual(recovered(disk, { snapshotTrustEmpty: true }).tree.applied, expected);
  disk.crash();
  assert.deepEqual(recovered(disk).tree.applied, expected);
});

test('ZOOKEEPER-1653, ZOOKEEPER-4269: a first start, and a change of epoch, may lose power at every step and start again', () => {
  const places = new Set<string>();
  for (let step = 1; step <= 40; step += 1) {
    const world = settled(step, { clients: 1 });
    const [sid] = followersOf(world);
    world.crash(sid, 'lost');
    world.run(50);
    if (step % 2 === 0) world.wipe(sid);
    const former = leaderOf(world);
    world.crash(former, 'lost');
    const disk = world.disk(sid);
    disk.crashAfterSteps = Math.ceil(step / 2);
    disk.crash = (what) => {
      places.add(what.replace(/[0-9a-f]+$/, ''));
      world.crash(sid, step % 4 < 2 ? 'lost' : 'torn');
    };
    world.start(sid);
    world.run(1_500);
    disk.crashAfterSteps = 0;
    if (world.process(sid) === null) world.start(sid);
    world.start(former);
    // A process that refused to start would have ended by itself: the stage fails for that.
    epilogue(world);
  }
  assert(places.size > 12, [...places].join(', '));
});

test('ZOOKEEPER-3231: purging keeps the one chain that is known to load, though newer ones look whole', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const all: Zxid[] = [];
  for (let round = 0; round < 6; round += 1) {
    for (let count = 1; count <= 3; count += 1) {
      const next = entry(1, round * 3 + count);
      all.push(next.zxid);
      bench.storage.append(next);
    }
    bench.storage.flush();
    settle(disk, bench);
    bench.storage.writeSnapshot(sourceOf(all), { replaceHistory: false }, () => undefined);
    settle(disk, bench);
  }
  // Flipped in the middle: their ends still look right.
  for (const name of newestFirst(disk).slice(0, 4)) {
    const bytes = disk.readAll(`${versionDir}/${name}`);
    bytes[24] = (bytes[24] ?? 0) ^ 0x40;
    disk.put(`${versionDir}/${name}`, bytes);
  }
  const { bench: next } = recovered(disk);
  next.storage.purge(3);
  assert.deepEqual(recovered(disk).tree.applied, all);
});

test('ZOOKEEPER-1489: what is logged after a cut goes where the next start looks for it, without a recovery in between', () => {
  for (let keep = 1; keep <= 6; keep += 1) {
    const disk = new MemoryDisk();
    const { bench } = recovered(disk);
    for (let counter = 1; counter <= 6; counter += 1) {
      bench.storage.append(entry(1, counter));
      bench.storage.flush();
      settle(disk, bench);
    }
    let isCut = false;
    bench.storage.truncate(zxidOf(1, keep), (found) => (isCut = found));
    settle(disk, bench);
    assert(isCut);
    const expected = [1, 2, 3, 4, 5, 6].slice(0, keep).map((counter) => zxidOf(1, counter));
    for (let counter = 1; counter <= 3; counter += 1) {
      bench.storage.append(entry(2, counter));
      expected.push(zxidOf(2, counter));
    }
    bench.storage.flush();
    settle(disk, bench);
    disk.crash();
    assert.deepEqual(recovered(disk).tree.applied, expected, `cut behind ${keep}`);
  }
});

test('etcd-17780: a purge that is cut short at every step takes nothing back', () => {
  let steps = 0;
  for (let step = 1; ; step += 1) {
    const disk = new MemoryDisk();
    const { bench } = recovered(disk);
    const all: Zxid[] = [];
    for (let round = 0; round < 6; round += 1) {
      const next = entry(1, round + 1);
      all.push(next.zxid);
      bench.storage.append(next);
      bench.storage.flush();
      settle(disk, bench);
      bench.storage.writeSnapshot(sourceOf(all), { replaceHistory: false }, () => undefined);
      settle(disk, bench);
    }
    disk.crashAt = disk.actCount + step;
    let isCrashed = false;
    try {
      bench.storage.purge(3);
    } catch (error) {
      assert(error instanceof Crash);
      isCrashed = true;
    }
    // The process alone dies, or the machine: removed names may come back.
    disk.crashAt = Infinity;
    if (isCrashed && step % 2 === 0) disk.crash();
    // Each snapshot that is left leads to the end, also if all newer ones turn out damaged.
    for (const name of newestFirst(disk).slice(0, 3)) {
      assert.deepEqual(recovered(disk).tree.applied, all, `crash at step ${step}, ${name}`);
      disk.put(`${versionDir}/${name}`, Buffer.alloc(3));
    }
    if (!isCrashed) break;
    steps += 1;
  }
  assert(steps >= 4, `${steps} crashes`);
});

test('ZOOKEEPER-3531, ZOOKEEPER-4858: a disk that is slow while snapshots are written delays no read, no ping, no election', () => {
  const stage = settled(5, { config: { snapCount: 20 }, clients: 2 });
  const [sid] = followersOf(stage);
  const client = openClient(stage, sid, 2_000);
  const raw = RawClient.open(stage, sid);
  // As slow as a follower may be: its acks come within syncLimit, and nothing else waits for it.
  Object.assign(stage.disk(sid).faults, { writeMsMax: 150, syncMsMin: 150, syncMsMax: 250 });
  let answers = 0;
  for (let count = 0; count < 100; count += 1) {
    const sentMs = stage.world.nowMs;
    assert.equal(raw.ask(OpCode.PING, () => undefined, { xid: Xid.PING })?.error, 0);
    raw.replies.length = 0;
    assert(stage.world.nowMs - sentMs < 20, 'a ping at once');
    client.call(getData('/zookeeper'), (result) => {
      assert.notEqual(result, null, 'the connection stays');
      answers += 1;
      assert(stage.world.nowMs - sentMs < 20, 'at once');
    });
    stage.run(60);
  }
  assert.equal(answers, 100);
  assert.equal(client.connectionCount, 1);
  assert.equal(stage.checker.members.get(sid)?.epoch, 1, 'no election');
  const snapshots = stage
    .disk(sid)
    .files()
    .filter((path) => path.includes('/snapshot.'));
  assert(snapshots.length > 1, `${snapshots.length} snapshots`);
  epilogue(stage);
});

function settle(disk: MemoryDisk, bench: Bench): void {
  while (disk.pending.length > 0 || bench.deferred.length > 0) {
    disk.run();
    bench.runDeferred();
  }
}

function newestFirst(disk: MemoryDisk): string[] {
  const snapshots = disk.list(versionDir).filter((name) => name.startsWith('snapshot.'));
  const zxidOfName = (name: string): number => Number.parseInt(name.slice(9), 16);
  return snapshots.sort((a, b) => zxidOfName(b) - zxidOfName(a));
}
