// Goal: the simulated disk keeps exactly what a real one promises, and nothing more.
// Method: files by hand, a crash of each mode, many seeds where chance decides.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Disk, DiskFile } from '../../server/storage/disk.ts';
import { DiskPort } from './sim-disk-port.ts';
import { SimDisk } from './sim-disk.ts';
import { SimProcess } from './sim-host.ts';
import { World } from './world.ts';

interface Machine {
  readonly world: World;
  readonly disk: SimDisk;
  readonly port: Disk;
  readonly process: SimProcess;
}

function machine(seed: number): Machine {
  const world = new World(seed);
  const disk = new SimDisk(world, 'd1');
  const process = new SimProcess(world, 's1', '10.0.0.1');
  const port = new DiskPort(disk, process);
  port.makeDir('/data');
  return { world, disk, port, process };
}

function write(world: World, file: DiskFile, text: string, position: number): void {
  let error: Error | null | undefined;
  file.write(Buffer.from(text), position, (result) => (error = result));
  assert.equal(error, undefined, 'never before the call returns');
  world.run(10);
  assert.equal(error, null);
}

function sync(world: World, file: DiskFile): void {
  let isDone = false;
  file.sync((error) => {
    assert.equal(error, null);
    isDone = true;
  });
  world.run(10);
  assert(isDone);
}

test('what is synced and named survives the loss of everything else', () => {
  const { world, disk, port } = machine(1);
  const file = port.create('/data/log.1');
  write(world, file, 'hello', 0);
  sync(world, file);
  port.syncDir('/data');
  write(world, file, ' world', 5);
  assert.equal(port.readAll('/data/log.1').toString(), 'hello world');
  disk.afterCrash('lost');
  assert.equal(port.readAll('/data/log.1').toString(), 'hello');
});

test('a synced file without a synced directory entry is gone', () => {
  const { world, disk, port } = machine(2);
  const file = port.create('/data/log.1');
  write(world, file, 'hello', 0);
  sync(world, file);
  disk.afterCrash('lost');
  assert.equal(port.exists('/data/log.1'), false);
});

test('a killed process loses nothing that it wrote, until the power fails', () => {
  const { world, disk, port } = machine(3);
  write(world, port.create('/data/log.1'), 'hello', 0);
  disk.afterCrash('kept');
  assert.equal(port.readAll('/data/log.1').toString(), 'hello');
  disk.afterCrash('lost');
  assert.equal(port.exists('/data/log.1'), false);
});

test('a torn crash may keep a later sector without an earlier one', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 60; seed += 1) {
    const { world, disk, port } = machine(seed);
    const file = port.create('/data/log.1');
    port.syncDir('/data');
    write(world, file, 'a'.repeat(512) + 'b'.repeat(512), 0);
    disk.afterCrash('torn');
    const text = port.readAll('/data/log.1').toString('latin1');
    outcomes.add(`${text.includes('a')} ${text.includes('b')}`);
  }
  assert.equal(outcomes.size, 4);
});

test('an atomic replacement is the old file or the new one at every crash point', () => {
  const seen = new Set<string>();
  for (let steps = 1; steps <= 7; steps += 1) {
    for (let seed = 1; seed <= 8; seed += 1) {
      const { disk, port, process } = machine(seed);
      port.replaceAtomically('/data/epoch', Buffer.from('1'));
      disk.crashAfterSteps = steps;
      disk.crash = () => process.end();
      process.run(() => port.replaceAtomically('/data/epoch', Buffer.from('2')));
      disk.afterCrash('torn');
      const after = new DiskPort(disk, new SimProcess(disk.world, 's1', '10.0.0.1'));
      seen.add(`${after.readAll('/data/epoch').toString()} ${process.alive}`);
    }
  }
  assert.deepEqual([...seen].sort(), ['1 false', '2 false', '2 true']);
});

test('a sync covers what was written before it was asked for', () => {
  const { world, disk, port } = machine(5);
  const file = port.create('/data/log.1');
  port.syncDir('/data');
  write(world, file, 'one', 0);
  file.sync(() => {});
  file.write(Buffer.from('two'), 3, () => {});
  world.run(10);
  disk.afterCrash('lost');
  assert.equal(port.readAll('/data/log.1').toString(), 'one');
});

test('a disk that lies calls durable what it loses', () => {
  const { world, disk, port } = machine(6);
  const file = port.create('/data/log.1');
  port.syncDir('/data');
  disk.faults.lies = true;
  write(world, file, 'hello', 0);
  sync(world, file);
  disk.afterCrash('lost');
  assert.equal(port.readAll('/data/log.1').length, 0);
});

test('a full disk refuses with ENOSPC and the path, a failed fsync with EIO', () => {
  const { world, disk, port } = machine(7);
  const file = port.create('/data/log.1');
  disk.faults.full = true;
  const errors: string[] = [];
  file.write(Buffer.from('hello'), 0, (error) => errors.push(error?.message ?? 'none'));
  world.run(10);
  disk.faults.full = false;
  disk.faults.syncErrorChance = 1;
  file.sync((error) => errors.push(error?.message ?? 'none'));
  world.run(10);
  assert.deepEqual(errors, ["ENOSPC: write '/data/log.1'", "EIO: fsync '/data/log.1'"]);
  assert.throws(() => port.readAll('/data/none'), { code: 'ENOENT' });
});

test('the worst case is what a crash in mode lost leaves, without touching the disk', () => {
  const { world, disk, port } = machine(8);
  const file = port.create('/data/log.1');
  port.syncDir('/data');
  write(world, file, 'hello', 0);
  sync(world, file);
  write(world, file, ' world', 5);
  const twin = disk.worstCase(world);
  assert.equal(twin.inode('/data/log.1').read().toString(), 'hello');
  assert.equal(port.readAll('/data/log.1').toString(), 'hello world');
});

test('bytes changed while they are being written are noticed', () => {
  const { world, port } = machine(9);
  const bytes = Buffer.from('hello');
  port.create('/data/log.1').write(bytes, 0, () => {});
  bytes.fill(0);
  assert.throws(() => world.run(10), { invariant: 'bytes under way' });
});
