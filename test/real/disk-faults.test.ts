import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ZooKeeper } from '../../client/index.ts';
import type { Member } from '../support/real-ensemble.ts';
import { RealEnsemble, until } from '../support/real-ensemble.ts';
import { differencesOf, dumpsOf } from '../support/tree-dump.ts';

// Goal: a process on a real disk says what is wrong with it, does not decide anything with it, and
// is whole again without a person; without room or descriptors it does what it still can.
// Method: three processes; one is killed, its files are changed as the table says, and it starts
// again; limits of the process stand for a disk without room and for too many connections.
//
// Faults of a disk that a process cannot be given here have their tests elsewhere: short writes and
// slow or failed syncs in test/sim/disk-refuses.test.ts and storage.test.ts, each single step in
// disk-steps.test.ts, torn tails and power losses in test/storage and test/sim.

const ours = { kind: 'ours' } as const;

function versionDir(member: Member): string {
  return join(member.directory, 'data/version-2');
}

function named(member: Member, pattern: RegExp): string[] {
  const zxidOf = (name: string): number => Number.parseInt(name.split('.')[1] ?? '', 16);
  return readdirSync(versionDir(member))
    .filter((name) => pattern.test(name))
    .toSorted((a, b) => zxidOf(a) - zxidOf(b))
    .map((name) => join(versionDir(member), name));
}

const logs = /^log\.[0-9a-f]+$/;
const snapshots = /^snapshot\.[0-9a-f]+$/;

function change(path: string | undefined, how: (bytes: Buffer) => Buffer | void): void {
  assert(path !== undefined, 'the file is there');
  const bytes = readFileSync(path);
  writeFileSync(path, how(bytes) ?? bytes);
}

/** Offset of the second record of a log, behind its header and the first. */
function secondRecord(log: Buffer): number {
  return 16 + 12 + log.readInt32BE(16 + 8) + 1;
}

/** The row of the table, what is done, and whether the history is lacking then. */
const rows: readonly (readonly [string, (member: Member) => void, boolean])[] = [
  [
    'bit flip in a record that was durable',
    (member) => change(named(member, logs)[0], (log) => void (log[secondRecord(log) + 30]! ^= 1)),
    true,
  ],
  [
    'flip in a length',
    (member) => change(named(member, logs)[0], (log) => void (log[secondRecord(log) + 10]! ^= 1)),
    true,
  ],
  [
    'flip in an end mark',
    (member) => change(named(member, logs)[0], (log) => void (log[secondRecord(log) - 1] = 0)),
    true,
  ],
  [
    'corrupt newest snapshot: an older one and the log',
    (member) => {
      const [path = ''] = named(member, snapshots);
      const zxid = Number.parseInt(path.split('snapshot.')[1] ?? '', 16);
      const half = readFileSync(path).subarray(0, 100);
      writeFileSync(join(versionDir(member), `snapshot.${(zxid + 5).toString(16)}`), half);
    },
    false,
  ],
  [
    'all snapshots cut in half',
    (member) => {
      for (const path of named(member, snapshots)) {
        change(path, (bytes) => bytes.subarray(0, bytes.length / 2));
      }
    },
    true,
  ],
  [
    'ZOOKEEPER-2325: snapshots missing',
    (member) => {
      for (const path of named(member, snapshots)) rmSync(path);
    },
    true,
  ],
  [
    'logs missing',
    (member) => {
      for (const path of named(member, logs)) rmSync(path);
    },
    true,
  ],
  [
    'snapshots and logs missing',
    (member) => {
      for (const path of [...named(member, snapshots), ...named(member, logs)]) rmSync(path);
    },
    true,
  ],
  ['acceptedEpoch missing', (member) => rmSync(join(versionDir(member), 'acceptedEpoch')), true],
  [
    'currentEpoch garbage',
    (member) => writeFileSync(join(versionDir(member), 'currentEpoch'), 'x'),
    true,
  ],
  [
    'stale temporary files and unknown names',
    (member) => {
      for (const name of ['snapshot.5.tmp', 'log.zz', 'unfinished.1.snapshot.3', 'core']) {
        writeFileSync(join(versionDir(member), name), 'junk');
      }
    },
    false,
  ],
  [
    'ZOOKEEPER-2332: an empty last log',
    (member) => writeFileSync(join(versionDir(member), 'log.7fff00000001'), ''),
    false,
  ],
];

test('every row of damage: noticed, repaired from the others, and nothing is lost', async () => {
  await using ensemble = await RealEnsemble.started({
    members: [ours, ours, ours],
    tickMs: 200,
    properties: { 'zookeeper.preAllocSize': '16' },
  });
  const leader = await ensemble.leader();
  const damaged = ensemble.members.find((member) => member !== leader);
  assert(damaged !== undefined);
  await using zk = await ZooKeeper.connect(leader.address);
  let number = 0;
  for (const [row, damage, isLacking] of rows) {
    const upTo = number + 100;
    for (; number < upTo; number += 1) await zk.create(`/n${number}`, 'value');
    await damaged.kill();
    const before = damaged.log().length;
    damage(damaged);
    damaged.start();
    await ensemble.ready();
    const said = damaged.log().slice(before);
    assert.equal(
      /the history on this disk is damaged.*path=/.test(said),
      isLacking,
      `${row}: ${said}`,
    );
    assert.equal(/and counts again/.test(said), isLacking, row);
    const { lacking } = (await (
      await fetch(`http://127.0.0.1:${damaged.adminPort}/state`)
    ).json()) as {
      lacking: string | null;
    };
    assert.equal(lacking, null, row);
    if (isLacking) assert(existsSync(join(versionDir(damaged), 'damaged')), `${row}: evidence`);
  }
  await using own = await ZooKeeper.connect(damaged.address);
  await own.sync('/');
  const [first, ...others] = await dumpsOf(ensemble);
  assert(first !== undefined);
  for (const other of others) assert.deepEqual(differencesOf(first, other), []);
});

describe('limits of the process', { concurrency: 1 }, () => {
  test('a disk without room: the member leaves the quorum, and is back by itself', async () => {
    // No file may grow beyond a few blocks of 512 bytes: the system says EFBIG instead of ENOSPC.
    const shell = 'trap "" XFSZ; ulimit -S -f 80';
    await using ensemble = await RealEnsemble.started({
      members: [{ ...ours, shell }, ours, ours],
      tickMs: 200,
      properties: { 'zookeeper.preAllocSize': '8' },
    });
    const full = ensemble.member(1);
    const { pid } = full;
    await using zk = await ZooKeeper.connect(ensemble.member(2).address);
    await zk.create('/first', 'value');
    const state = async (): Promise<{ diskProblem: string | null; serving: boolean }> => {
      const response = await fetch(`http://127.0.0.1:${full.adminPort}/state`);
      return (await response.json()) as { diskProblem: string | null; serving: boolean };
    };
    for (let count = 0; (await state()).diskProblem === null; count += 1) {
      assert(count < 200, 'the limit is reached');
      await zk.create(`/n${count}`, Buffer.alloc(1000, 'value '));
    }
    assert.match((await state()).diskProblem ?? '', /EFBIG/);
    assert.equal((await state()).serving, false);
    await zk.create('/without-it', 'value');
    execFileSync('prlimit', [`--pid=${pid}`, '--fsize=unlimited']);
    await until('the member to be back', 20_000, async () => (await state()).serving);
    assert.equal(full.pid, pid, 'the process has lived through it');
    await using own = await ZooKeeper.connect(full.address);
    await own.sync('/');
    assert.notEqual(await own.exists('/without-it'), null);
  });

  test('no descriptors left: who is connected is served, and the log goes on in new files', async () => {
    await using ensemble = await RealEnsemble.started({
      members: [{ ...ours, shell: 'ulimit -n 90' }, ours, ours],
      tickMs: 200,
      properties: { 'zookeeper.preAllocSize': '8', 'zookeeper.snapCount': '20' },
    });
    const crowded = ensemble.member(1);
    await using zk = await ZooKeeper.connect(crowded.address);
    await zk.create('/first', 'value');
    const sockets: Socket[] = [];
    for (let count = 0; count < 200; count += 1) {
      const socket = connect({ host: '127.0.0.1', port: crowded.clientPort });
      socket.on('error', () => undefined);
      sockets.push(socket);
    }
    const descriptors = (): number => readdirSync(`/proc/${crowded.pid}/fd`).length;
    await until('the descriptors to be used up', 10_000, () => descriptors() >= 88);
    const before = named(crowded, logs).length;
    for (let count = 0; count < 200; count += 1) await zk.create(`/n${count}`, 'value');
    assert(named(crowded, logs).length > before, 'new logs were begun');
    assert.doesNotMatch(crowded.log(), /EMFILE|exitCode/);
    for (const socket of sockets) socket.destroy();
    await using late = await ZooKeeper.connect(crowded.address);
    assert.notEqual(await late.exists('/n199'), null);
  });
});
