import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Server } from './world.ts';
import { World } from './world.ts';

// Goal: servers elect one leader, agree on one history, and come level again after crashes.
// Method: real peers in one process, with links that keep their order and disks that confirm late.

test('one participant elects itself at once and commits by its own disk', () => {
  const world = new World({ seed: 1, participants: 1 });
  world.startAll();
  world.run(20);
  const leader = world.settle(50);
  assert.equal(leader.sid, 1);
  world.write(leader, 'a');
  world.run(10);
  assert.equal(leader.tree.length, 1);
});

for (const participants of [3, 5]) {
  test(`${participants} empty servers elect the one with the largest id`, () => {
    const world = new World({ seed: 1, participants });
    world.startAll();
    const leader = world.settle(2000);
    assert.equal(leader.sid, participants);
    for (let count = 0; count < 50; count += 1) world.write(leader, `w${count}`);
    world.run(100);
    assert.equal(world.committed.length, 50);
    world.assertLevel();
  });
}

test('a follower that was down for a few commits comes level by DIFF', () => {
  const world = new World({ seed: 2, participants: 3 });
  world.startAll();
  const leader = world.settle(2000);
  world.write(leader, 'before');
  world.run(50);
  world.crash(1);
  for (let count = 0; count < 10; count += 1) world.write(leader, `w${count}`);
  world.run(50);
  world.start(1);
  world.settle();
  world.run(50);
  world.assertLevel();
  assert.equal(world.server(1).disk.snapshot.length, 0);
  assert.equal(howOf(leader, 1).at(-1), 'diff');
});

test('an empty follower of a leader with a history gets the whole tree', () => {
  const world = new World({ seed: 3, participants: 3 });
  world.start(2, 3);
  const leader = world.settle(2000);
  for (let count = 0; count < 10; count += 1) world.write(leader, `w${count}`);
  world.run(50);
  world.start(1);
  world.settle();
  world.write(leader, 'after');
  world.run(50);
  world.assertLevel();
  assert.equal(world.server(1).disk.snapshot.length, 10);
  assert.deepEqual(howOf(leader, 1), ['snap']);
});

test('a former leader loses by TRUNC what only it has logged', () => {
  const world = new World({ seed: 4, participants: 3 });
  world.startAll();
  const first = world.settle(2000);
  world.write(first, 'kept');
  world.run(50);
  world.cut(3, 1);
  world.cut(3, 2);
  world.write(first, 'lost');
  world.runUntil('the log has it', 100, () => first.disk.log.length === 2);
  world.crash(3);
  const second = world.settle();
  assert.notEqual(second.sid, 3);
  world.heal();
  world.start(3);
  world.settle();
  world.run(50);
  assert.deepEqual(howOf(second, 3), ['trunc']);
  assert.equal(world.server(3).disk.log.length, 1);
  world.assertLevel();
});

test('a leader cut off from its followers steps down within syncLimit and rejoins level', () => {
  const world = new World({ seed: 5, participants: 3 });
  world.startAll();
  const first = world.settle(2000);
  world.cut(3, 1);
  world.cut(3, 2);
  world.write(first, 'in doubt');
  world.runUntil('it steps down', 700, () => first.peer?.canPropose() === false);
  world.runUntil('another leads', 5000, () => world.leaders().length === 1);
  world.write(world.leaders()[0] ?? first, 'new');
  world.heal();
  world.settle();
  world.run(50);
  world.assertLevel();
});

test('a learner far behind is served from the disk of the leader', () => {
  const world = new World({ seed: 6, participants: 3, commitLogCount: 5 });
  world.startAll();
  const leader = world.settle(2000);
  world.write(leader, 'first');
  world.run(50);
  world.crash(1);
  for (let count = 0; count < 40; count += 1) world.write(leader, `w${count}`);
  world.run(50);
  world.start(1);
  world.settle();
  world.run(50);
  world.assertLevel();
  assert.equal(howOf(leader, 1).at(-1), 'diff');
  assert.equal(world.server(1).disk.snapshot.length, 0);
});

test('an idle ensemble stays together, also with a follower that came late', () => {
  const world = new World({ seed: 8, participants: 3, observers: 1 });
  world.start(1, 3, 4);
  const leader = world.settle(2000);
  world.run(5000);
  for (let count = 0; count < 10; count += 1) world.write(leader, `w${count}`);
  world.run(100);
  world.start(2);
  world.settle();
  world.run(10_000);
  world.settle(1);
  assert.equal(leader.peer?.view().currentEpoch, 1);
  assert.deepEqual(
    leader.notes.filter((note) => note.what === 'learner closed'),
    [],
  );
});

test('observers follow, log what is committed and never count', () => {
  const world = new World({ seed: 7, participants: 3, observers: 2 });
  world.startAll();
  const leader = world.settle(3000);
  for (let count = 0; count < 10; count += 1) world.write(leader, `w${count}`);
  world.run(50);
  world.assertLevel();
  assert.equal(world.server(4).peer?.view().role, 'observing');
  assert.equal(world.server(4).disk.log.length, 10);
  world.crash(1);
  world.crash(2);
  world.runUntil('it steps down', 500, () => leader.peer?.canPropose() === false);
});

test('votes in groups: two of three groups decide, whatever the count of servers', () => {
  const groups = new Map([
    [1, [1, 2, 3]],
    [2, [4, 5, 6]],
    [3, [7, 8, 9]],
  ]);
  const world = new World({ seed: 9, participants: 9, groups });
  // Two of three in each of two groups: four servers of nine.
  world.start(1, 2, 4, 5);
  const leader = world.settle(3000);
  assert.equal(leader.sid, 5);
  world.write(leader, 'a');
  world.run(100);
  assert.equal(world.committed.length, 1);
  world.start(7, 8);
  world.settle();
  // Five servers are a majority of nine, but only one group of three is.
  world.crash(5);
  world.crash(1);
  world.crash(2);
  world.start(9);
  world.run(3000);
  assert.deepEqual(world.leaders(), []);
  world.start(5);
  world.settle();
  world.run(100);
  world.assertLevel();
});

/** How a leader brought that learner level, each time. */
function howOf(leader: Server, sid: number): unknown[] {
  return leader.notes
    .filter((note) => note.what === 'synchronizing a learner' && note.values['sid'] === sid)
    .map((note) => note.values['how']);
}
