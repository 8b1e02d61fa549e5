// Goal: simulated time, chance and trace are exact: one seed, one run.
// Method: small worlds by hand, run twice where sameness is the point.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from './prng.ts';
import { SimProcess } from './sim-host.ts';
import { World } from './world.ts';

test('things happen in order of time, and of asking within one moment', () => {
  const world = new World(1);
  const seen: string[] = [];
  world.schedule(5, () => seen.push('c'));
  world.schedule(1, () => seen.push('a'));
  world.schedule(5, () => seen.push('d'));
  world.schedule(2, () => world.schedule(0, () => seen.push('b')));
  world.schedule(3, () => seen.push('never')).cancel();
  world.run(10);
  assert.deepEqual(seen, ['a', 'b', 'c', 'd']);
  assert.equal(world.nowMs, 10);
});

test('many things in random order come out sorted', () => {
  const world = new World(2);
  const seen: number[] = [];
  for (let count = 0; count < 2_000; count += 1) {
    const atMs = world.random.int(0, 500);
    world.schedule(atMs, () => seen.push(atMs));
  }
  world.run(500);
  assert.equal(seen.length, 2_000);
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
});

test('a seed gives the same numbers, a fork is independent of later draws', () => {
  const first = new Prng(7);
  const second = new Prng(7);
  const fork = first.fork('x');
  const twin = second.fork('x');
  for (let count = 0; count < 10; count += 1) first.float();
  assert.equal(fork.float(), twin.float());
  assert.notEqual(new Prng(7).float(), new Prng(8).float());
  assert.notEqual(new Prng(7, 'a').float(), new Prng(7, 'b').float());
});

test('the hash of the trace tells runs apart that differ in one moment', () => {
  const hashOfRun = (atMs: number): string => {
    const world = new World(3);
    world.schedule(atMs, () => world.say('s1', 'hello'));
    world.run(10);
    return world.trace.hash;
  };
  assert.equal(hashOfRun(4), hashOfRun(4));
  assert.notEqual(hashOfRun(4), hashOfRun(5));
});

test('a paused process does everything later and in order, an ended one nothing', () => {
  const world = new World(4);
  const process = new SimProcess(world, 's1', '10.0.0.1');
  const seen: string[] = [];
  process.after(1, () => seen.push('a'));
  process.after(2, () => seen.push('b'));
  process.after(50, () => seen.push('never'));
  process.pause();
  world.run(20);
  assert.deepEqual(seen, []);
  process.resume();
  assert.deepEqual(seen, ['a', 'b']);
  process.end();
  world.run(100);
  assert.deepEqual(seen, ['a', 'b']);
});

test('an exit in the middle of a call unwinds it and runs what belongs to the end', () => {
  const world = new World(5);
  const process = new SimProcess(world, 's1', '10.0.0.1');
  const seen: string[] = [];
  process.atEnd(() => seen.push('ended'));
  process.run(() => {
    process.leave(10, 'disk is gone');
    seen.push('never');
  });
  assert.deepEqual(seen, ['ended']);
  assert.deepEqual(process.exit, { code: 10, reason: 'disk is gone' });
});
