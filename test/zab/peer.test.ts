import assert from 'node:assert/strict';
import { test } from 'node:test';
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
