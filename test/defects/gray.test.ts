// Goal: a server that is only half alive, a disk that is only slow, a clock that jumps: the others
// go on, and nobody is told what is not so.
// Method: whole simulated servers with one of them paused, slowed or misled for longer than any
// timeout; and a real process for what ends one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { CreateMode } from '../../server/protocol/create-mode.ts';
import { zxidOf } from '../../server/protocol/zxid.ts';
import type { SnapshotSource } from '../../server/storage/door.ts';
import { create, getData, setData, sync } from '../sim/client-ops.ts';
import { epilogue } from '../sim/epilogue.ts';
import { recovered } from '../storage/fixtures.ts';
import { MemoryDisk } from '../storage/memory-disk.ts';
import {
  followersOf,
  isServing,
  leaderOf,
  openClient,
  saidCount,
  servingWithin,
  settled,
} from './stage.ts';

test('ZOOKEEPER-2201: a learner that stops reading, also in the middle of a tree, holds up no write and is let go', () => {
  for (let seed = 1; seed <= 4; seed += 1) {
    const stage = settled(seed, { clients: 2, workload: { valueBytesMax: 20_000 } });
    const [sid] = followersOf(stage);
    if (seed % 2 === 0) {
      stage.crash(sid, 'lost');
      stage.run(100);
      stage.wipe(sid);
      stage.start(sid);
      stage.world.runUntil(() => saidCount(stage, 'how=snap') > 1, 3_000, 0.2);
      stage.run(0.5);
    }
    stage.process(sid)?.pause();
    const client = openClient(stage, leaderOf(stage));
    client.call(create('/steady', ''));
    let longestMs = 0;
    for (let count = 0; count < 40; count += 1) {
      const sentMs = stage.world.nowMs;
      let isAnswered = false;
      client.call(setData('/steady', `${count}`), () => (isAnswered = true));
      stage.world.runUntil(() => isAnswered, 5_000, 1);
      longestMs = Math.max(longestMs, stage.world.nowMs - sentMs);
      stage.run(50);
    }
    assert(longestMs < 100, `a write took ${longestMs} ms`);
    assert(saidCount(stage, `learner closed sid=${sid}`) > 0, 'it was let go');
    stage.process(sid)?.resume();
    servingWithin(stage, 10_000, ...stage.sids);
    epilogue(stage);
  }
});

test('Gray-slow-fsync: a slow disk at one member delays neither heartbeats nor, at a follower, writes; and it shows', () => {
  for (const where of ['leader', 'follower'] as const) {
    const stage = settled(where === 'leader' ? 1 : 2, { clients: 2 });
    const leader = leaderOf(stage);
    const sid = where === 'leader' ? leader : followersOf(stage)[0];
    Object.assign(stage.disk(sid).faults, { syncMsMin: 300, syncMsMax: 400 });
    const client = openClient(stage, leader);
    client.call(create('/slow', ''));
    stage.run(200);
    let answers = 0;
    for (let count = 0; count < 40; count += 1) {
      client.call(setData('/slow', `${count}`), (result) => (answers += result === null ? 0 : 1));
      stage.run(100);
    }
    stage.run(800);
    assert.equal(answers, 40, `slow ${where}`);
    assert.equal(leaderOf(stage), leader, 'no election for that alone');
    assert.equal(stage.checker.members.get(leader)?.epoch, 1);
    assert((stage.server(sid)?.view.counters().fsyncMsMax ?? 0) >= 290, 'its view says so');
    Object.assign(stage.disk(sid).faults, { syncMsMin: 0.1, syncMsMax: 1.5 });
    epilogue(stage);
  }
});

test('Gray-loop-stall: a snapshot is read from the tree slice by slice, each behind a write to the disk', () => {
  const disk = new MemoryDisk();
  const { bench } = recovered(disk);
  const slices = 40;
  let taken = 0;
  let isDone = false;
  const source: SnapshotSource = {
    zxid: zxidOf(1, 1),
    next() {
      taken += 1;
      return taken > slices ? null : Buffer.alloc(1_000, 1);
    },
    digest: () => ({ zxid: zxidOf(1, 1), digest: 0n }),
  };
  bench.storage.writeSnapshot(source, { replaceHistory: false }, () => (isDone = true));
  let turns = 0;
  let most = taken;
  for (; turns < 10 * slices; turns += 1) {
    if (isDone) break;
    const before = taken;
    disk.runOne();
    bench.runDeferred();
    most = Math.max(most, taken - before);
  }
  assert(isDone, 'it ends');
  assert.equal(most, 1, 'never more than one slice at a time');
  assert(turns > slices);
});

test('Gray-paused-leader: a leader that stood still answers nothing as a leader when it goes on', () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const stage = settled(seed, { clients: 2 });
    const former = leaderOf(stage);
    const client = openClient(stage, former, 8_000);
    client.call(create('/paused', 'before'));
    stage.run(50);
    stage.process(former)?.pause();
    // Asked while it stands still: it finds all this in its sockets.
    for (let count = 0; count < 3; count += 1) {
      client.call(sync('/'));
      client.call(getData('/paused'));
      client.call(setData('/paused', `late ${count}`));
    }
    assert(
      stage.world.runUntil(() => leaderOf(stage) !== former, 8_000),
      'another leads',
    );
    const other = openClient(stage, leaderOf(stage));
    other.call(setData('/paused', 'after'));
    stage.run(300);
    // Each answer is held against the history: no sync or read behind it may be stale.
    stage.process(former)?.resume();
    stage.run(2_000);
    assert.notEqual(stage.leader(), former);
    assert(isServing(stage, former), 'it follows');
    epilogue(stage);
  }
});

test('Gray-paused-leader: a leader that stood still for less than syncLimit ends no session whose client was served meanwhile', () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = settled(seed, { clients: 1 });
    const leader = leaderOf(stage);
    const clients = stage.sids.map((sid) => openClient(stage, sid, 500));
    const own = clients.map((client) => client.sessionId);
    const gone = openClient(stage, leader, 500);
    gone.call(create('/gone', '', CreateMode.EPHEMERAL));
    stage.run(300);
    gone.stop();
    stage.process(leader)?.pause();
    stage.run(800);
    stage.process(leader)?.resume();
    stage.run(700);
    assert.equal(stage.leader(), leader, 'it leads on');
    clients.forEach((client, index) => {
      assert(
        client.isOpen && client.sessionId === own[index],
        `${client.serverHost}, seed ${seed}`,
      );
    });
    stage.run(600);
    assert.equal(stage.model.tree.now('/gone'), null, 'whose client is gone ends all the same');
    epilogue(stage);
  }
});

test('Gray-clock-jumps: wall clocks that jump by a second to a year, different at each server, end no session and keep none', () => {
  const yearMs = 365 * 86_400_000;
  const jumps = [1_000, -1_000, 60_000, -3_600_000, yearMs, -yearMs];
  for (let seed = 1; seed <= 6; seed += 1) {
    const stage = settled(seed, { clients: 3 });
    const silent = openClient(stage, followersOf(stage)[0], 2_000);
    const steady = openClient(stage, followersOf(stage)[1], 2_000);
    silent.call(create('/silent', '', CreateMode.EPHEMERAL));
    steady.call(create('/steady', '', CreateMode.EPHEMERAL));
    stage.run(100);
    const ids = new Set<bigint>();
    for (let round = 0; round < 8; round += 1) {
      for (const sid of stage.sids) {
        const process = stage.process(sid);
        if (process === null) continue;
        const before = process.wallMs.bind(process);
        const jumpMs = stage.world.random.pick(jumps);
        process.wallMs = () => before() + jumpMs;
      }
      stage.run(250);
      const born = openClient(stage, stage.sids[round % 3] ?? 1);
      assert(!ids.has(born.sessionId), 'a session id of its own');
      ids.add(born.sessionId);
      born.stop();
    }
    assert(steady.isOpen && steady.connectionCount === 1, 'who pings is served');
    assert.notEqual(stage.model.tree.now('/steady'), null);
    silent.stop();
    stage.run(4_500);
    assert.equal(stage.model.tree.now('/silent'), null, 'who is gone ends in time');
    // The checkers hold zxids and the order of everything against the history.
    epilogue(stage);
  }
});

test('ZOOKEEPER-602: an unexpected error anywhere in a server ends its process, with a code and the reason', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'broken-server.ts')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => (text += chunk));
  }
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.match(text, /serving/, 'it had come up');
  assert.match(text, /planted: the disk's answer is unexpected/);
  assert(code !== null && code !== 0, `exit code ${code}`);
});
